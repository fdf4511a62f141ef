//! Checks of all mirrors of a site: which are due, what visits to them have shown, and what follows for lists.
//!
//! A sweep records each visit as soon as it has ended. Visits that are recorded and not judged are judged by
//! whoever comes first: the sweep that made them, or the one after it was killed. So no visit is lost, and a
//! mirror that was visited is not due again. States are replaced only if nobody else has replaced them
//! meanwhile; else all is read again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use checks::findings::Findings;
use checks::observation::Visit;
use checks::settings::Settings;
use checks::state::{Event, MirrorState as State, Switches};
use model::families::IpVersion;
use runtime::replace;
use runtime::supervise::Supervisor;
use runtime::write_lock::WriteLock;
use sources::Inputs;
use store::Store;
use store::operations::mirror::{
    ForgetMirrors, LastVisits, OpenVisits, RecordVisit, WriteChecks, Written,
};
use store::record::{Fact, MirrorState, MirrorVisit, Timestamp, VisitName, bounds};
use tasks::{Failure, Run, Stop};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::counts::SweepNumbers;
use super::crawling::Crawling;
use super::expected::FileLooks;
use super::known::{Error, HISTORY, Known, PROGRESS, on_thread};
use super::listing::Listings;
use super::listing::primary::Primary;
use super::no_checks::NoChecks;
use super::unrecorded::Unrecorded;
use crate::access::secret_file;
use crate::options::{Options, Webhook};

/// The most visits that are judged at once.
const MAX_OPEN: i64 = 10_000;
/// How often a change of a switch is tried again if somebody else has written the state meanwhile.
const TRIES: usize = 5;

/// For how long a visit that has ended is tried to be recorded, and how often.
const RECORD_PATIENCE: Duration = Duration::from_secs(60);
const RECORD_PAUSE: Duration = Duration::from_secs(1);
const DAY: u64 = 86_400;
/// After how many seconds without a visit a mirror is forgotten that is not in the catalog any more.
const FORGOTTEN_AFTER: u64 = 30 * DAY;

/// Tells the time, in seconds since 1970.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Checks of all mirrors of a site.
pub(crate) struct Checker {
    pub(super) store: Store,
    /// The name of the site; empty if the store has one only.
    pub(super) site: String,
    /// What mirrors should have, without findings.
    pub(super) inputs: Inputs,
    /// The file of findings.
    pub(super) findings: PathBuf,
    /// Files among the inputs that other tasks make: without them it is not known what mirrors should have.
    pub(super) awaited: Vec<PathBuf>,
    pub(super) crawling: Arc<Crawling>,
    pub(super) settings: Settings,
    /// Whether files of directories without a repository are looked for.
    pub(super) is_sampling: bool,
    /// Listings of mirrors by rsync; `None` if none are wanted.
    pub(super) listings: Option<Listings>,
    /// Who is told what has happened to mirrors.
    pub(super) webhook: Option<Webhook>,
    pub(crate) clock: Clock,
    /// What metrics tell.
    pub(crate) counts: Arc<SweepNumbers>,
    pub(super) unrecorded: Unrecorded,
    /// Held while it is read and changed, and not while mirrors are visited.
    pub(super) known: Mutex<Known>,
}

/// What came of judging visits.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) n_judged: usize,
    pub(super) events: Vec<(String, Event)>,
    pub(super) is_own_fault: bool,
}

impl Checker {
    /// Checks of a site. `inputs` may name findings; those do not change what mirrors should have.
    pub(crate) fn new(
        store: Store,
        site: Option<&str>,
        (inputs, findings): (&Inputs, PathBuf),
        crawling: Crawling,
        clock: Clock,
    ) -> Self {
        Self {
            store,
            site: site.unwrap_or_default().to_owned(),
            inputs: inputs.without_findings(),
            findings,
            awaited: Vec::new(),
            crawling: Arc::new(crawling),
            settings: Settings::default(),
            is_sampling: false,
            listings: None,
            webhook: None,
            counts: Arc::new(SweepNumbers::new(Arc::clone(&clock), Duration::ZERO)),
            clock,
            unrecorded: Unrecorded::default(),
            known: Mutex::default(),
        }
    }

    /// The same, where these files among the inputs are made by other tasks.
    pub(crate) fn awaiting(self, awaited: Vec<PathBuf>) -> Self {
        Self { awaited, ..self }
    }

    /// The same, where somebody is told what has happened.
    pub(crate) fn telling(self, webhook: Option<Webhook>) -> Self {
        Self { webhook, ..self }
    }

    /// The checks that options ask for; `None` if they ask for none.
    pub(crate) fn start(
        options: &Options,
        store: &Store,
        supervisor: &Supervisor,
    ) -> Result<Option<Arc<Self>>, NoChecks> {
        let (Some(checks), Some(findings)) = (&options.checks, &options.site.findings) else {
            return Ok(None);
        };
        // It is read again each time; that it cannot be used is told at once.
        if let Some(file) = checks.webhook.as_ref().and_then(|webhook| webhook.secret_file.as_ref())
        {
            secret_file::read(file)?;
        }
        let crawling = Crawling::start(checks, &options.version, supervisor)
            .map_err(|error| NoChecks::of_crawler(error, checks.contact.as_deref()))?;
        let seconds = || {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.map_or(0, |now| now.as_secs())
        };
        let (start, speed) = (seconds(), checks.speed);
        let now = move || {
            let now = seconds();
            now.saturating_add(now.saturating_sub(start).saturating_mul(speed.saturating_sub(1)))
        };
        let inputs = (&options.site.inputs, findings.clone());
        let site = options.site_name.as_deref();
        let others = options.site.made_by_tasks().filter(|(_, kind)| *kind != super::VISIT);
        let awaited = others.map(|(file, _)| file.to_owned()).collect();
        let checker = Self::new(store.clone(), site, inputs, crawling, Arc::new(now));
        let settings =
            Settings { require_all_families: checks.require_all_families, ..Settings::default() };
        let is_sampling = checks.sample_files;
        let listings = options.manifest_of_primary().map(|(source, folder)| {
            Listings::of(Primary::new(source, folder, visits::rsync::Options::default()))
        });
        let period = checks.every.saturating_mul(u32::try_from(speed).unwrap_or(u32::MAX));
        let counts = Arc::new(SweepNumbers::new(Arc::clone(&checker.clock), period));
        Ok(Some(Arc::new(Self {
            settings,
            is_sampling,
            listings,
            counts,
            ..checker.awaiting(awaited).telling(checks.webhook.clone())
        })))
    }

    /// Brings what is known up to date.
    pub(super) async fn refresh(&self, known: &mut Known) -> Result<(), Error> {
        known.settings.clone_from(&self.settings);
        known.looks =
            FileLooks { is_sampling: self.is_sampling, is_listing: self.listings.is_some() };
        known.refresh(&self.store, &self.site, &self.inputs).await
    }

    /// Writes down what a visit has shown. A store that is away for a moment is waited for: visits are asked of
    /// hosts of others. A visit that the store cannot hold is left out, the mirror rests, and the sweep goes on.
    pub(super) async fn record(&self, visit: &Visit, run: &Run) -> Result<(), Failure> {
        let mirror = &visit.mirror;
        let record = match visit.to_record(bounds::CHECKS) {
            Ok(Some((record, 0))) => record,
            Ok(Some((record, n_left_out))) => {
                let max = bounds::CHECKS;
                tracing::warn!(
                    "the record of a visit to mirror `{mirror}` would have more than {max} bytes: {n_left_out} \
                     repositories and directories are left out of it"
                );
                record
            }
            Ok(None) => {
                let max = bounds::CHECKS;
                tracing::warn!(
                    "a visit to mirror `{mirror}` is not recorded: its record has more than {max} bytes"
                );
                self.unrecorded.note(mirror, (self.clock)());
                return Ok(());
            }
            Err(error) => return Err(Failure::lasting("bad_visit", error.to_string())),
        };
        let tier = tier_of(visit);
        let ended = visit.started.saturating_add(visit.millis / 1_000);
        let visit = MirrorVisit {
            mirror: mirror.clone(),
            tier,
            round: i64::try_from(visit.round).unwrap_or(i64::MAX),
            at: timestamp(ended),
            record,
        };
        let record = RecordVisit { fence: run.fence(), site: self.site.clone(), visit };
        let deadline = Instant::now() + RECORD_PATIENCE;
        loop {
            match self.store.run(record.clone()).await {
                Err(error) if error.is_transient() && Instant::now() < deadline => {}
                Err(store::Error::Refused(reason)) => {
                    tracing::warn!("a visit to mirror `{mirror}` is not recorded: {reason}");
                    self.unrecorded.note(mirror, (self.clock)());
                    return Ok(());
                }
                written => return held(written.map_err(of_store)?, run),
            }
            tokio::select! {
                biased;
                stop = run.until_stopped() => return Err(Failure::Stopped(stop)),
                () = sleep(RECORD_PAUSE) => {}
            }
        }
    }

    /// Judges all visits that are recorded and not judged, and writes what follows from them. `known` is up to
    /// date.
    pub(super) async fn judge_open(&self, known: &mut Known, run: &Run) -> Result<Tally, Failure> {
        let open = OpenVisits { site: self.site.clone(), limit: MAX_OPEN };
        let open = self.store.run(open).await.map_err(of_store)?;
        if open.is_empty() && !known.is_history_new {
            return Ok(Tally::default());
        }
        let visits = open.iter().filter_map(|visit| match serde_json::from_str(&visit.record) {
            Ok(visit) => Some(visit),
            Err(error) => {
                tracing::warn!("a visit to mirror `{}` is left out: {error}", visit.mirror);
                None
            }
        });
        let visits: Vec<Visit> = visits.collect();
        let n_judged = visits.len();
        let tells = self.webhook.is_some();
        let judged = on_thread(known, move |known| known.judge(&visits, tells));
        let judged = judged.await.map_err(|error| of_check(error.into()))?;
        // If it is not written, all is read again.
        let mut work = std::mem::take(known);
        let judged = judged.map_err(of_check)?;
        self.write(&mut work, judged.states, &open, run).await?;
        *known = work;
        let (events, is_own_fault) = (judged.events, judged.is_own_fault);
        Ok(Tally { n_judged, events, is_own_fault })
    }

    /// Writes states, facts, and which visits are judged: as many states at once as the store takes. If it is
    /// killed in between, the visits to the other mirrors are judged later. So facts go last: that the first round
    /// has ended is about the states of all mirrors.
    async fn write(
        &self,
        known: &mut Known,
        states: Vec<(String, String)>,
        open: &[MirrorVisit],
        run: &Run,
    ) -> Result<(), Failure> {
        let mut facts = vec![fact(PROGRESS, known.progress_version, &known.register.progress)?];
        if known.is_history_new {
            facts.push(fact(HISTORY, known.history_version, &known.history)?);
        }
        let has_state = |key: &String| states.binary_search_by(|(of, _)| of.cmp(key)).is_ok();
        // Of mirrors that the catalog does not have any more nothing follows.
        let strays = open.iter().filter(|visit| !has_state(&visit.mirror));
        let mut judged: Vec<VisitName> = strays.map(MirrorVisit::name).collect();
        let mut chunks: Vec<&[(String, String)]> = states.chunks(bounds::STATES).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let n_chunks = chunks.len();
        for (n, chunk) in chunks.into_iter().enumerate() {
            let is_in = |key: &String| chunk.binary_search_by(|(of, _)| of.cmp(key)).is_ok();
            let of_chunk = open.iter().filter(|visit| is_in(&visit.mirror));
            judged.extend(of_chunk.map(MirrorVisit::name));
            let is_last = n + 1 == n_chunks;
            let version = |key: &String| known.versions.get(key).copied().unwrap_or(0);
            let states = chunk.iter().map(|(key, state)| MirrorState {
                key: key.clone(),
                version: version(key),
                state: state.clone(),
            });
            let write = WriteChecks {
                fence: Some(run.fence()),
                site: self.site.clone(),
                states: states.collect(),
                facts: if is_last { std::mem::take(&mut facts) } else { Vec::new() },
                judged: std::mem::take(&mut judged),
            };
            held(self.store.run(write).await.map_err(of_store)?, run)?;
            for (key, _) in chunk {
                *known.versions.entry(key.clone()).or_default() += 1;
            }
            if !is_last {
                run.checkpoint()?;
            }
        }
        known.progress_version += 1;
        if known.is_history_new {
            known.history_version += 1;
            known.is_history_new = false;
        }
        Ok(())
    }

    /// Changes the switches of a mirror; false if the catalog has no such mirror. The next sweep reads them, and
    /// makes findings of them.
    pub(super) async fn switch(
        &self,
        key: &str,
        change: impl Fn(&mut Switches),
    ) -> Result<bool, Error> {
        Ok(self.change(key, |state| change(&mut state.switches)).await?.is_some())
    }

    /// Changes the state of a mirror, and returns what came of that; `None` if the catalog has no such mirror.
    pub(super) async fn change<T>(
        &self,
        key: &str,
        change: impl Fn(&mut State) -> T,
    ) -> Result<Option<T>, Error> {
        let mut tries = 0;
        loop {
            let mut known = self.known.lock().await;
            self.refresh(&mut known).await?;
            if !known.inventory.mirrors.contains_key(key) {
                return Ok(None);
            }
            let before = known.register.mirrors.get(key).cloned().unwrap_or_default();
            let mut state = (*before).clone();
            let done = change(&mut state);
            if state == *before {
                return Ok(Some(done));
            }
            let text = state.to_json().map_err(|error| Error::State(key.to_owned(), error))?;
            let version = known.versions.get(key).copied().unwrap_or(0);
            let states = vec![MirrorState { key: key.to_owned(), version, state: text }];
            let write = WriteChecks { site: self.site.clone(), states, ..WriteChecks::default() };
            match self.store.run(write).await {
                Err(store::Error::Overtaken(_)) if tries < TRIES => tries += 1,
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(Some(done)),
            }
        }
    }

    /// Forgets mirrors that are not in the catalog any more, and were not visited for long.
    pub(super) async fn forget(&self, known: &mut Known) -> Result<(), Failure> {
        let now = (self.clock)();
        let is_recent = (known.forgotten_at..known.forgotten_at.saturating_add(DAY)).contains(&now);
        if is_recent || known.strays.is_empty() {
            return Ok(());
        }
        for keys in known.strays.chunks(bounds::STATES) {
            let (site, keys) = (self.site.clone(), keys.to_vec());
            let unseen = i64::try_from(1_000 * FORGOTTEN_AFTER).unwrap_or(i64::MAX);
            let forget = ForgetMirrors { site, keys, unseen };
            self.store.run(forget).await.map_err(of_store)?;
        }
        known.forgotten_at = now;
        Ok(())
    }

    /// The last visits to a mirror, the latest first.
    pub(super) async fn last_visits(&self, key: &str, limit: i64) -> Result<Vec<Visit>, Error> {
        let last = LastVisits { site: self.site.clone(), mirror: key.to_owned(), limit };
        let rows = self.store.run(last).await?;
        Ok(rows.iter().filter_map(|row| serde_json::from_str(&row.record).ok()).collect())
    }

    /// The versions of IP to visit over.
    pub(super) async fn versions(&self) -> Result<Vec<IpVersion>, Failure> {
        let versions = self.crawling.versions((self.clock)()).await;
        if versions.is_empty() {
            self.counts.note_no_network();
        }
        match versions.is_empty() {
            true => Err(Failure::may_pass(
                "no_network",
                "none of the well-known hosts can be connected to over IPv4 or IPv6: this machine seems to have \
                 no network; `control.visit_over` visits all the same",
            )),
            false => Ok(versions),
        }
    }
}

/// Makes a file of findings that says nothing, if there is none.
pub(crate) fn make_findings(path: &Path) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if path.exists() {
        return Ok(());
    }
    let _lock = WriteLock::acquire(path).map_err(|error| told(&error))?;
    // Another process may have made it meanwhile.
    if !path.exists() {
        let empty = Findings::default().to_json();
        replace::write(path, empty.as_bytes()).map_err(|error| told(&error))?;
    }
    Ok(())
}

/// The word for what a visit looked for, as it is recorded.
pub(super) fn tier_of(visit: &Visit) -> String {
    visit.tier.as_str().to_owned()
}

/// A time of the store.
pub(super) fn timestamp(seconds: u64) -> Timestamp {
    Timestamp(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX))
}

fn fact(name: &str, version: i64, value: &impl serde::Serialize) -> Result<Fact, Failure> {
    let value = serde_json::to_string(value)
        .map_err(|error| Failure::lasting("bad_fact", error.to_string()))?;
    Ok(Fact { name: name.to_owned(), version, value })
}

/// Fails if the task was lost.
fn held(written: Written, run: &Run) -> Result<(), Failure> {
    match written {
        Written::Yes => Ok(()),
        Written::Stale => {
            run.tell(Stop::Lost);
            Err(Failure::Stopped(Stop::Lost))
        }
    }
}

pub(super) fn of_store(error: store::Error) -> Failure {
    match error {
        store::Error::Overtaken(_) => Failure::may_pass("overtaken", error.to_string()),
        error => Failure::may_pass("store", error.to_string()),
    }
}

pub(super) fn of_check(error: Error) -> Failure {
    match error {
        Error::Store(error) => of_store(error),
        Error::Inputs(_) => Failure::may_pass("bad_inputs", error.to_string()),
        Error::State(..) | Error::Fact(..) => Failure::lasting("bad_state", error.to_string()),
        Error::Thread(_) => Failure::may_pass("no_thread", error.to_string()),
    }
}

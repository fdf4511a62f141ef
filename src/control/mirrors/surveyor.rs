//! Makes a survey of mirrors when something of it has changed and somebody looks at pages, in every process that has the
//! store, whoever visits.
//!
//! It takes copies of what is known, which share the states of mirrors, and works on them without the lock: a sweep does
//! not wait for it, and what goes wrong here is not lost there. It rests ten times as long as a survey takes.
//!
//! It also keeps how changes of the primary spread, as a fact in the store, whether somebody looks or not. What is
//! written follows from the fact before and from states, so any process can write it; of two at a time one is refused,
//! and looks again later.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use checks::distrust::Distrusted;
use checks::findings::{Findings, MAX_BYTES};
use checks::history::History;
use checks::inventory::Inventory;
use checks::propagation::{Propagation, PropagationError, take};
use checks::round::Register;
use checks::schedule::next_visit;
use checks::settings::Settings;
use checks::state::MirrorState;
use checks::verdict::View;
use runtime::regular_file;
use store::operations::mirror::{FindFact, WriteChecks};
use store::record::Fact;
use tokio::time::{Instant, sleep, timeout};

use super::checker::Checker;
use super::expected::Expected;
use super::known::{self, Known};
use super::survey::{Evidence, Survey, Visitor};
use super::surveys::Surveys;
use crate::aside::{NoThread, aside};

/// How often it is looked whether something has changed, while somebody wants to know.
const LOOK: Duration = Duration::from_secs(5);
/// The least time between two surveys while lists stay as they are.
const PACE: Duration = Duration::from_secs(60);
/// How many times as long as a survey has taken nothing is done after it.
const REST: u32 = 10;
/// How often it is looked how changes spread, and the most often that it is written.
const SPREAD: Duration = Duration::from_secs(600);
/// The name of the fact that says how changes have spread.
const PROPAGATION: &str = "propagation";

/// Why there is no survey; one line.
#[derive(Debug, thiserror::Error)]
pub(super) enum SurveyError {
    /// It is not known how mirrors are.
    #[error(transparent)]
    Known(#[from] known::Error),
    /// The store does not say.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The findings that lists follow cannot be read.
    #[error("{0}")]
    Findings(String),
    /// There is no thread to work on.
    #[error(transparent)]
    Thread(#[from] NoThread),
}

/// What a survey is made of: copies that share what is large.
struct Basis {
    expected: Arc<Expected>,
    inventory: Arc<Inventory>,
    settings: Settings,
    history: History,
    register: Register,
    distrusted: Distrusted,
}

/// What a survey was made of.
#[derive(Clone)]
struct Stamp {
    findings: Arc<Findings>,
    versions: BTreeMap<String, i64>,
    progress: i64,
    expected: Arc<Expected>,
}

/// What tells a file from the one that was there before: device, node, size and times.
type FileMark = [i128; 5];

/// What a surveyor keeps from one survey to the next.
#[derive(Default)]
pub(super) struct Desk {
    findings: Option<(FileMark, Arc<Findings>)>,
    /// How often the fact was written that it follows from, and how changes have spread.
    spread: Option<(i64, Propagation)>,
    /// Whether something was added that is not written yet.
    is_unwritten: bool,
    /// When it was last looked how changes spread.
    observed: Option<Instant>,
    /// When that was written last.
    written: Option<Instant>,
    /// What the last survey was made of, when, and how long that took.
    last: Option<(Stamp, Instant, Duration)>,
}

impl Basis {
    fn of(known: &Known) -> Self {
        Self {
            expected: Arc::clone(&known.expected),
            inventory: Arc::clone(&known.inventory),
            settings: known.settings.clone(),
            history: known.history.clone(),
            register: known.register.clone(),
            distrusted: known
                .selected
                .as_ref()
                .map_or_else(Distrusted::default, |selected| selected.distrusted.clone()),
        }
    }

    fn view(&self) -> View<'_> {
        let progress = &self.register.progress;
        View { settings: &self.settings, history: &self.history, progress }
    }

    /// When a mirror is visited next, in seconds since 1970.
    fn next_visit(&self, key: &str, now: u64) -> Option<u64> {
        let Self { inventory, settings, history, register, .. } = self;
        let entry = inventory.mirrors.get(key)?;
        let unvisited = MirrorState::default();
        let state = register.mirrors.get(key).map_or(&unvisited, |state| &**state);
        let next = next_visit(key, state, entry, history, &register.progress, settings, now)?;
        Some(next.at.max(now))
    }
}

impl Stamp {
    /// Whether lists are the same.
    fn has_lists_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.findings, &other.findings) && Arc::ptr_eq(&self.expected, &other.expected)
    }

    fn is_same(&self, other: &Self) -> bool {
        let versions = (&self.versions, self.progress) == (&other.versions, other.progress);
        versions && self.has_lists_of(other)
    }
}

impl Desk {
    /// Whether a survey is to be made of this.
    fn is_due(&self, stamp: &Stamp) -> bool {
        let Some((last, at, took)) = &self.last else { return true };
        let pace = if last.has_lists_of(stamp) { PACE } else { Duration::ZERO };
        !last.is_same(stamp) && at.elapsed() >= pace.max(took.saturating_mul(REST))
    }
}

impl Checker {
    /// Keeps the survey up to date, for ever.
    pub(crate) async fn keep_surveys(&self, surveys: &Surveys) {
        let mut desk = Desk::default();
        let mut is_failing = false;
        surveys.set_kept(true);
        loop {
            let is_wanted = surveys.is_wanted();
            match self.survey(&mut desk, is_wanted).await {
                Ok(survey) => {
                    match survey {
                        Some(survey) => surveys.publish(survey),
                        None if is_wanted => surveys.confirm(),
                        None => {}
                    }
                    if is_failing {
                        tracing::info!("pages of mirrors are made again");
                        surveys.set_kept(true);
                    }
                    is_failing = false;
                }
                Err(error) if !is_failing => {
                    tracing::warn!("pages of mirrors stay as they are: {error}");
                    surveys.set_kept(false);
                    is_failing = true;
                }
                Err(error) => tracing::debug!("pages of mirrors stay as they are: {error}"),
            }
            match is_wanted || is_failing {
                true => sleep(LOOK).await,
                // Somebody wants one, or it is time to look how changes spread.
                false => _ = timeout(SPREAD, surveys.wanted()).await,
            }
        }
    }

    /// Makes a survey, if somebody wants one and it is due. Looks how changes spread, if that is due.
    pub(super) async fn survey(
        &self,
        desk: &mut Desk,
        is_wanted: bool,
    ) -> Result<Option<Survey>, SurveyError> {
        let is_observing = desk.observed.is_none_or(|observed| observed.elapsed() >= SPREAD);
        if !is_wanted && !is_observing {
            return Ok(None);
        }
        let findings = self.read_findings(desk).await?;
        let (basis, stamp) = {
            let mut known = self.known.lock().await;
            self.refresh(&mut known).await?;
            let (versions, progress) = (known.versions.clone(), known.progress_version);
            let expected = Arc::clone(&known.expected);
            (Basis::of(&known), Stamp { findings, versions, progress, expected })
        };
        let is_due = is_wanted && desk.is_due(&stamp);
        if !is_due && !is_observing {
            return Ok(None);
        }
        let (version, before) = self.read_spread(desk).await?;
        let visitor = Visitor {
            agent: self.crawling.crawler.agent.as_str().to_owned(),
            interval: basis.settings.visit_interval,
        };
        let (made, findings) = ((self.clock)(), Arc::clone(&stamp.findings));
        let begin = Instant::now();
        let (survey, spread, is_new) = aside(move || {
            let mut spread = before.clone();
            let survey = work(&basis, &findings, spread.as_mut(), &visitor, (made, is_due));
            let is_new = spread != before;
            (survey, spread, is_new)
        })
        .await?;
        desk.observed = Some(Instant::now());
        self.counts.note_survey();
        if let Some(spread) = spread {
            desk.spread = Some((version, spread));
            desk.is_unwritten |= is_new;
            if desk.is_unwritten {
                self.write_spread(desk).await?;
            }
        }
        if survey.is_some() {
            desk.last = Some((stamp, Instant::now(), begin.elapsed()));
        }
        Ok(survey)
    }

    /// The findings that lists follow: those before if the file is the same.
    async fn read_findings(&self, desk: &mut Desk) -> Result<Arc<Findings>, SurveyError> {
        let (path, before) = (self.findings.clone(), desk.findings.clone());
        let read = aside(move || read_findings(&path, before)).await?;
        let (mark, findings) = read.map_err(SurveyError::Findings)?;
        desk.findings = Some((mark, Arc::clone(&findings)));
        Ok(findings)
    }

    /// How changes have spread, and how often that was written; `None` in its place if a newer program keeps it.
    async fn read_spread(
        &self,
        desk: &mut Desk,
    ) -> Result<(i64, Option<Propagation>), SurveyError> {
        let find = FindFact { site: self.site.clone(), name: PROPAGATION };
        let Some(Fact { version, value, .. }) = self.store.run(find).await? else {
            let known = desk.spread.take().filter(|(version, _)| *version == 0);
            return Ok((0, Some(known.map_or_else(Propagation::default, |(_, spread)| spread))));
        };
        // What has not been written yet.
        if let Some((_, spread)) = desk.spread.take().filter(|(known, _)| *known == version) {
            return Ok((version, Some(spread)));
        }
        match Propagation::from_json(&value) {
            Ok(spread) => Ok((version, Some(spread))),
            Err(PropagationError::Newer(_)) => Ok((version, None)),
            Err(error) => {
                tracing::error!("how changes spread: {error}: it begins anew");
                Ok((version, Some(Propagation::default())))
            }
        }
    }

    /// Writes how changes have spread, if that was not done for some minutes.
    async fn write_spread(&self, desk: &mut Desk) -> Result<(), SurveyError> {
        let is_early = desk.written.is_some_and(|written| written.elapsed() < SPREAD);
        let Some((version, spread)) = desk.spread.as_ref().filter(|_| !is_early) else {
            return Ok(());
        };
        let value = match spread.to_json() {
            Ok(value) => value,
            Err(error) => {
                tracing::error!("how changes spread cannot be written: {error}");
                return Ok(());
            }
        };
        let facts = vec![Fact { name: PROPAGATION.to_owned(), version: *version, value }];
        let write = WriteChecks { site: self.site.clone(), facts, ..WriteChecks::default() };
        match self.store.run(write).await {
            // It is read again, as it was written.
            Ok(_) | Err(store::Error::Overtaken(_)) => {
                desk.spread = None;
                desk.is_unwritten = false;
                desk.written = Some(Instant::now());
            }
            Err(error) => tracing::debug!("how changes spread is not kept: {error}"),
        }
        Ok(())
    }
}

/// What is in the file of findings; `before` if it is the file from which that was read. Or why it cannot be read.
fn read_findings(
    path: &Path,
    before: Option<(FileMark, Arc<Findings>)>,
) -> Result<(FileMark, Arc<Findings>), String> {
    let in_file = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    // A file that is replaced meanwhile is read again the next time.
    let found = std::fs::metadata(path).map_err(|error| in_file(&error))?;
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let mark = [
        i128::from(found.dev()),
        i128::from(found.ino()),
        i128::from(found.size()),
        nanos(found.mtime(), found.mtime_nsec()),
        nanos(found.ctime(), found.ctime_nsec()),
    ];
    if let Some(before) = before.filter(|(known, _)| *known == mark) {
        return Ok(before);
    }
    let bytes = regular_file::read(path, MAX_BYTES).map_err(|error| in_file(&error))?;
    let findings = Findings::parse(&bytes).map_err(|error| in_file(&error))?;
    Ok((mark, Arc::new(findings)))
}

/// Looks how changes spread, and makes a survey at this time if one is wanted.
fn work(
    basis: &Basis,
    findings: &Findings,
    mut spread: Option<&mut Propagation>,
    visitor: &Visitor,
    (made, is_due): (u64, bool),
) -> Option<Survey> {
    let view = basis.view();
    let profiles = &basis.expected.profiles;
    let bandwidth = |key: &str| profiles.get(key).map_or(1, |profile| u64::from(profile.bandwidth));
    let taken = take(&basis.register, &basis.inventory, &view, bandwidth);
    if let Some(spread) = &mut spread {
        spread.observe(&taken, &view);
    }
    let nothing = Propagation::default();
    is_due.then(|| {
        Survey::of(&Evidence {
            expected: &basis.expected,
            inventory: &basis.inventory,
            register: &basis.register,
            view,
            findings,
            distrusted: &basis.distrusted,
            taken: &taken,
            propagation: spread.as_deref().unwrap_or(&nothing),
            next_visit: &|key| basis.next_visit(key, made),
            visitor,
            made,
        })
    })
}

//! A sweep: visits all mirrors that are due, judges what was seen, and writes findings.
//!
//! Mirrors are visited concurrently, each one as soon as another one has ended. A sweep that is told to stop drops
//! the visits that go on; those that have ended are recorded, and are judged by the next one.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use checks::distrust::Distrusted;
use checks::inventory::Entry;
use checks::observation::{Tier, Visit};
use checks::schedule::{NextVisit, full};
use checks::state::Switches;
use model::families::IpVersion;
use serde_json::{Value, json};
use tasks::kind::Output;
use tasks::{Failure, Request, Run};
use tokio::sync::MutexGuard;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use visits::plan;

use super::checker::{Checker, Tally, of_check};
use super::expected::Tree;
use super::known::Known;
use super::listings::round_of;
use super::publish::Published;
use crate::kinds::compile;

/// How many events, and how many directories, the result names.
const MAX_NAMED: usize = 20;
/// How often it is judged what was seen, while others are still visited.
const JUDGE_INTERVAL: Duration = Duration::from_secs(60);

/// What a sweep has done.
#[derive(Default)]
struct Swept {
    n_visits: u64,
    tally: Tally,
    /// What was made of it last.
    published: Option<Published>,
    is_written: bool,
}

impl Checker {
    /// Visits the mirrors that are due, or this one whether it is due or not.
    pub(crate) async fn sweep(&self, only: Option<&str>, run: &Run) -> Result<Output, Failure> {
        let swept = self.sweep_whole(only, run).await;
        if matches!(swept, Err(Failure::Stopped(_)))
            && only.is_none()
            && let Some(listings) = &self.listings
        {
            listings.stop();
        }
        swept
    }

    async fn sweep_whole(&self, only: Option<&str>, run: &Run) -> Result<Output, Failure> {
        run.stage("read");
        if let Some(missing) = self.find_missing(run).await? {
            let result = json!({ "visits": 0, "waits_for": missing.to_string_lossy() });
            return Ok(Output { result, then: Vec::new() });
        }
        if let Some(key) = only {
            let ask = |switches: &mut Switches| {
                switches.is_recheck_asked |= switches.disabled.is_some();
            };
            if !self.switch(key, ask).await.map_err(of_check)? {
                let message = format!("there is no mirror `{key}` that can be visited");
                return Err(Failure::lasting("unknown_mirror", message));
            }
        }
        let mut swept = Swept { n_visits: self.take_listings(run).await?, ..Swept::default() };
        // Also what a sweep that was killed has seen, and what somebody has switched.
        let known = self.advance(&mut swept, only.is_some(), run).await?;
        run.checkpoint()?;
        let due = self.choose(&known, only);
        if let (Some(key), Some(listings)) = (only, &self.listings) {
            listings.ask(key);
        }
        let asked = if only.is_some() { self.due_listings(&known) } else { Vec::new() };
        self.crawling.hints.retain(&known.inventory);
        self.unrecorded.retain(&known.inventory);
        drop(known);
        // It takes minutes, so a later sweep tells what has come of it.
        self.begin_listings(asked).await;
        let visited = match due.is_empty() {
            true => Ok(()),
            false => self.visit(due, only.is_some(), &mut swept, run).await,
        };
        if let Err(stopped @ Failure::Stopped(_)) = visited {
            return Err(stopped);
        }
        let mut known = self.advance(&mut swept, only.is_some(), run).await?;
        self.forget(&mut known).await?;
        visited?;
        if only.is_none() {
            self.counts.note_sweep();
        }
        let mut then = Vec::new();
        if swept.is_written {
            let (kind, actor) = (compile::NAME.to_owned(), super::VISIT.to_owned());
            then.push(Request { kind, actor, ..Request::default() });
        }
        then.extend(self.telling_of(&known));
        let result = self.result(&known, &swept);
        let due = if only.is_none() { self.due_listings(&known) } else { Vec::new() };
        drop(known);
        // Now, as nobody is being visited.
        self.begin_listings(due).await;
        Ok(Output { result, then })
    }

    /// The first file among the inputs that another task has yet to make.
    async fn find_missing(&self, run: &Run) -> Result<Option<PathBuf>, Failure> {
        let awaited = self.awaited.clone();
        run.on_thread(move |_| Ok(awaited.into_iter().find(|file| !file.exists()))).await
    }

    /// Judges what is recorded, and writes findings of what is known.
    async fn advance(
        &self,
        swept: &mut Swept,
        is_asked: bool,
        run: &Run,
    ) -> Result<MutexGuard<'_, Known>, Failure> {
        let mut known = self.known.lock().await;
        self.refresh(&mut known).await.map_err(of_check)?;
        run.stage("judge");
        let tally = self.judge_open(&mut known, run).await?;
        self.counts.note_judging(tally.n_judged, tally.is_own_fault);
        swept.tally.add(tally);
        let published = self.publish(&mut known, is_asked, run).await?;
        // What is written is compiled, whatever becomes of metrics.
        swept.is_written |= published.as_ref().is_some_and(|published| published.is_written);
        if let Err(error) = self.tell(&mut known, published.as_ref()).await {
            tracing::error!("metrics do not tell what is known of mirrors: {error}");
            // All is read again.
            self.refresh(&mut known).await.map_err(of_check)?;
        }
        if published.is_some() {
            swept.published = published;
        }
        Ok(known)
    }

    /// What is to be visited now.
    fn choose(&self, known: &Known, only: Option<&str>) -> Vec<Due> {
        let now = (self.clock)();
        let chosen = match only {
            None => {
                let mut due = known.due(now);
                due.retain(|(key, _)| !self.unrecorded.rests(key, now));
                due
            }
            Some(key) => {
                let entry = known.inventory.mirrors.get(key);
                let tiers = [Tier::Probe, Tier::Hash, Tier::Sample];
                let wanted = |entry: &Entry| {
                    let n = if known.is_sampled(key, entry, now) { 3 } else { 2 };
                    tiers.into_iter().take(n).map(|tier| full(entry, tier, now)).collect()
                };
                let visits: Vec<NextVisit> = entry.map(wanted).unwrap_or_default();
                visits.into_iter().map(|visit| (key.to_owned(), visit)).collect()
            }
        };
        let mut rng = fastrand::Rng::new();
        let with_trees = chosen.into_iter().filter_map(|(key, next)| {
            let trees = known.expected.mirrors.get(&key)?.clone();
            let samples = match next.tier {
                Tier::Sample => known.draw(&key, &trees, &mut rng),
                Tier::Probe | Tier::Hash | Tier::Listing => Vec::new(),
            };
            Some(Due { key, next, trees, samples })
        });
        with_trees.collect()
    }

    /// Visits them, and records each visit; those that have ended are judged every minute or so. The visits to one
    /// mirror are made one after the other.
    async fn visit(
        &self,
        due: Vec<Due>,
        is_one: bool,
        swept: &mut Swept,
        run: &Run,
    ) -> Result<(), Failure> {
        run.stage("visit");
        let versions = tokio::select! {
            biased;
            stop = run.until_stopped() => return Err(Failure::Stopped(stop)),
            versions = self.versions() => versions?,
        };
        let round = round_of(run);
        let most = if is_one { 1 } else { self.crawling.crawler.limits.mirrors.max(1) };
        let total = u64::try_from(due.len()).unwrap_or(u64::MAX);
        run.progress(0, Some(total));
        let mut waiting = due.into_iter();
        let counted = (!is_one).then(|| self.counts.due());
        // Dropped, it ends those that go on.
        let mut visits: JoinSet<Visit> = JoinSet::new();
        let mut judged = Instant::now();
        let mut n_open = 0;
        loop {
            while visits.len() < most
                && let Some(due) = waiting.next()
            {
                let started = (self.clock)();
                // Who asks for a visit wants to see all of it.
                let hints = match is_one {
                    true => plan::Hints::default(),
                    false => self.crawling.hints.recall(&due.key, started),
                };
                let plan = plan::Plan {
                    trees: due.to_trees(&versions),
                    mirror: due.key,
                    tier: due.next.tier,
                    round,
                    started,
                    versions: versions.clone(),
                    redirects: self.crawling.redirects,
                    hints,
                };
                let crawling = Arc::clone(&self.crawling);
                let running = self.counts.begin(plan.tier);
                visits.spawn(async move {
                    let visit = crawling.visit(&plan, is_one).await;
                    running.end(&visit);
                    visit
                });
            }
            if let Some(counted) = &counted {
                counted.set(waiting.as_slice().iter().map(|due| due.next.at));
            }
            let ended = tokio::select! {
                biased;
                stop = run.until_stopped() => return Err(Failure::Stopped(stop)),
                () = sleep_until(judged + JUDGE_INTERVAL), if n_open > 0 => {
                    // What cannot be done now is done at the end, which tells why.
                    if let Err(stopped @ Failure::Stopped(_)) =
                        self.advance(swept, false, run).await.map(drop)
                    {
                        return Err(stopped);
                    }
                    run.stage("visit");
                    (judged, n_open) = (Instant::now(), 0);
                    continue;
                }
                ended = visits.join_next() => ended,
            };
            match ended {
                None => return Ok(()),
                Some(Ok(visit)) => self.record(&visit, run).await?,
                Some(Err(error)) => tracing::error!("a visit has failed: {error}"),
            }
            store::fail_at::reached("visit", "recorded");
            swept.n_visits += 1;
            n_open += 1;
            run.progress(swept.n_visits, Some(total));
        }
    }

    fn result(&self, known: &Known, swept: &Swept) -> Value {
        let Swept { n_visits, tally, published, is_written } = swept;
        if tally.is_own_fault {
            tracing::warn!("so many mirrors fail alike that it counts as a fault of our own");
        }
        let n_expected = known.inventory.mirrors.len();
        let n_down = known.register.mirrors.values().filter(|state| state.down_since.is_some());
        let event = |(key, event): &(String, checks::state::Event)| json!({ "mirror": key, "event": event });
        let selection = published.as_ref().map(|published| &published.selection);
        let distrusted =
            selection.map(|selection| selection.distrusted.clone()).unwrap_or_default();
        let Distrusted { repositories, directories } = distrusted;
        json!({
            "visits": n_visits,
            "judged": tally.n_judged,
            "mirrors": n_expected,
            "down": n_down.count(),
            "settled": known.view().is_settled(),
            "own_fault": tally.is_own_fault,
            "n_events": tally.events.len(),
            "events": tally.events.iter().take(MAX_NAMED).map(event).collect::<Vec<_>>(),
            "written": is_written,
            "kept": selection.map_or(0, |selection| selection.kept.len()),
            "n_distrusted": repositories.len(),
            "distrusted": repositories.iter().take(MAX_NAMED).collect::<Vec<_>>(),
            "n_distrusted_directories": directories.len(),
            "distrusted_directories": directories.iter().take(MAX_NAMED).collect::<Vec<_>>(),
            "file": self.findings.to_string_lossy(),
        })
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.n_judged += other.n_judged;
        self.events.extend(other.events);
        self.is_own_fault |= other.is_own_fault;
    }
}

/// A visit that is due.
struct Due {
    key: String,
    next: NextVisit,
    trees: Vec<Tree>,
    /// The files to look for, of each tree; empty if none are.
    samples: Vec<Vec<plan::Sample>>,
}

impl Due {
    /// What the visit asks of each tree. A probe asks each URL once, though several trees may have it.
    fn to_trees(&self, own: &[IpVersion]) -> Vec<plan::Tree> {
        let Self { next, trees, samples, .. } = self;
        let mut probed = BTreeSet::new();
        let trees = trees.iter().enumerate().map(|(n, tree)| {
            let mut whole = tree.to_plan(own);
            whole.routes.retain(|route| {
                let wanted = next
                    .routes
                    .iter()
                    .any(|(url, version)| url == route.url.as_str() && *version == route.version);
                let is_first = next.tier != Tier::Probe
                    || probed.insert((route.url.as_str().to_owned(), route.version.as_str()));
                wanted && is_first
            });
            whole.repositories.retain(|one| next.repositories.contains(&one.directory));
            whole.samples = samples.get(n).cloned().unwrap_or_default();
            whole
        });
        trees.filter(|tree| !tree.routes.is_empty()).collect()
    }
}

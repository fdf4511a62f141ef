//! A sweep: visits all mirrors that are due, judges what was seen, and writes findings.
//!
//! Mirrors are visited concurrently, each one as soon as another one has ended. A sweep that is told to stop drops
//! the visits that go on; those that have ended are recorded, and are judged by the next one.

use std::collections::BTreeSet;

use checks::findings::{Findings, MAX_BYTES};
use checks::observation::{Tier, Visit};
use checks::schedule::{NextVisit, full};
use checks::select::Selection;
use model::families::IpVersion;
use runtime::regular_file;
use runtime::replace::NewFile;
use runtime::write_lock::WriteLock;
use serde_json::{Value, json};
use tasks::kind::Output;
use tasks::{Failure, Request, Run};
use tokio::task::JoinSet;
use visits::plan;
use visits::redirect::RedirectPolicy;

use super::checker::{Checker, Tally, of_check};
use super::expected::Tree;
use super::known::Known;
use crate::aside::aside;
use crate::kinds::compile;

/// How many events the result names.
const MAX_EVENTS: usize = 50;

impl Checker {
    /// Visits the mirrors that are due, or this one whether it is due or not.
    pub(crate) async fn sweep(&self, only: Option<&str>, run: &Run) -> Result<Output, Failure> {
        run.stage("read");
        let mut tally = Tally::default();
        let due = {
            let mut known = self.known.lock().await;
            self.refresh(&mut known).await.map_err(of_check)?;
            run.checkpoint()?;
            // Those of a sweep that was killed.
            tally.add(self.judge_open(&mut known, run).await?);
            self.choose(&mut known, only)?
        };
        let n_visits = if due.is_empty() { 0 } else { self.visit(due, run).await? };
        run.stage("judge");
        let mut known = self.known.lock().await;
        self.refresh(&mut known).await.map_err(of_check)?;
        tally.add(self.judge_open(&mut known, run).await?);
        let selection = self.publish(&mut known, run).await?;
        let mut then = Vec::new();
        if selection.as_ref().is_some_and(|(_, is_written)| *is_written) {
            let (kind, actor) = (compile::NAME.to_owned(), super::VISIT.to_owned());
            then.push(Request { kind, actor, ..Request::default() });
        }
        let result = self.result(&known, &tally, n_visits, selection.as_ref());
        Ok(Output { result, then })
    }

    /// What is to be visited now.
    fn choose(
        &self,
        known: &mut Known,
        only: Option<&str>,
    ) -> Result<Vec<(NextVisit, Vec<Tree>, String)>, Failure> {
        let now = (self.clock)();
        let chosen = match only {
            None => known.due(now),
            Some(key) => {
                let Some(entry) = known.inventory.mirrors.get(key) else {
                    let message = format!("there is no mirror `{key}` that can be visited");
                    return Err(Failure::lasting("unknown_mirror", message));
                };
                let visits = [Tier::Probe, Tier::Hash].map(|tier| full(entry, tier, now));
                if let Some(state) = known.register.mirrors.get_mut(key)
                    && state.switches.disabled.is_some()
                {
                    state.switches.is_recheck_asked = true;
                }
                visits.map(|visit| (key.to_owned(), visit)).into()
            }
        };
        let with_trees = chosen.into_iter().filter_map(|(key, visit)| {
            Some((visit, known.expected.mirrors.get(&key)?.clone(), key))
        });
        Ok(with_trees.collect())
    }

    /// Visits them, and records each visit; how many.
    async fn visit(
        &self,
        due: Vec<(NextVisit, Vec<Tree>, String)>,
        run: &Run,
    ) -> Result<u64, Failure> {
        run.stage("visit");
        let versions = tokio::select! {
            biased;
            stop = run.until_stopped() => return Err(Failure::Stopped(stop)),
            versions = self.versions() => versions?,
        };
        // One for each run of the task: a run that begins anew may visit the same mirror again later.
        let (id, claim) = (run.id().0, run.claim().0);
        let round = (id.unsigned_abs() << 16) | (claim.unsigned_abs() & 0xffff);
        let most = self.crawling.crawler.limits.mirrors.max(1);
        let total = u64::try_from(due.len()).unwrap_or(u64::MAX);
        run.progress(0, Some(total));
        let mut waiting = due.into_iter();
        // Dropped, it ends those that go on.
        let mut visits: JoinSet<Visit> = JoinSet::new();
        let mut n_ended = 0;
        loop {
            while visits.len() < most
                && let Some((next, trees, key)) = waiting.next()
            {
                let plan = plan::Plan {
                    mirror: key,
                    tier: next.tier,
                    round,
                    started: (self.clock)(),
                    trees: to_trees(&next, &trees, &versions),
                    versions: versions.clone(),
                    redirects: RedirectPolicy::Allow,
                    hints: plan::Hints::default(),
                };
                let crawler = self.crawling.crawler.clone();
                visits.spawn(async move {
                    let mut rng = fastrand::Rng::new();
                    crawler.visit(&plan, &mut rng, &mut (), std::future::pending()).await.visit
                });
            }
            let ended = tokio::select! {
                biased;
                stop = run.until_stopped() => return Err(Failure::Stopped(stop)),
                ended = visits.join_next() => ended,
            };
            match ended {
                None => return Ok(n_ended),
                Some(Ok(visit)) => self.record(&visit, run).await?,
                Some(Err(error)) => tracing::error!("a visit has failed: {error}"),
            }
            store::fail_at::reached("visit", "recorded");
            n_ended += 1;
            run.progress(n_ended, Some(total));
        }
    }

    /// Makes findings of what is known, and writes them if others are in the file: what follows, and whether it
    /// was written. `None` if nothing has changed since the last time.
    async fn publish(
        &self,
        known: &mut Known,
        run: &Run,
    ) -> Result<Option<(Selection, bool)>, Failure> {
        if known.is_published {
            return Ok(None);
        }
        run.stage("publish");
        let work = std::mem::take(known);
        let selected = aside(move || {
            let selection = work.select();
            (work, selection)
        });
        let selection;
        (*known, selection) = selected.await.map_err(|error| of_check(error.into()))?;
        let (path, findings) = (self.findings.clone(), selection.findings.clone());
        let file = run.on_thread(move |run| {
            let not_written = |error: &dyn std::fmt::Display| {
                Failure::may_pass("not_written", format!("{}: {error}", path.display()))
            };
            let lock = WriteLock::acquire(&path).map_err(|error| not_written(&error))?;
            if is_in_file(&findings, &path) {
                return Ok(None);
            }
            let tag = format!("{}-{}", run.id().0, run.claim().0);
            let new = NewFile::write_tagged(&path, findings.to_json().as_bytes(), &tag)
                .map_err(|error| not_written(&error))?;
            Ok(Some((lock, new)))
        });
        let file = file.await?;
        let is_written = file.is_some();
        if let Some((lock, new)) = file {
            run.check_fence().await?;
            let path = self.findings.clone();
            let put = run.on_thread(move |_| {
                let not_synced = new.replace().map_err(|error| {
                    Failure::may_pass("not_written", format!("{}: {error}", path.display()))
                })?;
                drop(lock);
                Ok(not_synced)
            });
            if let Some(not_synced) = put.await? {
                tracing::warn!("a power cut may bring the findings before back: {not_synced}");
            }
        }
        known.is_published = true;
        Ok(Some((selection, is_written)))
    }

    fn result(
        &self,
        known: &Known,
        tally: &Tally,
        n_visits: u64,
        selection: Option<&(Selection, bool)>,
    ) -> Value {
        if tally.is_own_fault {
            tracing::warn!("so many mirrors fail alike that it counts as a fault of our own");
        }
        let n_expected = known.inventory.mirrors.len();
        let n_down = known.register.mirrors.values().filter(|state| state.down_since.is_some());
        let event = |(key, event): &(String, checks::state::Event)| json!({ "mirror": key, "event": event });
        json!({
            "visits": n_visits,
            "judged": tally.n_judged,
            "mirrors": n_expected,
            "down": n_down.count(),
            "settled": known.view().is_settled(),
            "own_fault": tally.is_own_fault,
            "n_events": tally.events.len(),
            "events": tally.events.iter().take(MAX_EVENTS).map(event).collect::<Vec<_>>(),
            "written": selection.is_some_and(|(_, is_written)| *is_written),
            "kept": selection.map_or(0, |(selection, _)| selection.kept.len()),
            "distrusted": selection.map(|(selection, _)| &selection.distrusted),
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

/// Whether a file says the same, but for the time when it was made.
fn is_in_file(findings: &Findings, path: &std::path::Path) -> bool {
    let Ok(bytes) = regular_file::read(path, MAX_BYTES) else { return false };
    let Ok(Findings { made, .. }) = Findings::parse(&bytes) else { return false };
    let same = Findings { made, mirrors: findings.mirrors.clone() };
    same.to_json().as_bytes() == bytes
}

/// What a visit asks of each tree. A probe asks each URL once, though several trees may have it.
fn to_trees(next: &NextVisit, trees: &[Tree], own: &[IpVersion]) -> Vec<plan::Tree> {
    let mut probed = BTreeSet::new();
    let trees = trees.iter().map(|tree| {
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
        whole
    });
    trees.filter(|tree| !tree.routes.is_empty()).collect()
}

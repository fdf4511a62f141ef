//! Listings of mirrors by rsync, which go on beside sweeps.
//!
//! A listing takes up to 15 minutes, and a sweep is judged within minutes. So a sweep begins those that are due, a
//! few at once, and the next one records those that have ended. Each has a thread of its own (`thread`). What mirrors
//! should have stands in a manifest of the primary. A listing that has failed on our side, or that the mirror was too busy
//! for, is tried again after an hour if it took less than a minute; another one that did not list all after a day.
//! Nothing else follows from that. Listings that go on when a sweep is stopped are ended, and are due again.

pub(crate) mod primary;
mod thread;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use checks::inventory::Inventory;
use checks::observation::{End, Outcome, Visit};
use tokio::task::JoinSet;
use visits::Crawler;
use visits::rsync::Rsync;
use visits::rsync::plan::ListingPlan;

use primary::{Primary, Wanted};

/// How many mirrors are listed at once.
const MAX_LISTINGS: usize = 4;
/// How long a mirror rests of which no listing came about, in seconds.
const REST: u64 = 3_600;
/// How long a mirror rests that cannot be listed, or not whole, in seconds.
const LONG_REST: u64 = 86_400;
/// Whoever takes longer than this is not tried again after an hour, in milliseconds.
const SHORT: u64 = 60_000;

/// Listings that go on.
pub(crate) struct Listings {
    pub(super) primary: Arc<Primary>,
    pool: Mutex<Pool>,
}

#[derive(Default)]
struct Pool {
    /// With the key of the mirror; without a visit if none came about. Dropped, it ends them.
    running: JoinSet<(String, Option<Visit>)>,
    /// Those that have ended.
    ended: Vec<(String, Option<Visit>)>,
    /// The mirrors that are being listed.
    keys: BTreeSet<String>,
    /// Those that somebody has asked for while there was no room.
    asked: BTreeSet<String>,
    /// Until when mirrors rest, in seconds since 1970.
    rests: BTreeMap<String, u64>,
}

impl Listings {
    pub(crate) fn of(primary: Primary) -> Self {
        Self { primary: Arc::new(primary), pool: Mutex::default() }
    }

    /// How many more can be begun.
    pub(super) fn n_free(&self) -> usize {
        MAX_LISTINGS.saturating_sub(self.pool().keys.len())
    }

    /// Whether a mirror is being listed.
    pub(super) fn is_listing(&self, key: &str) -> bool {
        self.pool().keys.contains(key)
    }

    /// Whether somebody has asked for a listing of that mirror that has not begun.
    pub(super) fn is_asked(&self, key: &str) -> bool {
        self.pool().asked.contains(key)
    }

    /// Somebody asks for a listing of a mirror: it is the next one that begins.
    pub(super) fn ask(&self, key: &str) {
        let mut pool = self.pool();
        pool.rests.remove(key);
        pool.asked.insert(key.to_owned());
    }

    /// Whether a mirror rests. A clock that was set back ends that.
    pub(super) fn rests(&self, key: &str, now: u64) -> bool {
        let until = self.pool().rests.get(key).copied();
        until.is_some_and(|until| now < until && until <= now.saturating_add(LONG_REST))
    }

    /// Begins to list a mirror, which is not being listed. `note` is told how it has ended, if it has.
    pub(super) fn begin(
        &self,
        crawler: Crawler,
        plan: ListingPlan,
        wanted: Wanted,
        note: impl FnOnce(&Visit) + Send + 'static,
    ) {
        let (primary, key) = (Arc::clone(&self.primary), plan.mirror.clone());
        let mut pool = self.pool();
        pool.asked.remove(&key);
        if !pool.keys.insert(key.clone()) {
            return;
        }
        pool.running.spawn(async move {
            let visit = list(&primary, crawler, plan, wanted).await;
            if let Some(visit) = &visit {
                note(visit);
            }
            (key, visit)
        });
    }

    /// The visits that have ended since the last time.
    pub(super) fn take_ended(&self, now: u64) -> Vec<Visit> {
        let mut pool = self.pool();
        pool.join();
        let mut visits = Vec::new();
        for (key, visit) in std::mem::take(&mut pool.ended) {
            pool.keys.remove(&key);
            if let Some(rest) = rest_after(visit.as_ref()) {
                pool.rests.insert(key, now.saturating_add(rest));
            }
            visits.extend(visit);
        }
        if pool.running.is_empty() {
            // Also those of which no more is known.
            pool.keys.clear();
        }
        visits
    }

    /// Puts back what was taken and could not be recorded: it is taken once more.
    pub(super) fn put_back(&self, visit: Visit) {
        self.pool().ended.push((visit.mirror.clone(), Some(visit)));
    }

    /// Forgets mirrors that have left the catalog.
    pub(super) fn retain(&self, inventory: &Inventory) {
        let mut pool = self.pool();
        pool.rests.retain(|key, _| inventory.mirrors.contains_key(key));
        pool.asked.retain(|key| inventory.mirrors.contains_key(key));
    }

    /// Ends those that go on.
    pub(super) fn stop(&self) {
        let mut pool = self.pool();
        pool.running = JoinSet::new();
        pool.keys.clear();
    }

    /// Waits until all that were begun have ended.
    #[cfg(test)]
    pub(super) async fn wait(&self) {
        let is_idle = || {
            let mut pool = self.pool();
            pool.join();
            pool.running.is_empty()
        };
        while !is_idle() {
            tokio::task::yield_now().await;
            std::thread::yield_now();
        }
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    fn join(&mut self) {
        while let Some(joined) = self.running.try_join_next() {
            match joined {
                Ok(ended) => self.ended.push(ended),
                Err(error) => tracing::error!("a listing has failed: {error}"),
            }
        }
    }
}

/// Lists a mirror; `None` if it cannot be done, which is told once.
async fn list(
    primary: &Arc<Primary>,
    crawler: Crawler,
    plan: ListingPlan,
    wanted: Wanted,
) -> Option<Visit> {
    let rsync = primary.rsync(wanted.now).await?;
    let manifest = primary.manifest(&wanted).await?;
    let scope = Arc::clone(&wanted.scope);
    let visit = thread::on_runtime(move || async move {
        crawler.list(&rsync, &plan, (&manifest, &scope), &mut ()).await
    });
    match visit.await {
        Ok(visit) => Some(visit),
        Err(error) => {
            tracing::error!("a mirror cannot be listed: {error}");
            None
        }
    }
}

/// Why mirrors cannot be listed on this machine; `None` if they can. Blocks, for some seconds at most.
pub fn find_problem() -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let tried = runtime.block_on(Rsync::try_out(visits::rsync::Options::default()));
            tried.err().map(|error| error.to_string())
        }
        Err(error) => Some(error.to_string()),
    }
}

/// How long a mirror rests, in seconds; `None` after a whole listing, by which it is known when the next one is due.
fn rest_after(visit: Option<&Visit>) -> Option<u64> {
    let Some(visit) = visit else { return Some(REST) };
    if visit.urls.iter().any(|seen| seen.outcome == Outcome::Good) {
        return (visit.end != End::Complete).then_some(LONG_REST);
    }
    let is_of_mirror = |outcome: &Outcome| match outcome {
        Outcome::Failed(failure) => failure.class.is_of_mirror(),
        // Nothing can be done about it: no address of ours, or a URL that cannot be listed.
        Outcome::Good | Outcome::NoAddress | Outcome::NotTested => true,
    };
    let is_lasting = visit.urls.iter().all(|seen| is_of_mirror(&seen.outcome));
    let is_busy = matches!(visit.end, End::Busy(_));
    Some(if visit.millis > SHORT || (is_lasting && !is_busy) { LONG_REST } else { REST })
}

#[cfg(test)]
mod tests {
    use checks::class::FailureClass;
    use checks::observation::{Failure, Tier, UrlSeen};
    use model::families::IpVersion;

    use super::*;

    #[test]
    fn who_cannot_be_listed_rests() {
        let failed = |class| Outcome::Failed(Failure::new(class, "rsync://a.example/pub", "x"));
        for (outcome, end, millis, expected) in [
            (Outcome::Good, End::Complete, 900_000, None),
            (Outcome::Good, End::Budget("wall".into()), 900_000, Some(LONG_REST)),
            (failed(FailureClass::RsyncModule), End::Complete, 10, Some(LONG_REST)),
            (failed(FailureClass::Busy), End::Busy(None), 10, Some(REST)),
            (failed(FailureClass::OwnNetwork), End::Complete, 10, Some(REST)),
            (failed(FailureClass::Budget), End::Complete, 300_000, Some(LONG_REST)),
        ] {
            let seen = UrlSeen {
                url: "rsync://a.example/pub".into(),
                version: IpVersion::V4,
                address: None,
                outcome,
                first_byte: None,
                redirected_to: None,
                certificate_expires: None,
            };
            let visit = Visit {
                mirror: "a".into(),
                tier: Tier::Listing,
                round: 0,
                started: 0,
                millis,
                is_asked: false,
                requests: 0,
                bytes: 0,
                end,
                urls: vec![seen],
                repositories: Vec::new(),
                directories: Vec::new(),
            };
            assert_eq!(rest_after(Some(&visit)), expected, "{visit:?}");
        }
        assert_eq!(rest_after(None), Some(REST));
    }
}

//! How sweeps begin listings of mirrors, and take what has come of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use checks::observation::{Tier, Visit};
use tasks::{Failure, Run};
use visits::rsync::plan::{Doubt, ListedTree, ListingPlan};

use super::checker::Checker;
use super::known::Known;
use super::listing::primary::Wanted;
use super::samples::NEW;

const DAY: u64 = 86_400;

/// A listing that is to be made.
pub(super) struct DueListing {
    key: String,
    trees: Vec<ListedTree>,
    /// The directories that lacked something at the last look.
    doubted: BTreeMap<String, Doubt>,
    wanted: Wanted,
}

/// A number for a run of a task: a run that begins anew may visit the same mirror again later.
pub(super) fn round_of(run: &Run) -> u64 {
    let (id, claim) = (run.id().0, run.claim().0);
    (id.unsigned_abs() << 16) | (claim.unsigned_abs() & 0xffff)
}

impl Checker {
    /// Records the listings that have ended since the last sweep; how many. What cannot be recorded is kept for the
    /// next one.
    pub(super) async fn take_listings(&self, run: &Run) -> Result<u64, Failure> {
        let Some(listings) = &self.listings else { return Ok(0) };
        let mut ended = listings.take_ended((self.clock)()).into_iter();
        let mut n = 0;
        while let Some(mut visit) = ended.next() {
            visit.round = round_of(run);
            if let Err(failure) = self.record(&visit, run).await {
                std::iter::once(visit).chain(ended).for_each(|visit| listings.put_back(visit));
                return Err(failure);
            }
            n += 1;
        }
        Ok(n)
    }

    /// The listing of this mirror, whether it is due or not; `None` if it has no rsync, or is being listed.
    pub(super) fn choose_listing(&self, known: &Known, key: &str) -> Option<DueListing> {
        let listings = self.listings.as_ref()?;
        let trees = known.expected.mirrors.get(key)?.iter();
        let mut trees: Vec<ListedTree> = trees.flat_map(|tree| tree.listed.clone()).collect();
        if trees.is_empty() || listings.is_listing(key) {
            return None;
        }
        let now = (self.clock)();
        // Another one first each day, as one that is slow may leave no time for those after it.
        let first = usize::try_from(now / DAY).unwrap_or(0) % trees.len();
        trees.rotate_left(first);
        let doubted = known.doubted(key);
        let last = known.register.mirrors.get(key).map_or(0, |state| state.listed.clock);
        // A look of the future was made before the clock was set back.
        let after = if doubted.is_empty() || last > now { 0 } else { last };
        let wanted = Wanted { scope: Arc::clone(&known.expected.scope), now, after };
        Some(DueListing { key: key.to_owned(), trees, doubted, wanted })
    }

    /// The listings that are due, as far as there is room; first those that somebody has asked for.
    pub(super) fn due_listings(&self, known: &Known) -> Vec<DueListing> {
        let Some(listings) = &self.listings else { return Vec::new() };
        listings.retain(&known.inventory);
        let (n_free, now) = (listings.n_free(), (self.clock)());
        if n_free == 0 {
            return Vec::new();
        }
        let is_free = |key: &&String| !listings.rests(key, now) && !self.unrecorded.rests(key, now);
        let asked = known.inventory.mirrors.keys().filter(|key| listings.is_asked(key));
        let due = known.due_listings(now).into_iter().filter(|key| !listings.is_asked(key));
        let keys = asked.chain(due.filter(is_free));
        keys.filter_map(|key| self.choose_listing(known, key)).take(n_free).collect()
    }

    /// Begins to list mirrors, and does not wait for them.
    pub(super) async fn begin_listings(&self, due: Vec<DueListing>) {
        let Some(listings) = &self.listings else { return };
        if due.is_empty() || listings.primary.rsync((self.clock)()).await.is_none() {
            return;
        }
        // Without any, the visits of the sweep say so.
        let Ok(versions) = self.versions().await else { return };
        for DueListing { key, trees, doubted, wanted } in due {
            if listings.is_listing(&key) || listings.n_free() == 0 {
                continue;
            }
            let plan = ListingPlan {
                is_asked: listings.is_asked(&key),
                mirror: key,
                round: 0,
                started: wanted.now,
                trees,
                doubted,
                redirects: self.crawling.redirects,
                versions: versions.clone(),
                settled: wanted.now.saturating_sub(NEW),
            };
            let running = self.counts.begin(Tier::Listing);
            let note = move |visit: &Visit| running.end(visit);
            listings.begin(self.crawling.crawler.clone(), plan, wanted, note);
        }
    }
}

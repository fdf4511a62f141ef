//! When files of a mirror are looked at next: when some are sampled, and when all are listed by rsync.

use super::{NextVisit, Scheduling};
use crate::allowance::Allowance;
use crate::history::History;
use crate::inventory::Entry;
use crate::moment::{Moment, is_to_come};
use crate::observation::Tier;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::state::{BETWEEN_LISTINGS, DirectoryState, MirrorState};

/// The time between two looks at files of which the first has put something in doubt.
const DOUBTED_FILES: u64 = 3_600;
/// So many intervals after a listing files are asked for again, where that is wanted.
const FRESH: u64 = 2;

/// Whether some files of a mirror are asked for. Not while all are listed: a few that are there would take back that
/// others are not.
pub fn is_sampled(state: &MirrorState, entry: &Entry, settings: &Settings, now: u64) -> bool {
    let Moment { clock: listed, .. } = state.listed;
    let until = listed.saturating_add(FRESH.saturating_mul(settings.listing_interval));
    let is_listed = entry.is_listed_by_rsync && now < until && !is_to_come(listed, now);
    entry.is_sampled && !is_listed
}

/// The next listing of the mirror of that key; `None` if it is not to be listed, or cannot be reached. Other visits
/// do not wait for it.
pub fn next_listing(
    key: &str,
    state: &MirrorState,
    entry: &Entry,
    history: &History,
    progress: &Progress,
    settings: &Settings,
    now: u64,
) -> Option<NextVisit> {
    if !entry.is_listed_by_rsync || state.down_since.is_some() {
        return None;
    }
    let is_spent = Allowance::new(entry, settings).is_spent(state.debt, now);
    let scheduling = Scheduling { key, state, entry, history, progress, settings, now, is_spent };
    let interval = match scheduling.has_doubted_files() {
        true => settings.listing_interval.min(BETWEEN_LISTINGS),
        false => settings.listing_interval,
    };
    let next = scheduling.files(Tier::Listing, state.listed, interval)?;
    // One that comes too soon would not count: intervals vary a little.
    let earliest = match scheduling.has_doubted_files() {
        true => scheduling.after(state.listed.clock, interval),
        false => 0,
    };
    // It need not wait after another visit: where these are rare, each sweep makes one.
    Some(NextVisit { at: next.at.max(scheduling.busy_until()).max(earliest), ..next })
}

impl Scheduling<'_> {
    /// What a look has put in doubt is decided by the next one, which comes sooner.
    fn sample_interval(&self) -> u64 {
        let most = self.settings.sample_interval;
        match self.has_doubted_files() {
            true => most.min(DOUBTED_FILES),
            false => most,
        }
    }

    /// Whether a look at files has put something in doubt.
    fn has_doubted_files(&self) -> bool {
        let is_in_doubt = |known: &DirectoryState| known.is_in_doubt(self.settings);
        self.state.directories.values().any(is_in_doubt)
    }

    /// A look at some files, where that is wanted.
    pub(super) fn sample(&self) -> Option<NextVisit> {
        let wanted = is_sampled(self.state, self.entry, self.settings, self.now);
        wanted.then(|| self.files(Tier::Sample, self.state.sampled, self.sample_interval()))?
    }

    /// A look at files, after the last one.
    fn files(&self, tier: Tier, last: Moment, interval: u64) -> Option<NextVisit> {
        let mut routes = Vec::new();
        let mut at = 0;
        for tree in &self.entry.trees {
            let Some((url, version, route)) = self.oldest(tree) else { continue };
            routes.push((url.clone(), version));
            at = self.after(last.clock, self.interval(interval, route));
        }
        let visit = NextVisit { at, tier, routes, repositories: Vec::new() };
        (!visit.routes.is_empty()).then_some(visit)
    }
}

#[cfg(test)]
mod tests {
    use model::families::IpVersion;

    use super::*;
    use crate::inventory::Tree;
    use crate::state::{RouteState, RouteVerdict, Routes};

    const NOW: u64 = 1_800_000_000;
    const DAY: u64 = 86_400;

    fn next(state: &MirrorState, is_listed_by_rsync: bool) -> Option<u64> {
        let tree = Tree { urls: vec!["http://a.example/".into()], ..Tree::default() };
        let entry = Entry { trees: vec![tree], is_listed_by_rsync, ..Entry::default() };
        let settings = Settings { jitter_percent: 0, ..Settings::default() };
        let (history, progress) = (History::default(), Progress::default());
        let next = next_listing("a", state, &entry, &history, &progress, &settings, NOW)?;
        if state.directories.values().any(|known| known.n_incomplete > 0) {
            for jitter_percent in [20, 50] {
                let settings = Settings { jitter_percent, ..Settings::default() };
                let varied = next_listing("a", state, &entry, &history, &progress, &settings, NOW);
                assert_eq!(varied.map(|varied| varied.at), Some(next.at), "it is not too soon");
            }
        }
        assert_eq!((next.tier, next.routes.len()), (Tier::Listing, 1));
        assert_eq!(next.routes.first().map(|(_, version)| *version), Some(IpVersion::V4));
        Some(next.at)
    }

    #[test]
    fn a_mirror_that_works_is_listed_once_a_day_and_sooner_in_doubt() {
        let at = |clock| Moment { clock, credited: clock };
        let mut state = MirrorState::default();
        assert_eq!(next(&state, true), None, "it was not reached yet");
        let v4 = RouteState { verdict: RouteVerdict::Up, tried: at(NOW), ..RouteState::default() };
        state.routes.insert("http://a.example/".into(), Routes { v4, ..Routes::default() });
        assert_eq!(next(&state, false), None, "nobody wants it");
        assert!(next(&state, true).is_some_and(|at| at <= NOW), "never listed");
        state.listed = at(NOW - 100);
        assert_eq!(next(&state, true), Some(NOW - 100 + DAY));
        let doubted = DirectoryState { n_incomplete: 1, ..DirectoryState::default() };
        state.directories.insert("iso".into(), doubted);
        assert_eq!(next(&state, true), Some(NOW - 100 + BETWEEN_LISTINGS));
        state.busy_until = NOW + 3_000;
        state.listed = at(NOW - DAY);
        assert_eq!(next(&state, true), Some(NOW + 3_000));
        state.down_since = Some(at(NOW));
        assert_eq!(next(&state, true), None);
    }
}

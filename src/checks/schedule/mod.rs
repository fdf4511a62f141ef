//! When a mirror is visited next, over which URLs and versions of IP, and for which repositories.
//!
//! A mirror that is up gets a visit every [`visit_interval`](Settings::visit_interval). It asks for the
//! repositories that are due over one URL and version of IP of each tree, the one that was tried the longest time
//! ago. So one request does both: it probes, and it compares. What has just failed or come back is probed
//! again soon, and what is down more and more rarely. A mirror that has [used up](crate::allowance) what confirmations may
//! cost in a day is asked at regular visits only, and once more when it works again.
//!
//! Where few mirrors have something in common, as IPv6, one of which it works may have to bear witness that a failure
//! of another is not our own.
//!
//! A version of IP that certainly fails by our own fault takes no turns: it is probed beside regular visits, which go over
//! the other one. A version that is only suspected takes its turns: with fewer of them, it took longer to find mirrors
//! that are dead and owe much.
//!
//! What rsync lists is due by itself ([`listing::next_listing`]): it takes minutes, and other visits go on meanwhile.
//!
//! Times are by the clock. If that was set back by more than some minutes, what seems to lie in the future is due.

mod comeback;
pub mod listing;

use std::cmp::Reverse;
use std::hash::Hasher as _;

use model::families::IpVersion;
use rustc_hash::FxHasher;

use crate::allowance::Allowance;
use crate::history::History;
use crate::inventory::{Entry, Tree};
use crate::moment::{Moment, is_to_come};
use crate::observation::Tier;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::state::{CheckedIn, MAX_URLS, MirrorState, RepositoryState, RouteState, RouteVerdict};

/// The shortest time between two visits to a mirror, in seconds.
const MIN_PAUSE: u64 = 60;
/// Probes that are due within so many seconds are made together.
const TOGETHER: u64 = 120;
/// How many seconds after a check-in the mirror is visited, at least, and how many more at most.
const CHECKIN_DELAY: u64 = 60;
const CHECKIN_SPREAD: u64 = 180;

/// The next visit to a mirror.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextVisit {
    /// When it is due, in seconds since 1970.
    pub at: u64,
    /// What is looked for.
    pub tier: Tier,
    /// The URLs, as the catalog has them, and the versions of IP that are used. If it is for repositories, there
    /// is one for each tree.
    pub routes: Vec<(String, IpVersion)>,
    /// The directories that hold the `repomd.xml` of the repositories that are asked for.
    pub repositories: Vec<String>,
}

/// The order in which mirrors that are due are visited, the least first: those that never were, then by the time
/// of the last visit, those that are down last.
pub fn rank(state: Option<&MirrorState>) -> (u8, u64) {
    match state.and_then(|state| Some((state, state.last_visit?))) {
        None => (0, 0),
        Some((state, visit)) if state.down_since.is_none() => (1, visit.at.clock),
        Some((_, visit)) => (2, visit.at.clock),
    }
}

/// A visit to everything, at once: somebody asks for it.
pub fn full(entry: &Entry, tier: Tier, at: u64) -> NextVisit {
    let routes = entry
        .urls()
        .flat_map(|url| IpVersion::ALL.into_iter().map(move |version| (url.clone(), version)));
    let repositories = match tier {
        Tier::Hash => entry.repositories().cloned().collect(),
        Tier::Probe | Tier::Sample | Tier::Listing => Vec::new(),
    };
    NextVisit { at, tier, routes: routes.collect(), repositories }
}

/// The next visit to the mirror of that key; `None` if it has no URL that can be visited.
pub fn next_visit(
    key: &str,
    state: &MirrorState,
    entry: &Entry,
    history: &History,
    progress: &Progress,
    settings: &Settings,
    now: u64,
) -> Option<NextVisit> {
    entry.urls().next()?;
    let allowance = Allowance::new(entry, settings);
    let rests_until = allowance.rests_until(state.debt, now);
    let is_spent = allowance.is_spent(state.debt, now);
    let scheduling = Scheduling { key, state, entry, history, progress, settings, now, is_spent };
    let witness = scheduling.witness();
    if is_spent && allowance.spares_witness(state.debt, now) && witness.is_some() {
        return witness;
    }
    // What works again is confirmed once, however much is owed: then it is back, or it rests.
    if is_spent && let Some(next) = scheduling.return_visit() {
        return Some(NextVisit { at: scheduling.not_before(next.at), ..next });
    }
    let visits = [
        witness.filter(|_| !is_spent),
        scheduling.probe(),
        scheduling.comeback(),
        scheduling.hash(),
        scheduling.sample(),
        scheduling.maintenance(),
        scheduling.checked_in(),
    ];
    let next = visits.into_iter().flatten().min_by_key(|visit| visit.at)?;
    let at = scheduling.not_before(next.at).max(rests_until.unwrap_or(0));
    Some(NextVisit { at, ..next })
}

struct Scheduling<'a> {
    key: &'a str,
    state: &'a MirrorState,
    entry: &'a Entry,
    history: &'a History,
    progress: &'a Progress,
    settings: &'a Settings,
    now: u64,
    /// Whether it has got so many requests that nothing is confirmed between regular visits.
    is_spent: bool,
}

impl<'a> Scheduling<'a> {
    /// Not while the mirror is busy, and not right after the last visit.
    fn not_before(&self, at: u64) -> u64 {
        let busy = self.busy_until();
        let last = self.state.last_visit.map_or(0, |visit| self.after(visit.at.clock, MIN_PAUSE));
        at.max(busy).max(last)
    }

    /// Until when the mirror is busy, if that can be believed.
    fn busy_until(&self) -> u64 {
        let busy = self.state.busy_until;
        let is_believable = busy <= self.now.saturating_add(self.settings.busy_max);
        if is_believable { busy } else { 0 }
    }

    /// So many seconds after a time; at once if that time has not come yet.
    fn after(&self, clock: u64, seconds: u64) -> u64 {
        if is_to_come(clock, self.now) { 0 } else { clock.saturating_add(seconds) }
    }

    /// A time, or the earliest one if it has not come yet.
    fn past(&self, clock: u64) -> u64 {
        if is_to_come(clock, self.now) { 0 } else { clock }
    }

    /// Those of which something is known or can be kept.
    fn routes(
        &self,
    ) -> impl Iterator<Item = (&'a Tree, &'a String, IpVersion, Option<&'a RouteState>)> {
        let state = self.state;
        let is_kept =
            move |url: &&String| state.routes.len() < MAX_URLS || state.routes.contains_key(*url);
        self.entry.trees.iter().flat_map(move |tree| {
            tree.urls.iter().filter(is_kept).flat_map(move |url| {
                let routes = state.routes.get(url);
                let of =
                    move |version| (tree, url, version, routes.map(|routes| routes.over(version)));
                IpVersion::ALL.into_iter().map(of)
            })
        })
    }

    /// When something was tried last that is confirmed soon, by the clock.
    fn doubt(&self) -> Option<u64> {
        let doubtful = self.routes().filter_map(|(_, url, version, route)| {
            route.filter(|route| self.is_confirmed_soon(url, version, route))
        });
        doubtful.map(|route| route.tried.clock).max()
    }

    /// Whether something has failed and is not down yet. What may be our own fault, and has not been decided by those
    /// who were asked, is asked in turn.
    fn is_confirmed_soon(&self, url: &str, version: IpVersion, route: &RouteState) -> bool {
        let covers = Shared::ALL.into_iter().filter(|shared| shared.covers(url, version));
        let failing = covers.filter_map(|shared| self.state.recents.get(shared).failing).min();
        let window = self.settings.own_fault_window;
        let is_long =
            |since: Moment| self.progress.now.credited.saturating_sub(since.credited) > window;
        route.is_in_doubt() && !(route.suspected.is_some() && failing.is_some_and(is_long))
    }

    /// Probes of what is not plainly up, and not down with the whole mirror.
    fn probe(&self) -> Option<NextVisit> {
        let doubt = self.doubt().filter(|_| !self.is_spent);
        let is_down = self.state.down_since.is_some();
        let due = |tree: &Tree, url: &String, version, route: Option<&RouteState>| {
            let Some(route) = route else { return Some(0) };
            let confirmed = doubt.map(|at| self.after(at, self.settings.confirm_interval));
            let wait = match route.verdict {
                // All together, so that all are decided at the same time.
                _ if self.is_confirmed_soon(url, version, route) && !self.is_spent => {
                    return confirmed;
                }
                RouteVerdict::Down if is_down => return None,
                RouteVerdict::Down if route.is_returning() => self.confirm(route),
                // A doubt about one is a doubt about all that were not tried since.
                RouteVerdict::Up if doubt.is_some_and(|at| self.past(route.tried.clock) < at) => {
                    return Some(0);
                }
                RouteVerdict::Up if self.fails_by_our_fault(version) => self.own_wait(route),
                RouteVerdict::Up if tree.repositories.is_empty() => {
                    self.turn(tree, url, version)?
                }
                RouteVerdict::Up => return None,
                RouteVerdict::Unknown if route.tried.clock == 0 => return Some(0),
                RouteVerdict::Unknown => self.interval(self.settings.visit_interval, route),
                RouteVerdict::NotTested => self.interval(self.settings.retry_max_route, route),
                RouteVerdict::Down => {
                    let most = self.settings.retry_max_route;
                    self.interval(self.retry(route.n_retries, most), route)
                }
            };
            // With what is confirmed, and not before: that would come too early to count.
            Some(self.after(route.tried.clock, wait).max(confirmed.unwrap_or(0)))
        };
        let dues: Vec<(u64, &String, IpVersion)> = self
            .routes()
            .filter_map(|(tree, url, version, route)| {
                Some((due(tree, url, version, route)?, url, version))
            })
            .collect();
        let at = dues.iter().map(|&(due, ..)| due).min()?;
        let last = at.max(self.now).saturating_add(TOGETHER);
        let routes = dues
            .into_iter()
            .filter(|&(due, ..)| due <= last)
            .map(|(_, url, version)| (url.clone(), version));
        Some(NextVisit {
            at,
            tier: Tier::Probe,
            routes: routes.collect(),
            repositories: Vec::new(),
        })
    }

    /// Probes of a mirror that works, at once, which show what nobody has shown since another mirror failed.
    fn witness(&self) -> Option<NextVisit> {
        if self.state.down_since.is_some() || self.doubt().is_some() {
            return None;
        }
        let mut wanted: Vec<Shared> = Shared::ALL
            .into_iter()
            .filter(|&shared| {
                let since = *self.progress.unwitnessed.get(shared);
                let tried = self.state.recents.get(shared).tried;
                since.is_some_and(|since| tried.is_none_or(|tried| tried.credited < since.credited))
            })
            .collect();
        let mut routes = Vec::new();
        // The fewest that do.
        while !wanted.is_empty() {
            let up = self.routes().filter_map(|(_, url, version, route)| {
                let route = route.filter(|route| route.verdict == RouteVerdict::Up)?;
                let n_shown = wanted.iter().filter(|shared| shared.covers(url, version)).count();
                (n_shown > 0).then_some((n_shown, Reverse(route.tried), url, version))
            });
            let Some((_, _, url, version)) = up.max() else { break };
            wanted.retain(|shared| !shared.covers(url, version));
            routes.push((url.clone(), version));
        }
        let visit = NextVisit {
            at: self.not_before(0),
            tier: Tier::Probe,
            routes,
            repositories: Vec::new(),
        };
        (!visit.routes.is_empty()).then_some(visit)
    }

    /// Whether that version of IP certainly fails by our own fault. Then its failures do not count: they are not kept, and
    /// its routes stay up.
    fn fails_by_our_fault(&self, version: IpVersion) -> bool {
        let shared = match version {
            IpVersion::V4 => Shared::V4,
            IpVersion::V6 => Shared::V6,
        };
        let mut up = self.routes().filter_map(|(_, _, of, route)| {
            route.filter(|route| of == version && route.verdict == RouteVerdict::Up)
        });
        self.state.recents.get(shared).failing.is_some() && up.all(|route| route.failure.is_none())
    }

    /// The time between two probes of what fails by our own fault. What has just died over the other version of IP is
    /// down as a whole with the next one.
    fn own_wait(&self, route: &RouteState) -> u64 {
        let Settings { own_fault_window, confirm_interval, visit_interval, .. } = *self.settings;
        let is_new = |since: Moment| {
            self.progress.now.credited.saturating_sub(since.credited) <= own_fault_window
        };
        let routes = || self.routes().filter_map(|(_, _, version, route)| Some((version, route?)));
        let is_dead =
            |route: &RouteState| route.verdict == RouteVerdict::Down && is_new(route.since);
        let works = |version, route: &RouteState| {
            route.verdict == RouteVerdict::Up && !self.fails_by_our_fault(version)
        };
        let is_dying = routes().any(|(_, route)| is_dead(route))
            && !routes().any(|(version, route)| works(version, route));
        match is_dying {
            true => confirm_interval,
            false => self.interval(visit_interval.saturating_mul(2), route),
        }
    }

    /// The time until what works again is tried once more.
    fn confirm(&self, route: &RouteState) -> u64 {
        match self.is_spent {
            true => self.interval(self.settings.visit_interval, route),
            false => self.settings.confirm_interval,
        }
    }

    /// The time between two probes of a URL of a tree without repositories; `None` if it is not its turn.
    fn turn(&self, tree: &Tree, url: &str, version: IpVersion) -> Option<u64> {
        let (next, next_version, route) = self.oldest(tree)?;
        let last = self.last_good_try(tree);
        let wait = self.interval(self.settings.visit_interval, route);
        let since = last.saturating_sub(self.past(route.tried.clock));
        (next == url && next_version == version).then(|| wait.saturating_add(since))
    }

    /// The repositories that are due, over one route of each tree.
    fn hash(&self) -> Option<NextVisit> {
        let mut at = u64::MAX;
        let mut usable = Vec::new();
        for tree in &self.entry.trees {
            let Some((url, version, route)) = self.oldest(tree) else { continue };
            let dues: Vec<(u64, &String)> =
                tree.repositories.iter().map(|repodata| (self.due(repodata), repodata)).collect();
            let Some(first) = dues.iter().map(|&(due, _)| due).min() else { continue };
            // What is urgent is due at 0; the rest waits for the next regular visit.
            let regular = self.interval(self.settings.visit_interval, route);
            let regular = self.after(self.last_good_try(tree), regular);
            let reported = tree.repositories.iter().filter_map(|repodata| self.reported(repodata));
            let regular = reported.min().map_or(regular, |reported| regular.min(reported));
            at = at.min(if first == 0 && !self.is_spent { 0 } else { regular });
            usable.push((url, version, dues));
        }
        let time = at.max(self.now);
        // What has failed and is asked at regular visits only is paid for sooner if it is asked for one repository:
        // errors are asked for twice, up to three of them.
        let has_failed = self.state.last_visit.is_some_and(|visit| visit.is_good() == Some(false));
        let is_brief = self.is_spent && has_failed;
        let mut visit =
            NextVisit { at, tier: Tier::Hash, routes: Vec::new(), repositories: Vec::new() };
        for (url, version, dues) in usable {
            let n_asked = visit.repositories.len();
            let chosen = dues.iter().filter(|&&(due, _)| due <= time && !is_brief);
            visit.repositories.extend(chosen.map(|&(_, repodata)| repodata.clone()));
            // A probe asks for one of them in any case: the first that will be due.
            if visit.repositories.len() == n_asked {
                let first = dues.iter().min_by_key(|&&(due, _)| due);
                visit.repositories.extend(first.map(|&(_, repodata)| repodata.clone()));
            }
            visit.routes.push((url.clone(), version));
        }
        (!visit.routes.is_empty()).then_some(visit)
    }

    /// When a repository is due; 0 if it is urgent.
    fn due(&self, repodata: &str) -> u64 {
        let Some(known) = self.state.repositories.get(repodata) else { return 0 };
        let asked = known.asked.clock;
        let is_first =
            self.state.returned.is_some_and(|returned| known.asked.credited < returned.credited);
        let is_unsure =
            known.is_in_doubt() && self.after(asked, self.settings.confirm_interval) <= self.now;
        if is_first || is_unsure {
            return 0;
        }
        let regular = self.after(asked, self.settings.hash_interval);
        let regular = self.reported(repodata).map_or(regular, |reported| regular.min(reported));
        match self.history.changed(repodata).filter(|&changed| self.is_news(known, changed)) {
            Some(changed) => {
                let most = self.settings.change_spread;
                let wait = spread(&[self.key, repodata], changed, most);
                let due = changed.saturating_add(self.settings.change_delay).saturating_add(wait);
                // 0 is for what is urgent.
                regular.min(due).max(1)
            }
            None => regular.max(1),
        }
    }

    /// When a repository is due because the mirror has said that it has something new.
    fn reported(&self, repodata: &str) -> Option<u64> {
        let CheckedIn { since, from, .. } = self.state.owner.checked_in?;
        let asked = self.state.repositories.get(repodata)?.asked.clock;
        let wait = CHECKIN_DELAY + spread(&[self.key], since, CHECKIN_SPREAD);
        (asked <= since).then_some(from.saturating_add(wait))
    }

    /// Probes because the mirror has checked in, if it has no repositories that could be asked for.
    fn checked_in(&self) -> Option<NextVisit> {
        let CheckedIn { since, from, .. } = self.state.owner.checked_in?;
        let seen = self.state.last_visit?.at.clock;
        let wait = CHECKIN_DELAY + spread(&[self.key], since, CHECKIN_SPREAD);
        let is_due = !self.entry.has_repositories() && seen <= since;
        let is_up = self.state.down_since.is_none();
        (is_due && is_up).then(|| full(self.entry, Tier::Probe, from.saturating_add(wait)))
    }

    fn is_news(&self, known: &RepositoryState, changed: u64) -> bool {
        known.asked.clock < changed.saturating_add(self.settings.change_delay)
            && changed <= self.now
    }

    /// A look as soon as maintenance begins or ends: verdicts are as of the last visit of all, and what its end
    /// brings back should be known to work.
    fn maintenance(&self) -> Option<NextVisit> {
        let seen = self.state.last_visit?.at.clock;
        let planned = self.state.switches.maintenance.iter();
        let turns = planned.flat_map(|planned| [planned.from, planned.until]);
        let next = turns.filter(|&turn| seen < turn).min()?;
        Some(full(self.entry, Tier::Probe, next))
    }

    /// The route of a tree that works and was tried the longest time ago, if possible over a version of IP that does not
    /// fail by our own fault; one that is just coming back if none works.
    fn oldest(&self, tree: &Tree) -> Option<(&'a String, IpVersion, &'a RouteState)> {
        let works = |url: &str, version, route: &RouteState| {
            let is_asked_in_turn = || self.is_spent || !self.is_confirmed_soon(url, version, route);
            route.verdict == RouteVerdict::Up && is_asked_in_turn()
        };
        let routes = || {
            self.routes()
                .filter(move |(of, ..)| std::ptr::eq(*of, tree))
                .filter_map(|(_, url, version, route)| Some((url, version, route?)))
        };
        routes()
            .filter(|&(url, version, route)| works(url, version, route))
            .min_by_key(|&(_, version, route)| {
                (self.fails_by_our_fault(version), self.past(route.tried.clock))
            })
            .or_else(|| routes().find(|(_, _, route)| route.is_returning()))
    }

    /// When something of a tree that works, or is coming back, was tried last, by the clock. A version of IP that
    /// fails by our own fault is passed over if there is another one.
    fn last_good_try(&self, tree: &Tree) -> u64 {
        let last = self
            .routes()
            .filter(|(of, ..)| std::ptr::eq(*of, tree))
            .filter_map(|(_, _, version, route)| Some((version, route?)))
            .filter(|(_, route)| route.verdict == RouteVerdict::Up || route.is_returning())
            .map(|(version, route)| {
                (!self.fails_by_our_fault(version), self.past(route.tried.clock))
            })
            .max();
        last.map_or(0, |(_, tried)| tried)
    }

    /// How long what is down rests: it doubles with each retry, up to `most`.
    fn retry(&self, n_retries: u32, most: u64) -> u64 {
        let factor = 1_u64.checked_shl(n_retries).unwrap_or(u64::MAX);
        self.settings.retry_first.saturating_mul(factor).min(most)
    }

    /// An interval, shortened a little, differently for each mirror and time.
    fn interval(&self, seconds: u64, route: &RouteState) -> u64 {
        let most = seconds.saturating_mul(self.settings.jitter_percent.min(100)) / 100;
        seconds - spread(&[self.key], route.tried.clock, most)
    }
}

/// A number from 0 up to `most`: always the same for the same input, and evenly spread over inputs.
fn spread(names: &[&str], salt: u64, most: u64) -> u64 {
    let mut hasher = FxHasher::default();
    for name in names {
        hasher.write(name.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.write_u64(salt);
    // FxHasher leaves patterns in low bits; the finisher of splitmix64 takes them out.
    let mut mixed = hasher.finish();
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    match most.checked_add(1) {
        Some(n) => mixed % n,
        None => mixed,
    }
}

#[cfg(test)]
mod tests;

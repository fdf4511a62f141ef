//! When a mirror is visited next, over which URLs and versions of IP, and for which repositories.
//!
//! A mirror that is up gets a visit every [`visit_interval`](Settings::visit_interval). It asks for the
//! repositories that are due over one URL and version of IP of each tree, the one that was tried the longest time
//! ago. So one request does both: it probes, and it compares. What has just failed or come back is probed
//! again soon, and what is down more and more rarely.
//!
//! Times are by the clock. If that was set back, what seems to lie in the future is due.

use std::hash::Hasher as _;

use model::families::IpVersion;
use rustc_hash::FxHasher;

use crate::history::History;
use crate::inventory::{Entry, Tree};
use crate::observation::Tier;
use crate::settings::Settings;
use crate::state::{MAX_URLS, MirrorState, RepositoryState, RouteState, RouteVerdict};

/// The shortest time between two visits to a mirror, in seconds.
const MIN_PAUSE: u64 = 60;
/// Probes that are due within so many seconds are made together.
const TOGETHER: u64 = 120;

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

/// About how many requests a mirror gets in a day if all is well.
pub fn requests_per_day(entry: &Entry, settings: &Settings) -> u64 {
    const DAY: u64 = 86_400;
    let mean = settings.visit_interval.saturating_mul(200 - settings.jitter_percent.min(100)) / 200;
    let mean = mean.max(1);
    let each = DAY / settings.hash_interval.saturating_add(mean / 2).max(1);
    let of_tree = |tree: &Tree| {
        let n = u64::try_from(tree.repositories.len()).unwrap_or(u64::MAX);
        n.saturating_mul(each).max(DAY / mean)
    };
    entry.trees.iter().map(of_tree).sum()
}

/// The next visit to the mirror of that key; `None` if it has no URL that can be visited.
pub fn next_visit(
    key: &str,
    state: &MirrorState,
    entry: &Entry,
    history: &History,
    settings: &Settings,
    now: u64,
) -> Option<NextVisit> {
    entry.urls().next()?;
    let scheduling = Scheduling { key, state, entry, history, settings, now };
    let visits = [
        scheduling.probe(),
        scheduling.hash(),
        scheduling.files(Tier::Sample),
        scheduling.files(Tier::Listing),
    ];
    let next = visits.into_iter().flatten().min_by_key(|visit| visit.at)?;
    Some(NextVisit { at: scheduling.not_before(next.at), ..next })
}

struct Scheduling<'a> {
    key: &'a str,
    state: &'a MirrorState,
    entry: &'a Entry,
    history: &'a History,
    settings: &'a Settings,
    now: u64,
}

impl<'a> Scheduling<'a> {
    /// Not while the mirror is busy, and not right after the last visit.
    fn not_before(&self, at: u64) -> u64 {
        let busy = self.state.busy_until;
        let is_believable = busy <= self.now.saturating_add(self.settings.busy_max);
        let busy = if is_believable { busy } else { 0 };
        let last = self.state.last_visit.map_or(0, |visit| self.after(visit.at.clock, MIN_PAUSE));
        at.max(busy).max(last)
    }

    /// So many seconds after a time; at once if that time has not come yet.
    fn after(&self, clock: u64, seconds: u64) -> u64 {
        if clock > self.now { 0 } else { clock.saturating_add(seconds) }
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

    /// Probes of what is not plainly up.
    fn probe(&self) -> Option<NextVisit> {
        let doubtful =
            self.routes().filter_map(|(_, _, _, route)| route.filter(|route| route.is_in_doubt()));
        let doubt = doubtful.map(|route| route.tried.clock).max();
        let is_down = self.state.down_since.is_some();
        let confirm = self.settings.confirm_interval;
        let due = |tree: &Tree, url: &str, version, route: Option<&RouteState>| {
            let Some(route) = route else { return Some(0) };
            let wait = match route.verdict {
                // All together, so that all are decided at the same time.
                _ if route.is_in_doubt() => return Some(self.after(doubt?, confirm)),
                _ if route.is_returning() => confirm,
                // A doubt about one is a doubt about all that were not tried since.
                RouteVerdict::Up if doubt.is_some_and(|doubt| route.tried.clock < doubt) => {
                    return Some(0);
                }
                RouteVerdict::Up if tree.repositories.is_empty() => {
                    self.turn(tree, url, version)?
                }
                RouteVerdict::Up => return None,
                RouteVerdict::Unknown if route.tried.clock == 0 => return Some(0),
                RouteVerdict::Unknown => self.interval(self.settings.visit_interval, route),
                RouteVerdict::NotTested => self.interval(self.settings.retry_max_route, route),
                RouteVerdict::Down => self.interval(self.retry(route, is_down), route),
            };
            Some(self.after(route.tried.clock, wait))
        };
        let dues: Vec<(u64, &String, IpVersion)> = self
            .routes()
            .filter_map(|(tree, url, version, route)| {
                Some((due(tree, url, version, route)?, url, version))
            })
            .collect();
        let at = dues.iter().map(|&(due, ..)| due).min()?;
        // What is down is down as a whole, and so it comes back.
        let last = at.max(self.now).saturating_add(TOGETHER);
        let routes = dues
            .into_iter()
            .filter(|&(due, ..)| is_down || due <= last)
            .map(|(_, url, version)| (url.clone(), version));
        Some(NextVisit {
            at,
            tier: Tier::Probe,
            routes: routes.collect(),
            repositories: Vec::new(),
        })
    }

    /// The time between two probes of a URL of a tree without repositories; `None` if it is not its turn.
    fn turn(&self, tree: &Tree, url: &str, version: IpVersion) -> Option<u64> {
        let (next, next_version, route) = self.oldest(tree)?;
        let last = self.last_good_try(tree);
        let wait = self.interval(self.settings.visit_interval, route);
        let since = last.saturating_sub(route.tried.clock);
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
            at = at.min(if first == 0 { 0 } else { regular });
            usable.push((url, version, dues));
        }
        let time = at.max(self.now);
        let mut visit =
            NextVisit { at, tier: Tier::Hash, routes: Vec::new(), repositories: Vec::new() };
        for (url, version, dues) in usable {
            let n_asked = visit.repositories.len();
            let chosen = dues.iter().filter(|&&(due, _)| due <= time);
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

    fn is_news(&self, known: &RepositoryState, changed: u64) -> bool {
        known.asked.clock < changed.saturating_add(self.settings.change_delay)
            && changed <= self.now
    }

    /// A look at files, where that is wanted.
    fn files(&self, tier: Tier) -> Option<NextVisit> {
        let (is_wanted, last, interval) = match tier {
            Tier::Sample => {
                (self.entry.is_sampled, self.state.sampled, self.settings.sample_interval)
            }
            Tier::Listing => {
                (self.entry.is_listed_by_rsync, self.state.listed, self.settings.listing_interval)
            }
            Tier::Probe | Tier::Hash => return None,
        };
        if !is_wanted {
            return None;
        }
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

    /// The route of a tree that works and was tried the longest time ago; one that is just coming back if none
    /// works.
    fn oldest(&self, tree: &Tree) -> Option<(&'a String, IpVersion, &'a RouteState)> {
        let works = |route: &RouteState| route.verdict == RouteVerdict::Up && !route.is_in_doubt();
        let routes = || {
            self.routes()
                .filter(move |(of, ..)| std::ptr::eq(*of, tree))
                .filter_map(|(_, url, version, route)| Some((url, version, route?)))
        };
        routes()
            .filter(|(_, _, route)| works(route))
            .min_by_key(|(_, _, route)| route.tried)
            .or_else(|| routes().find(|(_, _, route)| route.is_returning()))
    }

    /// When something of a tree that works, or is coming back, was tried last, by the clock.
    fn last_good_try(&self, tree: &Tree) -> u64 {
        self.routes()
            .filter(|(of, ..)| std::ptr::eq(*of, tree))
            .filter_map(|(_, _, _, route)| route)
            .filter(|route| route.verdict == RouteVerdict::Up || route.is_returning())
            .map(|route| route.tried.clock)
            .max()
            .unwrap_or(0)
    }

    /// How long a route that is down rests: it doubles with each retry.
    fn retry(&self, route: &RouteState, is_down: bool) -> u64 {
        let most = match self.state.switches.disabled {
            Some(_) => self.settings.retry_max_disabled,
            None if is_down => self.settings.retry_max,
            None => self.settings.retry_max_route,
        };
        let factor = 1_u64.checked_shl(route.n_retries).unwrap_or(u64::MAX);
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
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::class::FailureClass;
    use crate::history::{PrimaryScan, PrimaryVersion};
    use crate::judge::{Context, judge};
    use crate::moment::Moment;
    use crate::observation::{Content, End, Failure, Outcome, RepositorySeen, UrlSeen, Visit};
    use crate::own_fault::OwnFault;

    const START: u64 = 1_800_000_000;

    fn entry(n_repositories: usize) -> Entry {
        let repositories = (0..n_repositories).map(|n| format!("{n}/repodata")).collect();
        let urls = ["https://a.example/", "http://a.example/"].map(str::to_owned).to_vec();
        let tree = Tree { urls, repositories, directories: vec![String::new()] };
        Entry { trees: vec![tree], ..Entry::default() }
    }

    fn scan(history: &mut History, scanned: u64, version: u64) {
        let version = PrimaryVersion { sha256: format!("{version:064x}"), replaced: None };
        let repositories =
            BTreeMap::from_iter((0..20).map(|n| (format!("{n}/repodata"), vec![version.clone()])));
        let scan = PrimaryScan { scanned, repositories: Some(repositories) };
        history.absorb(&scan, &Settings::default());
    }

    /// A mirror that is visited as planned.
    struct Walk {
        entry: Entry,
        state: MirrorState,
        history: History,
        now: Moment,
        visits: Vec<NextVisit>,
    }

    impl Walk {
        fn new(n_repositories: usize) -> Self {
            let mut history = History::default();
            scan(&mut history, START - 100, 1);
            let now = Moment { clock: START, credited: 0 };
            Self {
                entry: entry(n_repositories),
                state: MirrorState::default(),
                history,
                now,
                visits: Vec::new(),
            }
        }

        /// Visits until then; `is_good` says what works.
        fn until(&mut self, clock: u64, is_good: impl Fn(&str, IpVersion) -> bool) {
            let settings = Settings::default();
            loop {
                let Self { entry, state, history, now, .. } = self;
                let next = next_visit("m", state, entry, history, &settings, now.clock).unwrap();
                if next.at > clock {
                    return;
                }
                if next.at > now.clock {
                    let credited = now.credited + next.at - now.clock;
                    *now = Moment { clock: next.at, credited };
                    continue;
                }
                let urls = next.routes.iter().map(|(url, version)| {
                    let failure = Failure::new(FailureClass::ConnectTimeout, url, "x");
                    UrlSeen {
                        url: url.clone(),
                        version: *version,
                        address: None,
                        outcome: match is_good(url, *version) {
                            true => Outcome::Good,
                            false => Outcome::Failed(failure),
                        },
                        first_byte: None,
                        redirected_to: None,
                        certificate_expires: None,
                    }
                });
                let urls: Vec<UrlSeen> = urls.collect();
                let works = urls.iter().any(|seen| seen.outcome == Outcome::Good);
                let repositories = next.repositories.iter().filter(|_| works);
                let repositories = repositories.map(|directory| RepositorySeen {
                    url: String::new(),
                    directory: directory.clone(),
                    content: Content::Hash(format!("{:064x}", 1)),
                });
                let visit = Visit {
                    mirror: "m".into(),
                    tier: next.tier,
                    round: 0,
                    started: now.clock,
                    millis: 0,
                    requests: 0,
                    bytes: 0,
                    end: End::Complete,
                    repositories: repositories.collect(),
                    urls,
                    directories: Vec::new(),
                };
                let context = Context {
                    settings: &settings,
                    history,
                    entry,
                    now: *now,
                    own_fault: OwnFault::default(),
                    distrusted: &BTreeSet::new(),
                };
                judge(state, &visit, &context);
                self.visits.push(NextVisit { at: now.clock, ..next });
            }
        }

        fn gaps(&self, is_wanted: impl Fn(&NextVisit) -> bool) -> Vec<u64> {
            let times: Vec<u64> =
                self.visits.iter().filter(|visit| is_wanted(visit)).map(|visit| visit.at).collect();
            times.windows(2).map(|pair| pair[1] - pair[0]).collect()
        }
    }

    #[test]
    fn a_good_mirror_is_looked_at_in_turn() {
        let mut walk = Walk::new(10);
        walk.until(START + 86_400, |_, _| true);
        assert_eq!((walk.visits[0].tier, walk.visits[0].routes.len()), (Tier::Probe, 4));
        assert_eq!((walk.visits[1].tier, walk.visits[1].repositories.len()), (Tier::Hash, 10));
        assert!(walk.gaps(|_| true).iter().all(|gap| (MIN_PAUSE..=540).contains(gap)));
        for n in 0..10 {
            let gaps = walk.gaps(|visit| visit.repositories.contains(&format!("{n}/repodata")));
            assert!(gaps.iter().all(|&gap| gap <= 52 * 60), "{gaps:?}");
        }
        for url in ["https://a.example/", "http://a.example/"] {
            for version in IpVersion::ALL {
                let gaps = walk.gaps(|visit| visit.routes.contains(&(url.to_owned(), version)));
                assert!(gaps.iter().all(|&gap| gap <= 40 * 60), "{url} {version:?}: {gaps:?}");
            }
        }
    }

    #[test]
    fn a_change_of_the_primary_is_looked_for_within_half_an_hour() {
        for start in 0..20 {
            let mut walk = Walk::new(10);
            let changed = START + 40_000 + 137 * start;
            walk.until(changed, |_, _| true);
            scan(&mut walk.history, changed, 2);
            walk.until(changed + 3_600, |_, _| true);
            for n in 0..10 {
                let repodata = format!("{n}/repodata");
                let first = walk.visits.iter().find(|visit| {
                    visit.at >= changed + 300 && visit.repositories.contains(&repodata)
                });
                assert!(first.unwrap().at <= changed + 1_800, "{:?}", first.unwrap().at - changed);
            }
        }
    }

    #[test]
    fn a_dead_mirror_is_confirmed_soon_and_then_left_alone() {
        let mut walk = Walk::new(2);
        walk.until(START + 7_200, |_, _| true);
        walk.visits.clear();
        walk.until(START + 7_200 + 2 * 86_400, |_, _| false);
        let gaps = walk.gaps(|_| true);
        let mut intervals = gaps.iter().skip_while(|&&gap| gap < 300);
        assert!((480..=600).contains(intervals.next().unwrap()), "{gaps:?}");
        assert!((960..=1_200).contains(intervals.next().unwrap()), "{gaps:?}");
        assert!(intervals.all(|gap| (1_200..=1_500).contains(gap)), "{gaps:?}");
        assert_eq!(rank(Some(&walk.state)).0, 2);
        let down = walk.state.down_since.unwrap().clock - walk.visits[0].at;
        assert!(down <= 9 * 60, "{down}");
    }

    #[test]
    fn what_is_dead_of_a_good_mirror_is_tried_rarely() {
        let mut walk = Walk::new(2);
        walk.until(START + 7 * 86_400, |url, version| {
            !(url.starts_with("https") && version == IpVersion::V6)
        });
        let is_dead = |visit: &NextVisit| {
            visit.routes.contains(&("https://a.example/".to_owned(), IpVersion::V6))
        };
        let n_tries = walk.visits.iter().filter(|visit| is_dead(visit)).count();
        assert!((7 * 12..7 * 18).contains(&n_tries), "{n_tries}");
    }

    #[test]
    fn a_busy_mirror_is_left_alone_and_a_clock_that_is_set_back_stops_nothing() {
        let mut walk = Walk::new(2);
        walk.until(START + 3_600, |_, _| true);
        let settings = Settings::default();
        walk.state.busy_until = walk.now.clock + 2_000;
        let Walk { entry, state, history, now, .. } = &walk;
        let next = next_visit("m", state, entry, history, &settings, now.clock).unwrap();
        assert_eq!(next.at, now.clock + 2_000);
        let earlier = now.clock - 1_000_000;
        let next = next_visit("m", state, entry, history, &settings, earlier).unwrap();
        assert!(next.at <= earlier, "{next:?}");
    }

    #[test]
    fn what_cannot_be_kept_of_many_urls_is_not_asked_for_again_and_again() {
        let mut walk = Walk::new(2);
        let urls = (0..=MAX_URLS).map(|n| format!("https://a{n:02}.example/"));
        walk.entry.trees[0].urls = urls.collect();
        walk.until(START + 86_400, |_, _| true);
        assert_eq!(walk.state.routes.len(), MAX_URLS);
        assert!(walk.visits.len() < 250, "{}", walk.visits.len());
        assert!(walk.visits.iter().skip(1).all(|visit| visit.tier == Tier::Hash));
    }

    #[test]
    fn a_mirror_without_repositories_is_probed_in_turn() {
        let mut walk = Walk::new(0);
        walk.until(START + 86_400, |_, _| true);
        let gaps = walk.gaps(|_| true);
        assert!(gaps.iter().skip(1).all(|gap| (400..=540).contains(gap)), "{gaps:?}");
        assert!(walk.visits.iter().skip(1).all(|visit| visit.routes.len() == 1));
    }
}

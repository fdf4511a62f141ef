//! Schedules of mirrors that are visited as planned.

mod own_faults;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::allowance::Debt;
use crate::class::FailureClass;
use crate::history::{PrimaryScan, PrimaryVersion};
use crate::judge::{Context, judge};
use crate::moment::Moment;
use crate::observation::{Content, End, Failure, Outcome, RepositorySeen, UrlSeen, Visit};
use crate::own_fault::OwnFault;
use crate::state::Window;

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

/// A visit as planned; `is_good` says what works.
fn made(next: &NextVisit, clock: u64, is_good: impl Fn(&str, IpVersion) -> bool) -> Visit {
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
    Visit {
        mirror: "m".into(),
        tier: next.tier,
        round: 0,
        started: clock,
        millis: 0,
        is_asked: false,
        requests: 0,
        bytes: 0,
        end: End::Complete,
        repositories: repositories.collect(),
        urls,
        directories: Vec::new(),
    }
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
            let next =
                next_visit("m", state, entry, history, &Progress::default(), &settings, now.clock)
                    .unwrap();
            if next.at > clock {
                return;
            }
            if next.at > now.clock {
                let credited = now.credited + next.at - now.clock;
                *now = Moment { clock: next.at, credited };
                continue;
            }
            let visit = made(&next, now.clock, &is_good);
            self.judge(&visit);
            self.visits.push(NextVisit { at: self.now.clock, ..next });
        }
    }

    fn judge(&mut self, visit: &Visit) {
        let Self { entry, state, history, now, .. } = self;
        let context = Context {
            settings: &Settings::default(),
            history,
            entry,
            now: *now,
            own_fault: OwnFault::default(),
            distrusted: &BTreeSet::new(),
        };
        judge(state, visit, &context);
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
        assert!(gaps.iter().all(|&gap| gap <= 54 * 60), "{gaps:?}");
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
            let first = walk
                .visits
                .iter()
                .find(|visit| visit.at >= changed + 300 && visit.repositories.contains(&repodata));
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
    // The routes are tried in two halves.
    assert!((960..=1_200).contains(intervals.next().unwrap()), "{gaps:?}");
    assert!((960..=1_200).contains(intervals.next().unwrap()), "{gaps:?}");
    assert!(intervals.all(|gap| (1_200..=1_500).contains(gap)), "{gaps:?}");
    assert_eq!(rank(Some(&walk.state)).0, 2);
    let down = walk.state.down_since.unwrap().clock - walk.visits[0].at;
    assert!(down <= 9 * 60, "{down}");
}

#[test]
fn a_mirror_of_which_one_url_or_version_returns_is_back_as_soon_as_if_all_did() {
    for name in ["http:", "https:", "4", "6"] {
        let works =
            |url: &str, version: IpVersion| url.starts_with(name) || version.as_str() == name;
        let times = (0..20).map(|n| {
            let mut walk = Walk::new(2);
            walk.until(START + 7_200, |_, _| true);
            let returned = START + 30_000 + 137 * n;
            walk.until(returned, |_, _| false);
            assert!(walk.state.down_since.is_some());
            let mut clock = returned;
            while walk.state.down_since.is_some() {
                clock += 60;
                walk.until(clock, works);
            }
            (clock - returned) / 60
        });
        let worst = times.max().unwrap();
        assert!(worst <= 30, "{name}: {worst}");
    }
}

#[test]
fn a_mirror_that_has_been_mended_is_confirmed_once_however_much_is_owed() {
    let mut walk = Walk::new(1);
    walk.until(START + 7_200, |_, _| true);
    walk.until(START + 30_000, |_, _| false);
    let clock = START + 30_000;
    walk.now = Moment { clock, credited: walk.now.credited + clock - walk.now.clock };
    let allowance = Allowance::new(&walk.entry, &Settings::default());
    walk.state.debt = allowance.pay(Debt::default(), 100, clock);
    // Its owner has it visited, which is free.
    for tier in [Tier::Probe, Tier::Hash] {
        let asked = made(&full(&walk.entry, tier, clock), clock, |_, _| true);
        let visit = Visit { is_asked: true, requests: 20, ..asked };
        let rests_until = allowance.rests_until(walk.state.debt, clock);
        walk.judge(&visit);
        assert_eq!(allowance.rests_until(walk.state.debt, clock), rests_until);
    }
    assert!(walk.state.down_since.is_some());
    walk.until(START + 30_300, |_, _| true);
    assert_eq!(walk.state.down_since, None);
    assert!(!walk.state.awaits_content);
    let n = walk.visits.len();
    walk.until(START + 32_000, |_, _| true);
    assert_eq!(walk.visits.len(), n, "it rests");
}

#[test]
fn a_mirror_that_owes_much_is_not_asked_for_ever_because_it_worked_once() {
    for (outcome, is_held) in [
        // Nothing is learned any more.
        (Some(Outcome::Failed(Failure::new(FailureClass::OwnNetwork, "u", "x"))), false),
        // Nobody else is heard, so no time passes: its tries count once.
        (None, true),
    ] {
        let mut walk = Walk::new(1);
        walk.until(START + 7_200, |_, _| true);
        walk.until(START + 30_000, |_, _| false);
        walk.until(START + 40_000, |_, _| false);
        let mut clock = walk.now.clock.max(START + 40_000);
        let begin = clock;
        let allowance = Allowance::new(&walk.entry, &Settings::default());
        walk.state.debt = allowance.pay(Debt::default(), 100, clock);
        let first = made(&full(&walk.entry, Tier::Probe, clock), clock, |_, _| true);
        walk.judge(&Visit { is_asked: true, ..first });
        let mut n_visits = 0;
        while clock < begin + 20_000 {
            let Walk { entry, state, history, .. } = &walk;
            let (settings, progress) = (Settings::default(), Progress::default());
            let next = next_visit("m", state, entry, history, &progress, &settings, clock).unwrap();
            if next.at > clock {
                clock += 60;
                continue;
            }
            n_visits += 1;
            assert!(n_visits <= 15, "{outcome:?}");
            let mut visit = made(&next, clock, |_, _| true);
            visit.requests = 4;
            if let Some(outcome) = &outcome {
                visit.urls.iter_mut().for_each(|seen| seen.outcome = outcome.clone());
            }
            let credited = walk.now.credited + if is_held { 0 } else { clock - walk.now.clock };
            walk.now = Moment { clock, credited };
            walk.judge(&visit);
        }
    }
}

#[test]
fn of_a_mirror_that_owes_much_what_fails_after_hours_is_confirmed_soon() {
    let settings = Settings::default();
    for (hours, is_confirmed) in [(2, false), (4, true)] {
        let mut walk = Walk::new(10);
        walk.until(START + hours * 3_600, |_, _| true);
        // All repositories are due.
        let later = 3_000;
        walk.now.clock += later;
        walk.now.credited += later;
        let next = |walk: &Walk| {
            let Walk { entry, state, history, now, .. } = walk;
            let progress = Progress::default();
            next_visit("m", state, entry, history, &progress, &settings, now.clock).unwrap()
        };
        let first = next(&walk);
        assert_eq!(first.repositories.len(), 10);
        let failed = made(&first, walk.now.clock, |_, _| false);
        walk.judge(&Visit { requests: 50, ..failed });
        let second = next(&walk);
        let is_soon = second.tier == Tier::Probe && second.at <= walk.now.clock + MIN_PAUSE;
        assert_eq!(is_soon, is_confirmed, "after {hours} hours: {second:?}");
        if !is_confirmed {
            assert_eq!((second.tier, second.repositories.len()), (Tier::Hash, 1), "that will do");
        }
    }
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
    let next =
        next_visit("m", state, entry, history, &Progress::default(), &settings, now.clock).unwrap();
    assert_eq!(next.at, now.clock + 2_000);
    let earlier = now.clock - 1_000_000;
    let next =
        next_visit("m", state, entry, history, &Progress::default(), &settings, earlier).unwrap();
    assert!(next.at <= earlier, "{next:?}");
}

#[test]
fn a_mirror_that_works_bears_witness_at_once_and_a_few_times_while_it_rests() {
    let mut walk = Walk::new(2);
    walk.until(START + 3_600, |_, _| true);
    let settings = Settings::default();
    let now = walk.now;
    let mut progress = Progress::default();
    let next = |state: &MirrorState, progress: &Progress| {
        let Walk { entry, history, .. } = &walk;
        next_visit("m", state, entry, history, progress, &settings, now.clock).unwrap()
    };
    let mut state = walk.state.clone();
    assert_eq!(next(&state, &progress).tier, Tier::Hash);
    for shared in [Shared::V4, Shared::V6, Shared::Plain, Shared::Tls] {
        *progress.unwitnessed.get_mut(shared) = Some(now);
    }
    let witness = next(&state, &progress);
    assert!(witness.at <= now.clock + MIN_PAUSE, "{witness:?}");
    assert_eq!(witness.tier, Tier::Probe);
    let [(url, version), (other_url, other_version)] = &witness.routes[..] else {
        panic!("{witness:?}");
    };
    assert!(url != other_url && version != other_version, "{witness:?}");
    let allowance = Allowance::new(&walk.entry, &settings);
    let owing = |n_requests| allowance.pay(Debt::default(), n_requests, now.clock);
    let most = (0..).find(|&n| allowance.rests_until(owing(n), now.clock).is_some()).unwrap();
    state.debt = owing(most + 1);
    assert!(next(&state, &Progress::default()).at > now.clock + MIN_PAUSE, "it rests");
    assert_eq!(next(&state, &progress), witness);
    state.debt = owing(most + 20);
    assert!(next(&state, &progress).at > now.clock + MIN_PAUSE, "it has borne enough");
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

#[test]
fn a_mirror_is_looked_at_when_maintenance_begins_and_when_it_ends() {
    let mut walk = Walk::new(1);
    walk.until(START + 3_600, |_, _| true);
    let (from, until) = (START + 5_000, START + 7_001);
    let planned = Window { from, until }.into();
    walk.state.switches.plan(planned, START + 3_600).unwrap();
    walk.until(START + 10_000, |_, _| true);
    for turn in [from, until] {
        let visit = walk.visits.iter().find(|visit| visit.at >= turn).unwrap();
        assert!(visit.at <= turn + MIN_PAUSE, "{visit:?} at {turn}");
    }
    assert!(walk.gaps(|_| true).iter().all(|gap| *gap >= MIN_PAUSE));
    let n = walk.visits.len();
    let mut other = Walk::new(1);
    other.until(START + 10_000, |_, _| true);
    assert!(n <= other.visits.len() + 2, "{n} {}", other.visits.len());
}

#[test]
fn a_check_in_leads_to_one_look_at_all_repositories_within_five_minutes() {
    let mut walk = Walk::new(3);
    walk.until(START + 2_000, |_, _| true);
    let n = walk.visits.len();
    walk.state.check_in(START + 2_000, None, None);
    walk.until(START + 3_000, |_, _| true);
    let soon = walk.visits[n..].iter().take_while(|visit| visit.at <= START + 2_300);
    let asked: Vec<&String> = soon.flat_map(|visit| &visit.repositories).collect();
    let each: BTreeSet<&&String> = asked.iter().collect();
    // One of them may be due anyway.
    assert!(each.len() == 3 && asked.len() <= 4, "{:?}", &walk.visits[n..]);
    assert!(walk.visits[n..].iter().all(|visit| visit.at > START + 2_000));
    // Whoever checks in all the time gets a look every ten minutes, and not more.
    let (begin, n) = (START + 3_000, walk.visits.len());
    for clock in (begin..begin + 3_600).step_by(20) {
        walk.state.check_in(clock, None, None);
        walk.until(clock + 20, |_, _| true);
    }
    let asked: usize = walk.visits[n..].iter().map(|visit| visit.repositories.len()).sum();
    assert!((15..=28).contains(&asked), "{asked}");
}

#[test]
fn a_tree_that_is_down_does_not_hold_up_the_check_ins_of_another() {
    let mut walk = Walk::new(2);
    walk.entry.trees.push(Tree {
        urls: vec!["https://b.example/".to_owned()],
        repositories: ["8/repodata", "9/repodata"].map(str::to_owned).into(),
        directories: vec!["b".to_owned()],
    });
    walk.until(START + 3_600, |_, _| true);
    let is_good = |url: &str, _| url.contains("a.example");
    for hour in 4..10 {
        let clock = START + hour * 3_600;
        walk.until(clock, is_good);
        let n = walk.visits.len();
        walk.state.check_in(clock, None, None);
        walk.until(clock + 300, is_good);
        let asked: BTreeSet<&str> = walk.visits[n..]
            .iter()
            .flat_map(|visit| &visit.repositories)
            .map(|name| &**name)
            .collect();
        assert!(asked.contains("0/repodata") && asked.contains("1/repodata"), "{hour}: {asked:?}");
    }
}

#[test]
fn a_check_in_of_a_mirror_without_repositories_leads_to_probes() {
    let mut walk = Walk::new(0);
    walk.until(START + 7_200, |_, _| true);
    // The next one is not due for 400 seconds.
    let clock = walk.now.clock + 1;
    let n = walk.visits.len();
    walk.state.check_in(clock, None, None);
    walk.until(clock + 300, |_, _| true);
    assert_eq!(walk.visits[n..].len(), 1, "{:?}", &walk.visits[n..]);
    assert_eq!(walk.visits[n].routes.len(), 4);
}

#[test]
fn a_check_in_of_a_mirror_that_is_down_leads_to_nothing() {
    let visits = |reports: bool| {
        let mut walk = Walk::new(3);
        walk.until(START + 7_200, |_, _| false);
        for clock in (START + 7_200..START + 14_400).step_by(60) {
            if reports {
                walk.state.check_in(clock, None, None);
            }
            walk.until(clock + 60, |_, _| false);
        }
        walk.visits
    };
    assert_eq!(visits(true), visits(false));
}

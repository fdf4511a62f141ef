//! Verdicts on one mirror that is visited again and again.

mod listings;

use model::families::IpVersion;

use super::*;
use crate::history::{PrimaryScan, PrimaryVersion};
use crate::inventory::Tree;
use crate::observation::Failure;
use crate::state::{BETWEEN_LISTINGS, Pause, RouteVerdict, Window};

const URL: &str = "http://a.example/";
const REPODATA: &str = "9/repodata";
const DAY: u64 = 86_400;

/// Judges visits of a mirror one after another.
struct Bench {
    state: MirrorState,
    settings: Settings,
    history: History,
    entry: Entry,
    now: Moment,
    distrusted: BTreeSet<String>,
    events: Vec<EventKind>,
    /// Which URL is visited, and over which version of IP.
    url: &'static str,
    version: IpVersion,
    own_fault: OwnFault,
    /// When the certificate expires; `None` if each visit sees a new one, of 20 days.
    expires: Option<u64>,
}

impl Bench {
    fn new() -> Self {
        let tree = Tree {
            urls: vec![URL.into()],
            repositories: vec![REPODATA.into()],
            directories: Vec::new(),
        };
        Self {
            state: MirrorState::default(),
            settings: Settings::default(),
            history: History::default(),
            entry: Entry { trees: vec![tree], ..Entry::default() },
            now: Moment { clock: 1_800_000_000, credited: 0 },
            distrusted: BTreeSet::new(),
            events: Vec::new(),
            url: URL,
            version: IpVersion::V4,
            own_fault: OwnFault::default(),
            expires: None,
        }
    }

    fn visit(&mut self, minutes: u64, outcome: Outcome, end: End) {
        let is_good = outcome == Outcome::Good;
        let seen = RepositorySeen {
            url: URL.into(),
            directory: REPODATA.into(),
            content: Content::Hash("a".repeat(64)),
        };
        self.now.clock += 60 * minutes;
        self.now.credited += 60 * minutes;
        let visit = Visit {
            mirror: "m".into(),
            tier: Tier::Hash,
            round: 0,
            started: self.now.clock,
            millis: 0,
            is_asked: false,
            requests: 10,
            bytes: 0,
            end,
            urls: vec![UrlSeen {
                url: self.url.into(),
                version: self.version,
                address: None,
                outcome,
                first_byte: None,
                redirected_to: None,
                certificate_expires: self.expires.or(Some(self.now.clock + 20 * DAY)),
            }],
            repositories: if is_good { vec![seen] } else { Vec::new() },
            directories: Vec::new(),
        };
        let context = Context {
            settings: &self.settings,
            history: &self.history,
            entry: &self.entry,
            now: self.now,
            own_fault: self.own_fault,
            distrusted: &self.distrusted,
        };
        let events = judge(&mut self.state, &visit, &context);
        self.events.extend(events.into_iter().map(|event| event.kind));
    }

    fn good(&mut self, minutes: u64) {
        self.visit(minutes, Outcome::Good, End::Complete);
    }

    fn bad(&mut self, minutes: u64) {
        let failure = Failure::new(FailureClass::ConnectRefused, URL, "x");
        self.visit(minutes, Outcome::Failed(failure), End::Complete);
    }

    fn has(&self, kind: EventKind) -> bool {
        self.events.contains(&kind)
    }
}

#[test]
fn a_mirror_goes_down_comes_back_with_content_and_is_proven_by_it() {
    let mut bench = Bench::new();
    bench.good(0);
    assert!(bench.state.is_proven);
    for _ in 0..3 {
        bench.bad(4);
    }
    assert!(bench.has(EventKind::Down) && bench.state.awaits_content);
    bench.good(10);
    assert!(!bench.state.awaits_content && bench.state.down_since.is_some());
    bench.good(4);
    assert!(bench.has(EventKind::Recovered) && bench.state.down_since.is_none());
}

#[test]
fn four_days_down_switch_it_off_and_two_good_ones_on() {
    let mut bench = Bench::new();
    bench.good(0);
    for _ in 0..4 * 24 + 1 {
        bench.bad(60);
    }
    assert!(!bench.has(EventKind::Disabled));
    bench.bad(60);
    bench.bad(60);
    assert!(bench.has(EventKind::Disabled));
    for _ in 0..48 {
        bench.good(60);
    }
    assert!(!bench.has(EventKind::Enabled));
    bench.good(60);
    bench.good(60);
    assert!(bench.has(EventKind::Enabled) && bench.state.switches.disabled.is_none());
}

#[test]
fn retries_of_what_is_down_do_not_make_a_mirror_that_works_bad() {
    let mut bench = Bench::new();
    bench.good(0);
    bench.version = IpVersion::V6;
    (0..3).for_each(|_| bench.bad(4));
    assert_eq!((bench.state.good_since, bench.state.down_since), (None, None));
    bench.version = IpVersion::V4;
    bench.good(10);
    let since = Some(bench.now);
    for _ in 0..3 {
        bench.version = IpVersion::V6;
        bench.bad(110);
        bench.version = IpVersion::V4;
        bench.good(10);
    }
    assert_eq!(bench.state.good_since, since);
    bench.bad(10);
    assert_eq!(bench.state.good_since, None);
}

#[test]
fn retries_of_what_is_down_do_not_count_as_failed_visits_of_a_mirror_that_works() {
    let mut bench = Bench::new();
    bench.good(0);
    bench.version = IpVersion::V6;
    (0..3).for_each(|_| bench.bad(4));
    assert_eq!(bench.state.days.availability(), Some(0.25));
    (0..5).for_each(|_| bench.bad(110));
    assert_eq!(bench.state.days.availability(), Some(0.25));
    bench.version = IpVersion::V4;
    bench.bad(4);
    assert_eq!(bench.state.days.availability(), Some(0.2));
}

#[test]
fn what_may_be_our_own_fault_does_not_end_good_times() {
    let is_good_after = |fault, is_down| {
        let mut bench = Bench::new();
        bench.good(0);
        bench.version = IpVersion::V6;
        match is_down {
            true => (0..3).for_each(|_| bench.bad(4)),
            false => bench.good(4),
        }
        bench.version = IpVersion::V4;
        bench.good(10);
        bench.version = IpVersion::V6;
        bench.own_fault.shared.v6 = fault;
        bench.bad(10);
        bench.state.good_since.is_some()
    };
    assert!(!is_good_after(Fault::None, false));
    assert!(is_good_after(Fault::Suspected, false));
    assert!(is_good_after(Fault::Certain, false));
    assert!(is_good_after(Fault::Suspected, true));
}

#[test]
fn the_death_of_one_of_two_urls_does_not_lose_the_reserve_while_it_is_confirmed() {
    const OTHER: &str = "http://b.example/";
    let mut bench = Bench::new();
    bench.entry.trees[0].urls.push(OTHER.into());
    let mut check = |url, is_good, minutes, has_reserve| {
        bench.url = url;
        match is_good {
            true => bench.good(minutes),
            false => bench.bad(minutes),
        }
        let state = &bench.state;
        assert_eq!(state.debt.has_reserve(), has_reserve, "{url} {}", bench.now.credited / 60);
    };
    check(OTHER, true, 0, false);
    (0..5).for_each(|_| check(URL, true, 45, false));
    check(OTHER, false, 9, true);
    check(URL, true, 1, true);
    check(OTHER, false, 4, true);
    check(URL, true, 1, true);
    check(OTHER, false, 4, true);
    // It is down. The other one fails soon after that.
    check(URL, true, 9, true);
    check(URL, false, 9, false);
}

#[test]
fn a_failure_after_three_good_hours_has_a_reserve_until_one_that_comes_sooner() {
    let mut bench = Bench::new();
    let mut check = |is_good, minutes, has_reserve| {
        match is_good {
            true => bench.good(minutes),
            false => bench.bad(minutes),
        }
        assert_eq!(bench.state.debt.has_reserve(), has_reserve, "{}", bench.now.clock);
    };
    check(true, 0, false);
    check(false, 179, false);
    check(true, 1, false);
    (0..3).for_each(|_| check(true, 45, false));
    check(false, 45, true);
    // It goes on to fail, works again, and has gone up and down.
    check(false, 4, true);
    check(true, 4, true);
    check(false, 4, false);
}

#[test]
fn what_may_be_our_own_fault_can_owe_the_reserve_and_does_not_lose_it() {
    let mut bench = Bench::new();
    let mut check = |fault, minutes, has_reserve| {
        bench.own_fault.shared.v4 = fault;
        match fault {
            Fault::Certain => bench.good(minutes),
            _ => bench.bad(minutes),
        }
        assert_eq!(bench.state.debt.has_reserve(), has_reserve, "{}", bench.now.clock);
    };
    let (works, suspected, fails) = (Fault::Certain, Fault::Suspected, Fault::None);
    check(works, 0, false);
    check(suspected, 60, false);
    (0..3).for_each(|_| check(works, 45, false));
    check(suspected, 10, true);
    check(works, 4, true);
    check(suspected, 10, true);
    // That counts with the next failure that does, and has not failed before.
    check(fails, 4, true);
    check(works, 4, true);
    check(suspected, 10, true);
    check(fails, 4, false);
}

#[test]
fn its_owner_can_shorten_that() {
    let mut bench = Bench::new();
    bench.good(0);
    for _ in 0..4 * 24 + 3 {
        bench.bad(60);
    }
    bench.state.switches.is_recheck_asked = true;
    bench.good(1);
    bench.good(4);
    assert!(bench.has(EventKind::Enabled));
    assert!(!bench.state.switches.is_recheck_asked);
}

#[test]
fn busy_is_excused_three_times() {
    let mut bench = Bench::new();
    bench.good(0);
    let busy = || Outcome::Failed(Failure::new(FailureClass::Busy, URL, "429"));
    for _ in 0..3 {
        bench.visit(10, busy(), End::Busy(Some(86_400)));
    }
    assert_eq!(bench.state.busy_until, bench.now.clock + Settings::default().busy_max);
    assert!(bench.state.routes[URL].v4.window.iter().all(|probe| probe.is_good));
    for _ in 0..3 {
        bench.visit(10, busy(), End::Busy(None));
    }
    assert_eq!(bench.state.routes[URL].v4.verdict, RouteVerdict::Down);
}

#[test]
fn failures_in_maintenance_or_of_our_own_do_not_count() {
    let mut bench = Bench::new();
    bench.good(0);
    let window = Window { from: bench.now.clock, until: bench.now.clock + 7_200 };
    bench.state.switches.plan(window.into(), bench.now.clock).unwrap();
    for _ in 0..10 {
        bench.bad(10);
    }
    assert!(bench.events.is_empty() && bench.state.down_since.is_none());
    bench.good(60);
    assert_eq!(bench.state.days.availability(), Some(1.0));
}

/// The primary had another version than the mirror has.
fn scan(bench: &mut Bench) {
    let versions = vec![PrimaryVersion { sha256: "b".repeat(64), replaced: None }];
    let scanned = bench.now.clock;
    let repositories = Some([(REPODATA.to_owned(), versions)].into());
    bench.history.absorb(&PrimaryScan { scanned, repositories }, &bench.settings);
}

#[test]
fn content_that_a_late_or_wrong_scan_does_not_know_switches_nobody_off() {
    // The scan is stuck, the mirror goes on.
    let mut bench = Bench::new();
    scan(&mut bench);
    for _ in 0..10 * 24 {
        bench.good(60);
    }
    assert!(!bench.has(EventKind::Disabled));
    // It is wrong, as many mirrors have something else.
    let mut bench = Bench::new();
    bench.good(0);
    bench.distrusted.insert(REPODATA.into());
    for _ in 0..10 * 24 {
        bench.good(60);
        scan(&mut bench);
    }
    assert!(!bench.has(EventKind::Disabled));
    // What this mirror alone has is foreign.
    bench.distrusted.clear();
    for _ in 0..5 * 24 {
        bench.good(60);
    }
    assert!(bench.has(EventKind::Disabled));
}

#[test]
fn the_switch_of_the_owner_is_never_touched() {
    let mut bench = Bench::new();
    let pause = Pause { since: 1, note: "mine".into() };
    bench.state.switches.paused = Some(pause.clone());
    for _ in 0..200 {
        bench.bad(60);
    }
    for _ in 0..100 {
        bench.good(60);
    }
    assert_eq!(bench.state.switches.paused, Some(pause));
    assert!(bench.has(EventKind::Disabled) && bench.has(EventKind::Enabled));
}

#[test]
fn a_certificate_is_warned_of_before_it_expires() {
    let mut bench = Bench::new();
    bench.expires = Some(bench.now.clock + 21 * DAY);
    bench.good(0);
    bench.good(14 * 24 * 60);
    assert!(!bench.has(EventKind::Certificate), "a third is left");
    bench.good(1);
    assert!(bench.has(EventKind::Certificate));
    let mut events = bench.state.events.all().iter();
    let warning = events.find(|event| event.kind == EventKind::Certificate);
    assert_eq!(warning.map(|event| &*event.detail), Some("expires in 6 days"));
    // Of a long life, so that two weeks are less.
    let mut bench = Bench::new();
    bench.expires = Some(bench.now.clock + 90 * DAY);
    bench.good(0);
    bench.good(76 * 24 * 60);
    assert!(!bench.has(EventKind::Certificate));
    bench.good(1);
    assert!(bench.has(EventKind::Certificate));
}

#[test]
fn what_the_catalog_does_not_have_is_not_kept() {
    let mut bench = Bench::new();
    bench.entry = Entry::default();
    bench.good(0);
    assert!(bench.state.routes.is_empty() && bench.state.repositories.is_empty());
}

//! Faults of our own, and what is no fault of anybody: they hide no mirror, and those of mirrors do.

use std::sync::Arc;

use super::*;
use crate::state::{RouteVerdict, Window};

pub(super) const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Checks of so many mirrors, all of which are good and current at the start.
pub(super) fn all_good(n_mirrors: usize) -> Checks {
    let mut checks = Checks::default();
    let mut inventory = inventory();
    inventory.mirrors.retain(|key, _| (0..n_mirrors).any(|mirror| *key == format!("m{mirror}")));
    checks.apply(Record::Inventory(inventory));
    checks.apply(Record::Primary(scan(START - 1, 2)));
    for mirror in 0..n_mirrors {
        look(&mut checks, mirror, START, [Outcome::Good, Outcome::Good]);
    }
    assert_eq!(hidden(&checks), [""; 0]);
    checks
}

/// A visit in a round of its own. What works is current.
pub(super) fn look(checks: &mut Checks, mirror: usize, clock: u64, outcomes: [Outcome; 2]) {
    let content = Content::Hash(hash(2));
    checks.apply(Record::Visit(visit_trees(mirror, clock, clock, outcomes, &content)));
    checks.end_round();
}

pub(super) fn failed(class: FailureClass) -> Outcome {
    Outcome::Failed(failure(class))
}

/// What is hidden: mirrors, and URLs and directories of others.
pub(super) fn hidden(checks: &Checks) -> Vec<String> {
    let mut all = Vec::new();
    for (key, found) in checks.select().findings.mirrors {
        if found.hidden.is_some() {
            all.push(key);
            continue;
        }
        let urls = found.urls.iter().filter(|(_, found)| found.hidden.is_some());
        all.extend(urls.map(|(url, _)| url.clone()));
        let is_hidden = |standing: &Standing| matches!(standing, Standing::Hidden(_));
        let directories = found.directories.iter().filter(|(_, standing)| is_hidden(standing));
        all.extend(directories.map(|(directory, _)| format!("{key}: {directory}")));
    }
    all
}

#[test]
fn while_we_hear_nobody_nothing_grows_old() {
    for nothing in [
        failed(FailureClass::OwnNetwork),
        failed(FailureClass::BlockedAddress),
        failed(FailureClass::Budget),
        Outcome::NotTested,
    ] {
        let mut checks = all_good(N_MIRRORS);
        let mut clock = START;
        let end = START + 10 * DAY;
        while clock < end {
            clock += 30 * MINUTE;
            for mirror in 0..N_MIRRORS {
                look(&mut checks, mirror, clock, [nothing.clone(), nothing.clone()]);
            }
        }
        assert_eq!(hidden(&checks), [""; 0], "{nothing:?}");
        // Once others are heard, those that are not do grow old, and the cause stays the same.
        let mut causes = Vec::new();
        while clock < end + 4 * DAY {
            clock += 30 * MINUTE;
            look(&mut checks, 0, clock, [nothing.clone(), nothing.clone()]);
            for mirror in 1..N_MIRRORS {
                look(&mut checks, mirror, clock, [Outcome::Good, Outcome::Good]);
            }
            causes.extend(checks.select().findings.mirrors.remove("m0").unwrap().hidden);
        }
        assert_eq!(hidden(&checks), ["m0"], "{nothing:?}");
        causes.dedup();
        assert_eq!(causes.len(), 1, "{causes:?}");
    }
}

#[test]
fn a_scheme_that_fails_for_all_is_our_own_fault() {
    let outage = |n_failed: usize| {
        let mut checks = all_good(N_MIRRORS);
        for round in 1..500 {
            for mirror in 0..N_MIRRORS {
                let is_failing = mirror < n_failed;
                let tls = if is_failing { failed(FailureClass::TlsExpired) } else { Outcome::Good };
                // Routes are visited in turn.
                let outcomes = match round % 2 {
                    0 => [tls, Outcome::NotTested],
                    _ => [Outcome::NotTested, Outcome::Good],
                };
                look(&mut checks, mirror, START + round * 4 * MINUTE + mirror as u64, outcomes);
            }
        }
        hidden(&checks)
    };
    assert_eq!(outage(N_MIRRORS), [""; 0]);
    assert_eq!(outage(1), [url(0)]);
}

#[test]
fn content_that_vanishes_everywhere_at_once_is_our_own_fault() {
    for class in [FailureClass::Soft404, FailureClass::Forbidden] {
        let missing = |n_failed: usize| {
            let mut checks = all_good(N_MIRRORS);
            for round in 1..30 {
                let clock = START + round * 20 * MINUTE;
                let content = |mirror| match mirror < n_failed {
                    true => Content::Failed(failure(class)),
                    false => Content::Hash(hash(2)),
                };
                for mirror in 0..N_MIRRORS {
                    let visit = visit(mirror, round, clock, Outcome::Good, &content(mirror));
                    checks.apply(Record::Visit(visit));
                }
            }
            checks.end_round();
            let is_missing = |state: &&Arc<MirrorState>| {
                state.repositories.values().all(|known| known.missing_since.is_some())
            };
            checks.register.mirrors.values().filter(is_missing).count()
        };
        assert_eq!(missing(N_MIRRORS), 0);
        assert_eq!(missing(5), 0);
        assert_eq!(missing(2), 2);
    }
}

/// Three mirrors, of which the first two have failed before the third is visited again.
#[test]
fn an_outage_of_ours_is_told_from_one_of_a_mirror_where_there_are_few() {
    let outage = |is_ours: bool| {
        let mut checks = all_good(3);
        let good = || [Outcome::Good, Outcome::Good];
        look(&mut checks, 0, START + 1_000, good());
        look(&mut checks, 1, START + 1_200, good());
        look(&mut checks, 2, START + 1_368, good());
        let begin = START + 1_380;
        let mut visits: Vec<(u64, usize)> = Vec::new();
        for n in 0..40 {
            visits.extend([(30 + 210 * n, 0), (300 + 210 * n, 1), (468 + 210 * n, 2)]);
        }
        visits.sort_unstable();
        let mut down_after = None;
        for (seconds, mirror) in visits {
            let dead = || failed(FailureClass::ConnectTimeout);
            let fails = is_ours || mirror == 0;
            let outcomes = if fails { [dead(), dead()] } else { good() };
            look(&mut checks, mirror, begin + seconds, outcomes);
            if checks.register.mirrors.values().any(|state| is_down(state)) {
                down_after.get_or_insert(seconds);
            }
        }
        (n_down(&checks), down_after)
    };
    assert_eq!(outage(true), (0, None));
    assert_eq!(outage(false), (1, Some(450)));
}

/// Visits to the first two mirrors, every three and a half minutes, of which none is answered.
fn fail_both(checks: &mut Checks, begin: u64, end: u64) {
    let dead = || failed(FailureClass::ConnectTimeout);
    for clock in (begin..end).step_by(210) {
        look(checks, 0, clock, [dead(), dead()]);
        look(checks, 1, clock + 60, [dead(), dead()]);
    }
}

#[test]
fn two_of_three_that_fail_while_the_third_is_not_asked_are_left_out_after_a_day() {
    let mut checks = all_good(3);
    for clock in (START..=START + HOUR).step_by(500) {
        look(&mut checks, 0, clock, [Outcome::Good, Outcome::Good]);
        look(&mut checks, 1, clock + 60, [Outcome::Good, Outcome::Good]);
    }
    let begin = START + HOUR + 120;
    fail_both(&mut checks, begin, begin + 23 * HOUR);
    assert_eq!(n_down(&checks), 0);
    fail_both(&mut checks, begin + 23 * HOUR, begin + 25 * HOUR);
    assert_eq!(n_down(&checks), 2);
}

#[test]
fn what_a_failing_mirror_has_outlived_is_no_witness_for_later_failures() {
    let mut checks = all_good(3);
    let dead = || failed(FailureClass::ConnectTimeout);
    look(&mut checks, 2, START + 1_000, [dead(), dead()]);
    look(&mut checks, 0, START + 1_290, [Outcome::Good, Outcome::Good]);
    look(&mut checks, 1, START + 1_300, [Outcome::Good, Outcome::Good]);
    fail_both(&mut checks, START + 1_330, START + 2 * HOUR);
    assert_eq!(n_down(&checks), 0);
}

#[test]
fn a_mirror_with_other_urls_has_three_days_to_answer() {
    let mut checks = all_good(N_MIRRORS);
    let mut clock = START;
    let mut pass = |checks: &mut Checks, days: u64, first: Outcome| {
        let end = clock + days * DAY;
        while clock < end {
            clock += 4 * HOUR;
            for mirror in 0..N_MIRRORS {
                let outcome = if mirror == 0 { first.clone() } else { Outcome::Good };
                let mut visit = visit(mirror, clock, clock, outcome, &Content::Hash(hash(2)));
                for seen in visit.urls.iter_mut().filter(|_| mirror == 0 && days != 5) {
                    seen.url.push_str("/new");
                }
                checks.apply(Record::Visit(visit));
            }
            checks.end_round();
        }
    };
    pass(&mut checks, 5, Outcome::Good);
    let mut changed = inventory();
    for tree in &mut changed.mirrors.get_mut("m0").unwrap().trees {
        tree.urls[0].push_str("/new");
    }
    checks.apply(Record::Inventory(changed));
    assert_eq!(hidden(&checks), [""; 0]);
    pass(&mut checks, 2, failed(FailureClass::OwnNetwork));
    assert_eq!(hidden(&checks), [""; 0]);
    pass(&mut checks, 2, failed(FailureClass::OwnNetwork));
    assert_eq!(hidden(&checks), ["m0"]);
}

#[test]
fn a_version_of_ip_that_we_have_lost_keeps_no_dead_mirror() {
    let mut checks = all_good(N_MIRRORS);
    let look = |checks: &mut Checks, clock: u64, v4: &Outcome, v6: &Outcome| {
        for mirror in 0..N_MIRRORS {
            let v4 = if mirror == 0 { v4.clone() } else { Outcome::Good };
            let mut visit = visit(mirror, clock, clock, v4, &Content::Hash(hash(2)));
            visit.urls[1].outcome = v6.clone();
            visit.urls[3].outcome = v6.clone();
            checks.apply(Record::Visit(visit));
        }
        checks.end_round();
    };
    let dead = failed(FailureClass::ConnectRefused);
    look(&mut checks, START + HOUR, &Outcome::Good, &Outcome::Good);
    for hours in 2..80 {
        look(&mut checks, START + hours * HOUR, &Outcome::Good, &Outcome::NotTested);
    }
    for hours in 80..90 {
        look(&mut checks, START + hours * HOUR, &dead, &Outcome::NotTested);
    }
    assert_eq!(hidden(&checks), ["m0"]);
}

#[test]
fn machines_whose_clocks_differ_age_nothing() {
    let mut checks = all_good(N_MIRRORS);
    for minute in (0..1_440).step_by(5) {
        for mirror in 0..N_MIRRORS {
            let skew = if mirror % 2 == 0 { 0 } else { 40 * MINUTE };
            let clock = START + minute * MINUTE + skew;
            look(&mut checks, mirror, clock, [Outcome::Good, Outcome::Good]);
        }
    }
    let credited = checks.register.progress.now.credited;
    assert!((DAY - HOUR..=DAY + HOUR).contains(&credited), "{credited}");
}

#[test]
fn equal_causes_have_equal_times() {
    let mut checks = all_good(N_MIRRORS);
    let turn = Turn::Maintenance(Window { from: START + 10, until: START + DAY });
    checks.apply(Record::Switch { mirror: "m0".into(), turn });
    let mut found = Vec::new();
    for hour in 1..9 {
        look(&mut checks, 0, START + hour * HOUR, [Outcome::Good, Outcome::Good]);
        found.push(checks.select().findings.mirrors.remove("m0").unwrap());
    }
    found.dedup();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].is_decided);
    assert_eq!(found[0].hidden.as_ref().unwrap().since(), START + 10);
}

#[test]
fn a_tree_without_working_urls_keeps_enough_mirrors() {
    let mut checks = all_good(4);
    for round in 1..20 {
        for mirror in 0..4 {
            let dead = || failed(FailureClass::ConnectRefused);
            let plain = if mirror < 3 { dead() } else { Outcome::Good };
            look(&mut checks, mirror, START + round * 4 * MINUTE, [Outcome::Good, plain]);
        }
    }
    let selection = checks.select();
    let listed = |directory: &str| {
        let keys = checks.inventory.mirrors.keys();
        keys.filter(|key| is_listed(&selection.findings, key, directory)).count()
    };
    assert_eq!((listed("epel"), listed("epel/9"), listed("linux/9/os")), (3, 3, 4));
    assert_eq!(selection.kept["epel/9"], ["m0", "m1"]);
    let found = &selection.findings.mirrors["m0"];
    assert!(matches!(found.directories["epel/9"], Standing::Behind(_)));
    assert_eq!(found.directories["linux/9/os"], Standing::Current);
}

/// Visits every four minutes to eight mirrors, of which the first `n_sharing` have IPv6, and the first `n_dead` of these
/// are dead from the sixth minute on: as a whole, or over IPv6 alone. Which ones are down, and by when the last of them
/// was, in minutes.
fn with_v6(n_sharing: usize, n_dead: usize, is_whole: bool, hours: u64) -> (usize, Option<u64>) {
    let mut checks = all_good(N_MIRRORS);
    let (mut n_down_before, mut last) = (0, None);
    for minute in 1..hours * 60 {
        let round = |mirror| (minute + mirror as u64).is_multiple_of(4);
        for mirror in (0..N_MIRRORS).filter(|&mirror| round(mirror)) {
            let of = |is_dead| match is_dead {
                true => failed(FailureClass::ConnectTimeout),
                false => Outcome::Good,
            };
            let is_dead = mirror < n_dead && minute > 5;
            let content = Content::Hash(hash(2));
            let clock = START + minute * MINUTE;
            let mut visit = visit(mirror, clock, clock, of(is_dead && is_whole), &content);
            for seen in [1, 3] {
                if mirror < n_sharing {
                    visit.urls[seen].outcome = of(is_dead);
                }
            }
            checks.apply(Record::Visit(visit));
            checks.end_round();
        }
        if n_down(&checks) != n_down_before {
            (n_down_before, last) = (n_down(&checks), Some(minute - 5));
        }
    }
    (n_down_before, last)
}

#[test]
fn mirrors_that_alone_have_a_version_of_ip_are_down_if_all_of_them_are_dead() {
    for n_sharing in [2, 3, 5] {
        let (n_down, last) = with_v6(n_sharing, n_sharing, true, 6);
        assert_eq!(n_down, if n_sharing == 5 { 0 } else { n_sharing }, "{n_sharing}");
        assert!(last.is_none_or(|minutes| minutes <= 15), "{n_sharing}: {last:?}");
    }
    assert_eq!(with_v6(5, 5, true, 26).0, 5, "so many at once are ours for a day");
    for n_sharing in [2, 3, 5, N_MIRRORS] {
        assert_eq!(with_v6(n_sharing, n_sharing, false, 6), (0, None), "{n_sharing}");
    }
}

#[test]
fn a_mirror_that_has_only_one_version_of_ip_left_stays_while_that_one_fails_for_all() {
    let mut checks = all_good(N_MIRRORS);
    for minute in (0..30 * 60_u64).step_by(4) {
        for mirror in 0..N_MIRRORS {
            let dead = || failed(FailureClass::ConnectTimeout);
            let v4 = if mirror == 0 { dead() } else { Outcome::Good };
            let clock = START + minute * MINUTE + mirror as u64;
            let mut visit = visit(mirror, clock, clock, v4, &Content::Hash(hash(2)));
            let v6 = if minute < 20 * 60 { Outcome::Good } else { dead() };
            visit.urls[1].outcome = v6.clone();
            visit.urls[3].outcome = v6;
            checks.apply(Record::Visit(visit));
            checks.end_round();
        }
    }
    assert_eq!(n_down(&checks), 0);
}

#[test]
fn mirrors_that_alone_have_https_are_down_if_all_of_them_are_dead() {
    let mut checks = Checks::default();
    let mut inventory = inventory();
    for mirror in 3..N_MIRRORS {
        inventory.mirrors.get_mut(&format!("m{mirror}")).unwrap().trees.remove(0);
    }
    checks.apply(Record::Inventory(inventory));
    checks.apply(Record::Primary(scan(START - 1, 2)));
    for minute in (0..120).step_by(4) {
        for mirror in 0..N_MIRRORS {
            let of = |is_dead| match is_dead {
                true => failed(FailureClass::ConnectRefused),
                false => Outcome::Good,
            };
            let outcome = of(mirror < 3 && minute > 0);
            let clock = START + minute * MINUTE + mirror as u64;
            let mut visit = visit(mirror, clock, clock, outcome, &Content::Hash(hash(2)));
            if mirror >= 3 {
                visit.urls.drain(..2);
            }
            checks.apply(Record::Visit(visit));
            checks.end_round();
        }
    }
    assert_eq!(n_down(&checks), 3);
}

/// Eight mirrors of which two have IPv6, which fails; each of the two is asked over it every 36 minutes, in its turn.
#[test]
fn the_day_of_suspicion_goes_on_while_nobody_who_fails_is_visited() {
    let mut checks = all_good(N_MIRRORS);
    let mut down_after = None;
    for minute in (0..40 * 60_u64).step_by(4) {
        for mirror in 0..N_MIRRORS {
            let clock = START + minute * MINUTE + mirror as u64;
            let content = Content::Hash(hash(2));
            let mut visit = visit(mirror, clock, clock, Outcome::Good, &content);
            if mirror < 2 && minute % 36 == 0 {
                let is_good = minute < 2 * 60;
                let dead = failed(FailureClass::ConnectTimeout);
                visit.urls[1].outcome = if is_good { Outcome::Good } else { dead };
            }
            checks.apply(Record::Visit(visit));
            checks.end_round();
        }
        let v6 = |state: &MirrorState| state.routes[&url(0)].v6.verdict;
        if checks.register.mirrors.get("m0").is_some_and(|state| v6(state) == RouteVerdict::Down) {
            down_after.get_or_insert(minute / 60 - 2);
        }
    }
    assert!(down_after.is_some_and(|hours| (24..27).contains(&hours)), "{down_after:?}");
}

/// Visits take turns over versions of IP, all mirrors at the same time.
#[test]
fn a_mirror_that_dies_while_ipv6_fails_for_all_is_found_by_its_ipv4() {
    let mut checks = all_good(N_MIRRORS);
    let mut round = |round: u64, is_ours: bool, is_dead: bool| {
        for mirror in 0..N_MIRRORS {
            let of = |fails| match fails {
                true => failed(FailureClass::ConnectTimeout),
                false => Outcome::Good,
            };
            let clock = START + round * 4 * MINUTE + mirror as u64;
            let is_dead = is_dead && mirror == 0;
            let mut visit = visit(mirror, round, clock, of(is_dead), &Content::Hash(hash(2)));
            for seen in [1, 3] {
                visit.urls[seen].outcome = of(is_ours || is_dead);
            }
            let turn = usize::from(!round.is_multiple_of(2));
            visit.urls = visit.urls.into_iter().skip(turn).step_by(2).collect();
            checks.apply(Record::Visit(visit));
        }
        checks.end_round();
        checks.register.mirrors.values().filter(|state| is_down(state)).count()
    };
    for n in 1..10 {
        round(n, false, false);
    }
    for n in 10..20 {
        assert_eq!(round(n, true, false), 0);
    }
    assert_eq!((20..30).map(|n| round(n, true, true)).max(), Some(1));
    assert_eq!((30..100).map(|n| round(n, true, true)).min(), Some(1));
}

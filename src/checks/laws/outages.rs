//! Outages of our own network: they make nobody guilty.

use super::own_faults::{MINUTE, all_good, failed, hidden, look};
use super::*;
use crate::state::{RouteState, RouteVerdict};

#[test]
fn an_outage_of_ours_that_began_while_no_time_passed_stays_ours() {
    let mut checks = all_good(2);
    let mut round = |minute: u64, is_ours: bool| {
        for mirror in 0..2 {
            let outcome = match is_ours {
                true => failed(FailureClass::ConnectTimeout),
                false => Outcome::Good,
            };
            // Of no scheme anything is known of both.
            let outcomes = match mirror {
                0 => [outcome, Outcome::NotTested],
                _ => [Outcome::NotTested, outcome],
            };
            let clock = START + minute * MINUTE + mirror as u64;
            let content = Content::Hash(hash(2));
            checks.apply(Record::Visit(visit_trees(mirror, minute, clock, outcomes, &content)));
        }
        checks.end_round();
        let states = checks.register.mirrors.values();
        let is_down = |route: &&RouteState| route.verdict == RouteVerdict::Down;
        states.flat_map(|state| state.all_routes()).map(|(.., route)| route).filter(is_down).count()
    };
    for minute in (8..60).step_by(8) {
        round(minute, false);
    }
    for minute in (64..20 * 60).step_by(8) {
        assert_eq!(round(minute, true), 0, "{minute}");
    }
}

#[test]
fn an_outage_of_ours_for_days_hides_nobody_where_few_have_ipv6() {
    for n_sharing in 0..3 {
        let mut checks = all_good(N_MIRRORS);
        for minute in (0..6 * 24 * 60_u64).step_by(10) {
            let is_ours = (60..5 * 24 * 60).contains(&minute);
            for mirror in 0..N_MIRRORS {
                let outcome = match is_ours {
                    true => failed(FailureClass::ConnectTimeout),
                    false => Outcome::Good,
                };
                let clock = START + minute * MINUTE + mirror as u64;
                let content = Content::Hash(hash(2));
                let mut visit = visit(mirror, clock, clock, outcome.clone(), &content);
                for seen in [1, 3] {
                    let has_v6 = mirror < n_sharing;
                    visit.urls[seen].outcome =
                        if has_v6 { outcome.clone() } else { Outcome::NoAddress };
                }
                // Routes are visited in turn, and most mirrors over IPv4 more often.
                let turn = (minute / 10 % 2) as usize;
                visit.urls = visit.urls.into_iter().skip(turn).step_by(2).collect();
                checks.apply(Record::Visit(visit));
                checks.end_round();
            }
            assert_eq!(hidden(&checks), [""; 0], "{n_sharing} with IPv6, minute {minute}");
        }
    }
}

#[test]
fn a_clock_that_is_set_back_just_before_an_outage_of_ours_makes_nobody_guilty() {
    for (n_mirrors, back) in [(2, 10), (3, 10), (3, 14), (2, 60), (3, 60), (8, 60)] {
        let mut checks = all_good(n_mirrors);
        for minute in (0..10 * 60_u64).step_by(2) {
            let is_ours = minute >= 62;
            for mirror in 0..n_mirrors {
                let outcome = match is_ours {
                    true => failed(FailureClass::ConnectTimeout),
                    false => Outcome::Good,
                };
                let late = if minute >= 60 { back } else { 0 };
                let clock = START + (100 + minute - late) * MINUTE + mirror as u64;
                look(&mut checks, mirror, clock, [outcome.clone(), outcome]);
            }
            assert_eq!(n_down(&checks), 0, "{n_mirrors} mirrors, {back} min back, {minute}");
        }
    }
}

/// Each visit goes to one tree over IPv4 and to the other one over IPv6, in turn, and half of the mirrors are half a turn
/// late. The first mirror has https alone.
#[test]
fn a_mirror_of_one_scheme_that_dies_while_ipv6_fails_for_all_is_found_by_its_ipv4() {
    let mut checks = all_good(N_MIRRORS);
    checks.settings.own_fault_min = 4;
    let mut changed = inventory();
    changed.mirrors.get_mut("m0").unwrap().trees.pop();
    checks.apply(Record::Inventory(changed));
    let mut n_down_after = |round: u64| {
        for mirror in 0..N_MIRRORS {
            let of = |fails| match fails {
                true => failed(FailureClass::ConnectTimeout),
                false => Outcome::Good,
            };
            let clock = START + round * 4 * MINUTE + mirror as u64;
            let is_dead = round >= 20 && mirror == 0;
            let mut visit = visit(mirror, round, clock, of(is_dead), &Content::Hash(hash(2)));
            for seen in [1, 3] {
                visit.urls[seen].outcome = of(round >= 10);
            }
            if mirror == 0 {
                visit.urls.truncate(2);
            } else {
                let turn = usize::from((round + mirror as u64) % 2 == 1);
                visit.urls = vec![visit.urls[turn].clone(), visit.urls[3 - turn].clone()];
            }
            checks.apply(Record::Visit(visit));
        }
        checks.end_round();
        n_down(&checks)
    };
    assert_eq!((1..20).map(&mut n_down_after).max(), Some(0));
    assert_eq!((20..23).map(&mut n_down_after).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!((23..100).map(&mut n_down_after).collect::<BTreeSet<_>>(), [1].into());
}

/// Routes are visited in turn, and mirrors are at different turns.
#[test]
fn a_scheme_that_fails_for_all_while_ipv6_does_is_our_own_fault() {
    let mut checks = all_good(N_MIRRORS);
    for round in 1..300 {
        for mirror in 0..N_MIRRORS {
            let of = |fails| match fails {
                true => failed(FailureClass::TlsOther),
                false => Outcome::Good,
            };
            let clock = START + round * 4 * MINUTE + mirror as u64;
            let outcomes = [of(round >= 20), Outcome::Good];
            let content = Content::Hash(hash(2));
            let mut visit = visit_trees(mirror, round, clock, outcomes, &content);
            for seen in [1, 3] {
                visit.urls[seen].outcome = of(round >= 10);
            }
            visit.urls.rotate_left(usize::try_from(round % 4).unwrap());
            visit.urls.rotate_left(mirror % 4);
            visit.urls.truncate(1);
            checks.apply(Record::Visit(visit));
        }
        checks.end_round();
        assert_eq!(hidden(&checks), [""; 0], "{round}");
    }
}

/// Five of eight mirrors lose their content, which is theirs after a day; an hour later the other three lose it, too.
#[test]
fn a_day_that_is_used_up_says_nothing_of_the_next_fault_of_content() {
    let mut checks = all_good(N_MIRRORS);
    let end = START + 26 * 3_600;
    let mut n_missing_after = |clock: u64| {
        for mirror in 0..N_MIRRORS {
            let is_lost = clock >= if mirror < 5 { START + 600 } else { end };
            let content = match is_lost {
                true => Content::Failed(failure(FailureClass::Missing)),
                false => Content::Hash(hash(2)),
            };
            let visit = visit(mirror, clock, clock + mirror as u64, Outcome::Good, &content);
            checks.apply(Record::Visit(visit));
        }
        checks.end_round();
        let mut n_missing = [0, 0];
        for (key, state) in &checks.register.mirrors {
            let is_missing = state.repositories.values().any(|known| known.missing_since.is_some());
            n_missing[usize::from(**key >= *"m5")] += usize::from(is_missing);
        }
        n_missing
    };
    let mut after = |from: u64, until: u64| {
        (from..until).step_by(300).map(&mut n_missing_after).last().unwrap_or_default()
    };
    assert_eq!(after(START + 600, START + 24 * 3_600), [0, 0]);
    assert_eq!(after(START + 24 * 3_600, end), [5, 0]);
    assert_eq!(after(end, end + 23 * 3_600), [5, 0]);
    assert_eq!(after(end + 23 * 3_600, end + 26 * 3_600), [5, 3]);
}

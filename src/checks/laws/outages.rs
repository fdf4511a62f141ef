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

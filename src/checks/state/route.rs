//! One base URL over one version of IP: up, down or unknown, from its last probes.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::class::FailureClass;
use crate::moment::Moment;
use crate::observation::{Failure, Outcome, UrlSeen};
use crate::settings::Settings;

/// What is known of a base URL over a version of IP.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteState {
    /// Whether it works.
    pub verdict: RouteVerdict,
    /// Since when it is so; by the clock.
    pub since: Moment,
    /// When it was tried last, whatever came of it; the default if it never was.
    pub tried: Moment,
    /// When it last worked or failed for a reason of its own.
    pub checked: Moment,
    /// The last probes that count, the last one at the end.
    pub window: Vec<Probe>,
    /// When it last failed in a way that may have been our own fault, if it has not worked since; in credited seconds.
    /// It counts once somebody else is known to have worked.
    pub suspected: Option<u64>,
    /// How many times it was tried in vain since it is down.
    pub n_retries: u32,
    /// The last failure, while the last probe has failed.
    pub failure: Option<Failure>,
    /// The address that was connected to last.
    pub address: Option<IpAddr>,
    /// Milliseconds until the first byte of the last good answer.
    pub first_byte: Option<u32>,
    /// The other host that it last redirected to.
    pub redirected_to: Option<String>,
    /// When its certificate expires, in seconds since 1970; `None` without TLS or if it was never seen.
    pub certificate_expires: Option<u64>,
    /// How many seconds were left until then when that certificate was seen first: it lives at least as long.
    pub certificate_left: Option<u64>,
}

/// Whether a base URL works over a version of IP.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteVerdict {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// We have no such version of IP, or the host has no address of it.
    NotTested,
    /// It works.
    Up,
    /// It does not.
    Down,
}

/// One probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// When, in credited seconds.
    pub at: u64,
    /// Whether it succeeded.
    pub is_good: bool,
    /// Whether it succeeded slowly.
    pub is_slow: bool,
}

/// Whether a failure counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// It does.
    Full,
    /// The whole mirror is dead: the rest of it is down, and has begun to fail with this.
    Whole,
    /// It may be our own fault: it counts with the next failure that does.
    Later,
    /// It does not.
    None,
}

impl RouteState {
    /// Takes in what was seen.
    pub(crate) fn observe(
        &mut self,
        seen: &UrlSeen,
        now: Moment,
        trust: Trust,
        settings: &Settings,
    ) {
        self.tried = now;
        let is_trusted = matches!(trust, Trust::Full | Trust::Whole);
        match &seen.outcome {
            Outcome::NoAddress if is_trusted => self.forget(now),
            Outcome::NotTested | Outcome::NoAddress if self.verdict == RouteVerdict::Unknown => {
                self.set(RouteVerdict::NotTested, now);
            }
            // What was known before we lost this version of IP holds for a while.
            Outcome::NotTested
                if now.credited.saturating_sub(self.checked.credited) > settings.unknown_keep =>
            {
                self.forget(now);
            }
            Outcome::NotTested | Outcome::NoAddress => {}
            Outcome::Good => {
                self.failure = None;
                self.suspected = None;
                self.address = seen.address;
                self.first_byte = seen.first_byte;
                self.redirected_to.clone_from(&seen.redirected_to);
                self.see_certificate(seen.certificate_expires, now);
                let is_slow =
                    seen.first_byte.is_some_and(|millis| millis > settings.slow_first_byte);
                self.push(Probe { at: now.credited, is_good: true, is_slow }, now, settings);
                let n_good = self.window.iter().rev().take_while(|probe| probe.is_good).count();
                if self.verdict != RouteVerdict::Down || n_good >= settings.up_successes {
                    self.set(RouteVerdict::Up, now);
                    self.n_retries = 0;
                }
            }
            Outcome::Failed(failure) if failure.class.is_of_mirror() && is_trusted => {
                self.failure = Some(failure.clone());
                self.address = seen.address.or(self.address);
                self.see_certificate(seen.certificate_expires.or(self.certificate_expires), now);
                let failed = |at| Probe { at, is_good: false, is_slow: false };
                if let Some(at) = self.suspected.take() {
                    self.push(failed(at), now, settings);
                }
                self.push(failed(now.credited), now, settings);
                if self.verdict == RouteVerdict::Down {
                    self.n_retries = self.n_retries.saturating_add(1);
                } else if trust == Trust::Whole || self.has_failed(settings) {
                    self.set(RouteVerdict::Down, now);
                }
            }
            Outcome::Failed(failure) if failure.class.is_of_mirror() && trust == Trust::Later => {
                self.failure = Some(failure.clone());
                self.suspected = Some(now.credited);
            }
            // Nothing was learned, so there is nothing to confirm in a hurry either.
            Outcome::Failed(_) => {
                self.suspected = None;
                if self.verdict != RouteVerdict::Down {
                    self.failure = None;
                }
            }
        }
    }

    /// Whether it was tried, failed, and is not down yet.
    pub fn is_in_doubt(&self) -> bool {
        self.verdict != RouteVerdict::Down && self.failure.is_some()
    }

    /// Whether it is down, and worked when it was tried last.
    pub fn is_returning(&self) -> bool {
        self.verdict == RouteVerdict::Down && self.failure.is_none()
    }

    /// So many seconds before its end a certificate should have been renewed: a third of its life at the latest, as
    /// those that live for some days are renewed late.
    pub fn certificate_warning(&self, settings: &Settings) -> u64 {
        let third = self.certificate_left.map_or(u64::MAX, |left| left / 3);
        settings.certificate_warning.min(third)
    }

    /// A certificate that ends later than the one before is another one.
    fn see_certificate(&mut self, expires: Option<u64>, now: Moment) {
        if expires > self.certificate_expires {
            self.certificate_left = expires.map(|expires| expires.saturating_sub(now.clock));
        }
        self.certificate_expires = expires;
    }

    /// Whether it works, but slowly.
    pub fn is_slow(&self, settings: &Settings) -> bool {
        let n_slow = self.window.iter().filter(|probe| probe.is_slow).count();
        self.verdict == RouteVerdict::Up && n_slow >= settings.slow_probes
    }

    /// One word for it: `up`, `slow`, `down`, `forbidden`, `not tested` or `unknown`.
    pub fn word(&self, settings: &Settings) -> &'static str {
        match self.verdict {
            RouteVerdict::Unknown => "unknown",
            RouteVerdict::NotTested => "not tested",
            RouteVerdict::Up if self.is_slow(settings) => "slow",
            RouteVerdict::Up => "up",
            RouteVerdict::Down => match &self.failure {
                Some(failure) if failure.class == FailureClass::Forbidden => "forbidden",
                _ => "down",
            },
        }
    }

    fn has_failed(&self, settings: &Settings) -> bool {
        let mut failures = self.window.iter().filter(|probe| !probe.is_good);
        let n_failures = failures.clone().count();
        let first = failures.next().map_or(0, |probe| probe.at);
        let last = failures.next_back().map_or(first, |probe| probe.at);
        n_failures >= settings.down_failures && last.saturating_sub(first) >= settings.down_span
    }

    /// Adds a probe, unless it repeats one that was just before it.
    fn push(&mut self, probe: Probe, now: Moment, settings: &Settings) {
        self.checked = now;
        if let Some(last) = self.window.last_mut()
            && last.is_good == probe.is_good
            && probe.at.saturating_sub(last.at) < settings.probe_gap()
        {
            last.is_slow = probe.is_slow;
            return;
        }
        self.window.push(probe);
        let n_old = self.window.len().saturating_sub(settings.window);
        self.window.drain(..n_old);
    }

    /// It says nothing any more.
    fn forget(&mut self, now: Moment) {
        self.set(RouteVerdict::NotTested, now);
        let Self { verdict, since, tried, checked, .. } = *self;
        *self = Self { verdict, since, tried, checked, ..Self::default() };
    }

    fn set(&mut self, verdict: RouteVerdict, now: Moment) {
        if self.verdict != verdict {
            self.verdict = verdict;
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use model::families::IpVersion;

    use super::*;

    fn seen(outcome: Outcome) -> UrlSeen {
        UrlSeen {
            url: "http://a.example/".into(),
            version: IpVersion::V4,
            address: None,
            outcome,
            first_byte: Some(10),
            redirected_to: None,
            certificate_expires: None,
        }
    }

    /// Probes, as minutes and whether each one is good (`+`), bad (`-`), slow (`s`) or unknown (`?`).
    #[track_caller]
    fn check(probes: &[(u64, char)], expected: &str) {
        let settings = Settings::default();
        let mut route = RouteState::default();
        for &(minute, result) in probes {
            let failed = |class| Outcome::Failed(Failure::new(class, "http://a.example/", "x"));
            let mut seen = seen(match result {
                '+' | 's' => Outcome::Good,
                '-' => failed(FailureClass::ConnectTimeout),
                'f' => failed(FailureClass::Forbidden),
                'n' => Outcome::NotTested,
                '0' => Outcome::NoAddress,
                _ => failed(FailureClass::OwnNetwork),
            });
            if result == 's' {
                seen.first_byte = Some(6_000);
            }
            let now = Moment { clock: 1_800_000_000 + 60 * minute, credited: 60 * minute };
            route.observe(&seen, now, Trust::Full, &settings);
        }
        assert_eq!(route.word(&settings), expected, "{probes:?}");
    }

    #[test]
    fn three_of_four_failures_over_seven_minutes_are_down() {
        check(&[(0, '+'), (10, '-'), (14, '-'), (18, '-')], "down");
        check(&[(0, '+'), (10, '-'), (14, '-')], "up");
        check(&[(0, '+'), (10, '-'), (14, '+'), (18, '-'), (22, '-')], "down");
        check(&[(0, '+'), (10, '-'), (14, '+'), (18, '+'), (28, '-')], "up");
        check(&[(0, '+'), (10, 'f'), (14, 'f'), (18, 'f')], "forbidden");
    }

    #[test]
    fn probes_in_a_hurry_count_once() {
        check(&[(0, '+'), (10, '-'), (11, '-'), (12, '-'), (13, '-'), (14, '-')], "up");
        let every_minute: Vec<_> = (0..12).map(|minute| (minute, '-')).collect();
        check(&every_minute, "down");
    }

    #[test]
    fn two_good_probes_are_up_again() {
        let down = [(0, '-'), (4, '-'), (8, '-')];
        check(&[&down[..], &[(18, '+')]].concat(), "down");
        check(&[&down[..], &[(18, '+'), (22, '+')]].concat(), "up");
        check(&[&down[..], &[(18, '+'), (22, '-'), (26, '+')]].concat(), "down");
    }

    #[test]
    fn what_is_not_of_the_mirror_changes_nothing() {
        check(&[(0, '+'), (4, '?'), (8, '?'), (12, '?'), (16, '?')], "up");
        check(&[(0, '?'), (4, '?')], "unknown");
    }

    #[test]
    fn a_host_that_loses_its_address_is_not_tested_at_once() {
        check(&[(0, '+'), (10, '0')], "not tested");
        let down = [(0, '-'), (4, '-'), (8, '-')];
        check(&[&down[..], &[(18, '0')]].concat(), "not tested");
        check(&[&down[..], &[(18, '0'), (28, '-')]].concat(), "not tested");
        check(&[&down[..], &[(18, '0'), (28, '+')]].concat(), "up");
    }

    #[test]
    fn what_we_cannot_test_any_more_is_forgotten_after_three_days() {
        let days = 3 * 24 * 60;
        check(&[(0, '+'), (10, 'n'), (days, 'n')], "up");
        check(&[(0, '+'), (10, 'n'), (days + 1, 'n')], "not tested");
        let down = [(0, '-'), (4, '-'), (8, '-')];
        check(&[&down[..], &[(days, 'n')]].concat(), "down");
        check(&[&down[..], &[(days + 9, 'n')]].concat(), "not tested");
    }

    #[test]
    fn a_failure_that_may_be_our_own_is_confirmed_and_does_not_count() {
        let settings = Settings::default();
        let mut route = RouteState::default();
        for minute in 0..60 {
            let failed = Outcome::Failed(Failure::new(FailureClass::ReadTimeout, "u", "x"));
            let now = Moment { clock: 1_800_000_000 + 60 * minute, credited: 60 * minute };
            route.observe(&seen(failed), now, Trust::Later, &settings);
        }
        assert_eq!((route.word(&settings), route.is_in_doubt()), ("unknown", true));
    }

    #[test]
    fn a_suspected_failure_counts_with_the_next_one_that_does() {
        let settings = Settings::default();
        let word = |probes: &[(u64, Option<Trust>)]| {
            let mut route = RouteState::default();
            for &(minute, failed) in probes {
                let failure = Failure::new(FailureClass::ReadTimeout, "u", "x");
                let outcome = failed.map_or(Outcome::Good, |_| Outcome::Failed(failure));
                let now = Moment { clock: 1_800_000_000 + 60 * minute, credited: 60 * minute };
                route.observe(&seen(outcome), now, failed.unwrap_or(Trust::Full), &settings);
            }
            route.word(&settings)
        };
        let (full, later, none) = (Some(Trust::Full), Some(Trust::Later), Some(Trust::None));
        assert_eq!(word(&[(0, None), (10, later), (14, full), (18, full)]), "down");
        assert_eq!(word(&[(0, None), (10, later), (12, later), (14, full), (18, full)]), "up");
        assert_eq!(word(&[(0, None), (10, later), (12, None), (14, full), (18, full)]), "up");
        assert_eq!(word(&[(0, None), (10, later), (12, none), (14, full), (18, full)]), "up");
    }

    #[test]
    fn slow_is_three_of_four() {
        check(&[(0, 's'), (10, 's'), (20, 's')], "slow");
        check(&[(0, 's'), (10, 's'), (20, '+')], "up");
        check(&[(0, 's'), (10, 's'), (20, 's'), (30, '+'), (40, '+')], "up");
    }

    #[test]
    fn a_certificate_ends_soon_in_the_last_third_of_a_short_life() {
        const DAY: u64 = 86_400;
        let settings = Settings::default();
        let mut route = RouteState::default();
        let mut warning = |day: u64, expires: u64| {
            let certificate_expires = Some(1_800_000_000 + DAY * expires);
            let seen = UrlSeen { certificate_expires, ..seen(Outcome::Good) };
            let now = Moment { clock: 1_800_000_000 + DAY * day, credited: DAY * day };
            route.observe(&seen, now, Trust::Full, &settings);
            route.certificate_warning(&settings)
        };
        assert_eq!(RouteState::default().certificate_warning(&settings), 14 * DAY);
        assert_eq!(warning(0, 90), 14 * DAY);
        assert_eq!(warning(80, 90), 14 * DAY, "the same is seen later");
        assert_eq!(warning(81, 87), 14 * DAY, "an earlier end is that of another one beside it");
        assert_eq!(warning(82, 88), 2 * DAY, "this one is new, and lives six days");
        assert_eq!(warning(87, 88), 2 * DAY);
    }
}

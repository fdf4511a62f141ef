//! Time as verdicts see it: a clock that can jump, and credited time, which cannot.
//!
//! Whatever is a duration (how long something fails, how long it is unknown) is measured in credited time. It
//! goes on from visit to visit, never back, and by a limited step, and stands still while nobody can be reached
//! ([`round`](crate::round)). So neither a clock that was set nor days in which nobody was visited make
//! anything look old.

use serde::{Deserialize, Serialize};

/// The most seconds that count between one visit and the next one of any mirror. It is more than the longest
/// time between two visits if there is one mirror, and that one is down.
const MAX_STEP: u64 = 8 * 3600;
/// Visits are judged in the order in which they ended, more or less: so many seconds back are no jump.
const MAX_DISORDER: u64 = 15 * 60;
/// How long all clocks are below the latest one before that one was wrong, or its machine is gone. Until then
/// nothing ages.
const MAX_LAG: u64 = 30 * 60;

/// A time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// Seconds since 1970, by the clock of the machine that visits.
    pub clock: u64,
    /// Seconds since the first visit, as far as they are believed.
    pub credited: u64,
}

impl Moment {
    /// This time, or `credited` if time has stood still since then.
    #[must_use]
    pub(crate) fn held(self, credited: u64) -> Self {
        Self { credited: self.credited.min(credited), ..self }
    }
}

/// Whether a clock has to go far to show `at`, so that it was set back since. A little is the disorder of several, or of
/// one that is put right.
pub(crate) fn is_to_come(at: u64, clock: u64) -> bool {
    at > clock.saturating_add(MAX_DISORDER)
}

/// From which clocks credited time was made. Machines whose clocks differ visit in turn, so only what goes beyond the
/// latest clock that was seen is credited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clocks {
    /// The latest clock that was seen, and that counts; 0 before the first visit.
    latest: u64,
    /// The first clock of those below it, if no visit has reached it since.
    below: Option<u64>,
}

impl Clocks {
    /// The time after `now` at which a clock shows `clock`.
    #[must_use]
    pub fn next(&mut self, now: Moment, clock: u64) -> Moment {
        let step = match self.latest {
            0 => 0,
            latest => clock.saturating_sub(latest).min(MAX_STEP),
        };
        let is_below = clock.saturating_add(MAX_DISORDER) < self.latest;
        let first = self.below.filter(|_| is_below).map_or(clock, |first| first.min(clock));
        self.below = is_below.then_some(first);
        // Nobody has a clock as late as that any more: it was set back.
        let is_set_back = is_below && clock - first >= MAX_LAG;
        if is_set_back || clock > self.latest {
            *self = Self { latest: clock, below: None };
        }
        if (clock..=clock.saturating_add(MAX_DISORDER)).contains(&now.clock) {
            return now;
        }
        Moment { clock, credited: now.credited.saturating_add(step) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_800_000_000;

    /// Credited time after visits by these clocks, in seconds after the start.
    #[track_caller]
    fn check(clocks: impl IntoIterator<Item = i64>, expected: u64) {
        let (mut known, mut now) = (Clocks::default(), Moment::default());
        for clock in clocks {
            now = known.next(now, START.saturating_add_signed(clock));
        }
        assert_eq!(now.credited, expected);
    }

    #[test]
    fn credited_time_goes_on_by_small_steps_whatever_the_clock_does() {
        check([0], 0);
        check([0, 60], 60);
        check([0, 60, 50, 70], 70);
        check([0, -100_000_000], 0);
        check([0, 100_000_000], MAX_STEP);
    }

    #[test]
    fn a_clock_that_is_set_back_counts_again_after_half_an_hour() {
        let back = -100_000_000;
        check([0, back, back + 1_790], 0);
        check([0, back, back + 1_800, back + 1_860], 60);
        let visits = (0..100).map(|minute| back + 60 * minute);
        check([0].into_iter().chain(visits), 69 * 60);
    }

    #[test]
    fn machines_with_different_clocks_age_nothing() {
        for skew in [10_i64, 20, 600, 10_000] {
            let day = (0..1_440).flat_map(|minute| [60 * minute, 60 * (minute + skew)]);
            let most = 86_400 + 60 * skew.unsigned_abs();
            let (mut known, mut now) = (Clocks::default(), Moment::default());
            for clock in day {
                now = known.next(now, START.saturating_add_signed(clock));
            }
            assert!(now.credited <= most, "{skew}: {}", now.credited);
            assert!(now.credited >= 86_340, "{skew}: {}", now.credited);
        }
    }
}

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
    /// The time at which the clock shows `clock`.
    #[must_use]
    pub fn at(self, clock: u64) -> Self {
        if (clock..=clock.saturating_add(MAX_DISORDER)).contains(&self.clock) {
            return self;
        }
        let step = if self.clock == 0 { 0 } else { clock.saturating_sub(self.clock).min(MAX_STEP) };
        Self { clock, credited: self.credited.saturating_add(step) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credited_time_goes_on_by_small_steps_whatever_the_clock_does() {
        let start = Moment::default().at(1_800_000_000);
        assert_eq!(start.credited, 0);
        assert_eq!(start.at(1_800_000_060).credited, 60);
        assert_eq!(start.at(1_799_999_990), start, "that visit began a little earlier");
        assert_eq!(start.at(1_700_000_000).credited, 0);
        assert_eq!(start.at(1_700_000_000).at(1_700_000_010).credited, 10);
        assert_eq!(start.at(1_900_000_000).credited, MAX_STEP);
    }
}

//! Limits how often something happens: once per interval, such as a line of the log that clients can
//! cause, or so many times a second, such as pages that take longer than an answer.
//!
//! Only time resets the limiter. A success in between does not: if failures and successes alternate,
//! every failure would otherwise be logged.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two log lines of one kind that clients can cause.
pub const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Lets something happen once per interval. It takes a lock, so it is not used where requests are
/// answered normally.
#[derive(Debug)]
pub struct RateLimiter {
    interval: Duration,
    last: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// A limiter that lets the first event pass.
    pub const fn new(interval: Duration) -> Self {
        Self { interval, last: Mutex::new(None) }
    }

    /// Whether it may happen now; if so, the interval begins.
    pub fn take(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= self.interval);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

/// Lets something happen so many times a second on average, and as many at once after a quiet second. It
/// takes a lock, as [`RateLimiter`] does.
#[derive(Debug)]
pub struct RateBudget {
    per_second: u32,
    /// The time from which on the budget counts as unused: it is spent as far as this is in the future.
    unused_from: Mutex<Option<Instant>>,
}

impl RateBudget {
    /// A budget of `per_second` times a second, at least once.
    pub fn new(per_second: u32) -> Self {
        Self { per_second: per_second.max(1), unused_from: Mutex::new(None) }
    }

    /// Whether it may happen once more now; if so, that is spent.
    pub fn take(&self, now: Instant) -> bool {
        let (second, one) = (Duration::from_secs(1), Duration::from_secs(1) / self.per_second);
        let mut unused_from = self.unused_from.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = unused_from.map_or(Duration::ZERO, |from| from.saturating_duration_since(now));
        let is_left = spent + one <= second;
        if is_left {
            *unused_from = Some(now + spent + one);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of 100 attempts at each of these times in ms succeed.
    #[track_caller]
    fn check_budget(per_second: u32, expected: &[(u64, usize)]) {
        let (budget, start) = (RateBudget::new(per_second), Instant::now());
        for &(at, n) in expected {
            let now = start + Duration::from_millis(at);
            assert_eq!((0..100).filter(|_| budget.take(now)).count(), n, "at {at} ms");
        }
    }

    #[test]
    fn a_budget_fills_up_evenly_and_never_holds_more_than_a_second() {
        check_budget(5, &[(0, 5), (0, 0), (199, 0), (200, 1), (1_000, 4), (9_000, 5), (9_100, 0)]);
        check_budget(1, &[(0, 1), (999, 0), (1_000, 1), (86_400_000, 1)]);
        check_budget(0, &[(0, 1), (999, 0), (1_000, 1)]);
        // A clock that steps back costs nobody more than the present second.
        check_budget(2, &[(5_000, 2), (4_000, 0), (5_500, 1)]);
        // No error is carried along where a second cannot be divided: three a second for 100 seconds.
        let (budget, start) = (RateBudget::new(3), Instant::now());
        let times = (0..=10_000).map(|at| start + Duration::from_millis(at * 10));
        let n = times.filter(|&now| budget.take(now)).count();
        assert!((300..=304).contains(&n), "{n}");
    }

    #[test]
    fn it_happens_once_per_interval() {
        let (limiter, start) = (RateLimiter::new(LOG_INTERVAL), Instant::now());
        let taken =
            [0, 0, 59, 60, 61, 119, 120].map(|at| limiter.take(start + Duration::from_secs(at)));
        assert_eq!(taken, [true, false, false, true, false, false, true]);
    }
}

//! Limits how often something happens, such as a line of the log that clients can cause.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_happens_once_per_interval() {
        let (limiter, start) = (RateLimiter::new(LOG_INTERVAL), Instant::now());
        let taken =
            [0, 0, 59, 60, 61, 119, 120].map(|at| limiter.take(start + Duration::from_secs(at)));
        assert_eq!(taken, [true, false, false, true, false, false, true]);
    }
}

//! Limits how often something happens, such as a line of the log that clients can cause.
//!
//! Only time lifts the limit. A success in between does not: where failures and successes alternate,
//! each of them would otherwise begin a new episode with a line of its own.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a line is logged at most that clients can cause.
pub const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Lets something happen once per interval. It has a lock, and so no place where requests are answered
/// as usual.
#[derive(Debug)]
pub struct RateLimiter {
    interval: Duration,
    last: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// A limiter that lets the first one pass.
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

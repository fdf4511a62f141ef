//! How many pages explain answers at a time, and a second, in the whole process.

use std::time::{Duration, Instant};

use crate::pages::page_threads::PageThreads;
use runtime::rate_limiter::RateBudget;

/// The number of pages that are made at the same time.
const MAX_PAGES: usize = 2;
/// How long a request waits for a thread. Pages take milliseconds.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The limits of the page that explains answers.
pub struct ExplainLimits {
    /// Where it is made.
    pub(super) threads: PageThreads,
    budget: RateBudget,
}

impl ExplainLimits {
    /// Allows `per_second` pages a second.
    pub fn new(per_second: u32) -> Self {
        Self { threads: PageThreads::new(MAX_PAGES, MAX_WAIT), budget: RateBudget::new(per_second) }
    }

    /// Whether one more page may be made now.
    pub(super) fn may_make_one(&self, now: Instant) -> bool {
        self.budget.take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_pages_are_made_in_a_second() {
        let (limits, start) = (ExplainLimits::new(3), Instant::now());
        let allowed = |at: u64| limits.may_make_one(start + Duration::from_millis(at));
        assert_eq!(
            [0, 1, 2, 3, 300, 340, 341].map(allowed),
            [true, true, true, false, false, true, false]
        );
    }
}

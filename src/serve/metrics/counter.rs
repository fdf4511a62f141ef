//! A counter that many threads add to.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that many threads add to.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        // Relaxed: counters do not order other memory accesses; they are only displayed.
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Subtracts one; for gauges.
    pub fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Adds a possibly negative number in two's complement and returns the new value; for gauges.
    pub(super) fn change_by(&self, change: u64) -> u64 {
        self.0.fetch_add(change, Ordering::Relaxed).wrapping_add(change)
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

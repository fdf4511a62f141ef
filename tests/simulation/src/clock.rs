//! The time of the simulated world.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use store::record::Timestamp;
use tokio::time::Instant;

/// When the world begins, by the clock of its store.
const BEGIN: i64 = 1_800_000_000_000;

thread_local! {
    /// When the slice of time began that a process is driven for, by its own clock.
    static SLICE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The time of the world, in milliseconds, and the clock of the store, which may differ. Clones share it.
#[derive(Clone, Default)]
pub struct WorldClock(Arc<State>);

#[derive(Default)]
struct State {
    now: AtomicI64,
    offset: AtomicI64,
}

impl WorldClock {
    /// The milliseconds since the world began.
    pub fn now(&self) -> i64 {
        let slice = SLICE.get().map_or(Duration::ZERO, |begin| begin.elapsed());
        self.0.now.load(Ordering::Relaxed) + i64::try_from(slice.as_millis()).unwrap_or(0)
    }

    /// Lets time pass.
    pub fn pass(&self, milliseconds: i64) {
        self.0.now.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Sets the clock of the store, to so many milliseconds before or after the time of the world.
    pub fn set_offset(&self, milliseconds: i64) {
        self.0.offset.store(milliseconds, Ordering::Relaxed);
    }

    /// The clock of the store.
    pub fn of_store(&self) -> store::sqlite::Clock {
        let clock = self.clone();
        Arc::new(move || {
            let offset = clock.0.offset.load(Ordering::Relaxed);
            Timestamp(BEGIN + clock.now() + offset)
        })
    }
}

/// A process begins to be driven, on whose runtime this is called: time passes by its clock until the
/// returned value is dropped.
pub(crate) fn begin_slice() -> Slice {
    SLICE.set(Some(Instant::now()));
    Slice
}

/// A slice of time.
pub(crate) struct Slice;

impl Drop for Slice {
    fn drop(&mut self) {
        SLICE.set(None);
    }
}

//! The history of loads: the outcome of the last ones, for status pages and notifications.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::load::{Loaded, StandIn};
use sources::Revision;

/// The number of warnings that are kept; the log has all of them.
const MAX_WARNINGS: usize = 200;

/// A record of the last published load and the last attempt, shared between threads.
#[derive(Default, Debug)]
pub struct History {
    record: Mutex<LoadRecord>,
    n_begun: AtomicU64,
    /// The start of the current load; a load that was given up does not count.
    running: Mutex<Option<Instant>>,
    /// One reference for each thread that loads, and this one.
    loading: Arc<()>,
    last_revision: Mutex<Option<Revision>>,
    retry: AtomicBool,
    watch_state: Mutex<Option<WatchState>>,
}

/// The history at one moment.
#[derive(Clone, Default, Debug)]
pub struct LoadRecord {
    /// When the data that are served were published.
    pub published: Option<SystemTime>,
    /// The length of their file, or of the file that `compile` would write.
    pub bytes: u64,
    /// Why the data are not the newest; `None` if they are.
    pub stand_in: Option<StandIn>,
    /// What was skipped or repaired in the data, a line each, up to a limit.
    pub warnings: Vec<String>,
    /// The number of these lines before the limit was applied.
    pub n_warnings: usize,
    /// The last attempt; `None` before the first load has ended.
    pub last: Option<Attempt>,
}

/// One attempt to load.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its number, from 1 on.
    pub number: u64,
    /// When it ended.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Why it was refused; `None` if it was published.
    pub refused: Option<String>,
}

/// The state of the watched files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WatchState {
    /// How long the files must stay unchanged before a reload.
    pub quiet: Duration,
    /// When a change was last seen; `None` if there was none since the start.
    pub last_change: Option<SystemTime>,
    /// Whether a change was seen and the quiet time has not ended yet.
    pub is_waiting: bool,
    /// When the files were last checked. It does not advance while a check hangs.
    pub last_check: SystemTime,
}

impl History {
    /// Returns a copy of the record.
    pub fn get(&self) -> LoadRecord {
        lock(&self.record).clone()
    }

    /// Records that a load begins. There is one at a time, apart from those that were given up and still
    /// hang.
    pub fn begin(&self) {
        self.n_begun.fetch_add(1, Ordering::SeqCst);
        *lock(&self.running) = Some(Instant::now());
    }

    /// Records the revision of the data that the current load has found.
    pub fn set_revision(&self, revision: Revision) {
        *lock(&self.last_revision) = Some(revision);
    }

    /// Returns how long the current load has been running; `None` if none is.
    pub fn running(&self) -> Option<Duration> {
        lock(&self.running).map(|begin| begin.elapsed())
    }

    /// Returns a reference for a thread to hold while it loads; `n_loading` counts these references.
    pub fn loading(&self) -> Arc<()> {
        Arc::clone(&self.loading)
    }

    /// Returns the number of threads that load: the current load, and those that were given up.
    pub fn n_loading(&self) -> usize {
        Arc::strong_count(&self.loading) - 1
    }

    /// Returns how many loads have begun. A load with a greater number sees the files as they are now or
    /// later.
    pub fn n_begun(&self) -> u64 {
        self.n_begun.load(Ordering::SeqCst)
    }

    /// Returns the revision that was last loaded, successfully or not; `None` if another load of it may
    /// have another outcome.
    pub fn last_revision(&self) -> Option<Revision> {
        lock(&self.last_revision).clone()
    }

    /// Requests another load of the same files, because they could not be read.
    pub fn want_retry(&self) {
        *lock(&self.last_revision) = None;
        self.retry.store(true, Ordering::SeqCst);
    }

    /// Returns whether another load was requested, and clears the request.
    pub fn take_retry(&self) -> bool {
        self.retry.swap(false, Ordering::SeqCst)
    }

    /// Records the state of the watched files.
    pub fn set_watch_state(&self, watch_state: WatchState) {
        *lock(&self.watch_state) = Some(watch_state);
    }

    /// Returns the state of the watched files; `None` if none are watched.
    pub fn watch_state(&self) -> Option<WatchState> {
        lock(&self.watch_state).clone()
    }

    /// Records a load that was published.
    pub fn publish(&self, took: Duration, loaded: &Loaded) {
        let now = SystemTime::now();
        *lock(&self.record) = LoadRecord {
            published: Some(now),
            bytes: loaded.bytes,
            stand_in: loaded.stand_in.clone(),
            warnings: loaded.diagnostics().take(MAX_WARNINGS).cloned().collect(),
            n_warnings: loaded.diagnostics().count(),
            last: Some(Attempt { number: self.n_begun(), at: now, took, refused: None }),
        };
        *lock(&self.running) = None;
    }

    /// Records a load that was refused.
    pub fn refuse(&self, took: Duration, reason: String) {
        let attempt =
            Attempt { number: self.n_begun(), at: SystemTime::now(), took, refused: Some(reason) };
        lock(&self.record).last = Some(attempt);
        *lock(&self.running) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Values behind these mutexes are replaced as a whole, so a panic leaves them consistent.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

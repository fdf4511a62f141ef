//! What became of loads: for people who ask why the data are what they are.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::source::{Loaded, StandIn};
use sources::Revision;

/// Warnings that are kept; the log has them all.
const MAX_WARNINGS: usize = 200;

/// The last load that was published, and the last one that was tried.
#[derive(Default, Debug)]
pub struct History {
    record: Mutex<LoadRecord>,
    n_begun: AtomicU64,
    /// When the load began that somebody waits for.
    running: Mutex<Option<Instant>>,
    /// One for each thread that loads, and one here.
    loading: Arc<()>,
    tried: Mutex<Option<Revision>>,
    retry: AtomicBool,
    watched: Mutex<Option<Watched>>,
}

/// What is known at one moment.
#[derive(Clone, Default, Debug)]
pub struct LoadRecord {
    /// When the data that are served were published.
    pub published: Option<SystemTime>,
    /// The length of their file, or of the file that `compile` would write.
    pub bytes: u64,
    /// Why they are not the newest; `None` if they are.
    pub stand_in: Option<StandIn>,
    /// What was skipped or repaired in them, a line each, up to a limit.
    pub warnings: Vec<String>,
    /// How many lines there were.
    pub n_warnings: usize,
    /// The last try; `None` before the first load has ended.
    pub last: Option<Attempt>,
}

/// One try.
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

/// What is known of the watched files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    /// How long they must be left alone.
    pub quiet: Duration,
    /// When a change was last seen; `None` since the start.
    pub last_change: Option<SystemTime>,
    /// Whether a change waits for the quiet time to end.
    pub is_waiting: bool,
    /// When they were last looked at. It stands still while a look hangs.
    pub last_look: SystemTime,
}

impl History {
    /// What is known now.
    pub fn get(&self) -> LoadRecord {
        lock(&self.record).clone()
    }

    /// A load begins. There is one at a time, but for those that were given up and still hang.
    pub fn begin(&self) {
        self.n_begun.fetch_add(1, Ordering::SeqCst);
        *lock(&self.running) = Some(Instant::now());
    }

    /// The load that runs has found this revision of the data.
    pub fn found(&self, revision: Revision) {
        *lock(&self.tried) = Some(revision);
    }

    /// How long the load that runs has been running; `None` while none does.
    pub fn running(&self) -> Option<Duration> {
        lock(&self.running).map(|begin| begin.elapsed())
    }

    /// To be held by a thread for as long as it loads.
    pub fn loading(&self) -> Arc<()> {
        Arc::clone(&self.loading)
    }

    /// Threads that load: the one that somebody waits for, and those that were given up.
    pub fn n_loading(&self) -> usize {
        Arc::strong_count(&self.loading) - 1
    }

    /// How many loads have begun. One with a greater number sees the files as they are now or later.
    pub fn n_begun(&self) -> u64 {
        self.n_begun.load(Ordering::SeqCst)
    }

    /// The revision that was last loaded, successfully or not; `None` where that says nothing of what
    /// comes of it.
    pub fn tried(&self) -> Option<Revision> {
        lock(&self.tried).clone()
    }

    /// The files could not be read, and should be tried again although they are the same.
    pub fn want_retry(&self) {
        *lock(&self.tried) = None;
        self.retry.store(true, Ordering::SeqCst);
    }

    /// Whether that is so. Asking answers it.
    pub fn take_retry(&self) -> bool {
        self.retry.swap(false, Ordering::SeqCst)
    }

    /// Files are watched.
    pub fn watch(&self, watched: Watched) {
        *lock(&self.watched) = Some(watched);
    }

    /// What is known of the files that are watched; `None` if none are.
    pub fn watched(&self) -> Option<Watched> {
        lock(&self.watched).clone()
    }

    /// A load was published.
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

    /// A load was refused.
    pub fn refuse(&self, took: Duration, reason: String) {
        let attempt =
            Attempt { number: self.n_begun(), at: SystemTime::now(), took, refused: Some(reason) };
        lock(&self.record).last = Some(attempt);
        *lock(&self.running) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind one of these is replaced as a whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

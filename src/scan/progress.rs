//! How far a scan is, for somebody who waits for it, or wants it to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters that a scan moves on.
#[derive(Debug, Default)]
pub struct Progress {
    n_directories: AtomicU64,
    n_files: AtomicU64,
    n_read: AtomicU64,
    is_stopped: AtomicBool,
}

impl Progress {
    /// Directories, regular files in them, and files that were read for their checksums.
    pub fn counts(&self) -> (u64, u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.n_directories), load(&self.n_files), load(&self.n_read))
    }

    /// Makes the scan end soon, without an index.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the scan is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// Counts a directory with its files.
    pub(super) fn add(&self, n_files: u64) {
        self.n_directories.fetch_add(1, Ordering::Relaxed);
        self.n_files.fetch_add(n_files, Ordering::Relaxed);
    }

    /// Counts a regular file.
    pub(super) fn add_file(&self) {
        self.n_files.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a file that was read.
    pub(super) fn add_read(&self) {
        self.n_read.fetch_add(1, Ordering::Relaxed);
    }
}

//! Decides when changes of files are taken up: once the files have been left alone for a while.
//!
//! Files are delivered one after the other, so nothing is read before all have stayed unchanged for the quiet
//! time. Files that keep changing are taken up after [`MAX_QUIET_TIMES`] quiet times all the same.

use std::time::{Duration, Instant};

use sources::Revision;

/// Quiet times of uninterrupted change after which changes are taken up anyway.
pub const MAX_QUIET_TIMES: u32 = 60;

/// Detects when changing files have settled; the caller passes the time.
pub struct Debouncer {
    quiet: Duration,
    /// The revision at the last check.
    seen: Revision,
    /// When the revision last differed from the one before.
    changed: Instant,
    /// The first change that has not led to a reload yet; `None` if there is none.
    began: Option<Instant>,
    /// Whether this waits to retry unchanged files that could not be read.
    is_retry: bool,
}

/// Why changes are to be taken up now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// The files have stayed unchanged for the quiet time.
    Quiet,
    /// The files that could not be read have not changed, and the quiet time is over.
    Retry,
    /// The files kept changing for too long.
    TimedOut,
}

impl Debouncer {
    /// Begins with files as they were seen and taken up.
    pub fn new(quiet: Duration, seen: Revision) -> Self {
        Self { quiet, seen, changed: Instant::now(), began: None, is_retry: false }
    }

    /// How long files must stay unchanged.
    pub fn quiet(&self) -> Duration {
        self.quiet
    }

    /// The revision at the last check.
    pub fn seen(&self) -> &Revision {
        &self.seen
    }

    /// Whether a change was seen that has not been reported yet.
    pub fn is_waiting(&self) -> bool {
        self.began.is_some()
    }

    /// Waits for another quiet time, to retry the present files.
    pub fn retry(&mut self, now: Instant) {
        if self.began.is_none() {
            self.changed = now;
            self.began = Some(now);
            self.is_retry = true;
        }
    }

    /// Takes the revision as it is `now`; returns whether changes are to be taken up.
    pub fn observe(&mut self, now: Instant, revision: Revision) -> Option<Settled> {
        if revision != self.seen {
            self.seen = revision;
            self.changed = now;
            self.began.get_or_insert(now);
            self.is_retry = false;
        }
        let began = self.began?;
        if now.duration_since(self.changed) >= self.quiet {
            self.began = None;
            let is_retry = std::mem::take(&mut self.is_retry);
            return Some(if is_retry { Settled::Retry } else { Settled::Quiet });
        }
        if now.duration_since(began) >= self.quiet * MAX_QUIET_TIMES {
            // If the changes go on, a reload is due again after the same time.
            self.began = Some(now);
            return Some(Settled::TimedOut);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::Source;
    use super::*;

    /// Returns the reloads for a file that has this content at each second; `-` is a missing file.
    fn observe(quiet: u64, contents: &str) -> Vec<(usize, Settled)> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("data");
        let source = Source::Snapshot(path.clone());
        let mut debouncer = Debouncer::new(Duration::from_secs(quiet), source.revision());
        let start = Instant::now();
        let mut last = '-';
        let mut reloads = Vec::new();
        for (second, content) in contents.chars().enumerate() {
            if content != last && content == '-' {
                std::fs::remove_file(&path).expect("a removal");
            } else if content != last {
                // Lengths differ, because timestamps of the file system may be coarse.
                std::fs::write(&path, "x".repeat(content as usize)).expect("a write");
            }
            last = content;
            let now = start + Duration::from_secs(second as u64);
            reloads
                .extend(debouncer.observe(now, source.revision()).map(|reason| (second, reason)));
        }
        reloads
    }

    #[test]
    fn a_burst_of_changes_ends_once_with_the_quiet_time() {
        assert_eq!(observe(3, "aaaaaaaa"), [(3, Settled::Quiet)]);
        assert_eq!(observe(3, "abbccdddddd"), [(8, Settled::Quiet)]);
        assert_eq!(observe(3, "aaaab-bbbbbbb"), [(3, Settled::Quiet), (9, Settled::Quiet)]);
        assert_eq!(observe(3, "aabb-aab"), []);
    }

    #[test]
    fn what_could_not_be_read_is_tried_again_after_the_quiet_time() {
        let quiet = Duration::from_secs(3);
        let source = Source::Snapshot("/nonexistent".into());
        let mut debouncer = Debouncer::new(quiet, source.revision());
        let start = Instant::now();
        debouncer.retry(start);
        assert_eq!(debouncer.observe(start + quiet / 2, source.revision()), None);
        assert_eq!(debouncer.observe(start + quiet, source.revision()), Some(Settled::Retry));
        assert_eq!(debouncer.observe(start + quiet * 9, source.revision()), None);
        // A change during the wait for a retry counts as a change.
        let there = Source::Snapshot(std::env::temp_dir());
        debouncer.retry(start);
        assert_eq!(debouncer.observe(start, there.revision()), None);
        assert_eq!(debouncer.observe(start + quiet, there.revision()), Some(Settled::Quiet));
    }

    #[test]
    fn files_that_are_never_quiet_are_tried_after_all() {
        let changing = "ab".repeat(70);
        let n = MAX_QUIET_TIMES as usize * 2;
        assert_eq!(observe(2, &changing), [(n, Settled::TimedOut)]);
        let twice = observe(2, &changing.repeat(2));
        assert_eq!(twice, [(n, Settled::TimedOut), (2 * n, Settled::TimedOut)]);
    }
}

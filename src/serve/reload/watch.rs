//! Watches the data files, and reloads after a change once they have been quiet for a while.
//!
//! A thread checks every file four times per quiet time, at least once a second, and compares its state
//! with the last one (see [`Revision`]). It polls, because polling works everywhere: inotify does not
//! report what another host writes to NFS or to the far side of a bind mount, must be set up again
//! whenever a folder is replaced or a link points elsewhere, and its queue overflows. Checking four
//! files costs a few microseconds.
//!
//! Files are delivered one after the other, by tools that write in place, rename, or swap a link or a
//! folder. So nothing is read before all files have stayed unchanged for the quiet time. A missing file
//! is a state like any other. If it is missing only between two checks, that is not noticed; if it stays
//! away for longer, a reload is refused and logs that, and its return is another change. A revision that
//! was tried is not tried again, whether it was refused, or read meanwhile because of a signal.
//!
//! The exception is a state that the system could not read, for example for lack of file handles or
//! memory. It is tried again after the quiet time.
//!
//! Files that keep changing would never be loaded. So after [`MAX_QUIET_TIMES`] quiet times of changes a
//! reload is requested anyway. It is published if the files happen not to change while they are read;
//! otherwise it is refused, with the name of the file that changed.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use super::history::{History, WatchState};
use super::job::Reloader;
use super::load::Source;
use crate::metrics::ReloadTrigger;
use runtime::supervise::{Supervisor, Thread};
use sources::Revision;

/// Quiet times of uninterrupted change after which a reload is tried anyway.
pub const MAX_QUIET_TIMES: u32 = 60;
/// The longest interval between two checks; it is shorter with a short quiet time.
const MAX_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The running thread. It ends when this is dropped. It is not joined, because checking a file on a
/// network that is down can block for a long time.
pub struct FileWatch {
    _stop: Sender<()>,
}

impl FileWatch {
    /// Starts the thread, after the first load: changes are relative to the revision that was loaded.
    pub fn start(
        source: Source,
        quiet: Duration,
        reloader: Reloader,
        history: Arc<History>,
        supervisor: &Supervisor,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        // Read here and not on the thread, so that a change before the thread starts is noticed.
        let mut debouncer =
            Debouncer::new(quiet, history.last_revision().unwrap_or_else(|| source.revision()));
        let last_check = SystemTime::now();
        let mut watch_state =
            WatchState { quiet, last_change: None, is_waiting: false, last_check };
        history.set_watch_state(watch_state.clone());
        drop(supervisor.spawn(Thread::Watch, move || {
            watch(&source, &mut debouncer, &mut watch_state, &reloader, &history, &stopped);
        })?);
        Ok(Self { _stop: stop })
    }
}

fn watch(
    source: &Source,
    debouncer: &mut Debouncer,
    watch_state: &mut WatchState,
    reloader: &Reloader,
    history: &History,
    stopped: &Receiver<()>,
) {
    let quiet = debouncer.quiet;
    let interval = (quiet / 4).min(MAX_CHECK_INTERVAL);
    while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        let revision = source.revision();
        if revision != debouncer.seen {
            watch_state.last_change = Some(SystemTime::now());
        }
        if history.take_retry() {
            debouncer.retry(Instant::now());
        }
        let reason = debouncer.observe(Instant::now(), revision);
        watch_state.is_waiting = debouncer.began.is_some();
        watch_state.last_check = SystemTime::now();
        history.set_watch_state(watch_state.clone());
        let Some(reason) = reason else { continue };
        if history.last_revision().as_ref() == Some(&debouncer.seen) {
            // The files are as they were before, or a signal was faster.
            continue;
        }
        match reason {
            ReloadReason::Quiet => tracing::info!("the data files have changed; reloading"),
            ReloadReason::Retry => tracing::info!("the data files could not be read; trying again"),
            ReloadReason::TimedOut => tracing::warn!(
                "the data files keep changing and have not been quiet for {quiet:?} in {:?}; \
                 reloading all the same",
                quiet * MAX_QUIET_TIMES
            ),
        }
        reloader.request(ReloadTrigger::Watch);
    }
}

/// Detects when changing files have settled; the caller passes the time.
struct Debouncer {
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

/// The reason why a reload is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ReloadReason {
    /// The files have stayed unchanged for the quiet time.
    Quiet,
    /// The files that could not be read have not changed, and the quiet time is over.
    Retry,
    /// The files kept changing for too long.
    TimedOut,
}

impl Debouncer {
    fn new(quiet: Duration, seen: Revision) -> Self {
        Self { quiet, seen, changed: Instant::now(), began: None, is_retry: false }
    }

    /// Waits for another quiet time, to retry the present files.
    fn retry(&mut self, now: Instant) {
        if self.began.is_none() {
            self.changed = now;
            self.began = Some(now);
            self.is_retry = true;
        }
    }

    fn observe(&mut self, now: Instant, revision: Revision) -> Option<ReloadReason> {
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
            return Some(if is_retry { ReloadReason::Retry } else { ReloadReason::Quiet });
        }
        if now.duration_since(began) >= self.quiet * MAX_QUIET_TIMES {
            // If the changes go on, a reload is due again after the same time.
            self.began = Some(now);
            return Some(ReloadReason::TimedOut);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the reloads for a file that has this content at each second; `-` is a missing file.
    fn observe(quiet: u64, contents: &str) -> Vec<(usize, ReloadReason)> {
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
        assert_eq!(observe(3, "aaaaaaaa"), [(3, ReloadReason::Quiet)]);
        assert_eq!(observe(3, "abbccdddddd"), [(8, ReloadReason::Quiet)]);
        assert_eq!(
            observe(3, "aaaab-bbbbbbb"),
            [(3, ReloadReason::Quiet), (9, ReloadReason::Quiet)]
        );
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
        assert_eq!(debouncer.observe(start + quiet, source.revision()), Some(ReloadReason::Retry));
        assert_eq!(debouncer.observe(start + quiet * 9, source.revision()), None);
        // A change during the wait for a retry counts as a change.
        let there = Source::Snapshot(std::env::temp_dir());
        debouncer.retry(start);
        assert_eq!(debouncer.observe(start, there.revision()), None);
        assert_eq!(debouncer.observe(start + quiet, there.revision()), Some(ReloadReason::Quiet));
    }

    #[test]
    fn files_that_are_never_quiet_are_tried_after_all() {
        let changing = "ab".repeat(70);
        let n = MAX_QUIET_TIMES as usize * 2;
        assert_eq!(observe(2, &changing), [(n, ReloadReason::TimedOut)]);
        let twice = observe(2, &changing.repeat(2));
        assert_eq!(twice, [(n, ReloadReason::TimedOut), (2 * n, ReloadReason::TimedOut)]);
    }
}

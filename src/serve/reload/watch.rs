//! Watching the data files: a change is taken up once they have been quiet for a while.
//!
//! A thread looks at every file a few times a second and compares what tells two states apart (see
//! [`Revision`]). It asks instead of being told, because asking works everywhere: inotify reports nothing
//! of what another host writes to NFS or to the far side of a bind mount, must be set up again
//! whenever a folder is replaced or a link points elsewhere, and its queue overflows. Looking at four
//! files costs a few microseconds.
//!
//! Files are delivered one after the other, by tools that write in place, rename, or swap a link or
//! a folder, so nothing is read before all of them have been left alone for the quiet time. A file
//! that is missing is a state like any other: gone for a moment, it is not noticed; gone for longer,
//! a reload is refused and says so, and its return is a change again. What has been tried is not
//! tried again: neither a state that was refused, nor one that a signal has made the server read
//! meanwhile.
//!
//! The exception is a state that the system could not read, for want of file handles or memory, say:
//! nothing was learned of it, and it is tried again after the quiet time.
//!
//! Files that never become quiet would never be taken up. So after [`PATIENCE`] quiet times of unrest
//! the reload is asked for all the same: it is published if the files happen to hold still while they
//! are read, else it is refused and says which file changed.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use super::history::{History, Watched};
use super::job::Reloader;
use super::source::Source;
use crate::metrics::ReloadTrigger;
use runtime::supervise::{Supervisor, Thread};
use sources::Revision;

/// Quiet times of uninterrupted change after which a reload is tried all the same.
pub const PATIENCE: u32 = 60;
/// The longest time between two looks; with a short quiet time they come more often.
const LONGEST_INTERVAL: Duration = Duration::from_secs(1);

/// The running thread. It ends when this is dropped; nobody waits for it, because a look at a file
/// on a network that is down takes as long as it likes.
pub struct Watch {
    _stop: Sender<()>,
}

impl Watch {
    /// Starts the thread, after the first load: what that has looked at is where watching begins.
    pub fn start(
        source: Source,
        quiet: Duration,
        reloader: Reloader,
        history: Arc<History>,
        supervisor: &Supervisor,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        // Here and not on the thread: what changes before that has its turn is a change.
        let mut unrest = Unrest::new(quiet, history.tried().unwrap_or_else(|| source.revision()));
        let last_look = SystemTime::now();
        let mut watched = Watched { quiet, last_change: None, is_waiting: false, last_look };
        history.watch(watched.clone());
        drop(supervisor.spawn(Thread::Watch, move || {
            watch(&source, &mut unrest, &mut watched, &reloader, &history, &stopped);
        })?);
        Ok(Self { _stop: stop })
    }
}

fn watch(
    source: &Source,
    unrest: &mut Unrest,
    watched: &mut Watched,
    reloader: &Reloader,
    history: &History,
    stopped: &Receiver<()>,
) {
    let quiet = unrest.quiet;
    let interval = (quiet / 4).min(LONGEST_INTERVAL);
    while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        let revision = source.revision();
        if revision != unrest.seen {
            watched.last_change = Some(SystemTime::now());
        }
        if history.take_retry() {
            unrest.retry(Instant::now());
        }
        let end = unrest.observe(Instant::now(), revision);
        watched.is_waiting = unrest.began.is_some();
        watched.last_look = SystemTime::now();
        history.watch(watched.clone());
        let Some(end) = end else { continue };
        if history.tried().as_ref() == Some(&unrest.seen) {
            // It came to nothing, or a signal was faster.
            continue;
        }
        match end {
            End::Quiet => tracing::info!("the data files have changed; reloading"),
            End::Retry => tracing::info!("the data files could not be read; trying again"),
            End::Patience => tracing::warn!(
                "the data files keep changing and have not been quiet for {quiet:?} in {:?}; \
                 reloading all the same",
                quiet * PATIENCE
            ),
        }
        reloader.request(ReloadTrigger::Watch);
    }
}

/// Finds out when files that change have settled; the clock is the caller's.
struct Unrest {
    quiet: Duration,
    /// The revision that was there the last time.
    seen: Revision,
    /// When that was different from the time before.
    changed: Instant,
    /// The first change that has not been answered; `None` while nothing happens.
    began: Option<Instant>,
    /// Nothing has changed since a try that taught nothing.
    is_retry: bool,
}

/// Why waiting is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// The files have been left alone for long enough.
    Quiet,
    /// They are as they were when they could not be read, and time has passed.
    Retry,
    /// They have not, for too long.
    Patience,
}

impl Unrest {
    fn new(quiet: Duration, seen: Revision) -> Self {
        Self { quiet, seen, changed: Instant::now(), began: None, is_retry: false }
    }

    /// Waits once more, for what is there already.
    fn retry(&mut self, now: Instant) {
        if self.began.is_none() {
            self.changed = now;
            self.began = Some(now);
            self.is_retry = true;
        }
    }

    fn observe(&mut self, now: Instant, revision: Revision) -> Option<End> {
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
            return Some(if is_retry { End::Retry } else { End::Quiet });
        }
        if now.duration_since(began) >= self.quiet * PATIENCE {
            // And once more after as long.
            self.began = Some(now);
            return Some(End::Patience);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a file that has this content at each second; `-` is no file.
    fn observe(quiet: u64, contents: &str) -> Vec<(usize, End)> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("data");
        let source = Source::Snapshot(path.clone());
        let mut unrest = Unrest::new(Duration::from_secs(quiet), source.revision());
        let start = Instant::now();
        let mut last = '-';
        let mut ends = Vec::new();
        for (second, content) in contents.chars().enumerate() {
            if content != last && content == '-' {
                std::fs::remove_file(&path).expect("a removal");
            } else if content != last {
                // Lengths differ: the clock of the file system may be coarse.
                std::fs::write(&path, "x".repeat(content as usize)).expect("a write");
            }
            last = content;
            let now = start + Duration::from_secs(second as u64);
            ends.extend(unrest.observe(now, source.revision()).map(|end| (second, end)));
        }
        ends
    }

    #[test]
    fn a_burst_of_changes_ends_once_with_the_quiet_time() {
        assert_eq!(observe(3, "aaaaaaaa"), [(3, End::Quiet)]);
        assert_eq!(observe(3, "abbccdddddd"), [(8, End::Quiet)]);
        assert_eq!(observe(3, "aaaab-bbbbbbb"), [(3, End::Quiet), (9, End::Quiet)]);
        assert_eq!(observe(3, "aabb-aab"), []);
    }

    #[test]
    fn what_could_not_be_read_is_tried_again_after_the_quiet_time() {
        let quiet = Duration::from_secs(3);
        let source = Source::Snapshot("/nonexistent".into());
        let mut unrest = Unrest::new(quiet, source.revision());
        let start = Instant::now();
        unrest.retry(start);
        assert_eq!(unrest.observe(start + quiet / 2, source.revision()), None);
        assert_eq!(unrest.observe(start + quiet, source.revision()), Some(End::Retry));
        assert_eq!(unrest.observe(start + quiet * 9, source.revision()), None);
        // A change in between is a change.
        let there = Source::Snapshot(std::env::temp_dir());
        unrest.retry(start);
        assert_eq!(unrest.observe(start, there.revision()), None);
        assert_eq!(unrest.observe(start + quiet, there.revision()), Some(End::Quiet));
    }

    #[test]
    fn files_that_are_never_quiet_are_tried_after_all() {
        let restless = "ab".repeat(70);
        let n = PATIENCE as usize * 2;
        assert_eq!(observe(2, &restless), [(n, End::Patience)]);
        let twice = observe(2, &restless.repeat(2));
        assert_eq!(twice, [(n, End::Patience), (2 * n, End::Patience)]);
    }
}

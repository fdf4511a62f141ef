//! Watches the data files, and reloads after a change once they have been quiet for a while.
//!
//! A thread checks every file four times per quiet time, at least once a second, and compares its state
//! with the last one (see [`sources::Revision`]). It polls, because polling works everywhere: inotify does not
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

use super::debounce::{Debouncer, MAX_QUIET_TIMES, Settled};
use super::history::{History, WatchState};
use super::job::Reloader;
use super::load::Source;
use crate::metrics::ReloadTrigger;
use runtime::supervise::{Supervisor, Thread};

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
    let quiet = debouncer.quiet();
    let interval = (quiet / 4).min(MAX_CHECK_INTERVAL);
    while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        let revision = source.revision();
        if revision != *debouncer.seen() {
            watch_state.last_change = Some(SystemTime::now());
        }
        if history.take_retry() {
            debouncer.retry(Instant::now());
        }
        let reason = debouncer.observe(Instant::now(), revision);
        watch_state.is_waiting = debouncer.is_waiting();
        watch_state.last_check = SystemTime::now();
        history.set_watch_state(watch_state.clone());
        let Some(reason) = reason else { continue };
        if history.last_revision().as_ref() == Some(debouncer.seen()) {
            // The files are as they were before, or a signal was faster.
            continue;
        }
        match reason {
            Settled::Quiet => tracing::info!("the data files have changed; reloading"),
            Settled::Retry => tracing::info!("the data files could not be read; trying again"),
            Settled::TimedOut => tracing::warn!(
                "the data files keep changing and have not been quiet for {quiet:?} in {:?}; \
                 reloading all the same",
                quiet * MAX_QUIET_TIMES
            ),
        }
        reloader.request(ReloadTrigger::Watch);
    }
}

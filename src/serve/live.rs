//! The published edition of the data ([`Edition`]): every request is answered from it, and it can be
//! replaced at any moment.
//!
//! A request calls [`Live::load`] once and uses that edition from start to end, so it sees one
//! generation. A reload calls [`Live::swap`]; requests in progress keep the old edition until they end.
//! Freeing a snapshot of Fedora's size takes tens of milliseconds. So the retired edition goes to a
//! thread of its own, the reaper, which waits until it holds the last reference. Otherwise the worker
//! that drops the last guard would free it in the middle of an answer.
//!
//! This module does not decide whether data may be published; [`crate::reload`] does.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

use answer::Edition;
use runtime::priority;
use runtime::supervise::{Supervisor, Thread};

/// First interval after which the reaper checks whether the last reader is gone. Requests take well
/// under a millisecond, so the first check nearly always succeeds. The interval doubles after each
/// further check, up to [`MAX_REAPER_INTERVAL`], because a load that hangs holds an edition until it
/// ends.
const REAPER_INTERVAL: Duration = Duration::from_millis(5);
const MAX_REAPER_INTERVAL: Duration = Duration::from_secs(1);

/// The data that are served now.
pub struct Live {
    current: ArcSwap<Edition>,
    /// Channel to the reaper, which ends when this is dropped.
    retired: Sender<Arc<Edition>>,
}

impl Live {
    /// Publishes the first edition and starts the reaper.
    pub fn new(first: Arc<Edition>, supervisor: &Supervisor) -> io::Result<Self> {
        let (retired, inbox) = mpsc::channel();
        let mut waiting = Vec::new();
        // Not joined: the thread ends when this is dropped.
        drop(supervisor.spawn(Thread::Reaper, move || reap(&inbox, &mut waiting))?);
        Ok(Self { current: ArcSwap::new(first), retired })
    }

    /// Returns the edition for this request. Call it once per request, and drop the guard before any
    /// `.await`: a guard held across an `.await` keeps a retired edition alive, and each thread has only
    /// a few cheap slots for guards.
    pub fn load(&self) -> Guard<Arc<Edition>> {
        self.current.load()
    }

    /// Publishes `next`; requests that load from now on see it. Never blocks on readers.
    pub fn swap(&self, next: Arc<Edition>) {
        let old = self.current.swap(next);
        // Sending fails only without a reaper, which cannot end while `self` lives. Then the edition is
        // freed here, on the caller's thread, which is not a worker.
        drop(self.retired.send(old));
    }
}

/// Frees editions from `inbox` once this thread holds the last reference. Editions that are still in use
/// wait in `waiting`; they do not delay the others.
fn reap(inbox: &Receiver<Arc<Edition>>, waiting: &mut Vec<Arc<Edition>>) {
    priority::lower();
    let mut interval = REAPER_INTERVAL;
    loop {
        let next = match waiting.is_empty() {
            true => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => inbox.recv_timeout(interval),
        };
        match next {
            Ok(edition) => {
                waiting.push(edition);
                interval = REAPER_INTERVAL;
            }
            Err(RecvTimeoutError::Timeout) => interval = (interval * 2).min(MAX_REAPER_INTERVAL),
            // The process ends, and frees what is left.
            Err(RecvTimeoutError::Disconnected) => return,
        }
        waiting.retain(|edition| Arc::strong_count(edition) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build_snapshot::build;
    use sources::Inputs;

    fn edition() -> Arc<Edition> {
        let compiled = build(&Inputs::Demo, None).expect("the demo data compiles");
        Arc::new(Edition::new(compiled.snapshot))
    }

    fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let deadline = std::time::Instant::now() + Duration::from_secs(120);
        while !is_so() {
            assert!(std::time::Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn an_edition_that_somebody_holds_keeps_no_later_one_in_memory() {
        let live = Live::new(edition(), &Supervisor::default()).expect("a thread can be started");
        // A load that hangs holds a reference like this one.
        let held = Arc::clone(&live.load());
        live.swap(edition());
        let second = Arc::downgrade(&live.load());
        live.swap(edition());
        wait_until("the second one is freed", || second.strong_count() == 0);
        assert!(Arc::strong_count(&held) > 1, "the reaper waits for it");
        let first = Arc::downgrade(&held);
        drop(held);
        wait_until("the first one is freed", || first.strong_count() == 0);
    }

    #[test]
    fn a_retired_edition_lives_until_its_last_reader_and_is_freed_by_the_reaper() {
        let first = edition();
        let retired = Arc::downgrade(&first);
        let live = Live::new(first, &Supervisor::default()).expect("a thread can be started");

        let reader = live.load();
        live.swap(edition());
        assert!(Arc::ptr_eq(&reader, &retired.upgrade().expect("a reader holds it")));
        assert!(!Arc::ptr_eq(&reader, &live.load()));

        drop(reader);
        wait_until("the reaper frees it", || retired.strong_count() == 0);
    }
}

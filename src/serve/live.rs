//! The published edition of the data ([`Edition`]): what every request answers from, replaceable at any moment.
//!
//! A request calls [`Live::load`] once and works with that edition from start to end, so it sees
//! one generation. A reload calls [`Live::swap`]; requests that are under way keep the old one
//! until they are done. Freeing a snapshot of Fedora's size takes tens of milliseconds, so the
//! retired one goes to a thread of its own, the reaper, which waits until it holds the last
//! reference: a worker that dropped its guard last would otherwise pay for it in the middle of an
//! answer.
//!
//! It does not decide what is good enough to be published; that is the business of
//! [`crate::reload`].

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

use answer::Edition;
use runtime::supervise::{Supervisor, Thread};

/// How soon the reaper looks whether the last reader has gone. Requests take well under a
/// millisecond, so the first look nearly always succeeds; after each other one it waits for twice as
/// long, up to [`LONGEST_INTERVAL`], because a load that hangs holds one for as long.
const REAPER_INTERVAL: Duration = Duration::from_millis(5);
const LONGEST_INTERVAL: Duration = Duration::from_secs(1);

/// A tenth of a worker's share of a busy core.
const NICE: i32 = 10;

/// What is served now.
pub struct Live {
    current: ArcSwap<Edition>,
    /// Where retired editions go; the reaper ends when this is dropped.
    retired: Sender<Arc<Edition>>,
}

impl Live {
    /// Publishes the first edition and starts the reaper.
    pub fn new(first: Arc<Edition>, supervisor: &Supervisor) -> io::Result<Self> {
        let (retired, inbox) = mpsc::channel();
        let mut waiting = Vec::new();
        // Nobody waits for its end, which comes when this is dropped.
        drop(supervisor.spawn(Thread::Reaper, move || reap(&inbox, &mut waiting))?);
        Ok(Self { current: ArcSwap::new(first), retired })
    }

    /// The edition for this request. Call it once per request, and drop the guard before any
    /// `.await`: a guard that sleeps keeps a retired one alive, and there are few cheap slots
    /// for guards per thread.
    pub fn load(&self) -> Guard<Arc<Edition>> {
        self.current.load()
    }

    /// Publishes `next`; requests that load from now on see it. Never blocks on readers.
    pub fn swap(&self, next: Arc<Edition>) {
        let old = self.current.swap(next);
        // Without a reaper (it cannot end while `self` lives) it would be freed here, on
        // the caller's thread, which is not a worker either.
        drop(self.retired.send(old));
    }
}

/// Lets the calling thread, and those that it starts, have only the time that answers leave.
///
/// On two busy cores, a reload every 200 ms took one of them half of the time, and the slowest
/// hundredth of answers waited four times as long.
pub fn step_behind_workers() {
    // On Linux a nice value is a thread's own. Where it may not be changed, everything goes on as
    // well as it can.
    let _ = rustix::process::nice(NICE);
}

/// Frees editions from `inbox` once nobody else holds them. Those that somebody still holds wait in
/// `waiting` and keep none of the others.
fn reap(inbox: &Receiver<Arc<Edition>>, waiting: &mut Vec<Arc<Edition>>) {
    step_behind_workers();
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
            Err(RecvTimeoutError::Timeout) => interval = (interval * 2).min(LONGEST_INTERVAL),
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
        // As a load that hangs holds it.
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

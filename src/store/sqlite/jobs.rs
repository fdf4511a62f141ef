//! What waits for a thread: what is urgent comes first.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;

/// How many jobs may wait. Each may need a sync of the disk, so that more would only wait longer than those
/// who ask do.
const MAX_WAITING: usize = 100;
/// How many urgent jobs may wait: more than there are runners.
const MAX_URGENT: usize = 1_000;

/// The jobs that wait for one thread.
pub(super) struct Jobs<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
}

struct State<J> {
    urgent: VecDeque<J>,
    ordinary: VecDeque<J>,
    /// No more are accepted.
    is_closed: bool,
    /// Nobody takes them any more.
    is_gone: bool,
}

/// The end of the queue that the thread has. When it is dropped, what waits is dropped too.
pub(super) struct Taker<J>(Arc<Jobs<J>>);

/// An empty queue.
pub(super) fn queue<J>() -> (Arc<Jobs<J>>, Taker<J>) {
    let state = State {
        urgent: VecDeque::new(),
        ordinary: VecDeque::new(),
        is_closed: false,
        is_gone: false,
    };
    let jobs = Arc::new(Jobs { state: Mutex::new(state), changed: Condvar::new() });
    (Arc::clone(&jobs), Taker(jobs))
}

impl<J> Jobs<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job, unless too many wait.
    pub(super) fn put(&self, job: J, is_urgent: bool) -> Result<(), Error> {
        let mut state = self.lock();
        if state.is_closed || state.is_gone {
            return Err(Error::Unavailable("its thread has ended".to_owned()));
        }
        let (waiting, max) = match is_urgent {
            true => (&mut state.urgent, MAX_URGENT),
            false => (&mut state.ordinary, MAX_WAITING),
        };
        if waiting.len() >= max {
            return Err(Error::Unavailable("too much waits for the disk".to_owned()));
        }
        waiting.push_back(job);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Accepts no more; what waits is still done.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits until nobody takes jobs any more. False if that takes too long.
    pub(super) fn wait_until_gone(&self, limit: Duration) -> bool {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, limit, |state| !state.is_gone);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_gone
    }
}

impl<J> Taker<J> {
    /// Waits for the next job; `None` once the queue is closed and empty.
    pub(super) fn take(&self) -> Option<J> {
        let mut state = self.0.lock();
        loop {
            if let Some(job) = state.urgent.pop_front() {
                return Some(job);
            }
            if let Some(job) = state.ordinary.pop_front() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<J> Drop for Taker<J> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_gone = true;
        let left = (std::mem::take(&mut state.urgent), std::mem::take(&mut state.ordinary));
        drop(state);
        self.0.changed.notify_all();
        // Not under the lock: whoever waits for them is woken.
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_urgent_is_accepted_and_done_before_all_that_waits() {
        let (jobs, taker) = queue();
        for at in 0..MAX_WAITING {
            jobs.put(at, false).unwrap();
        }
        assert!(matches!(jobs.put(0, false), Err(Error::Unavailable(_))));
        jobs.put(7_001, true).unwrap();
        jobs.put(7_002, true).unwrap();
        assert_eq!([taker.take(), taker.take(), taker.take()], [Some(7_001), Some(7_002), Some(0)]);
        jobs.close();
        assert!(jobs.put(0, true).is_err());
        assert_eq!(std::iter::from_fn(|| taker.take()).count(), MAX_WAITING - 1);
    }

    #[test]
    fn the_number_of_urgent_ones_is_bounded_too() {
        let (jobs, _taker) = queue();
        for at in 0..MAX_URGENT {
            jobs.put(at, true).unwrap();
        }
        assert!(matches!(jobs.put(0, true), Err(Error::Unavailable(_))));
        jobs.put(0, false).unwrap();
    }

    #[test]
    fn what_nobody_will_take_is_dropped_and_refused() {
        let (jobs, taker) = queue();
        let job = Arc::new(());
        jobs.put(Arc::clone(&job), false).unwrap();
        assert!(!jobs.wait_until_gone(Duration::ZERO));
        drop(taker);
        assert!(jobs.wait_until_gone(Duration::ZERO));
        assert_eq!(Arc::strong_count(&job), 1);
        assert!(jobs.put(job, true).is_err());
    }
}

//! A set of futures within one future: each is polled only when it was woken.
//!
//! Attempts are not spawned on the runtime: who drops a node drops all that it does, and who does not poll
//! it holds all of it, as a stopped process would. Tests of several nodes depend on it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A future in a set.
pub(super) type Member = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Futures that are to be polled. Clones add to the same set.
#[derive(Clone, Default)]
pub(super) struct Entrance(Arc<Shared>);

#[derive(Default)]
struct Shared {
    new: Mutex<Vec<Member>>,
    /// Wakes who polls the set.
    waker: Mutex<Option<Waker>>,
}

impl Shared {
    fn wake(&self) {
        let waker = lock(&self.waker).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Whether one of the futures was woken.
struct Flag {
    is_woken: AtomicBool,
    set: Arc<Shared>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.set.wake();
    }
}

impl Entrance {
    /// Adds a future.
    pub(super) fn add(&self, member: Member) {
        lock(&self.0.new).push(member);
        self.0.wake();
    }

    /// Polls all futures, for ever.
    pub(super) async fn run(self) {
        let mut members: Vec<(Arc<Flag>, Member)> = Vec::new();
        poll_fn(move |context| {
            self.poll(context, &mut members);
            Poll::<()>::Pending
        })
        .await;
    }

    fn poll(&self, context: &Context<'_>, members: &mut Vec<(Arc<Flag>, Member)>) {
        // Before anything is polled, so that no call of the waker is missed.
        *lock(&self.0.waker) = Some(context.waker().clone());
        let new = std::mem::take(&mut *lock(&self.0.new));
        members.extend(new.into_iter().map(|member| {
            let flag = Flag { is_woken: AtomicBool::new(true), set: Arc::clone(&self.0) };
            (Arc::new(flag), member)
        }));
        if !members.is_empty() {
            // Tokio lets a future do only so much at once: the first one must not always take it all.
            members.rotate_left(1);
        }
        members.retain_mut(|(flag, member)| {
            if !flag.is_woken.swap(false, Ordering::Acquire) {
                return true;
            }
            let waker = Waker::from(Arc::clone(flag));
            member.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
        if !lock(&self.0.new).is_empty() {
            // One of them has added another.
            context.waker().wake_by_ref();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The drain: tells every request and every connection that the server is stopping.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

/// Whether the server is stopping: a flag for each request, a wake-up for each connection.
#[derive(Default)]
pub struct Drain {
    has_begun: AtomicBool,
    notify: Notify,
}

impl Drain {
    /// Begins the drain, which cannot be cancelled.
    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Returns when the drain has begun.
    pub async fn begun(&self) {
        let mut notified = pin!(self.notify.notified());
        // Registers before it checks the flag, so that a drain that begins in between is not missed.
        notified.as_mut().enable();
        if !self.has_begun() {
            notified.await;
        }
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }
}

/// Polls [`Drain::begun`] without a lock.
///
/// A connection is polled for every request, and polling a `Notified` takes a lock that all connections
/// share. So it is polled once per waker, of which a task has one; after that only the flag is read.
pub(super) struct DrainWatch<'a, F> {
    drain: &'a Drain,
    begun: Pin<Box<F>>,
    waker: Option<Waker>,
}

impl<'a> DrainWatch<'a, ()> {
    /// Watches a drain.
    pub(super) fn new(drain: &'a Drain) -> DrainWatch<'a, impl Future<Output = ()> + 'a> {
        DrainWatch { drain, begun: Box::pin(drain.begun()), waker: None }
    }
}

impl<F: Future<Output = ()>> DrainWatch<'_, F> {
    /// Ready when the drain has begun.
    pub(super) fn poll_begun(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.drain.has_begun() {
            return Poll::Ready(());
        }
        if this.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        this.waker = Some(cx.waker().clone());
        this.begun.as_mut().poll(cx)
    }
}

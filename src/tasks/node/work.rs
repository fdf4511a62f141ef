//! The work of a kind, held so that a panic in it harms nobody else.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use crate::failure::Failure;
use crate::kind::{Kind, Output, Work};
use crate::request::Args;
use crate::run::{Run, panicked};

/// The work of one attempt.
pub(super) struct Attempted(Option<Work>);

impl Attempted {
    /// Begins it.
    pub(super) fn new(kind: &Arc<dyn Kind>, args: Args, run: Run) -> Result<Self, Failure> {
        let kind = Arc::clone(kind);
        let work = catch_unwind(AssertUnwindSafe(move || kind.run(args, run)));
        work.map(|work| Self(Some(work))).map_err(|panic| panicked(&*panic))
    }

    /// Returns when it has ended; what it has panicked with is a failure.
    pub(super) async fn outcome(&mut self) -> Result<Output, Failure> {
        poll_fn(|context| {
            let Some(work) = &mut self.0 else { return Poll::Pending };
            let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
            match polled {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(outcome)) => Poll::Ready(outcome),
                Err(panic) => Poll::Ready(Err(panicked(&*panic))),
            }
        })
        .await
    }
}

impl Drop for Attempted {
    fn drop(&mut self) {
        let work = self.0.take();
        // The log has what it panics with.
        drop(catch_unwind(AssertUnwindSafe(move || drop(work))));
    }
}

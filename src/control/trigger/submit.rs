//! Makes the tasks of triggers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use store::Error;
use store::operations::enqueue::Enqueued;
use store::operations::read::List;
use store::record::{State, Task};
use tasks::{Request, SubmitError, Tasks};

use crate::freshness::{Freshness, Step};

/// How long to wait before a task is tried to be made again.
const RETRY: Duration = Duration::from_secs(5);

/// What all triggers use.
#[derive(Clone)]
pub(crate) struct Trigger {
    pub(crate) tasks: Tasks,
    pub(crate) freshness: Arc<Freshness>,
}

impl Trigger {
    /// Makes a task, or makes sure that one begins after now. Tells the log if that fails: what has changed is
    /// then taken up by the schedule.
    pub(crate) async fn submit_once(&self, kind: &str, why: &str) {
        if let Err(error) = self.try_submit(kind, why).await {
            tracing::error!("cannot make a task {kind}: {error}");
        }
    }

    /// The same, however long the store is away. The log is told when that begins and when it is over.
    pub(crate) async fn submit(&self, kind: &str, why: &str) -> Enqueued {
        let mut n_failed = 0_u64;
        loop {
            match self.try_submit(kind, why).await {
                Ok(enqueued) => {
                    if n_failed > 0 {
                        tracing::info!("made a task {kind} after {n_failed} tries that failed");
                    }
                    return enqueued;
                }
                Err(error) if n_failed == 0 => {
                    tracing::error!("cannot make a task {kind}, and will try again: {error}");
                }
                Err(_) => {}
            }
            n_failed += 1;
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Makes a task for a change that was first seen at `since`, and remembers the change until it is
    /// published.
    pub(crate) async fn submit_change(
        &self,
        since: Instant,
        kind: &str,
        step: fn(Enqueued) -> Step,
        why: &str,
    ) {
        let number = self.freshness.note(since);
        let enqueued = self.submit(kind, why).await;
        self.freshness.accepted(number, step(enqueued));
    }

    /// The latest tasks of a kind in these states, or in any if none is named, without those about the files
    /// of other sites.
    pub(crate) async fn latest(
        &self,
        kind: &str,
        states: &[State],
        limit: i64,
    ) -> Result<Vec<Task>, Error> {
        let list = List {
            kinds: vec![kind.to_owned()],
            states: states.to_vec(),
            site: self.tasks.kinds().site().map(str::to_owned),
            limit,
            ..List::default()
        };
        self.tasks.store().run(list).await
    }

    async fn try_submit(&self, kind: &str, why: &str) -> Result<Enqueued, SubmitError> {
        let request =
            Request { kind: kind.to_owned(), actor: why.to_owned(), ..Request::default() };
        self.tasks.submit(&request).await
    }
}

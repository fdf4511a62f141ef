//! What everybody asks who wants something done: accept, wait, cancel.

use std::sync::Arc;
use std::time::Duration;

use store::operations::enqueue::{Enqueue, Enqueued};
use store::operations::people::{Cancel, Cancelled, Retried, Retry};
use store::operations::read::{Find, Found};
use store::record::TaskId;
use store::{Error, Hook, Operation, Store};
use tokio::time::{Instant, timeout_at};

use crate::changes::Changes;
use crate::kind::Kinds;
use crate::numbers::StoreTimes;
use crate::request::Request;

/// How often a wait looks for what another process has done. What this process does wakes it at once.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// By how much everybody who waits makes these looks rarer: however many they are, there are at most a
/// hundred looks in a second.
const LOOK_OF_ONE: Duration = Duration::from_millis(10);

/// Why a task was not accepted. The message is one line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    /// It makes no sense: the asker is at fault.
    #[error("{0}")]
    Invalid(String),
    /// The store cannot take it now.
    #[error("{0}")]
    Store(#[from] Error),
}

/// The tasks of a store, and those who wait for them. Clones share both.
#[derive(Clone)]
pub struct Tasks {
    store: Store,
    kinds: Kinds,
    changes: Changes,
    store_times: Arc<StoreTimes>,
}

impl Tasks {
    /// The tasks in `store`, of these kinds.
    pub fn new(store: Store, kinds: Kinds, changes: Changes) -> Self {
        let store_times = Arc::new(StoreTimes::default());
        let store = store.with_hook(Arc::clone(&store_times) as Arc<dyn Hook>);
        Self { store, kinds, changes, store_times }
    }

    /// How long the store takes for what is asked through this.
    pub fn store_times(&self) -> &StoreTimes {
        &self.store_times
    }

    /// The store, for what only reads.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The kinds that are known here.
    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// Wakes those who wait.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Accepts a task: once this returns, it is not lost any more.
    pub async fn submit(&self, request: &Request) -> Result<Enqueued, SubmitError> {
        let new = self.kinds.plan(request).map_err(SubmitError::Invalid)?;
        let reply = self.change(Enqueue(new)).await;
        if !request.delay.is_zero() {
            self.changes.note_after(request.delay);
        }
        Ok(reply?)
    }

    /// Asks to end a task.
    pub async fn cancel(&self, cancel: Cancel) -> Result<Cancelled, Error> {
        self.change_task(cancel.id, cancel).await
    }

    /// Runs a task that has ended once more.
    pub async fn retry(&self, retry: Retry) -> Result<Retried, Error> {
        self.change(retry).await
    }

    /// Does something that others may wait for.
    pub async fn change<O: Operation>(&self, operation: O) -> Result<O::Reply, Error> {
        let outcome = self.store.run(operation).await;
        // Also after an error: it may have been done.
        self.changes.note();
        outcome
    }

    /// Does something to one task that others may wait for.
    pub async fn change_task<O: Operation>(
        &self,
        id: TaskId,
        operation: O,
    ) -> Result<O::Reply, Error> {
        let outcome = self.store.run(operation).await;
        // Also after an error: it may have been done.
        self.changes.note_task(id);
        outcome
    }

    /// Returns when the task has ended, or at the latest after `patience`, with what it is then.
    pub async fn wait(&self, id: TaskId, patience: Duration) -> Result<Found, Error> {
        let deadline = Instant::now() + patience;
        let mut changes = self.changes.watch_task(id);
        loop {
            let found = self.store.run(Find(id)).await?;
            let waits = matches!(&found, Found::Task(task) if !task.state.is_terminal());
            if !waits || Instant::now() >= deadline {
                return Ok(found);
            }
            let n_waiters = u32::try_from(self.changes.n_task_watches()).unwrap_or(u32::MAX);
            let pause = LOOK_AGAIN.max(LOOK_OF_ONE.saturating_mul(n_waiters));
            let until = deadline.min(Instant::now() + pause);
            // A timeout is a look as well.
            let _ = timeout_at(until, changes.changed()).await;
        }
    }
}

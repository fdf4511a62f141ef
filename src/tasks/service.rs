//! What everybody asks who wants something done: accept, wait, cancel.

use std::time::Duration;

use store::operations::enqueue::{Enqueue, Enqueued};
use store::operations::people::{Cancel, Cancelled, Retried, Retry};
use store::operations::read::{Find, Found};
use store::record::TaskId;
use store::{Error, Operation, Store};
use tokio::time::{Instant, timeout_at};

use crate::changes::Changes;
use crate::kind::Kinds;
use crate::request::Request;

/// How often a wait looks for what another process has done.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

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
}

impl Tasks {
    /// The tasks in `store`, of these kinds.
    pub fn new(store: Store, kinds: Kinds, changes: Changes) -> Self {
        Self { store, kinds, changes }
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
        Ok(self.change(Enqueue(new)).await?)
    }

    /// Asks to end a task.
    pub async fn cancel(&self, cancel: Cancel) -> Result<Cancelled, Error> {
        self.change(cancel).await
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

    /// Returns when the task has ended, or at the latest after `patience`, with what it is then.
    pub async fn wait(&self, id: TaskId, patience: Duration) -> Result<Found, Error> {
        let deadline = Instant::now() + patience;
        let mut watch = self.changes.watch();
        loop {
            let found = self.store.run(Find(id)).await?;
            let waits = matches!(&found, Found::Task(task) if !task.state.is_terminal());
            if !waits || Instant::now() >= deadline {
                return Ok(found);
            }
            let until = deadline.min(Instant::now() + LOOK_AGAIN);
            // A timeout is a look as well.
            let _ = timeout_at(until, watch.changed()).await;
        }
    }
}

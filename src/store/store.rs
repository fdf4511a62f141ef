//! The handle of a store, whatever its engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::operation::Operation;
use crate::sqlite::{Inline, Sqlite};

/// How often an operation is tried again after an error that may pass at once, such as a deadlock.
const RETRIES: usize = 2;

/// What is told of every operation, and may make it fail in tests.
pub trait Hook: Send + Sync {
    /// An operation begins. An error is returned in its place.
    fn begin(&self, operation: &'static str) -> Result<(), Error> {
        let _ = operation;
        Ok(())
    }

    /// An operation has ended, after this time. An error takes the place of what it has returned; what it
    /// has done stays done.
    fn end(
        &self,
        operation: &'static str,
        took: Duration,
        error: Option<&Error>,
    ) -> Result<(), Error> {
        let _ = (operation, took, error);
        Ok(())
    }
}

/// A store of tasks. Clones share it.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    hook: Option<Arc<dyn Hook>>,
}

#[derive(Clone)]
enum Engine {
    /// A file, with threads of its own.
    Sqlite(Arc<Sqlite>),
    /// In memory, on the thread that asks.
    Inline(Arc<Inline>),
}

impl From<Sqlite> for Store {
    fn from(engine: Sqlite) -> Self {
        Self { engine: Engine::Sqlite(Arc::new(engine)), hook: None }
    }
}

impl From<Inline> for Store {
    fn from(engine: Inline) -> Self {
        Self { engine: Engine::Inline(Arc::new(engine)), hook: None }
    }
}

impl Store {
    /// The same store, seen through a hook.
    pub fn with_hook(&self, hook: Arc<dyn Hook>) -> Self {
        Self { engine: self.engine.clone(), hook: Some(hook) }
    }

    /// Does it as a whole, or not at all. After an error that [is transient](Error::is_transient), it may
    /// have been done all the same.
    pub async fn run<O: Operation>(&self, operation: O) -> Result<O::Reply, Error> {
        let Some(hook) = &self.hook else { return self.run_with_retries(operation).await };
        hook.begin(O::NAME)?;
        let begin = Instant::now();
        let outcome = self.run_with_retries(operation).await;
        hook.end(O::NAME, begin.elapsed(), outcome.as_ref().err())?;
        outcome
    }

    async fn run_with_retries<O: Operation>(&self, operation: O) -> Result<O::Reply, Error> {
        let mut n_tries = 0;
        loop {
            let outcome = match &self.engine {
                Engine::Sqlite(sqlite) => sqlite.run(operation.clone()).await,
                Engine::Inline(inline) => inline.run(&operation),
            };
            match outcome {
                Err(Error::Collided(_)) if n_tries < RETRIES => n_tries += 1,
                outcome => return outcome,
            }
        }
    }
}

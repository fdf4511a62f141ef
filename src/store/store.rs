//! The handle of a store, whatever its engine.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::error::Error;
use crate::fail_at;
use crate::operation::Operation;
#[cfg(feature = "postgres")]
use crate::postgres::Postgres;
use crate::sqlite::{Inline, Sqlite};

/// How often an operation is tried again after an error that may pass at once, such as a deadlock.
const RETRIES: usize = 2;

/// A wait that a hook puts before or after an operation.
pub type Delay = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is told of every operation, and may disturb it in tests.
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

    /// An operation was done: itself, and what it has returned, each to be downcast.
    fn done(&self, operation: &dyn Any, reply: &dyn Any) {
        let _ = (operation, reply);
    }

    /// What the operation waits for before it is done (`is_done` is false), and before its reply is given.
    fn delay(&self, operation: &'static str, is_done: bool) -> Option<Delay> {
        let _ = (operation, is_done);
        None
    }

    /// Whether the operation is done twice, as by a caller who has not seen the first reply.
    fn repeats(&self, operation: &'static str) -> bool {
        let _ = operation;
        false
    }
}

/// A store of tasks. Clones share it.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    /// The one that was set last is the outermost.
    hooks: Vec<Arc<dyn Hook>>,
}

#[derive(Clone)]
enum Engine {
    /// A file, with threads of its own.
    Sqlite(Arc<Sqlite>),
    /// In memory, on the thread that asks.
    Inline(Arc<Inline>),
    /// A server, with a thread of its own.
    #[cfg(feature = "postgres")]
    Postgres(Arc<Postgres>),
}

#[cfg(feature = "postgres")]
impl From<Postgres> for Store {
    fn from(engine: Postgres) -> Self {
        Self { engine: Engine::Postgres(Arc::new(engine)), hooks: Vec::new() }
    }
}

impl From<Sqlite> for Store {
    fn from(engine: Sqlite) -> Self {
        Self { engine: Engine::Sqlite(Arc::new(engine)), hooks: Vec::new() }
    }
}

impl From<Inline> for Store {
    fn from(engine: Inline) -> Self {
        Self { engine: Engine::Inline(Arc::new(engine)), hooks: Vec::new() }
    }
}

impl Store {
    /// The same store, seen through a hook, and through those that it is seen through already.
    pub fn with_hook(&self, hook: Arc<dyn Hook>) -> Self {
        let mut store = self.clone();
        store.hooks.push(hook);
        store
    }

    /// Counts what other processes say that they have changed, as a hint to look. `None` if no other process
    /// can use the store.
    pub fn hints(&self) -> Option<watch::Receiver<u64>> {
        match &self.engine {
            Engine::Sqlite(_) | Engine::Inline(_) => None,
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => Some(postgres.hints()),
        }
    }

    /// Does it as a whole, or not at all. After an error that [is transient](Error::is_transient), it may
    /// have been done all the same.
    pub async fn run<O: Operation>(&self, operation: O) -> Result<O::Reply, Error> {
        if self.hooks.is_empty() {
            return self.run_with_retries(operation).await;
        }
        let begin = Instant::now();
        for hook in self.hooks.iter().rev() {
            hook.begin(O::NAME)?;
            if let Some(delay) = hook.delay(O::NAME, false) {
                delay.await;
            }
        }
        let mut outcome = self.run_and_tell(&operation).await;
        if self.hooks.iter().any(|hook| hook.repeats(O::NAME)) {
            outcome = self.run_and_tell(&operation).await;
        }
        for hook in &self.hooks {
            if let Some(delay) = hook.delay(O::NAME, true) {
                delay.await;
            }
            if let Err(error) = hook.end(O::NAME, begin.elapsed(), outcome.as_ref().err()) {
                outcome = Err(error);
            }
        }
        outcome
    }

    async fn run_and_tell<O: Operation>(&self, operation: &O) -> Result<O::Reply, Error> {
        let outcome = self.run_with_retries(operation.clone()).await;
        if let Ok(reply) = &outcome {
            for hook in &self.hooks {
                hook.done(operation, reply);
            }
        }
        outcome
    }

    async fn run_with_retries<O: Operation>(&self, operation: O) -> Result<O::Reply, Error> {
        let mut n_tries = 0;
        loop {
            fail_at::reached(O::NAME, "before");
            let outcome = match &self.engine {
                Engine::Sqlite(sqlite) => sqlite.run(operation.clone()).await,
                Engine::Inline(inline) => inline.run(&operation),
                #[cfg(feature = "postgres")]
                Engine::Postgres(postgres) => postgres.run(operation.clone()).await,
            };
            if outcome.is_ok() {
                fail_at::reached(O::NAME, "committed");
            }
            match outcome {
                Err(Error::Collided(_)) if n_tries < RETRIES => n_tries += 1,
                outcome => return outcome,
            }
        }
    }
}

//! A store in memory, used on the thread that asks: for tests and simulations.

use std::sync::{Arc, Mutex, PoisonError};

use super::clock::Clock;
use super::connection::Connection;
use crate::error::Error;
use crate::operation::{Dialect, Operation, Row, Transaction, Value};
use crate::record::Timestamp;

/// Returns what takes the place of a statement of the operation that is named, or `None` if it stays.
pub type Rewrite = Arc<dyn Fn(&'static str, &str) -> Option<String> + Send + Sync>;

/// A store in memory.
pub struct Inline {
    connection: Mutex<Connection>,
    /// Breaks statements, to see who notices; `None` in a store that works.
    rewrite: Option<Rewrite>,
}

impl Inline {
    /// An empty store.
    pub fn new(clock: Clock) -> Result<Self, Error> {
        let connection = Mutex::new(Connection::in_memory(clock)?);
        Ok(Self { connection, rewrite: None })
    }

    /// The same with some statements broken, from now on.
    pub fn rewritten_by(self, rewrite: Rewrite) -> Self {
        Self { rewrite: Some(rewrite), ..self }
    }

    /// Runs an operation at once.
    pub(crate) fn run<O: Operation>(&self, operation: &O) -> Result<O::Reply, Error> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.rewrite {
            None => connection.run(operation),
            Some(rewrite) => {
                let (operation, rewrite) = (operation.clone(), Arc::clone(rewrite));
                connection.run(&Rewritten { operation, rewrite })
            }
        }
    }
}

/// An operation whose statements are rewritten.
#[derive(Clone)]
struct Rewritten<O> {
    operation: O,
    rewrite: Rewrite,
}

impl<O: Operation> Operation for Rewritten<O> {
    type Reply = O::Reply;
    const NAME: &'static str = O::NAME;
    const READS_ONLY: bool = O::READS_ONLY;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<O::Reply, Error> {
        let mut tx = RewrittenTransaction { tx, name: O::NAME, rewrite: &self.rewrite };
        self.operation.run(&mut tx).await
    }
}

struct RewrittenTransaction<'t, T> {
    tx: &'t mut T,
    name: &'static str,
    rewrite: &'t Rewrite,
}

impl<T: Transaction> Transaction for RewrittenTransaction<'_, T> {
    fn dialect(&self) -> Dialect {
        self.tx.dialect()
    }

    async fn now(&mut self) -> Result<Timestamp, Error> {
        self.tx.now().await
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        match (self.rewrite)(self.name, sql) {
            Some(broken) => self.tx.query(&broken, parameters).await,
            None => self.tx.query(sql, parameters).await,
        }
    }
}

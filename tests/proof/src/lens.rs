//! A transaction as an operation sees it: with a clock that the test sets, and with statements that a
//! [`Mutant`] has changed. It works on every engine, and no operation knows of it.

use store::operation::{Dialect, Hint, Row, Value};
use store::record::Timestamp;
use store::{Error, Operation, Transaction};

use crate::mutant::Mutant;

/// An operation, seen through a lens.
#[derive(Clone, Debug)]
pub struct Through<O> {
    /// The operation.
    pub operation: O,
    /// The time of the clock.
    pub now: Timestamp,
    /// How its statements are broken.
    pub mutant: Option<Mutant>,
}

impl<O: Operation> Operation for Through<O> {
    type Reply = O::Reply;
    const NAME: &'static str = O::NAME;
    const READS_ONLY: bool = O::READS_ONLY;
    const IS_URGENT: bool = O::IS_URGENT;
    const GOES_FIRST: bool = O::GOES_FIRST;

    fn hint(&self, reply: &O::Reply) -> Option<Hint> {
        self.operation.hint(reply)
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<O::Reply, Error> {
        let (now, mutant) = (self.now, self.mutant);
        self.operation.run(&mut Lens { tx, now, mutant, name: O::NAME }).await
    }
}

struct Lens<'t, T> {
    tx: &'t mut T,
    now: Timestamp,
    mutant: Option<Mutant>,
    name: &'static str,
}

impl<T: Transaction> Transaction for Lens<'_, T> {
    fn dialect(&self) -> Dialect {
        self.tx.dialect()
    }

    async fn now(&mut self) -> Result<Timestamp, Error> {
        Ok(self.now)
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        match self.mutant.and_then(|mutant| mutant.rewrite(self.name, sql)) {
            Some(broken) => self.tx.query(&broken, parameters).await,
            None => self.tx.query(sql, parameters).await,
        }
    }
}

//! Moves a whole store from one engine to the other, or to another machine, as JSON Lines.
//!
//! The first line says what it is and which schema the rows have, and the highest numbers that were given:
//! they are kept, so that a task that was purged is known as purged afterwards. Then follow all rows of all
//! tables, a line each, and a last line that counts them, so that a file that was cut off is noticed:
//!
//! ```text
//! {"mirrorlistd_store":1,"schema":1,"numbers":{"task":7,"task_event":31}}
//! {"queue":{"name":"cpu","max_running":1,"paused_at":null,"paused_by":null,"reason":null}}
//! {"task":{"id":7,"kind":"primary.scan","queue":"cpu","state":"completed",…}}
//! {"end":{"rows":2}}
//! ```
//!
//! [`Export`] and [`Import`] are operations: each is one transaction. So an export is one state of the store,
//! and an import happens as a whole or not at all. Both read or write their file within the transaction, on
//! the thread of the store, and keep a few rows in memory: they are for a process that does nothing else.
//!
//! Nobody may use the store meanwhile. With SQLite the lock of its folder sees to that. In PostgreSQL, nodes
//! that were seen a moment ago and are not stopping are in the way.

mod export;
mod import;
mod table;

use crate::error::Error;
use crate::operation::Transaction;

pub use export::Export;
pub use import::Import;

/// What the format of the first line is called, with its version.
const FORMAT: &str = "mirrorlistd_store";
const FORMAT_VERSION: i64 = 1;

/// What the operations that move a store return: how many rows there were of all tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The number of rows.
    pub rows: u64,
}

/// Lets PostgreSQL wait for a file that is read or written slowly: it ends other transactions that stand
/// still.
async fn wait_for_files<T: Transaction>(tx: &mut T) -> Result<(), Error> {
    tx.query("SET LOCAL idle_in_transaction_session_timeout = 0", &[]).await.map(drop)
}

#[cfg(test)]
mod tests;

//! What both directions have in common.

use crate::error::Error;
use crate::operation::Transaction;

/// What the format of the first line is called, with its version.
pub(super) const FORMAT: &str = "mirrorlistd_store";
pub(super) const FORMAT_VERSION: i64 = 1;

/// What the operations that move a store return: how many rows there were of all tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The number of rows.
    pub rows: u64,
}

/// Lets PostgreSQL wait for a file that is read or written slowly: it ends other transactions that stand
/// still.
pub(super) async fn wait_for_files<T: Transaction>(tx: &mut T) -> Result<(), Error> {
    tx.query("SET LOCAL idle_in_transaction_session_timeout = 0", &[]).await.map(drop)
}

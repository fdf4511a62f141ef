//! What an operation on the store is, and what it may use.

use std::fmt;
use std::future::Future;

use crate::error::Error;
use crate::record::{TaskId, Timestamp};

/// The language of an engine, where both differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// SQLite: one writer at a time, so that no row needs a lock.
    Sqlite,
    /// PostgreSQL, at READ COMMITTED.
    Postgres,
}

impl Dialect {
    /// What locks the rows that a SELECT returns.
    pub fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// What sorts a text by its bytes: the default of a server is another.
    pub fn by_bytes(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " COLLATE \"C\"",
        }
    }

    /// What locks the rows that a SELECT returns as an UPDATE does: rows that refer to them may be made.
    pub fn for_no_key_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR NO KEY UPDATE",
        }
    }

    /// What keeps others from locking the rows that a SELECT returns with [`Self::for_update`]. An UPDATE
    /// does not wait for it.
    pub fn for_key_share(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR KEY SHARE",
        }
    }

    /// The rows that a SELECT returns are locked, without those that somebody else has locked.
    pub fn for_update_skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }
}

/// A value in a statement or a row. There are no others in our tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Absent.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Timestamp> for Value {
    fn from(Timestamp(value): Timestamp) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row that a statement has returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// The number in a column, or `None` if it is NULL.
    pub fn int_or_null(&self, column: usize) -> Result<Option<i64>, Error> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            other => Err(unexpected(column, other)),
        }
    }

    /// The text in a column, or `None` if it is NULL.
    pub fn text_or_null(&self, column: usize) -> Result<Option<String>, Error> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(Some(value.clone())),
            Some(Value::Null) => Ok(None),
            other => Err(unexpected(column, other)),
        }
    }

    /// The number in a column.
    pub fn int(&self, column: usize) -> Result<i64, Error> {
        self.int_or_null(column)?.ok_or_else(|| unexpected(column, Some(&Value::Null)))
    }

    /// The text in a column.
    pub fn text(&self, column: usize) -> Result<String, Error> {
        self.text_or_null(column)?.ok_or_else(|| unexpected(column, Some(&Value::Null)))
    }

    /// The point in time in a column.
    pub fn time(&self, column: usize) -> Result<Timestamp, Error> {
        self.int(column).map(Timestamp)
    }

    /// The point in time in a column, or `None` if it is NULL.
    pub fn time_or_null(&self, column: usize) -> Result<Option<Timestamp>, Error> {
        Ok(self.int_or_null(column)?.map(Timestamp))
    }

    /// The word in a column, as `find` knows it.
    pub fn word<T>(&self, column: usize, find: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        let word = self.text(column)?;
        find(&word).ok_or_else(|| Error::Broken(format!("column {column} holds `{word}`")))
    }
}

fn unexpected(column: usize, value: Option<&Value>) -> Error {
    Error::Broken(format!("column {column} holds {value:?}"))
}

/// An open transaction: what an operation may use.
pub trait Transaction: Send {
    /// The language of the engine.
    fn dialect(&self) -> Dialect;

    /// The time of the store's clock.
    fn now(&mut self) -> impl Future<Output = Result<Timestamp, Error>> + Send;

    /// Runs one statement with the parameters `?1`, `?2`, … and returns its rows. Every parameter is used
    /// in the statement.
    fn query(
        &mut self,
        sql: &str,
        parameters: &[Value],
    ) -> impl Future<Output = Result<Vec<Row>, Error>> + Send;
}

/// A change that others may wait for. Other processes are told it as a hint, which may be lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hint {
    /// There may be something to claim.
    Queue,
    /// This task has changed its state.
    Task(TaskId),
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue => f.write_str("queue"),
            Self::Task(TaskId(id)) => write!(f, "task:{id}"),
        }
    }
}

/// Something that is done to the store as a whole or not at all.
///
/// It may be run again after a failure, so it must decide by what is in the store.
pub trait Operation: Clone + Send + Sync + 'static {
    /// What it returns.
    type Reply: Send + 'static;

    /// Its name, in metrics and messages.
    const NAME: &'static str;

    /// Whether it changes nothing, so that it need not wait for writers.
    const READS_ONLY: bool = false;

    /// Whether a runner loses its tasks if this comes late, so that it must not wait behind others.
    const IS_URGENT: bool = false;

    /// Whether it is done before all others that wait for the disk, where one thread writes: it is about a
    /// task that runs, and those are few.
    const GOES_FIRST: bool = Self::IS_URGENT;

    /// What others may have been waiting for, once it is committed.
    fn hint(&self, reply: &Self::Reply) -> Option<Hint> {
        let _ = reply;
        None
    }

    /// Runs it in `tx`, which is committed if this returns `Ok`.
    fn run<T: Transaction>(
        &self,
        tx: &mut T,
    ) -> impl Future<Output = Result<Self::Reply, Error>> + Send;
}

/// `?FIRST, ?FIRST+1, …` for `n` parameters.
pub(crate) fn placeholders(first: usize, n: usize) -> String {
    (first..first + n).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ")
}

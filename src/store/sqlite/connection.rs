//! A connection to SQLite, and its transactions.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{ErrorCode, OpenFlags, params_from_iter};

use super::clock::Clock;
use crate::error::Error;
use crate::operation::{Dialect, Operation, Row, Transaction, Value};
use crate::record::{Timestamp, bounded, bounds};
use crate::schema;

/// How long a statement waits for another process that has the file locked, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many prepared statements are kept: more than there are.
const MAX_STATEMENTS: usize = 128;

/// Begins a transaction that sees one state of the store.
const BEGIN_READ: &str = "BEGIN DEFERRED";
/// Begins a transaction that writes: it has the lock from the start, so that no statement fails for want of
/// it.
const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// An open connection.
pub(super) struct Connection {
    sqlite: rusqlite::Connection,
    clock: Clock,
    /// The file that is written: its path, and which file that is.
    file: Option<(PathBuf, FileId)>,
}

/// What tells a file from another one that takes its place: device and inode.
type FileId = (u64, u64);

impl Connection {
    /// Opens the file for writing, makes it if it is missing, and brings its tables up to date.
    pub(super) fn open(path: &Path, clock: Clock) -> Result<Self, Error> {
        let place = path.display().to_string();
        let sqlite =
            rusqlite::Connection::open(path).map_err(|error| cannot_open(&place, &error))?;
        let found = file_id(path)
            .map_err(|error| Error::Open { place: place.clone(), reason: error.to_string() })?;
        let mut connection = Self { sqlite, clock, file: Some((path.to_owned(), found)) };
        connection.configure(&place, true)?;
        connection.migrate(&place)?;
        Ok(connection)
    }

    /// Opens the file for reading.
    pub(super) fn open_read_only(path: &Path, clock: Clock) -> Result<Self, Error> {
        let place = path.display().to_string();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sqlite = rusqlite::Connection::open_with_flags(path, flags)
            .map_err(|error| cannot_open(&place, &error))?;
        let connection = Self { sqlite, clock, file: None };
        connection.configure(&place, false)?;
        Ok(connection)
    }

    /// A store in memory.
    pub(super) fn in_memory(clock: Clock) -> Result<Self, Error> {
        let place = "the store in memory";
        let sqlite =
            rusqlite::Connection::open_in_memory().map_err(|error| cannot_open(place, &error))?;
        let mut connection = Self { sqlite, clock, file: None };
        connection.configure(place, false)?;
        connection.migrate(place)?;
        Ok(connection)
    }

    fn configure(&self, place: &str, writes: bool) -> Result<(), Error> {
        let configure = || -> rusqlite::Result<()> {
            self.sqlite.busy_timeout(BUSY_TIMEOUT)?;
            self.sqlite.set_prepared_statement_cache_capacity(MAX_STATEMENTS);
            self.sqlite.pragma_update(None, "foreign_keys", true)?;
            if writes {
                self.sqlite.pragma_update(None, "journal_mode", "WAL")?;
                self.sqlite.pragma_update(None, "synchronous", "FULL")?;
            }
            Ok(())
        };
        configure().map_err(|error| cannot_open(place, &error))
    }

    fn migrate(&mut self, place: &str) -> Result<(), Error> {
        self.in_transaction(BEGIN_WRITE, async |tx| schema::migrate(tx, place).await).map_err(
            |error| match error {
                Error::Broken(reason) => Error::Open { place: place.to_owned(), reason },
                error => error,
            },
        )
    }

    /// Runs an operation.
    pub(super) fn run<O: Operation>(&mut self, operation: &O) -> Result<O::Reply, Error> {
        self.check_file()?;
        let begin = if O::READS_ONLY { BEGIN_READ } else { BEGIN_WRITE };
        self.in_transaction(begin, async |tx| operation.run(tx).await)
    }

    /// Refuses to write a file that nobody will find again.
    fn check_file(&self) -> Result<(), Error> {
        let Some((path, opened)) = &self.file else { return Ok(()) };
        match file_id(path) {
            Ok(found) if found == *opened => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::NotWritable(format!("{}: {error}", path.display())))
            }
            _ => {
                let path = path.display();
                Err(Error::NotWritable(format!("{path} was removed or replaced: restart")))
            }
        }
    }

    /// Moves what is in the log into the file, so that a copy of the file alone has everything.
    pub(super) fn checkpoint(&self) {
        let done = self.check_file().and_then(|()| {
            let done = self.sqlite.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            done.map_err(of_statement)
        });
        if let Err(error) = done {
            tracing::warn!("the log stays beside the file and is read at the next start: {error}");
        }
    }

    fn in_transaction<R>(
        &mut self,
        begin: &str,
        work: impl AsyncFnOnce(&mut SqliteTransaction<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        // One that a panic has left open.
        if !self.sqlite.is_autocommit() {
            self.sqlite.execute_batch("ROLLBACK").map_err(of_statement)?;
        }
        self.sqlite.execute_batch(begin).map_err(of_statement)?;
        let outcome = ready(work(&mut SqliteTransaction(self)));
        let outcome = outcome.and_then(|reply| {
            self.sqlite.execute_batch("COMMIT").map_err(of_statement)?;
            Ok(reply)
        });
        if outcome.is_err() && !self.sqlite.is_autocommit() {
            // After some errors SQLite has rolled back by itself.
            self.sqlite.execute_batch("ROLLBACK").map_err(of_statement)?;
        }
        outcome
    }
}

/// An open transaction. Nothing in it ever waits, so one poll of an operation ends it.
struct SqliteTransaction<'c>(&'c mut Connection);

impl Transaction for SqliteTransaction<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn now(&mut self) -> Result<Timestamp, Error> {
        Ok((self.0.clock)())
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        self.query_now(sql, parameters).map_err(of_statement)
    }
}

impl SqliteTransaction<'_> {
    fn query_now(&mut self, sql: &str, parameters: &[Value]) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.0.sqlite.prepare_cached(sql)?;
        let n_columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(parameters))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let columns = (0..n_columns).map(|column| {
                Ok(match row.get_ref(column)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(value) => Value::Int(value),
                    ValueRef::Text(value) => {
                        Value::Text(String::from_utf8_lossy(value).into_owned())
                    }
                    // No table of ours has such columns; what is shown says what was found.
                    ValueRef::Real(value) => Value::Text(value.to_string()),
                    ValueRef::Blob(_) => Value::Text("(bytes)".to_owned()),
                })
            });
            found.push(Row(columns.collect::<rusqlite::Result<_>>()?));
        }
        Ok(found)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => rusqlite::types::Null.into(),
            Self::Int(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
        })
    }
}

/// What `work` returns, which never waits.
fn ready<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Error::Broken("an operation waited within a transaction".to_owned())),
    }
}

fn file_id(path: &Path) -> io::Result<FileId> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn cannot_open(place: &str, error: &rusqlite::Error) -> Error {
    Error::Open { place: place.to_owned(), reason: one_line(error) }
}

fn of_statement(error: rusqlite::Error) -> Error {
    let text = one_line(&error);
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Unavailable(text),
        Some(
            ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::PermissionDenied
            | ErrorCode::CannotOpen,
        ) => Error::NotWritable(text),
        _ => Error::Broken(text),
    }
}

fn one_line(error: &rusqlite::Error) -> String {
    // Some messages hold the whole statement.
    bounded(&error.to_string(), bounds::LINE)
}

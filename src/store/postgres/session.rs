//! One connection, and the transactions on it.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Statement};

use super::address::{Address, CONNECT_TIMEOUT};
use super::fault;
use super::value::type_of;
use crate::error::Error;
use crate::operation::{Dialect, Operation, Row, Transaction, Value};
use crate::record::Timestamp;
use crate::schema;

/// The schema of our tables.
const SCHEMA: &str = "mirrorlistd";
/// The oldest server whose language our statements are written in: MATERIALIZED came with 12, which its
/// makers have given up.
const OLDEST_SERVER: i64 = 130_000;
/// How many prepared statements a connection keeps: more than there are.
const MAX_STATEMENTS: usize = 256;

/// How long a statement may run, or wait for a lock.
const STATEMENT_SECONDS: u64 = 10;
/// How long a reply may take, beyond the server's own limit, before the connection counts as lost.
const REPLY_TIMEOUT: Duration = Duration::from_secs(STATEMENT_SECONDS + 5);

/// Begins a transaction that writes. The level is that which the statements are written for, whatever the
/// server's default is.
const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Begins a transaction that sees one state of the store.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What is set in each transaction, because a pooler may give each another connection. A process that is
/// suspended in the middle of a transaction must not keep its locks: the server ends the transaction then.
const SETTINGS: &str = "SET LOCAL search_path = mirrorlistd; SET LOCAL statement_timeout = '10s'; \
     SET LOCAL lock_timeout = '10s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";
/// Only one process at a time looks whether the tables are there. The number is that of this program.
const LOCK_SCHEMA: &str = "SELECT pg_advisory_xact_lock(7813020171)";
const NOW: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";

/// An open connection. Dropping it closes it at once, and the server takes back what was not committed.
pub(super) struct Session {
    client: Client,
    driver: AbortHandle,
    /// `None` if statements are not prepared.
    statements: Option<HashMap<(String, Vec<Type>), Statement>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    /// Connects.
    pub(super) async fn connect(address: &Address) -> Result<Self, Error> {
        let config = address.config()?;
        let connected = timeout(CONNECT_TIMEOUT, config.connect(NoTls)).await;
        let (client, connection) = connected
            .map_err(|_| Error::Unavailable(format!("{address}: no reply within 5 s")))?
            .map_err(|error| fault::of_connect(&address.to_string(), &error))?;
        let driver = tokio::spawn(async move {
            // Whoever waits for a reply is told the error.
            drop(connection.await);
        });
        Ok(Self {
            client,
            driver: driver.abort_handle(),
            statements: address.listens().then(HashMap::new),
        })
    }

    /// Whether the connection is known to be lost.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Makes the tables or brings them up to date, after a look whether this server can hold them.
    pub(super) async fn migrate(&mut self, place: &str) -> Result<(), Error> {
        self.check_server(place).await?;
        self.execute(BEGIN_WRITE).await?;
        let outcome = self.migrate_in_transaction(place).await;
        self.end(outcome).await.map_err(|error| match error {
            Error::Broken(reason) => Error::Open { place: place.to_owned(), reason },
            error => error,
        })
    }

    async fn migrate_in_transaction(&mut self, place: &str) -> Result<(), Error> {
        self.execute(LOCK_SCHEMA).await?;
        // Asked first: making it needs a right that is not needed where it is there.
        let find = "SELECT 1 FROM pg_namespace WHERE nspname = ?1";
        if self.query(find, &[SCHEMA.into()]).await?.is_empty() {
            self.execute(&format!("CREATE SCHEMA {SCHEMA}")).await?;
        }
        self.execute(SETTINGS).await?;
        schema::migrate(&mut PostgresTransaction::new(self), place).await
    }

    async fn check_server(&mut self, place: &str) -> Result<(), Error> {
        let rows = self
            .query(
                "SELECT CAST(current_setting('server_version_num') AS BIGINT),
                     current_setting('server_encoding'), current_setting('synchronous_commit'),
                     current_setting('server_version')",
                &[],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let open = |reason: String| Err(Error::Open { place: place.to_owned(), reason });
        if row.int(0)? < OLDEST_SERVER {
            return open(format!(
                "is PostgreSQL {}, and 13 is the oldest that is supported",
                row.text(3)?
            ));
        }
        let encoding = row.text(1)?;
        if encoding != "UTF8" {
            return open(format!(
                "has the encoding {encoding}: make a database with ENCODING 'UTF8' TEMPLATE template0"
            ));
        }
        if row.text(2)? == "off" {
            tracing::warn!(
                "{place}: has synchronous_commit=off: tasks that were accepted are lost if the machine of \
                 the server fails; set it to on"
            );
        }
        Ok(())
    }

    /// Runs an operation in a transaction of its own.
    pub(super) async fn run<O: Operation>(&mut self, operation: &O) -> Result<O::Reply, Error> {
        let outcome = operation.run(&mut PostgresTransaction::new(self)).await;
        self.end(outcome).await
    }

    /// Begins the transaction of an operation. If this fails, nothing was done.
    pub(super) async fn begin<O: Operation>(&mut self) -> Result<(), Error> {
        let begin = if O::READS_ONLY { BEGIN_READ } else { BEGIN_WRITE };
        self.execute(&format!("{begin}; {SETTINGS}")).await
    }

    /// Commits what has succeeded, and takes back the rest.
    async fn end<R>(&mut self, outcome: Result<R, Error>) -> Result<R, Error> {
        match outcome {
            Ok(reply) => self.execute("COMMIT").await.map(|()| reply),
            Err(error) => {
                if self.execute("ROLLBACK").await.is_err() {
                    // Nobody may go on in that transaction.
                    self.driver.abort();
                }
                Err(error)
            }
        }
    }

    /// Runs statements without parameters and without rows.
    pub(super) async fn execute(&mut self, sql: &str) -> Result<(), Error> {
        let done = in_time(self.client.batch_execute(sql)).await;
        done.inspect_err(|error| self.abandon_after(error))
    }

    /// Runs a statement with the parameters `?1`, `?2`, …
    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        if parameters.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0')))
        {
            return Err(Error::Refused("a text holds a NUL, which no text may".to_owned()));
        }
        let sql = with_dollars(sql);
        let types: Vec<Type> = parameters.iter().map(type_of).collect();
        let rows = match self.prepared(&sql, &types).await? {
            Some(statement) => {
                let parameters: Vec<_> =
                    parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
                in_time(self.client.query(&statement, &parameters)).await
            }
            None => {
                let parameters = parameters.iter().map(|value| value as &(dyn ToSql + Sync));
                let parameters: Vec<_> = parameters.zip(types).collect();
                in_time(self.client.query_typed(&sql, &parameters)).await
            }
        };
        let rows = rows.inspect_err(|error| self.abandon_after(error))?;
        rows.iter().map(values).collect()
    }

    /// The prepared statement, unless none are used.
    async fn prepared(&mut self, sql: &str, types: &[Type]) -> Result<Option<Statement>, Error> {
        let Some(statements) = &mut self.statements else { return Ok(None) };
        let key = (sql.to_owned(), types.to_owned());
        if let Some(statement) = statements.get(&key) {
            return Ok(Some(statement.clone()));
        }
        let statement = in_time(self.client.prepare_typed(sql, types)).await;
        let statement = statement.inspect_err(|error| self.abandon_after(error))?;
        let Some(statements) = &mut self.statements else { return Ok(None) };
        if statements.len() >= MAX_STATEMENTS {
            statements.clear();
        }
        statements.insert(key, statement.clone());
        Ok(Some(statement))
    }

    /// After an error that says nothing about the state of the connection, it is not used again. After one
    /// that may come from a table that was changed, statements are prepared again.
    fn abandon_after(&mut self, error: &Error) {
        match error {
            Error::Unavailable(_) => self.driver.abort(),
            Error::Collided(_) => {
                if let Some(statements) = &mut self.statements {
                    statements.clear();
                }
            }
            _ => {}
        }
    }
}

/// What a request returns, if it returns in time.
async fn in_time<R>(
    request: impl Future<Output = Result<R, tokio_postgres::Error>>,
) -> Result<R, Error> {
    match timeout(REPLY_TIMEOUT, request).await {
        Ok(reply) => reply.map_err(|error| fault::of_statement(&error)),
        Err(_) => Err(Error::Unavailable(format!(
            "no reply within {} s; the connection is given up",
            REPLY_TIMEOUT.as_secs()
        ))),
    }
}

fn values(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let value = |column| row.try_get::<_, Value>(column);
    let values = (0..row.len()).map(value).collect::<Result<_, _>>();
    values.map(Row).map_err(|error| Error::Broken(format!("a column cannot be read: {error}")))
}

/// A statement with `$1` for `?1`. None of our statements has a question mark for anything else, and no
/// text from outside is a part of a statement.
fn with_dollars(sql: &str) -> String {
    sql.replace('?', "$")
}

/// An open transaction.
struct PostgresTransaction<'s> {
    session: &'s mut Session,
    now: Option<Timestamp>,
}

impl<'s> PostgresTransaction<'s> {
    fn new(session: &'s mut Session) -> Self {
        Self { session, now: None }
    }
}

impl Transaction for PostgresTransaction<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    /// The time at which it was asked first.
    async fn now(&mut self) -> Result<Timestamp, Error> {
        if let Some(now) = self.now {
            return Ok(now);
        }
        let rows = self.session.query(NOW, &[]).await?;
        let row = rows.first().ok_or_else(|| Error::Broken("the clock is silent".to_owned()))?;
        let now = row.time(0)?;
        self.now = Some(now);
        Ok(now)
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        self.session.query(sql, parameters).await
    }
}

//! Writes a whole store.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value as Json, json};

use super::format::{FORMAT, FORMAT_VERSION, Moved, wait_for_files};
use super::table::{NUMBERED, Order, TABLES, Table};
use crate::error::Error;
use crate::operation::{Dialect, Operation, Row, Transaction, Value};
use crate::operations::node::IS_LIVE;
use crate::schema;

/// How many rows are in memory at the same time. A row of a mirror may have some MiB.
const PAGE: i64 = 20;

/// Writes all rows as JSON Lines, see the [module](super). It can be run once.
#[derive(Clone)]
pub struct Export {
    sink: Arc<Mutex<dyn Write + Send>>,
    has_begun: Arc<AtomicBool>,
}

impl Export {
    /// Writes them to `sink`, which should be buffered. It is flushed at the end.
    pub fn to(sink: impl Write + Send + 'static) -> Self {
        Self { sink: Arc::new(Mutex::new(sink)), has_begun: Arc::default() }
    }

    fn write(&self, line: &Json) -> Result<(), Error> {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(sink, "{line}").map_err(|error| cannot_write(&error))
    }

    fn flush(&self) -> Result<(), Error> {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink.flush().map_err(|error| cannot_write(&error))
    }

    async fn write_table<T: Transaction>(&self, tx: &mut T, table: &Table) -> Result<u64, Error> {
        let (columns, name) = (table.column_list(), table.name);
        let collation = tx.dialect().by_bytes();
        let by_names = |n| {
            let keys = table.first_columns(n).map(|key| format!("{key}{collation}"));
            keys.collect::<Vec<_>>().join(", ")
        };
        let mut n_rows = 0;
        let mut after = (i64::MIN, i64::MIN);
        let mut after_text = (i64::MIN, String::new());
        loop {
            let rows = match table.order {
                Order::Name | Order::TwoNames => {
                    let keys = by_names(if table.order == Order::Name { 1 } else { 2 });
                    let sql = format!("SELECT {columns} FROM {name} ORDER BY {keys}");
                    tx.query(&sql, &[]).await?
                }
                Order::NumberAndText => {
                    // By the number first, which has an index on every server, whatever its order of texts.
                    let sql = format!(
                        "SELECT {columns} FROM {name} WHERE (task, request_id{collation}) > (?1, ?2)
                         ORDER BY task, request_id{collation} LIMIT ?3"
                    );
                    let (task, request) = &after_text;
                    tx.query(&sql, &[(*task).into(), request.into(), PAGE.into()]).await?
                }
                Order::Number => {
                    let sql =
                        format!("SELECT {columns} FROM {name} WHERE id > ?1 ORDER BY id LIMIT ?2");
                    tx.query(&sql, &[after.0.into(), PAGE.into()]).await?
                }
                Order::TwoNumbers => {
                    let sql = format!(
                        "SELECT {columns} FROM {name} WHERE (task, claim) > (?1, ?2)
                         ORDER BY task, claim LIMIT ?3"
                    );
                    tx.query(&sql, &[after.0.into(), after.1.into(), PAGE.into()]).await?
                }
            };
            for row in &rows {
                self.write(&json!({ name: object(table, row) }))?;
                n_rows += 1;
            }
            match (table.order, rows.last()) {
                (Order::Name | Order::TwoNames, _) | (_, None) => return Ok(n_rows),
                (Order::NumberAndText, Some(row)) => after_text = (row.int(0)?, row.text(1)?),
                (Order::Number, Some(row)) => after.0 = row.int(0)?,
                (Order::TwoNumbers, Some(row)) => after = (row.int(0)?, row.int(1)?),
            }
        }
    }
}

impl Operation for Export {
    type Reply = Moved;
    const NAME: &'static str = "export";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Moved, Error> {
        if self.has_begun.swap(true, Ordering::Relaxed) {
            return Err(Error::Refused("the export was interrupted: begin it again".to_owned()));
        }
        if tx.dialect() == Dialect::Postgres {
            refuse_running(tx).await?;
            wait_for_files(tx).await?;
        }
        let mut numbers = Map::new();
        for table in NUMBERED {
            numbers.insert(table.to_owned(), schema::highest_number(tx, table).await?.into());
        }
        self.write(
            &json!({ FORMAT: FORMAT_VERSION, "schema": schema::VERSION, "numbers": numbers }),
        )?;
        let mut rows = 0;
        for table in TABLES {
            rows += self.write_table(tx, table).await?;
        }
        self.write(&json!({ "end": { "rows": rows } }))?;
        self.flush()?;
        Ok(Moved { rows })
    }
}

/// What is exported while a node goes on would be missing what it does next.
async fn refuse_running<T: Transaction>(tx: &mut T) -> Result<(), Error> {
    let now = tx.now().await?;
    let rows = tx
        .query(
            "SELECT id, seen_at FROM node WHERE stopping = 0 AND seen_at > ?1 ORDER BY id LIMIT 1",
            &[now.plus(-IS_LIVE).into()],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (node, seconds) = (row.text(0)?, now.since(row.time(1)?).max(0) / 1_000);
    Err(Error::Refused(format!(
        "node {node} was seen {seconds} s ago: stop all nodes first; one that was killed counts as stopped \
         after {} s",
        IS_LIVE / 1_000
    )))
}

fn object(table: &Table, row: &Row) -> Json {
    let value = |value: &Value| match value {
        Value::Null => Json::Null,
        Value::Int(value) => (*value).into(),
        Value::Text(value) => value.as_str().into(),
    };
    let names = table.columns.iter().map(|(name, _)| (*name).to_owned());
    Json::Object(names.zip(row.0.iter().map(value)).collect())
}

fn cannot_write(error: &std::io::Error) -> Error {
    Error::Refused(format!("the export cannot be written: {error}"))
}

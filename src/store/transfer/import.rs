//! Reads a whole store.

use std::io::{BufRead, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value as Json};

use super::format::{FORMAT, FORMAT_VERSION, Moved, wait_for_files};
use super::table::{NUMBERED, TABLES, Table, Type};
use crate::error::Error;
use crate::operation::{Dialect, Operation, Transaction, Value, placeholders};
use crate::record::{bounded, bounds};
use crate::schema;

/// The longest line: more than a row with everything at its bound takes. The longest text is JSON, which a
/// string of JSON makes twice as long at most.
const MAX_LINE: u64 = 2 * bounds::CHECKS as u64 + 1024 * 1024;

/// Reads the rows that [`Export`](super::Export) has written into a store that has none. It can be run
/// once, and happens as a whole or not at all. Every fault is named with its line.
#[derive(Clone)]
pub struct Import {
    source: Arc<Mutex<dyn BufRead + Send>>,
    has_begun: Arc<AtomicBool>,
}

impl Import {
    /// Reads them from `source`.
    pub fn from(source: impl BufRead + Send + 'static) -> Self {
        Self { source: Arc::new(Mutex::new(source)), has_begun: Arc::default() }
    }

    /// The next line; `None` at the end.
    fn read(&self, number: u64) -> Result<Option<Line>, Error> {
        let mut text = Vec::new();
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader is taken by reference, because the next line is read from it as well.
        let read = Read::take(&mut *source, MAX_LINE).read_until(b'\n', &mut text);
        read.map_err(|error| at(number, &format!("cannot be read: {error}")))?;
        if text.is_empty() {
            return Ok(None);
        }
        if text.pop() != Some(b'\n') {
            return Err(at(number, "is cut off, or longer than any line of an export"));
        }
        let json = serde_json::from_slice::<Map<String, Json>>(&text)
            .map_err(|error| at(number, &format!("is no JSON object: {error}")))?;
        Ok(Some(Line { number, json }))
    }
}

/// A line of the file.
struct Line {
    number: u64,
    json: Map<String, Json>,
}

impl Line {
    fn refuse(&self, reason: &str) -> Error {
        at(self.number, reason)
    }

    fn int(&self, object: &Map<String, Json>, key: &str) -> Result<i64, Error> {
        let value = object.get(key).and_then(Json::as_i64);
        value.ok_or_else(|| self.refuse(&format!("has no number `{key}`")))
    }
}

fn at(line: u64, reason: &str) -> Error {
    Error::Refused(format!("line {line}: {}", bounded(reason, 300)))
}

impl Operation for Import {
    type Reply = Moved;
    const NAME: &'static str = "import";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Moved, Error> {
        if self.has_begun.swap(true, Ordering::Relaxed) {
            return Err(Error::Refused("the import was interrupted: begin it again".to_owned()));
        }
        if tx.dialect() == Dialect::Postgres {
            wait_for_files(tx).await?;
            // Nobody writes meanwhile.
            let names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
            let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", names.join(", "));
            tx.query(&lock, &[]).await?;
        }
        refuse_rows(tx).await?;
        let first = self.read(1)?.ok_or_else(|| at(1, "is missing: the file is empty"))?;
        check_header(&first)?;
        let mut number = 1;
        let rows = loop {
            number += 1;
            let line = self.read(number)?;
            let line = line.ok_or_else(|| at(number, "is missing: the file was cut off"))?;
            if let Some(end) = line.json.get("end") {
                let told = end.as_object().map_or(Ok(-1), |end| line.int(end, "rows"))?;
                let rows = number - 2;
                if u64::try_from(told) != Ok(rows) {
                    return Err(line.refuse(&format!("tells {told} rows, and {rows} were there")));
                }
                break rows;
            }
            insert(tx, &line).await?;
        };
        if self.read(number + 1)?.is_some() {
            return Err(at(number + 1, "comes after the end"));
        }
        set_numbers(tx, &first).await?;
        Ok(Moved { rows })
    }
}

/// What was there would be mixed with what comes.
async fn refuse_rows<T: Transaction>(tx: &mut T) -> Result<(), Error> {
    for Table { name, .. } in TABLES {
        let rows = tx.query(&format!("SELECT 1 FROM {name} LIMIT 1"), &[]).await?;
        if !rows.is_empty() {
            return Err(Error::Refused(format!(
                "the store is not empty: the table {name} has rows; import into a new one"
            )));
        }
    }
    Ok(())
}

fn check_header(first: &Line) -> Result<(), Error> {
    let format = first.int(&first.json, FORMAT).map_err(|_| {
        first.refuse("does not begin an export of a store, as `control export` writes it")
    })?;
    let found = first.int(&first.json, "schema")?;
    let known = schema::VERSION;
    match format == FORMAT_VERSION && found == known {
        true => Ok(()),
        false => Err(first.refuse(&format!(
            "has format {format} and schema {found}, and this version reads format {FORMAT_VERSION} and \
             schema {known}: import with the version that has exported"
        ))),
    }
}

async fn insert<T: Transaction>(tx: &mut T, line: &Line) -> Result<(), Error> {
    let mut tables = line.json.iter();
    let (Some((name, row)), None) = (tables.next(), tables.next()) else {
        return Err(line.refuse("does not name one table"));
    };
    let table = Table::find(name);
    let table = table
        .ok_or_else(|| line.refuse(&format!("names the table `{name}`, which there is not")))?;
    let row = row.as_object().ok_or_else(|| line.refuse("has no object for the row"))?;
    let values = values(table, row).map_err(|reason| line.refuse(&reason))?;
    let (columns, parameters) = (table.column_list(), placeholders(1, values.len()));
    let sql = format!("INSERT INTO {name}({columns}) VALUES({parameters})");
    tx.query(&sql, &values).await.map(drop).map_err(|error| match error {
        // What the tables refuse: a value that cannot be, a row that is there, a task that is not.
        Error::Broken(reason) | Error::Collided(reason) | Error::Refused(reason) => {
            line.refuse(&reason)
        }
        other => other,
    })
}

/// The values of a row, in the order of the columns.
fn values(table: &Table, row: &Map<String, Json>) -> Result<Vec<Value>, String> {
    if let Some(unknown) = row.keys().find(|key| !table.columns.iter().any(|(name, _)| name == key))
    {
        return Err(format!("has a column `{unknown}`, which the table {} has not", table.name));
    }
    let value = |&(name, column): &(&str, Type)| match (column, row.get(name)) {
        (_, None) => Err(format!("has no column `{name}`")),
        (_, Some(Json::Null)) => Ok(Value::Null),
        (Type::Int, Some(Json::Number(value))) => {
            let value = value.as_i64();
            value
                .map(Value::Int)
                .ok_or_else(|| format!("has in `{name}` a number that is too large"))
        }
        (Type::Text, Some(Json::String(value))) => Ok(Value::Text(value.clone())),
        (Type::Int, Some(_)) => Err(format!("has in `{name}` something that is no number")),
        (Type::Text, Some(_)) => Err(format!("has in `{name}` something that is no text")),
    };
    table.columns.iter().map(value).collect()
}

async fn set_numbers<T: Transaction>(tx: &mut T, first: &Line) -> Result<(), Error> {
    let numbers = first.json.get("numbers").and_then(Json::as_object);
    let numbers = numbers.ok_or_else(|| first.refuse("has no object `numbers`"))?;
    for table in NUMBERED {
        let told = first.int(numbers, table)?;
        let rows = tx.query(&format!("SELECT COALESCE(max(id), 0) FROM {table}"), &[]).await?;
        let there = rows.first().map_or(Ok(0), |row| row.int(0))?;
        if told < there {
            return Err(first.refuse(&format!(
                "tells {told} as the last number of the table {table}, which has {there}"
            )));
        }
        schema::set_highest_number(tx, table, told).await?;
    }
    Ok(())
}

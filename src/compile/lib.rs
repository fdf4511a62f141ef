//! A catalog becomes a snapshot: everything that can be decided once is decided here.
//!
//! `tables` lays the catalog out as a snapshot holds it, and `systems` leaves out networks that can
//! decide no answer. What is wrong with the data has been reported when the catalog was made.
//!
//! Compiling is synchronous; with reading, it takes about two seconds for Fedora's data. Equal catalogs
//! give equal snapshots, byte for byte, and so equal generations.

mod tables;
mod systems;

use catalog::{Catalog, Report};
use snapshot::{Snapshot, format};

/// A compiled snapshot with its encoded form.
pub struct Compiled {
    /// Ready to be served.
    pub snapshot: Snapshot,
    /// The bytes of its file.
    pub bytes: Vec<u8>,
    /// What was skipped or mended.
    pub report: Report,
}

/// Why a catalog does not become a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More of something than a snapshot can number.
    #[error("{0}: is too large: more than 4 billion bytes or entries in a table")]
    TooLarge(String),
    /// The compiled tables do not make a snapshot: a defect of this program.
    #[error("the compiled tables are not sound: {0}")]
    Unsound(String),
}

/// Makes a snapshot in memory, and adds to the report what decides nothing. For a process that has the
/// snapshot `before`, the new one shares with it what it can.
pub fn compile(
    catalog: Catalog,
    mut report: Report,
    before: Option<&Snapshot>,
) -> Result<Compiled, Error> {
    let unsound = |error: &dyn std::fmt::Display| Error::Unsound(error.to_string());
    let name = catalog.name.clone();
    let tables = tables::lay_out(catalog, &mut report).ok_or(Error::TooLarge(name))?;
    let bytes = format::encode(&tables).map_err(|error| unsound(&error))?;
    let snapshot = format::publish(tables, &bytes, before).map_err(|error| unsound(&error))?;
    Ok(Compiled { snapshot, bytes, report })
}

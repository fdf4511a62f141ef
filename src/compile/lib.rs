//! Compiles a catalog into a snapshot: everything that can be decided before a request is decided here.
//!
//! `build_tables` converts the catalog into the tables of a snapshot, `as_networks` leaves out
//! networks that cannot change an answer, and `bands` puts the mirrors around each area of clients in order
//! of distance. Faults of the data were reported when the catalog was made.
//!
//! Compiling is synchronous; with reading, it takes about two seconds for Fedora's data. Equal catalogs
//! give equal snapshots, byte for byte, and so equal generations.

mod build_tables;
mod as_networks;
mod bands;

use catalog::{Catalog, Report};
use snapshot::{Snapshot, format};

/// A compiled snapshot with its encoded form.
pub struct Compiled {
    /// The snapshot, ready to be served.
    pub snapshot: Snapshot,
    /// The bytes of its file.
    pub bytes: Vec<u8>,
    /// The records that were skipped or mended.
    pub report: Report,
}

/// The reason why a catalog cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A table would have more bytes or entries than a snapshot can number.
    #[error("{0}: is too large: more than 4 billion bytes or entries in a table")]
    TooLarge(String),
    /// The compiled tables fail the checks of a snapshot: a defect of this program.
    #[error("the compiled tables are not sound: {0}")]
    Unsound(String),
}

/// Compiles a snapshot in memory, and adds records that change no answer to the report. The new
/// snapshot shares equal indexes with `before`, if that is given.
pub fn compile(
    catalog: Catalog,
    mut report: Report,
    before: Option<&Snapshot>,
) -> Result<Compiled, Error> {
    let unsound = |error: &dyn std::fmt::Display| Error::Unsound(error.to_string());
    let name = catalog.name.clone();
    let tables = build_tables::lay_out(catalog, &mut report).ok_or(Error::TooLarge(name))?;
    let bytes = format::encode(&tables).map_err(|error| unsound(&error))?;
    let snapshot = format::publish(tables, &bytes, before).map_err(|error| unsound(&error))?;
    Ok(Compiled { snapshot, bytes, report })
}

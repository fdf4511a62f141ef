//! Building a snapshot from inputs: a source reads them into a catalog, what checks have found is applied to it,
//! and the compiler compiles it.

use std::io;

use catalog::{Catalog, Report};
use compile::findings::{self, TooMuchFound};
use compile::{self, Compiled};
use snapshot::Snapshot;
use sources::{self, Inputs};

/// The reason why no snapshot was built: one line that names the input and the cause.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The inputs could not be read into a catalog.
    #[error(transparent)]
    Source(#[from] sources::Error),
    /// More follows from what checks have found than there is memory for.
    #[error(transparent)]
    Findings(#[from] TooMuchFound),
    /// The catalog could not be compiled into a snapshot.
    #[error(transparent)]
    Compile(#[from] compile::Error),
}

impl Error {
    /// The I/O error behind this one, if there is one.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Source(error) => error.io_error(),
            Self::Findings(_) | Self::Compile(_) => None,
        }
    }
}

/// Reads inputs into a catalog, without what checks have found to be of no use. Blocks.
pub fn read(inputs: &Inputs, report: &mut Report) -> Result<Catalog, Error> {
    let mut catalog = inputs.read(report)?;
    if let Some((found, name)) = inputs.read_findings()? {
        findings::apply(&found, &name, &mut catalog, report)?;
    }
    Ok(catalog)
}

/// Builds a snapshot in memory. Blocks for seconds with Fedora's data. If the process already has a
/// snapshot, `before`, the new one shares unchanged parts with it.
pub fn build(inputs: &Inputs, before: Option<&Snapshot>) -> Result<Compiled, Error> {
    let mut report = Report::default();
    let catalog = read(inputs, &mut report)?;
    Ok(compile::compile(catalog, report, before)?)
}

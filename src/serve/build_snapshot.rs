//! From inputs to a snapshot: a source reads them into a catalog, and the compiler takes that.

use std::io;

use catalog::Report;
use compile::{self, Compiled};
use snapshot::Snapshot;
use sources::{self, Inputs};

/// Why nothing was built: one line that names the input and the reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The inputs make no catalog.
    #[error(transparent)]
    Source(#[from] sources::Error),
    /// The catalog makes no snapshot.
    #[error(transparent)]
    Compile(#[from] compile::Error),
}

impl Error {
    /// What the system said, where that is the reason.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Source(error) => error.io_error(),
            Self::Compile(_) => None,
        }
    }
}

/// Makes a snapshot in memory. Blocks for seconds on Fedora's data. For a process that has the snapshot
/// `before`, the new one shares with it what it can.
pub fn build(inputs: &Inputs, before: Option<&Snapshot>) -> Result<Compiled, Error> {
    let mut report = Report::default();
    let catalog = inputs.read(&mut report)?;
    Ok(compile::compile(catalog, report, before)?)
}

//! Why an input cannot be read, and reading files as far as they may be.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use catalog::{BadCatalog, report};
use runtime::regular_file::{self, ReadError};

/// Why there is no catalog: one line that names the file and the reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why, and how far it was read.
        source: ReadError,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    Broken {
        /// Which.
        path: PathBuf,
        /// Why, as the rest of a sentence about the file.
        reason: String,
    },
    /// Each record is sound, but together they cannot be served.
    #[error(transparent)]
    Refused(#[from] BadCatalog),
}

impl Error {
    /// What the system said, where that is the reason.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Read { source, .. } => source.io_error(),
            Self::Broken { .. } | Self::Refused(_) => None,
        }
    }

    pub(super) fn broken(path: &Path, reason: impl Display) -> Self {
        Self::Broken { path: path.into(), reason: report::one_line(&reason) }
    }

    pub(super) fn no_thread(path: &Path, error: &io::Error) -> Self {
        Self::broken(path, format_args!("cannot be read: no thread can be started: {error}"))
    }
}

/// Reads a file of at most so many bytes.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    regular_file::read(path, limit).map_err(|source| Error::Read { path: path.into(), source })
}

/// The name by which diagnostics call a file: its last component, as the operator wrote it.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

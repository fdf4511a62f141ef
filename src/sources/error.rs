//! Errors of reading an input, and reading files up to a limit.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use super::declared::fault::Faults;
use catalog::BadCatalog;
use model::one_line::one_line;
use runtime::regular_file::{self, ReadError};

/// The reason why there is no catalog: a line that names the file and the cause; several lines for a
/// catalog with several faults.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause, and how far the file was read.
        source: ReadError,
    },
    /// The content of a file is invalid.
    #[error("{}: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The cause, as the rest of a sentence about the file.
        reason: String,
    },
    /// A line of a file is at fault.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The key and the value at fault, and what would be right.
        reason: String,
    },
    /// A catalog has faults.
    #[error("{0}")]
    Faults(#[from] Faults),
    /// An index of the primary tree cannot be read.
    #[error(transparent)]
    Index(#[from] index::format::Error),
    /// Each record is valid, but together they cannot be served.
    #[error(transparent)]
    Refused(#[from] BadCatalog),
}

impl Error {
    /// The I/O error, if that is the cause.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Read { source, .. } => source.io_error(),
            Self::Index(error) => error.io_error(),
            Self::Broken { .. } | Self::Line { .. } | Self::Faults(_) | Self::Refused(_) => None,
        }
    }

    pub(super) fn broken(path: &Path, reason: impl Display) -> Self {
        Self::Broken { path: path.into(), reason: one_line(&reason) }
    }

    pub(super) fn at(path: &Path, line: u64, reason: impl Display) -> Self {
        Self::Line { path: path.into(), line, reason: reason.to_string() }
    }

    pub(super) fn no_thread(path: &Path, error: &io::Error) -> Self {
        Self::broken(path, format_args!("cannot be read: no thread can be started: {error}"))
    }
}

/// Reads a file of at most `limit` bytes.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    regular_file::read(path, limit).map_err(|source| Error::Read { path: path.into(), source })
}

/// The name of a file in diagnostics: the last component of its path, as the operator wrote it.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

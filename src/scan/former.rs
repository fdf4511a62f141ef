//! The index that a scan builds on, and replaces.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use index::Index;
use index::format;

/// The reason why a scan cannot write its index there; one line.
#[derive(Debug, thiserror::Error)]
pub enum FormerError {
    /// What is there cannot be read.
    #[error("{0}")]
    Read(format::Error),
    /// What is there is a damaged index.
    #[error(
        "{0}; remove it to begin anew: the scan then reads every file and knows no earlier versions"
    )]
    Damaged(format::Error),
    /// What is there is no index.
    #[error("{0}, and is not replaced: name another file")]
    Foreign(format::Error),
}

/// Reads the index of the last scan; `None` if there is none yet.
pub fn read_former(path: &Path) -> Result<Option<Index>, FormerError> {
    let error = match Index::read(path) {
        Ok(index) => return Ok(Some(index)),
        Err(error) => error,
    };
    match error.io_error().map(std::io::Error::kind) {
        Some(ErrorKind::NotFound) => Ok(None),
        Some(_) => Err(FormerError::Read(error)),
        // As `mktemp` makes it.
        None if fs::metadata(path).is_ok_and(|meta| meta.len() == 0) => Ok(None),
        None if format::is_index(path) => Err(FormerError::Damaged(error)),
        None => Err(FormerError::Foreign(error)),
    }
}

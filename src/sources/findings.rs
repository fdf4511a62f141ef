//! What checks have found out of mirrors, read from the file that control writes.

use std::path::Path;

use super::error::{Error, read_file};
use checks::findings::{BadFindings, Findings, MAX_BYTES};

/// Reads a file of findings.
pub(super) fn read(path: &Path) -> Result<Findings, Error> {
    let bytes = read_file(path, MAX_BYTES)?;
    Findings::parse(&bytes).map_err(|BadFindings { line, reason }| Error::at(path, line, reason))
}

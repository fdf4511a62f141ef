//! Builds a geography file in memory, and compares it with the one that it is to replace.

use std::path::{Path, PathBuf};

use super::build::{Built, build};
use super::shrink::find_loss;
use super::table_file::Tables;
use crate::error::Error;
use catalog::Report;

/// The reason why the file is not to be replaced; one line.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The tables cannot be read or merged.
    #[error(transparent)]
    Tables(#[from] Error),
    /// They have lost too much.
    #[error("{}: {loss}", path.display())]
    Shrunk {
        /// The file.
        path: PathBuf,
        /// What is gone.
        loss: String,
    },
}

/// Reads and merges tables. `output` is the file that they are compared with, unless a loss is accepted; one
/// that cannot be read is of no use, and a warning. Who writes the file holds its
/// [write lock](runtime::write_lock) meanwhile.
pub fn prepare(
    countries: &[PathBuf],
    systems: &[PathBuf],
    output: &Path,
    allow_shrink: bool,
    report: &mut Report,
) -> Result<(Built, Vec<String>), Refused> {
    let built = build(countries, systems, report)?;
    let mut warnings = Vec::new();
    if !allow_shrink {
        match Tables::read(output) {
            Some(Ok(former)) => {
                if let Some(loss) = find_loss(&former, &built.tables) {
                    return Err(Refused::Shrunk {
                        path: output.to_owned(),
                        loss: loss.to_string(),
                    });
                }
            }
            // It is replaced all the same, as it is of no use.
            Some(Err(error)) => {
                warnings.push(format!("{error}: what is built is not compared with it"));
            }
            None => {}
        }
    }
    Ok((built, warnings))
}

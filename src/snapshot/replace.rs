//! Replaces a snapshot file atomically, and keeps the one before.
//!
//! [`runtime::replace`] says how a file is replaced. The replaced file can be kept beside the new one, as
//! `NAME.previous` ([`Keep::Previous`]). It gets that name as an additional link before the new file is
//! renamed, so `NAME` always exists. Only an intact file of another generation is kept: a damaged one
//! would replace the backup that is needed when a file is damaged, and an equal one would not help more
//! than the new file.

use std::path::{Path, PathBuf};

use super::format::{self, Error};
use runtime::replace::{NewFile, NotSynced};
use runtime::sealed::Reason;

/// Whether the replaced file is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// It is kept under the name that [`previous_of`] gives.
    Previous,
    /// It is removed.
    Nothing,
}

/// Warnings about a file that was written and is in place.
#[derive(Default, Debug)]
pub struct WriteOutcome {
    /// The reason why the old file could not be kept, if so. That is no error: new data are more
    /// important than a copy of old ones.
    pub not_kept: Option<Error>,
    /// The reason why a power cut may bring the old file back, if so.
    pub not_synced: Option<NotSynced>,
}

/// Atomically replaces the file at `path` with bytes from [`format::encode`]. After an error the old
/// file is in place.
pub fn write(path: &Path, bytes: &[u8], keep: Keep) -> Result<WriteOutcome, Error> {
    let new = NewFile::write(path, bytes).map_err(|error| Reason::Write(error).at(path))?;
    let not_kept = match keep {
        Keep::Previous => keep_previous(path, &new, bytes).err(),
        Keep::Nothing => None,
    };
    let not_synced = new.replace().map_err(|error| Reason::Write(error).at(path))?;
    Ok(WriteOutcome { not_kept, not_synced })
}

/// The path at which the previous snapshot of `path` is kept, which is beside the file to which a link leads.
pub fn previous_of(path: &Path) -> PathBuf {
    let target = runtime::replace::follow_links(path).unwrap_or_else(|_| path.to_owned());
    let mut name = target.into_os_string();
    name.push(".previous");
    name.into()
}

/// Keeps the file at `path` under its second name if it is intact and of another generation.
fn keep_previous(path: &Path, new: &NewFile, next: &[u8]) -> Result<(), Error> {
    let previous = previous_of(path);
    let failed = |error| Reason::Write(error).at(&previous);
    let Some(second) = new.second_name_of_old().map_err(failed)? else { return Ok(()) };
    // The link is verified and kept, so a change of `path` meanwhile has no effect.
    match format::read_generation(second.path()) {
        Ok(generation) if Some(generation) == format::generation_of(next) => Ok(()),
        Ok(_) => second.rename(&previous).map_err(failed),
        // An unreadable file is reported; a damaged one is silently not kept.
        Err(error) if error.io_error().is_some() => Err(error),
        Err(_) => Ok(()),
    }
}

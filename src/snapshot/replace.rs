//! Replaces a snapshot file atomically, and keeps the one before.
//!
//! [`runtime::replace`] says how a file is replaced. The replaced file can be kept beside the new one, as
//! `NAME.previous` ([`Keep::Previous`]). It gets that name as an additional link before the new file is
//! renamed, so `NAME` always exists. Only an intact file of another generation is kept: a damaged one
//! would replace the backup that is needed when a file is damaged, and an equal one would not help more
//! than the new file.

use std::path::{Path, PathBuf};

use super::format::{self, Error};
use super::generation::Generation;
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
    Prepared::of(path, new, bytes).publish(keep)
}

/// A snapshot that is written beside the file that it replaces, and removed on drop.
pub struct Prepared {
    path: PathBuf,
    new: NewFile,
    generation: Option<Generation>,
}

impl Prepared {
    /// Writes bytes from [`format::encode`] beside the file at `path`, under a name that holds `tag`. The
    /// caller holds the [write lock](runtime::write_lock) of that file.
    pub fn write(path: &Path, bytes: &[u8], tag: &str) -> Result<Self, Error> {
        let new = NewFile::write_tagged(path, bytes, tag);
        let new = new.map_err(|error| Reason::Write(error).at(path))?;
        Ok(Self::of(path, new, bytes))
    }

    fn of(path: &Path, new: NewFile, bytes: &[u8]) -> Self {
        Self { path: path.to_owned(), new, generation: format::generation_of(bytes) }
    }

    /// Puts it in place. After an error the old file is in place.
    pub fn publish(self, keep: Keep) -> Result<WriteOutcome, Error> {
        let Self { path, new, generation } = self;
        let not_kept = match keep {
            Keep::Previous => keep_previous(&path, &new, generation).err(),
            Keep::Nothing => None,
        };
        let not_synced = new.replace().map_err(|error| Reason::Write(error).at(&path))?;
        Ok(WriteOutcome { not_kept, not_synced })
    }
}

/// The path at which the previous snapshot of `path` is kept, which is beside the file to which a link leads.
pub fn previous_of(path: &Path) -> PathBuf {
    let target = runtime::replace::follow_links(path).unwrap_or_else(|_| path.to_owned());
    let mut name = target.into_os_string();
    name.push(".previous");
    name.into()
}

/// Keeps the file at `path` under its second name if it is intact and of another generation.
fn keep_previous(path: &Path, new: &NewFile, next: Option<Generation>) -> Result<(), Error> {
    let previous = previous_of(path);
    let failed = |error| Reason::Write(error).at(&previous);
    let Some(second) = new.second_name_of_old().map_err(failed)? else { return Ok(()) };
    // The link is verified and kept, so a change of `path` meanwhile has no effect.
    match format::read_generation(second.path()) {
        Ok(generation) if Some(generation) == next => Ok(()),
        Ok(_) => second.rename(&previous).map_err(failed),
        // An unreadable file is reported; a damaged one is silently not kept.
        Err(error) if error.io_error().is_some() => Err(error),
        Err(_) => Ok(()),
    }
}

//! Writing a snapshot file in the place of another one.
//!
//! The bytes go to a temporary file in the same folder, which is synced and renamed over the old one.
//! Whoever opens the name sees the old file or the new one, never a part. Then the folder is synced,
//! so that a power cut cannot bring the old one back. When that fails, the new file is in its place all
//! the same and the old one cannot be had back, so this is a warning and no failure: readers see the new
//! data, and what a power cut could do is to show them the old ones, whole.
//!
//! A temporary file has a name that nobody else has (`.NAME.` and 16 random hex digits and `.tmp`) and is
//! made anew, with mode 0644 less the umask, whatever lies there: a file, link or FIFO that somebody
//! else has put into the folder is neither adopted nor opened nor waited for. So writers need no lock:
//! each has its own file, and of two at the same time the one that renames last is seen. A lock would
//! let anybody who can open the file hold it, and with it all compilers, for ever.
//!
//! A writer that is killed leaves its temporary file behind. The next one removes those that have not
//! been written to for an hour ([`ABANDONED`]), as far as it may.
//!
//! The file that is replaced can be kept beside the new one, as `NAME.previous` ([`Keep::Previous`]).
//! It gets that name as a second one before the new file takes the first, so that `NAME` is there at
//! any moment. Only an intact file of another generation is kept: a broken one would push out the one
//! that is to help when a file is broken, and an equal one would be of no more help than the new one.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::format::{self, Error, at};
use runtime::regular_file;

/// A temporary file that has not been written to for so long belongs to nobody any more: writing takes
/// seconds.
pub const ABANDONED: Duration = Duration::from_secs(3_600);
/// What anybody may do with a snapshot; the umask takes from it.
const MODE: u32 = 0o644;
/// Names that are tried; with 64 random bits the first one is free.
const MAX_NAMES: usize = 8;

/// What becomes of the file that is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// It is kept under the name that [`previous_of`] gives.
    Previous,
    /// It goes.
    Nothing,
}

/// What else is to be said of a file that is written and in its place.
#[derive(Default, Debug)]
pub struct WriteOutcome {
    /// Why the file before could not be kept, if so: new data count for more than a second copy of old
    /// ones.
    pub not_kept: Option<Error>,
    /// Why a power cut may bring the file before back, if so.
    pub not_synced: Option<Error>,
}

/// Writes bytes that [`format::encode`] made, so that `path` is wholly old or wholly new at any moment.
/// After an error it is the old one.
pub fn write(path: &Path, bytes: &[u8], keep: Keep) -> Result<WriteOutcome, Error> {
    write_atomically(path, bytes, keep).map_err(|error| at(path, error))
}

/// Where the snapshot is kept that the one at `path` has replaced.
pub fn previous_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".previous");
    name.into()
}

fn write_atomically(path: &Path, bytes: &[u8], keep: Keep) -> io::Result<WriteOutcome> {
    if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        // A rename would put a file in the place of /dev/null just as well.
        return Err(io::Error::other("exists and is no regular file"));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| io::Error::other("names no file"))?;
    let names = Names { folder, name };
    names.remove_abandoned();
    let mut temporary = names.create()?;
    temporary.file.write_all(bytes)?;
    temporary.file.sync_all()?;
    let not_kept = match keep {
        Keep::Previous => keep_previous(path, &names, bytes).err(),
        Keep::Nothing => None,
    };
    temporary.name.rename(path)?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    let not_synced = synced.err().map(|error| at(folder, error));
    Ok(WriteOutcome { not_kept, not_synced })
}

/// Gives the file at `path` its second name, if it is worth keeping.
fn keep_previous(path: &Path, names: &Names<'_>, next: &[u8]) -> Result<(), Error> {
    let previous = previous_of(path);
    let failed = |error| at(&previous, error);
    let Some(second) = names.link_or_copy(path).map_err(failed)? else { return Ok(()) };
    // What is verified is what is kept, whatever happens to `path` meanwhile.
    match format::read_generation(&second.0) {
        Ok(generation) if Some(generation) == format::generation_of(next) => Ok(()),
        Ok(_) => second.rename(&previous).map_err(failed),
        // It cannot be read; a broken one is not worth a word.
        Err(error) if error.io_error().is_some() => Err(error),
        Err(_) => Ok(()),
    }
}

/// The temporary names beside a file.
struct Names<'a> {
    folder: &'a Path,
    name: &'a OsStr,
}

struct Temporary {
    name: TemporaryName,
    file: File,
}

/// A name of a file that is ours; the name is removed unless the file gets another one.
struct TemporaryName(PathBuf);

impl TemporaryName {
    fn rename(self, to: &Path) -> io::Result<()> {
        // Nothing is left to remove afterwards, except where both are names of one file already.
        fs::rename(&self.0, to)
    }
}

impl Drop for TemporaryName {
    fn drop(&mut self) {
        // What failed is what the caller must hear of, not that there is nothing to remove.
        let _ = fs::remove_file(&self.0);
    }
}

impl Names<'_> {
    /// Makes something under a fresh name.
    fn with_fresh_name<T>(
        &self,
        make: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<(PathBuf, T)> {
        let mut outcome = Err(ErrorKind::AlreadyExists.into());
        for _ in 0..MAX_NAMES {
            let mut name = self.prefix();
            name.extend_from_slice(format!("{:016x}.tmp", fastrand::u64(..)).as_bytes());
            let path = self.folder.join(OsStr::from_bytes(&name));
            outcome = make(&path).map(|made| (path, made));
            if !matches!(&outcome, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
                break;
            }
        }
        outcome
    }

    fn prefix(&self) -> Vec<u8> {
        [b".", self.name.as_bytes(), b"."].concat()
    }

    fn create(&self) -> io::Result<Temporary> {
        let (path, file) = self.with_fresh_name(|path| {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(MODE).custom_flags(libc::O_NOFOLLOW);
            options.open(path)
        })?;
        Ok(Temporary { name: TemporaryName(path), file })
    }

    /// A second name of a file, or of a copy; `None` where there is no such file.
    fn link_or_copy(&self, path: &Path) -> io::Result<Option<TemporaryName>> {
        match self.with_fresh_name(|name| fs::hard_link(path, name)) {
            Ok((name, ())) => Ok(Some(TemporaryName(name))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            // Not every file system has links, and a file of another user may not be linked.
            Err(_) => {
                let opened = regular_file::open(path);
                let (mut old, _) = opened.map_err(|error| io::Error::other(error.to_string()))?;
                let mut copy = self.create()?;
                io::copy(&mut old, &mut copy.file)?;
                copy.file.sync_all()?;
                Ok(Some(copy.name))
            }
        }
    }

    /// Removes what writers have left behind that were killed. What cannot be removed is in nobody's
    /// way.
    fn remove_abandoned(&self) {
        let Ok(entries) = fs::read_dir(self.folder) else { return };
        for entry in entries.flatten().filter(|entry| self.is_temporary(&entry.file_name())) {
            let Ok(meta) = entry.metadata() else { continue };
            // A second name of an old file may be a moment old, and its writer at work.
            let is_only_name = meta.nlink() == 1;
            let age = meta.modified().map(|at| SystemTime::now().duration_since(at));
            let is_old = age.is_ok_and(|age| age.is_ok_and(|age| age >= ABANDONED));
            if is_only_name && is_old {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Whether a name is one of ours. Versions before used the names without digits.
    fn is_temporary(&self, name: &OsStr) -> bool {
        let rest = name.as_bytes().strip_prefix(&self.prefix()[..]);
        match rest.and_then(|rest| rest.strip_suffix(b"tmp")) {
            Some(b"" | b"previous.") => true,
            Some([digits @ .., b'.']) => {
                digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_told_from_all_others() {
        let names = Names { folder: Path::new("."), name: OsStr::new("a.b") };
        for (name, is_ours) in [
            (".a.b.0123456789abcdef.tmp", true),
            (".a.b.tmp", true),
            (".a.b.previous.tmp", true),
            ("a.b", false),
            ("a.b.previous", false),
            ("a.b.tmp", false),
            (".a.b.0123456789abcde.tmp", false),
            (".a.b.0123456789abcdeg.tmp", false),
            (".a.b.c.0123456789abcdef.tmp", false),
            (".a.b.0123456789abcdeftmp", false),
            (".a.b", false),
        ] {
            assert_eq!(names.is_temporary(OsStr::new(name)), is_ours, "{name}");
        }
    }
}

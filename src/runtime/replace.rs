//! Replaces a file atomically.
//!
//! The bytes are written to a temporary file in the same folder, which is synced and renamed over the
//! old one. A reader that opens the name sees the old file or the new one, never a part. Then the folder
//! is synced, so that a power cut cannot bring the old file back. If that sync fails, the new file is in
//! place and the old one is gone, so this is a warning and no error: readers see the new data, and after
//! a power cut at worst the complete old file.
//!
//! A temporary file has a unique name (`.NAME.`, 16 random hex digits, `.tmp`) and mode 0644 less the
//! umask. It is always created: an existing file, link or FIFO of that name is never opened. So writers
//! need no lock: each has its own file, and of two at the same time the last rename counts. Writers that
//! build on what is in the file are kept apart by [`super::write_lock`].
//!
//! A task that may be overtaken by another one ([`NewFile::write_tagged`]) has its number in the name instead
//! (`.NAME.task-`, the tag, `.tmp`). Its writer holds the write lock of the file, so it is the only one, and
//! removes what killed ones have left at once.
//!
//! A symbolic link is not replaced: what it leads to is, so that whoever reads that by its own name gets the
//! new file as well.
//!
//! A writer that is killed leaves its temporary file behind. The next writer removes those that have
//! not been written to for an hour ([`ABANDONED`]), if it has permission.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::regular_file;

/// The age from which a temporary file counts as abandoned; writing takes seconds.
pub const ABANDONED: Duration = Duration::from_secs(3_600);
/// Mode of a new file, before the umask.
const MODE: u32 = 0o644;
/// The most symbolic links that are followed, as many as Linux does.
const MAX_LINKS: usize = 40;
/// What stands before the tag in a temporary name of a task.
const TAGGED: &[u8] = b"task-";
/// The most names that are tried; with 64 random bits the first one is free as a rule.
const MAX_NAMES: usize = 8;

/// The file is written and in place, but its folder could not be synced: a power cut may bring the old
/// file back.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", folder.display())]
pub struct NotSynced {
    /// The folder.
    pub folder: PathBuf,
    /// The system's error.
    pub error: io::Error,
}

/// Atomically replaces the file at `path`. After an error the old file is in place.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<Option<NotSynced>> {
    NewFile::write(path, bytes)?.replace()
}

/// The path to which `path` leads over symbolic links at its end. There may be no such file yet.
pub fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            // It is no link, or nothing is there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("is a link that leads to itself, or over too many others"))
}

/// A file that is written and synced under a temporary name, which is removed on drop.
pub struct NewFile {
    /// What is replaced, which is no link.
    path: PathBuf,
    temporary: Temporary,
}

impl NewFile {
    /// Writes the bytes beside the file to which `path` leads, which [`Self::replace`] then replaces.
    pub fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        Self::write_as(path, bytes, |names| {
            names.remove_abandoned();
            names.create()
        })
    }

    /// Does so under a name that holds `tag`, digits and dashes. The caller holds the
    /// [write lock](super::write_lock) of the file: what others have left under such names is removed.
    pub fn write_tagged(path: &Path, bytes: &[u8], tag: &str) -> io::Result<Self> {
        Self::write_as(path, bytes, |names| {
            names.remove_tagged();
            names.create_tagged(tag)
        })
    }

    fn write_as(
        path: &Path,
        bytes: &[u8],
        create: impl FnOnce(&Names<'_>) -> io::Result<Temporary>,
    ) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            // A rename would also replace a device such as /dev/null.
            return Err(io::Error::other("exists and is no regular file"));
        }
        let path = follow_links(path)?;
        let mut temporary = create(&Names::of(&path)?)?;
        temporary.file.write_all(bytes)?;
        temporary.file.sync_all()?;
        Ok(Self { path, temporary })
    }

    /// A second name of the file that will be replaced: a link, or else a copy; `None` if there is no
    /// such file. A change of the first name has no effect on it.
    pub fn second_name_of_old(&self) -> io::Result<Option<TemporaryName>> {
        Names::of(&self.path)?.link_or_copy(&self.path)
    }

    /// Puts the new file in place.
    pub fn replace(self) -> io::Result<Option<NotSynced>> {
        self.temporary.name.rename(&self.path)?;
        let folder = folder_of(&self.path);
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(synced.err().map(|error| NotSynced { folder: folder.to_owned(), error }))
    }
}

/// Whether this is the tag of a task.
fn is_tag(tag: &[u8]) -> bool {
    !tag.is_empty() && tag.iter().all(|b| b.is_ascii_digit() || *b == b'-')
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(MODE).custom_flags(libc::O_NOFOLLOW);
    options.open(path)
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
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

/// A temporary name that this writer made. It is removed on drop, unless the file was renamed.
pub struct TemporaryName(PathBuf);

impl TemporaryName {
    /// The path of that name.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Renames the file, over any other one.
    pub fn rename(self, to: &Path) -> io::Result<()> {
        // The temporary name is gone afterwards, except if both names are links of one file.
        fs::rename(&self.0, to)
    }
}

impl Drop for TemporaryName {
    fn drop(&mut self) {
        // This error is ignored: after a rename the name does not exist, and after a failure the caller
        // gets the first error.
        let _ = fs::remove_file(&self.0);
    }
}

impl<'a> Names<'a> {
    fn of(path: &'a Path) -> io::Result<Self> {
        let name = path.file_name().ok_or_else(|| io::Error::other("names no file"))?;
        Ok(Self { folder: folder_of(path), name })
    }

    /// Calls `make` with fresh names until one is free.
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
        let (path, file) = self.with_fresh_name(create_new)?;
        Ok(Temporary { name: TemporaryName(path), file })
    }

    fn create_tagged(&self, tag: &str) -> io::Result<Temporary> {
        let mut name = self.prefix();
        name.extend_from_slice(&[TAGGED, tag.as_bytes(), b".tmp"].concat());
        let path = self.folder.join(OsStr::from_bytes(&name));
        let file = create_new(&path)?;
        Ok(Temporary { name: TemporaryName(path), file })
    }

    /// A hard link of a file, or else a copy; `None` if there is no such file.
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

    /// Removes files that killed writers have left behind. Errors are ignored, because such files do
    /// not disturb a writer.
    fn remove_abandoned(&self) {
        let Ok(entries) = fs::read_dir(self.folder) else { return };
        let temporary = entries.flatten().filter(|entry| self.is_temporary(&entry.file_name()));
        let found: Vec<_> =
            temporary.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?))).collect();
        for (path, meta) in &found {
            // A link has the age of its file, so its writer may still be at work, unless all names of the file are
            // temporary: several writers were killed.
            let is_same = |other: &Metadata| (other.dev(), other.ino()) == (meta.dev(), meta.ino());
            let n_names = found.iter().filter(|(_, other)| is_same(other)).count();
            let age = meta.modified().map(|at| SystemTime::now().duration_since(at));
            let is_old = age.is_ok_and(|age| age.is_ok_and(|age| age >= ABANDONED));
            if u64::try_from(n_names).is_ok_and(|n| n == meta.nlink()) && is_old {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Removes what tasks have left behind.
    fn remove_tagged(&self) {
        let Ok(entries) = fs::read_dir(self.folder) else { return };
        for entry in entries.flatten().filter(|entry| self.is_tagged(&entry.file_name())) {
            let _ = fs::remove_file(entry.path());
        }
    }

    fn is_tagged(&self, name: &OsStr) -> bool {
        let rest = name.as_bytes().strip_prefix(&[&self.prefix()[..], TAGGED].concat()[..]);
        rest.and_then(|rest| rest.strip_suffix(b".tmp")).is_some_and(is_tag)
    }

    /// Whether a name is a temporary one. Earlier versions used names without digits.
    fn is_temporary(&self, name: &OsStr) -> bool {
        let rest = name.as_bytes().strip_prefix(&self.prefix()[..]);
        match rest.and_then(|rest| rest.strip_suffix(b"tmp")) {
            Some(b"" | b"previous.") => true,
            _ if self.is_tagged(name) => true,
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
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("data")).expect("a folder");
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, path(name)).expect("a link");
        };
        link("data/second", "first");
        link("../data/file", "data/second");
        // The file is not there yet at first.
        for content in ["one", "two"] {
            write(&path("first"), content.as_bytes()).expect("a write");
            assert_eq!(fs::read_to_string(path("data/file")).expect("a file"), content);
        }
        assert!(path("first").is_symlink() && path("data/second").is_symlink());
        let n_entries = fs::read_dir(path("data")).expect("a folder").count();
        assert_eq!(n_entries, 2, "nothing temporary is left");
        link("loop", "loop");
        let error = write(&path("loop"), b"").err().map(|error| error.to_string());
        let expected = "is a link that leads to itself, or over too many others";
        assert_eq!(error.as_deref(), Some(expected));
    }

    #[test]
    fn a_task_removes_what_others_have_left_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        for name in [".f.task-7-1.tmp", ".g.task-7-1.tmp", ".f.0123456789abcdef.tmp"] {
            fs::write(path(name), "left").expect("a write");
        }
        let new = NewFile::write_tagged(&path("f"), b"new", "7-2").expect("a write");
        assert!(path(".f.task-7-2.tmp").exists() && !path(".f.task-7-1.tmp").exists());
        assert!(path(".g.task-7-1.tmp").exists() && path(".f.0123456789abcdef.tmp").exists());
        drop(new);
        assert!(!path("f").exists() && !path(".f.task-7-2.tmp").exists());
        let new = NewFile::write_tagged(&path("f"), b"new", "7-3").expect("a write");
        new.replace().expect("a rename");
        assert_eq!(fs::read_to_string(path("f")).expect("a file"), "new");
    }

    #[test]
    fn what_several_killed_writers_have_linked_is_removed_when_it_is_old() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let make_old = |name: &str| {
            fs::write(path(name), name).expect("a write");
            let file = File::options().write(true).open(path(name)).expect("a file");
            file.set_modified(SystemTime::now() - 2 * ABANDONED).expect("its age");
        };
        let link = |from: &str, to: &str| fs::hard_link(path(from), path(to)).expect("a link");
        make_old(".f.0123456789abcde0.tmp");
        link(".f.0123456789abcde0.tmp", ".f.0123456789abcde1.tmp");
        // Of the file that is in use: a writer may be about to rename them.
        make_old("f");
        link("f", ".f.0123456789abcde2.tmp");
        link("f", ".f.0123456789abcde3.tmp");
        drop(NewFile::write(&path("f"), b"new").expect("a write"));
        let names = fs::read_dir(folder.path()).expect("a folder").flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, [".f.0123456789abcde2.tmp", ".f.0123456789abcde3.tmp", "f"]);
    }

    #[test]
    fn temporary_names_are_told_from_all_others() {
        let names = Names { folder: Path::new("."), name: OsStr::new("a.b") };
        for (name, is_ours) in [
            (".a.b.0123456789abcdef.tmp", true),
            (".a.b.tmp", true),
            (".a.b.task-12-3.tmp", true),
            (".a.b.task-.tmp", false),
            (".a.b.task-12-x.tmp", false),
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

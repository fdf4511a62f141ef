//! Keeps writers of one file apart that build on what is in it.
//!
//! Replacing a file ([`super::replace`]) needs no lock. But a writer that reads the file first, and takes
//! over what is in it, would lose what another one writes in between. Such a writer holds a [`WriteLock`]
//! from before it reads until it has replaced the file.
//!
//! The lock is `flock` on a file of its own beside the one to be written: `.NAME.lock`. Only its owner can
//! open it, so no other user can hold the lock and stop all writers, as with a lock on the file itself, which
//! everybody may read. Writers of other files in the folder have locks of their own. The writer removes the
//! lock file at the end; a lock counts only while the name still leads to what is locked. A writer that is
//! killed leaves the file behind, which keeps nobody out, as its lock is gone.
//!
//! A lock file that root makes gets the owner of the folder, so that root can write once what a service
//! writes otherwise.
//!
//! # What it does not do
//!
//! - It does not wait: the second writer fails and says so.
//! - Some network file systems have no such locks. There it keeps nobody apart, and the log says so, once. Others
//!   say that they have them, and keep only writers of one machine apart: that cannot be seen from here.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Once;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::regular_file::{self, ReadError};
use super::replace::{folder_of, follow_links};

/// How often the lock file may be removed between opening and locking it, before that counts as busy.
const MAX_ATTEMPTS: usize = 8;
/// Mode of the lock file: nobody but its owner can open it.
const MODE: u32 = 0o600;

/// The reason why there is no lock. The message does not name the file; the caller adds that.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("is being written by another process; try again when that has ended")]
    Busy,
    /// What is there is no regular file.
    #[error("{0}")]
    File(ReadError),
    /// The path leads to no file.
    #[error("{0}")]
    Path(io::Error),
    /// The lock file cannot be made or opened.
    #[error("cannot be written: its lock file {}: {error}", path.display())]
    LockFile {
        /// The lock file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// The right to replace a file, until dropped.
#[derive(Debug)]
pub struct WriteLock {
    /// The lock file, locked, and its path; `None` where the file system has no locks.
    held: Option<(File, PathBuf)>,
}

impl WriteLock {
    /// Locks the file at `path`, which may not exist yet. Of a symbolic link, what it leads to is locked.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        Self::acquire_by(path, |file| flock(file, FlockOperation::NonBlockingLockExclusive))
    }

    fn acquire_by(
        path: &Path,
        lock: impl Fn(&File) -> Result<(), Errno>,
    ) -> Result<Self, LockError> {
        let target = follow_links(path).map_err(LockError::Path)?;
        match regular_file::open(&target) {
            // Whoever reads it says why it cannot be opened.
            Ok(_) | Err(ReadError::Open(_)) => {}
            Err(error) => return Err(LockError::File(error)),
        }
        let path = lock_file_of(&target).map_err(LockError::Path)?;
        for _ in 0..MAX_ATTEMPTS {
            let file = match open(&path) {
                Ok(file) => file,
                Err(error) => return Err(LockError::LockFile { path, error }),
            };
            match lock(&file) {
                Ok(()) if is_current(&path, &file) => return Ok(Self { held: Some((file, path)) }),
                Ok(()) | Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return Err(LockError::Busy),
                Err(error) => {
                    // It is of no use here, and harmless if it stays.
                    let _ = fs::remove_file(&path);
                    warn_once(&target, error);
                    return Ok(Self { held: None });
                }
            }
        }
        Err(LockError::Busy)
    }

    /// Whether it keeps others out. It does not where the file system has no locks.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

/// Says that a file system has no locks, the first time in this process: it may have many files there.
fn warn_once(target: &Path, error: Errno) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "{}: the file system has no locks ({error}): two processes that write there at once, on one machine \
             or on several, can overwrite what the other has just written",
            target.display()
        );
    });
}

impl Drop for WriteLock {
    fn drop(&mut self) {
        // The lock is given up afterwards: who has opened the file meanwhile finds it gone, and makes another.
        // One that stays is harmless.
        if let Some((_, path)) = &self.held {
            let _ = fs::remove_file(path);
        }
    }
}

fn lock_file_of(target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or_else(|| io::Error::other("names no file"))?;
    let mut lock = OsString::from(".");
    lock.push(name);
    lock.push(".lock");
    Ok(folder_of(target).join(lock))
}

/// Opens or makes a lock file. Neither a link nor a FIFO in its place is followed or waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(MODE).custom_flags(flags);
    let file = options.open(path)?;
    let folder = fs::metadata(folder_of(path))?;
    if file.metadata()?.uid() != folder.uid() {
        // Only root can; others need not.
        let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
    }
    Ok(file)
}

/// Whether a name still leads to an open file.
fn is_current(path: &Path, file: &File) -> bool {
    let (Ok(opened), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    (opened.dev(), opened.ino()) == (named.dev(), named.ino())
}

#[cfg(test)]
mod tests {
    use super::super::replace;
    use super::*;

    #[track_caller]
    fn refused(path: &Path) -> LockError {
        WriteLock::acquire(path).expect_err("it is refused")
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_second_writer_is_refused_until_the_first_has_ended() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("index");
        for content in ["one", "two"] {
            let first = WriteLock::acquire(&path).expect("nobody has it");
            assert!(matches!(refused(&path), LockError::Busy));
            replace::write(&path, content.as_bytes()).expect("a write");
            assert!(matches!(refused(&path), LockError::Busy));
            // Another file, also a new one, is another writer's.
            let other = WriteLock::acquire(&folder.path().join("other")).expect("nobody has it");
            assert_eq!(names(folder.path()), [".index.lock", ".other.lock", "index"]);
            drop((first, other));
            assert_eq!(names(folder.path()), ["index"]);
        }
    }

    #[test]
    fn where_there_are_no_locks_a_writer_goes_on_and_knows_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("index");
        let acquire = || WriteLock::acquire_by(&path, |_| Err(Errno::NOLCK));
        let (first, second) = (acquire().expect("no lock"), acquire().expect("no lock"));
        assert!(!first.is_held() && !second.is_held());
        // Nothing is left behind.
        assert_eq!(names(folder.path()), Vec::<OsString>::new());
        assert!(WriteLock::acquire(&path).expect("nobody has it").is_held());
        let busy = WriteLock::acquire_by(&path, |_| Err(Errno::WOULDBLOCK));
        assert!(matches!(busy, Err(LockError::Busy)));
    }

    #[test]
    fn nobody_else_can_lock_what_everybody_may_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("index");
        fs::write(&path, "one").expect("a write");
        let reader = File::open(&path).expect("a file");
        flock(&reader, FlockOperation::LockShared).expect("a lock");
        let lock = WriteLock::acquire(&path).expect("nobody has it");
        let lock_file = folder.path().join(".index.lock");
        let mode = fs::metadata(&lock_file).expect("a file").mode();
        assert_eq!(mode & 0o7777, 0o600);
        drop(lock);
        // What a killed writer has left behind.
        fs::write(&lock_file, "").expect("a write");
        WriteLock::acquire(&path).expect("nobody has it");
        assert_eq!(names(folder.path()), ["index"]);
        let victim = folder.path().join("victim");
        std::os::unix::fs::symlink(&victim, &lock_file).expect("a link");
        assert!(matches!(refused(&path), LockError::LockFile { .. }));
        assert!(!victim.exists());
    }

    #[test]
    fn a_lock_file_that_was_removed_does_not_count() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let old = open(&path).expect("a file");
        assert!(is_current(&path, &old));
        fs::remove_file(&path).expect("a file");
        assert!(!is_current(&path, &old));
        let new = open(&path).expect("a file");
        assert!(is_current(&path, &new) && !is_current(&path, &old));
    }

    #[test]
    fn a_link_and_what_it_leads_to_have_one_lock() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, link) = (folder.path().join("index"), folder.path().join("link"));
        std::os::unix::fs::symlink("index", &link).expect("a link");
        let first = WriteLock::acquire(&link).expect("nobody has it");
        assert!(matches!(refused(&path), LockError::Busy));
        drop(first);
    }

    #[test]
    fn what_cannot_be_a_file_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let reason = |name: &str| refused(&folder.path().join(name)).to_string();
        let absent = reason("absent/index");
        assert!(absent.starts_with("cannot be written: its lock file /"), "{absent}");
        assert!(
            absent.ends_with("/.index.lock: No such file or directory (os error 2)"),
            "{absent}"
        );
        fs::create_dir(folder.path().join("index")).expect("a folder");
        assert!(reason("index").starts_with("is a directory, not a regular file"));
    }
}

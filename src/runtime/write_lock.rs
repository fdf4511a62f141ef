//! Keeps writers of one file apart that build on what is in it.
//!
//! Replacing a file ([`super::replace`]) needs no lock. But a writer that reads the file first, and takes
//! over what is in it, would lose what another one writes in between. Such a writer holds a [`WriteLock`]
//! from before it reads until it has replaced the file.
//!
//! The lock is `flock` on the file itself, or on its folder while there is no such file. So no other file
//! is made, nothing is left behind by a writer that is killed, and no user's left-over keeps others out. As
//! the file is replaced meanwhile, a lock counts only while the name still leads to what is locked.
//!
//! # What it does not do
//!
//! - It does not wait. Any process that can read the file could hold the lock forever; the second writer
//!   fails and says so.
//! - Two writers of different files that are new in one folder are not told apart: the second one fails.
//! - Some network file systems have no such locks. There it keeps nobody apart.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::regular_file::{self, ReadError};
use super::replace::folder_of;

/// How often the file may be replaced between opening and locking it, before that counts as busy.
const MAX_ATTEMPTS: usize = 8;

/// The reason why there is no lock. The message does not name the file; the caller adds that.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("is being written by another process; try again when that has ended")]
    Busy,
    /// Another process has the lock of the folder, and there is no such file yet.
    #[error(
        "is not there yet, and another process is writing it, or another new file in its folder; try \
         again when that has ended"
    )]
    FolderBusy,
    /// What is there cannot be opened, or is no regular file.
    #[error("{0}")]
    Open(ReadError),
}

/// The right to replace a file, until dropped.
#[derive(Debug)]
pub struct WriteLock {
    /// What is locked; `None` where the file system has no locks.
    _locked: Option<File>,
}

impl WriteLock {
    /// Locks the file at `path`, which may not exist yet.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        for _ in 0..MAX_ATTEMPTS {
            let (target, busy) = match regular_file::open(path) {
                Ok((file, _)) => (file, LockError::Busy),
                Err(ReadError::Open(error)) if error.kind() == ErrorKind::NotFound => {
                    match File::open(folder_of(path)) {
                        Ok(folder) => (folder, LockError::FolderBusy),
                        // It may be written, but not listed.
                        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                            return Ok(Self { _locked: None });
                        }
                        Err(error) => return Err(LockError::Open(ReadError::Open(error))),
                    }
                }
                Err(error) => return Err(LockError::Open(error)),
            };
            match flock(&target, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_current(path, &target) => return Ok(Self { _locked: Some(target) }),
                Ok(()) | Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return Err(busy),
                Err(_) => return Ok(Self { _locked: None }),
            }
        }
        Err(LockError::Busy)
    }
}

/// Whether a name still leads to what was opened for it: the file, or the folder while there is no file.
fn is_current(path: &Path, target: &File) -> bool {
    let (Ok(target), named) = (target.metadata(), fs::metadata(path)) else { return false };
    match named {
        Ok(named) => (named.dev(), named.ino()) == (target.dev(), target.ino()),
        Err(error) => target.is_dir() && error.kind() == ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::super::replace;
    use super::*;

    #[track_caller]
    fn refused(path: &Path) -> LockError {
        WriteLock::acquire(path).expect_err("it is locked")
    }

    #[test]
    fn a_second_writer_is_refused_until_the_first_has_ended() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("index");
        let first = WriteLock::acquire(&path).expect("nobody has it");
        assert!(matches!(refused(&path), LockError::FolderBusy));
        replace::write(&path, b"one").expect("a write");
        drop(first);
        let first = WriteLock::acquire(&path).expect("nobody has it");
        assert!(matches!(refused(&path), LockError::Busy));
        // Another file, also a new one, is another writer's.
        let other = WriteLock::acquire(&folder.path().join("other")).expect("nobody has it");
        replace::write(&path, b"two").expect("a write");
        drop((first, other));
        WriteLock::acquire(&path).expect("nobody has it");
        let names: Vec<_> = fs::read_dir(&folder).expect("a folder").collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    /// Whoever opened the file before it was replaced has the lock of a file that nobody finds any more.
    #[test]
    fn a_lock_of_a_file_that_was_replaced_does_not_count() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("index");
        let new = File::open(&folder).expect("a folder");
        assert!(is_current(&path, &new));
        fs::write(&path, "one").expect("a write");
        assert!(!is_current(&path, &new));
        let old = File::open(&path).expect("a file");
        assert!(is_current(&path, &old));
        replace::write(&path, b"two").expect("a write");
        assert!(!is_current(&path, &old));
    }

    #[test]
    fn what_cannot_be_a_file_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let reason = |name: &str| refused(&folder.path().join(name)).to_string();
        assert_eq!(reason("absent/index"), "No such file or directory (os error 2)");
        fs::create_dir(folder.path().join("index")).expect("a folder");
        assert!(reason("index").starts_with("is a directory, not a regular file"));
    }
}

//! Opens directories and files of the tree, and never anything outside of it.
//!
//! The tree may change while it is scanned, and who may write to it may replace a directory by a link at
//! any moment. So nothing is opened by a path from the file system's root. Names are resolved below an
//! open directory by `openat2`, which refuses links on the way (`RESOLVE_BENEATH`,
//! `RESOLVE_NO_SYMLINKS`). Where the kernel has no such call (before Linux 5.6) or a sandbox forbids it,
//! each segment is opened by itself with `O_NOFOLLOW`.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use index::Stamp;

/// An open tree.
pub(super) struct Tree {
    top: OwnedFd,
    /// Whether `openat2` is known not to work.
    has_no_openat2: AtomicBool,
}

impl Tree {
    /// Opens the directory at `path`, which may be a link.
    pub(super) fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { top, has_no_openat2: AtomicBool::new(false) })
    }

    /// Opens a directory for reading, by its name below the tree.
    pub(super) fn open_directory(&self, name: &str) -> Result<OwnedFd, Errno> {
        self.open_below(name, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// What the file system says of an entry of the tree; of a link, not of what it leads to.
    pub(super) fn stat(&self, name: &str) -> Result<Stat, Errno> {
        rustix::fs::fstat(self.open_below(name, OFlags::PATH)?)
    }

    fn open_below(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = if name.is_empty() { "." } else { name };
        if !self.has_no_openat2.load(Ordering::Relaxed) {
            let resolve =
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.top, name, flags, Mode::empty(), resolve) {
                // Sandboxes answer what they do not know with EPERM.
                Err(Errno::NOSYS | Errno::PERM) => {
                    self.has_no_openat2.store(true, Ordering::Relaxed);
                }
                outcome => return outcome,
            }
        }
        self.open_step_by_step(name, flags)
    }

    fn open_step_by_step(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let on_the_way = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (parents, last) = name.rsplit_once('/').unwrap_or(("", name));
        let mut at: Option<OwnedFd> = None;
        for segment in parents.split('/').filter(|segment| !segment.is_empty()) {
            let from = at.as_ref().map_or(self.top.as_fd(), |at| at.as_fd());
            at = Some(rustix::fs::openat(from, segment, on_the_way, Mode::empty())?);
        }
        let from = at.as_ref().map_or(self.top.as_fd(), |at| at.as_fd());
        rustix::fs::openat(from, last, flags, Mode::empty())
    }
}

/// What the file system says of an entry of an open directory; of a link, not of what it leads to.
pub(super) fn stat_entry(
    directory: impl AsFd,
    name: impl rustix::path::Arg,
) -> Result<Stat, Errno> {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// Whether an error says that an entry is gone, or is something else than it was a moment ago.
pub(super) fn is_gone(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV)
}

/// The kind of an entry.
pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Whether everybody may read a file, or enter a directory and list it. What others may not read is not
/// released yet.
pub(super) fn is_released(stat: &Stat) -> bool {
    let needed = match kind(stat) {
        FileType::Directory => Mode::ROTH | Mode::XOTH,
        _ => Mode::ROTH,
    };
    Mode::from_raw_mode(stat.st_mode).contains(needed)
}

/// The state of a file, by which a change is noticed.
pub(super) fn stamp(stat: &Stat) -> Stamp {
    Stamp {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
        changed: (stat.st_ctime, u32::try_from(stat.st_ctime_nsec).unwrap_or(0)),
        inode: stat.st_ino,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_outside_of_the_tree_is_opened_with_or_without_openat2() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = folder.path().join("tree");
        fs::create_dir_all(top.join("a/b")).expect("folders");
        fs::create_dir(folder.path().join("outside")).expect("a folder");
        fs::write(top.join("a/file"), "12345").expect("a write");
        for (target, link) in
            [("../outside", "out"), ("a", "in"), ("/", "root"), ("../../outside", "a/o")]
        {
            symlink(target, top.join(link)).expect("a link");
        }
        for has_no_openat2 in [false, true] {
            let tree = Tree::open(&top).expect("a folder");
            tree.has_no_openat2.store(has_no_openat2, Ordering::Relaxed);
            for name in ["", "a", "a/b"] {
                assert!(tree.open_directory(name).is_ok(), "{name}");
            }
            for name in
                ["out", "in", "root", "a/o", "in/b", "out/x", "a/file", "absent", "a/absent/b"]
            {
                let error = tree.open_directory(name).expect_err(name);
                assert!(is_gone(error), "{name}: {error}");
            }
            assert_eq!(stamp(&tree.stat("a/file").expect("a file")).size, 5);
            assert_eq!(kind(&tree.stat("in").expect("a link")), FileType::Symlink);
            assert!(tree.stat("in/b").is_err());
        }
        assert!(Tree::open(&top.join("in")).is_ok(), "the top may be a link");
        assert!(Tree::open(&top.join("a/file")).is_err());
    }
}

//! Reads a file that gets checksums, and decides whether it can be used.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::digest;
use super::names::{self, REPOMD};
use super::repomd::{self, MAX_BYTES, NamedFile, Repomd};
use super::tree::{self, Tree};
use index::{Stamp, Version};
use model::path;
use runtime::regular_file;

/// How often a file is read that changes while it is read.
const MAX_TRIES: usize = 3;
/// Nanoseconds since the last change from which on another change gives another time: the kernel's clock
/// for files steps at most every 10 ms.
const SETTLED: i128 = 50_000_000;
/// As [`SETTLED`], where the file system stores whole seconds, or two.
const SETTLED_COARSE: i128 = 3_000_000_000;
/// The last second of year 9999; a later time is a fault of the tool that wrote it.
const LAST_SECOND: u64 = 253_402_300_799;

/// The outcome of looking at a file.
pub(super) enum Reading {
    /// It is as it was, and was not read.
    Same,
    /// It was read.
    Read(Version, Option<Stamp>),
    /// Others may not read it.
    Unreleased,
    /// It is gone, or no regular file any more.
    Gone,
    /// It cannot be used now; why.
    Unusable(String),
}

/// An open directory.
pub(super) struct OpenDirectory<'a> {
    pub(super) tree: &'a Tree,
    /// The directory, open.
    pub(super) directory: BorrowedFd<'a>,
    /// Its name.
    pub(super) name: &'a str,
    /// Now, in nanoseconds since 1970.
    pub(super) now: i128,
}

impl OpenDirectory<'_> {
    /// Reads a file of the directory if it has changed; it had the stamp `former` when it was read last.
    pub(super) fn read_if_changed(&self, file: &str, former: Option<Stamp>) -> Reading {
        for _ in 0..MAX_TRIES {
            match self.read(file, former) {
                Ok(Some(reading)) => return reading,
                Ok(None) => {}
                Err(error) if tree::is_gone(error) => return Reading::Gone,
                Err(error) => return Reading::Unusable(error.to_string()),
            }
        }
        Reading::Unusable("changes while it is read".into())
    }

    /// Reads a file once; `None` if it has changed meanwhile.
    fn read(&self, name: &str, former: Option<Stamp>) -> Result<Option<Reading>, Errno> {
        let stat = tree::stat_entry(self.directory, name)?;
        if tree::kind(&stat) != FileType::RegularFile {
            return Ok(Some(Reading::Gone));
        }
        if !tree::is_released(&stat) {
            return Ok(Some(Reading::Unreleased));
        }
        let stamp = tree::stamp(&stat);
        if former == Some(stamp) {
            return Ok(Some(Reading::Same));
        }
        if stamp.size > MAX_BYTES as u64 {
            let reason = format!("is {} bytes long, more than 16 MiB", stamp.size);
            return Ok(Some(Reading::Unusable(reason)));
        }
        // No FIFO that has taken the file's place can block this.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file =
            rustix::fs::openat(self.directory, name, flags | OFlags::CLOEXEC, Mode::empty())?;
        let file = File::from(file);
        if tree::stamp(&rustix::fs::fstat(&file)?) != stamp {
            return Ok(None);
        }
        let bytes = match regular_file::read_up_to(&file, stamp.size, stamp.size + 1) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Some(Reading::Unusable(error.to_string()))),
        };
        // Another file may have got its name, or another content its inode.
        let after = [rustix::fs::fstat(&file)?, tree::stat_entry(self.directory, name)?];
        let is_same = after.iter().all(|stat| tree::stamp(stat) == stamp);
        if !is_same || bytes.len() as u64 != stamp.size {
            return Ok(None);
        }
        Ok(Some(self.judge(name, &bytes, stamp)))
    }

    fn judge(&self, name: &str, bytes: &[u8], stamp: Stamp) -> Reading {
        let mut timestamp = u64::try_from(stamp.modified.0).unwrap_or(0);
        if name == REPOMD {
            let repomd = match repomd::parse(bytes) {
                Ok(repomd) => repomd,
                Err(error) => return Reading::Unusable(error.to_string()),
            };
            if let Err(reason) = self.check_complete(&repomd) {
                return Reading::Unusable(reason);
            }
            let said = repomd.timestamp.filter(|&said| said <= LAST_SECOND);
            timestamp = said.unwrap_or(timestamp);
        } else if bytes.is_empty() {
            return Reading::Unusable("is empty".into());
        }
        let checksums = digest::checksums(bytes);
        let version = Version { timestamp, size: stamp.size, checksums, replaced: None };
        Reading::Read(version, is_settled(stamp, self.now).then_some(stamp))
    }

    /// Checks that the files that a `repomd.xml` names are there.
    fn check_complete(&self, repomd: &Repomd) -> Result<(), String> {
        repomd.files.iter().try_for_each(|file| self.check_named(file))
    }

    fn check_named(&self, NamedFile { href, size }: &NamedFile) -> Result<(), String> {
        // Paths begin at the repository, whose `repomd.xml` lies one level below.
        let written = names::join(names::parent(self.name), href);
        let path = path::canonical(&written);
        let stat = match path.strip_prefix(self.name).and_then(|rest| rest.strip_prefix('/')) {
            _ if path::leads_above(&written) => Err(Errno::XDEV),
            Some(name) if !name.contains('/') => tree::stat_entry(self.directory, name),
            _ => self.tree.stat(&path),
        };
        match stat {
            // As for a link at the end.
            Err(error) if tree::is_gone(error) && self.leads_over_link(&path) => Ok(()),
            Err(error) if tree::is_gone(error) => Err(format!("names {href}, which is missing")),
            Err(error) => Err(format!("names {href}: {error}")),
            // A mirror has what it leads to; where that is, only the file system knows.
            Ok(stat) if tree::kind(&stat) == FileType::Symlink => Ok(()),
            Ok(stat) if tree::kind(&stat) != FileType::RegularFile => {
                Err(format!("names {href}, which is no file"))
            }
            Ok(stat) if !tree::is_released(&stat) => {
                Err(format!("names {href}, which others may not read"))
            }
            Ok(stat) => match (tree::stamp(&stat).size, *size) {
                (found, Some(size)) if found != size => {
                    Err(format!("names {href} with {size} bytes, but it has {found}"))
                }
                _ => Ok(()),
            },
        }
    }

    /// Whether a directory on the way to an entry is a link.
    fn leads_over_link(&self, path: &str) -> bool {
        for (end, _) in path.match_indices('/') {
            let Some((ancestor, _)) = path.split_at_checked(end) else { return false };
            match self.tree.stat(ancestor).map(|stat| tree::kind(&stat)) {
                Ok(FileType::Directory) => {}
                Ok(FileType::Symlink) => return true,
                Ok(_) | Err(_) => return false,
            }
        }
        false
    }
}

/// Whether every later change of a file will be seen in its stamp.
fn is_settled(stamp: Stamp, now: i128) -> bool {
    let nanoseconds =
        |(seconds, rest): (i64, u32)| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    let is_coarse = stamp.changed.1 == 0 && stamp.modified.1 == 0;
    let needed = if is_coarse { SETTLED_COARSE } else { SETTLED };
    now - nanoseconds(stamp.changed) > needed && now - nanoseconds(stamp.modified) > needed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_counts_once_the_clock_has_moved_on() {
        let stamp = |changed| Stamp { size: 0, modified: (5, 1), changed, inode: 0 };
        let second = 1_000_000_000;
        assert!(!is_settled(stamp((9, 0)), 9 * second));
        assert!(!is_settled(stamp((9, 0)), 9 * second + SETTLED));
        assert!(is_settled(stamp((9, 0)), 9 * second + SETTLED + 1));
        assert!(!is_settled(stamp((11, 0)), 10 * second), "changed after the scan began");
        let coarse = Stamp { modified: (9, 0), ..stamp((9, 0)) };
        assert!(!is_settled(coarse, 11 * second));
        assert!(is_settled(coarse, 13 * second));
    }
}

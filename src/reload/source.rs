//! Where data comes from, and reading it from there.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::{Error, Reason};
use crate::compile::{self, Inputs};
use crate::snapshot::{Snapshot, format};

/// Where the data comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A compiled snapshot file.
    Snapshot(PathBuf),
    /// Files that are compiled in memory.
    Inputs(Inputs),
}

/// Data that may be published.
pub struct Loaded {
    /// The data.
    pub snapshot: Snapshot,
    /// What was skipped or repaired on the way, a line each.
    pub warnings: Vec<String>,
}

impl Source {
    /// Reads the data; blocks, for seconds with Fedora's data.
    pub fn load(&self) -> Result<Loaded, Error> {
        let before = self.look();
        let loaded =
            catch_unwind(AssertUnwindSafe(|| self.read())).unwrap_or(Err(Reason::Panicked));
        // Before the reader's own error: a file that is cut in the middle of a copy fails to
        // decode, and what the operator must know is why.
        if let Some(file) = find_changed(&before, &self.look()) {
            return Err(Reason::Changed(file.to_owned()).into());
        }
        Ok(loaded?)
    }

    fn read(&self) -> Result<Loaded, Reason> {
        match self {
            Self::Snapshot(path) => {
                Ok(Loaded { snapshot: format::read(path)?, warnings: Vec::new() })
            }
            Self::Inputs(inputs) => {
                let compiled = compile::compile(inputs)?;
                let warnings = compiled.report.lines();
                Ok(Loaded { snapshot: compiled.snapshot, warnings })
            }
        }
    }

    fn files(&self) -> Vec<&Path> {
        match self {
            Self::Snapshot(path) => vec![path],
            Self::Inputs(Inputs::Demo) => Vec::new(),
            Self::Inputs(Inputs::MirrorManager(files)) => files.paths().to_vec(),
        }
    }

    fn look(&self) -> Vec<(&Path, Option<FileState>)> {
        self.files().into_iter().map(|file| (file, FileState::of(file))).collect()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(path) => write!(f, "snapshot {}", path.display()),
            Self::Inputs(Inputs::Demo) => f.write_str("built-in demo data"),
            Self::Inputs(Inputs::MirrorManager(files)) => write!(f, "{}", files.cache.display()),
        }
    }
}

/// What tells two states of a file apart. A change that keeps all of it escapes, such as an
/// overwrite with equal length within the resolution of the file system's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileState {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
}

impl FileState {
    /// `None` where the file cannot be looked at; the reader will say why.
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            len: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        })
    }
}

fn find_changed<'a>(
    before: &[(&Path, Option<FileState>)],
    after: &[(&'a Path, Option<FileState>)],
) -> Option<&'a Path> {
    let mut pairs = before.iter().zip(after);
    pairs.find(|((_, old), (_, new))| old != new).map(|(_, (path, _))| *path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_grows_is_seen() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("cache");
        std::fs::write(&path, "a").expect("a write");
        let source = Source::Snapshot(path.clone());
        let before = source.look();
        assert_eq!(find_changed(&before, &source.look()), None);
        std::fs::write(&path, "ab").expect("a write");
        assert_eq!(find_changed(&before, &source.look()), Some(path.as_path()));
        std::fs::remove_file(&path).expect("a removal");
        assert_eq!(find_changed(&before, &source.look()), Some(path.as_path()));
    }
}

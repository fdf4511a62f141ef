//! Where data comes from, and reading it from there.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Error, Reason};
use crate::compile::{self, Inputs, Report};
use crate::snapshot::{Snapshot, format, replace};

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
    pub snapshot: Arc<Snapshot>,
    /// The length of the snapshot's file, or of the file that `compile` would write.
    pub bytes: u64,
    /// What was mended or skipped on the way, a line each.
    pub warnings: Vec<String>,
    /// What some client fails with, a line each.
    pub harmful: Vec<String>,
    /// Why these are not the newest data; `None` if they are.
    pub stand_in: Option<StandIn>,
}

impl Loaded {
    /// All diagnostics, a line each: first what clients fail with.
    pub fn diagnostics(&self) -> impl Iterator<Item = &String> {
        self.harmful.iter().chain(&self.warnings)
    }
}

/// The snapshot before stands in for the newest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StandIn {
    /// The file that is served.
    pub file: PathBuf,
    /// What is wrong with the newest; names its file.
    pub reason: String,
}

impl fmt::Display for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; serving the snapshot before it, {}", self.reason, self.file.display())
    }
}

impl Source {
    /// Reads the data; blocks, for seconds with Fedora's data. Shares with `before` what is equal.
    pub fn load(&self, before: Option<&Snapshot>) -> Result<Loaded, Error> {
        let look = self.look();
        let loaded =
            catch_unwind(AssertUnwindSafe(|| self.read(before))).unwrap_or(Err(Reason::Panicked));
        // A snapshot that was replaced while it was read was read from its old file: its checksum
        // proves it.
        let is_proven = matches!(self, Self::Snapshot(_)) && loaded.is_ok();
        // Before the reader's own error: a file that is cut in the middle of a copy fails to
        // decode, and what the operator must know is why.
        if !is_proven && let Some(file) = self.find_changed(&look, &self.look()) {
            return Err(Reason::Changed(file.to_owned()).into());
        }
        Ok(loaded?)
    }

    /// The same for a process that has no data yet: where a snapshot cannot be read, the one before
    /// it, if it was kept, is better than nothing. A process that serves has better than that.
    pub fn load_first(&self) -> Result<Loaded, Error> {
        let newest = match self.load(None) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => error,
        };
        let Self::Snapshot(path) = self else { return Err(newest) };
        let previous = replace::previous_of(path);
        if !previous.exists() {
            return Err(newest);
        }
        match Self::Snapshot(previous.clone()).load(None) {
            Ok(loaded) => {
                let stand_in = Some(StandIn { file: previous, reason: newest.to_string() });
                Ok(Loaded { stand_in, ..loaded })
            }
            Err(previous) => Err(Reason::Both { newest, previous }.into()),
        }
    }

    /// What the files look like now.
    pub fn look(&self) -> Look {
        Look(self.files().into_iter().map(FileState::of).collect())
    }

    /// The first file that differs between two looks at this source.
    pub fn find_changed(&self, before: &Look, after: &Look) -> Option<&Path> {
        let states = before.0.iter().zip(&after.0);
        let mut files = self.files().into_iter().zip(states);
        files.find(|(_, (old, new))| old != new).map(|(file, _)| file)
    }

    /// The files that the data are read from; none where they are built in.
    pub fn files(&self) -> Vec<&Path> {
        match self {
            Self::Snapshot(path) => vec![path],
            Self::Inputs(Inputs::Demo) => Vec::new(),
            Self::Inputs(Inputs::MirrorManager(files)) => files.paths().to_vec(),
        }
    }

    fn read(&self, before: Option<&Snapshot>) -> Result<Loaded, Reason> {
        let (snapshot, bytes, report) = match self {
            Self::Snapshot(path) => {
                let (snapshot, bytes) = format::read_after(path, before)?;
                (snapshot, bytes, Report::default())
            }
            Self::Inputs(inputs) => {
                let compiled = compile::compile_after(inputs, before)?;
                (compiled.snapshot, compiled.bytes.len() as u64, compiled.report)
            }
        };
        Ok(Loaded {
            snapshot: Arc::new(snapshot),
            bytes,
            warnings: report.harmless_lines(),
            harmful: report.harmful_lines(),
            stand_in: None,
        })
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

/// What a source's files looked like at one moment, in the order of [`Source::files`].
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Look(Vec<Option<FileState>>);

/// What tells two states of a file apart. A change that keeps all of it escapes, such as an
/// overwrite with equal length within the resolution of the file system's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileState {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    /// Of the inode: nobody can set it back, as copies that keep times do with the other.
    changed: (i64, i64),
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
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
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
        assert_eq!(source.find_changed(&before, &source.look()), None);
        std::fs::write(&path, "ab").expect("a write");
        assert_eq!(source.find_changed(&before, &source.look()), Some(path.as_path()));
        std::fs::remove_file(&path).expect("a removal");
        assert_eq!(source.find_changed(&before, &source.look()), Some(path.as_path()));
    }
}

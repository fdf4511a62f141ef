//! The revision of an input, which detects changes without reading it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The state of an input at one moment. The default is that of an input that never changes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Revision {
    /// The state of each file; `None` if it cannot be examined. Reading it then returns the error.
    files: Vec<(PathBuf, Option<FileState>)>,
}

impl Revision {
    /// The state of these files now.
    pub fn of_files<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let files = files.into_iter().map(|file| (file.to_owned(), FileState::of(file)));
        Self { files: files.collect() }
    }

    /// Whether the input is built in and never changes.
    pub fn is_constant(&self) -> bool {
        self.files.is_empty()
    }

    /// The first part of the input, as messages name it, that differs in another revision of it.
    pub fn find_changed(&self, other: &Self) -> Option<String> {
        let mut states = self.files.iter().zip(&other.files);
        let changed = match states.find(|(one, other)| one != other) {
            Some((changed, _)) => changed,
            // One of them has more files.
            None => self.files.get(other.files.len()).or(other.files.get(self.files.len()))?,
        };
        Some(changed.0.display().to_string())
    }
}

/// Metadata that detects a change of a file. It misses a change that keeps all of it, such as an
/// overwrite of equal length within the resolution of the file system's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileState {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    /// Time of change of the inode. It cannot be set back, as copies that preserve times do with
    /// `modified`.
    changed: (i64, i64),
}

impl FileState {
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
    fn a_file_that_grows_or_goes_is_another_revision() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("cache");
        let revision = || Revision::of_files([Path::new("/"), &path]);
        std::fs::write(&path, "a").expect("a write");
        let before = revision();
        assert_eq!(before.find_changed(&before.clone()), None);
        std::fs::write(&path, "ab").expect("a write");
        assert_eq!(before.find_changed(&revision()), Some(path.display().to_string()));
        let longer = Revision::of_files([Path::new("/"), &path, Path::new("/new")]);
        for (one, other) in [(revision(), &longer), (longer.clone(), &revision())] {
            assert_eq!(one.find_changed(other), Some("/new".into()));
        }
        std::fs::remove_file(&path).expect("a removal");
        assert_eq!(before.find_changed(&revision()), Some(path.display().to_string()));
        assert!(Revision::default().is_constant() && !before.is_constant());
    }
}

//! Scans of trees that are made for the test: what is found, what is held back, what is read again.

mod command;
mod found;
mod guards;
mod incremental;
mod versions;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use index::{File, Index};
use scan::{Options, Problem, Progress, Scan, ScanError, scan_tree};

/// A tree in a folder of its own.
pub(crate) struct Tree {
    folder: TempDir,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let tree = Self { folder: tempfile::tempdir().unwrap() };
        tree.folder("");
        tree
    }

    /// A path below the tree.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("tree").join(path)
    }

    /// A path beside the tree, as an argument.
    pub(crate) fn beside(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Makes a folder that everybody may read, and those above.
    pub(crate) fn folder(&self, path: &str) {
        fs::create_dir_all(self.path(path)).unwrap();
        let ancestors = std::path::Path::new(path).ancestors();
        for folder in ancestors {
            self.set_mode(folder.to_str().unwrap(), 0o755);
        }
    }

    /// Writes a file that everybody may read.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.folder(folder);
        fs::write(self.path(path), content).unwrap();
        self.set_mode(path, 0o644);
    }

    pub(crate) fn set_mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.path(path)).unwrap();
    }

    /// Makes or renews a repository, whose metadata is the number: createrepo_c writes what
    /// `repomd.xml` names first.
    pub(crate) fn repository(&self, path: &str, number: u64) {
        self.write(&format!("{path}/repodata/{number}-primary.xml"), &format!("<{number}>"));
        self.write(&format!("{path}/repodata/repomd.xml"), &repomd(number));
    }

    /// Waits until what is written from now on gets a later time than what has been written.
    pub(crate) fn wait_for_next_time(&self) {
        let probe = PathBuf::from(self.beside("probe"));
        let changed = || {
            fs::write(&probe, "").unwrap();
            let meta = fs::metadata(&probe).unwrap();
            (meta.ctime(), meta.ctime_nsec())
        };
        let before = changed();
        while changed() == before {
            std::hint::spin_loop();
        }
    }

    pub(crate) fn try_scan(
        &self,
        former: Option<&Index>,
        options: &Options,
    ) -> Result<Scan, ScanError> {
        scan_tree(&self.path(""), former, options, &Progress::default())
    }

    /// Scans once the clock has moved on, so that no later change can have an equal stamp.
    #[track_caller]
    pub(crate) fn scan(&self, former: Option<&Index>) -> Scan {
        self.wait_for_next_time();
        self.try_scan(former, &options()).unwrap()
    }

    /// Why a scan is refused.
    #[track_caller]
    pub(crate) fn refused(&self, former: Option<&Index>) -> String {
        let error = self.try_scan(former, &options()).unwrap_err().to_string();
        error.replace(self.folder.path().to_str().unwrap(), "")
    }
}

/// The `repomd.xml` of a repository whose metadata is the number.
pub(crate) fn repomd(number: u64) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n\
         <data type=\"primary\"><location href=\"repodata/{number}-primary.xml\"/>\
         <timestamp>{number}</timestamp><size>{}</size></data>\n</repomd>\n",
        format!("<{number}>").len()
    )
}

/// As if the scan took place a while after the tree was changed: every stamp counts.
pub(crate) fn options() -> Options {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Options {
        now: now + Duration::from_secs(10),
        keep_versions: Duration::from_secs(4 * 86_400),
        allow_shrink: false,
        n_threads: 2,
        second_look: Duration::ZERO,
    }
}

/// The names of directories.
pub(crate) fn names(index: &Index) -> Vec<&str> {
    index.directories().iter().map(|directory| &*directory.name).collect()
}

/// The file with checksums at a path.
#[track_caller]
pub(crate) fn file<'a>(index: &'a Index, path: &str) -> &'a File {
    find_file(index, path).unwrap_or_else(|| panic!("{path} is not listed"))
}

pub(crate) fn find_file<'a>(index: &'a Index, path: &str) -> Option<&'a File> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    index.find(directory)?.files.iter().find(|file| *file.name == *name)
}

/// Times of the versions of a file.
pub(crate) fn times(index: &Index, path: &str) -> Vec<u64> {
    file(index, path).versions.iter().map(|version| version.timestamp).collect()
}

/// The problems with their examples.
pub(crate) fn problems(scan: &Scan) -> Vec<(Problem, Vec<&str>)> {
    scan.findings
        .iter()
        .map(|(problem, found)| (problem, found.examples.iter().map(String::as_str).collect()))
        .collect()
}

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{Options, Progress, scan_tree};
use model::checksum::Checksums;

/// Later than every file of a test.
const LATER: u64 = 4_000_000_000;
const ALL: usize = usize::MAX;

/// A tree in a folder.
struct Site {
    folder: TempDir,
    former: Option<Index>,
    known: KnownTree,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mode = Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), mode).expect("its mode");
        Self { folder, former: None, known: KnownTree::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make_directory(&self, name: &str) {
        fs::create_dir_all(self.path(name)).expect("a folder");
        let path = self.path(name);
        for above in path.ancestors().take_while(|at| at.starts_with(self.folder.path())) {
            let mode = fs::metadata(above).expect("a folder").permissions().mode();
            // Setting it to what it is would be a change.
            if mode & 0o777 != 0o755 {
                fs::set_permissions(above, Permissions::from_mode(0o755)).expect("its mode");
            }
        }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a write");
    }

    fn make_repository(&self, name: &str, revision: u64) {
        self.make_directory(&format!("{name}/repodata"));
        let repomd = format!(
            "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>{revision}</revision></repomd>"
        );
        self.write(&format!("{name}/repodata/repomd.xml"), &repomd);
    }

    /// Scans, at a time that the scan takes for `now`, and takes up what it has found.
    fn scan_at(&mut self, now: u64, max_directories: usize) {
        let options = Options {
            now: Duration::from_secs(now),
            keep_versions: Duration::ZERO,
            allow_shrink: true,
            n_threads: 1,
            second_look: Duration::ZERO,
        };
        let scan =
            scan_tree(self.folder.path(), self.former.as_ref(), &options, &Progress::default());
        let index = scan.expect("a tree").index;
        let top = self.folder.path();
        self.known = KnownTree::new(Some(&index), top, max_directories, &self.known);
        self.former = Some(index);
    }

    fn scan(&mut self) {
        self.scan_at(LATER, ALL);
    }

    fn find_changed(&mut self) -> Option<String> {
        self.known.find_changed(self.folder.path())
    }

    #[track_caller]
    fn is_noticed_at(&mut self, path: &str) {
        assert_eq!(self.find_changed().as_deref(), Some(path));
        assert_eq!(self.find_changed(), None, "once");
    }
}

/// The directories that are looked at; files are left out.
fn looked_at(known: &KnownTree) -> Vec<&str> {
    let paths = known.seen.iter().map(|(path, _)| &**path);
    paths.filter(|path| !path.ends_with(REPOMD)).collect()
}

#[test]
fn a_repository_that_changes_is_found_once() {
    let mut site = Site::new();
    site.make_repository("9/os", 1);
    site.scan();
    assert_eq!(site.find_changed(), None);
    site.write("9/os/repodata/repomd.xml", "longer than it was, so that its length tells");
    site.is_noticed_at("9/os/repodata/repomd.xml");
    fs::remove_file(site.path("9/os/repodata/repomd.xml")).expect("a removal");
    assert!(site.find_changed().is_some());
    assert_eq!(site.known.find_changed(&site.path("absent")), None, "a tree that is gone");
}

#[test]
fn a_new_repository_is_noticed_at_each_step_of_its_making() {
    let mut site = Site::new();
    // Without an index, and in an empty tree, there is the top.
    site.known = KnownTree::new(None, site.folder.path(), ALL, &KnownTree::default());
    assert_eq!(site.known.count(), 1);
    site.scan();
    let _ = site.find_changed();
    site.make_directory("9");
    site.is_noticed_at("");
    site.scan();
    site.make_directory("9/BaseOS/os");
    site.is_noticed_at("9");
    site.scan();
    site.write("9/BaseOS/os/a.rpm", "");
    site.is_noticed_at("9/BaseOS/os");
    site.scan();
    site.make_directory("9/BaseOS/os/repodata");
    site.is_noticed_at("9/BaseOS/os");
    site.scan();
    site.write("9/BaseOS/os/repodata/primary.xml.gz", "");
    site.is_noticed_at("9/BaseOS/os/repodata");
    site.scan();
    site.make_repository("9/BaseOS/os", 1);
    site.is_noticed_at("9/BaseOS/os/repodata");
    site.scan();
    // From now on, what comes and goes within it says nothing.
    site.write("9/BaseOS/os/b.rpm", "");
    site.write("9/BaseOS/os/repodata/other.xml.gz", "");
    assert_eq!(site.find_changed(), None);
    for beside in ["9/BaseOS/debug", "9/AppStream", "10"] {
        site.make_directory(beside);
        site.is_noticed_at(names::parent(beside));
        site.scan();
    }
}

#[test]
fn a_tree_that_comes_later_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let top = folder.path().join("tree");
    let mut known = KnownTree::new(None, &top, ALL, &KnownTree::default());
    assert_eq!(known.find_changed(&top), None);
    fs::create_dir(&top).expect("a folder");
    assert_eq!(known.find_changed(&top).as_deref(), Some(""));
    assert_eq!(known.find_changed(&top), None);
}

/// A directory that changed in the second of the scan or later may hold what the scan has not read.
#[test]
fn what_may_have_come_after_the_scan_is_read_once_more() {
    let mut site = Site::new();
    site.make_directory("9");
    let changed = fs::metadata(site.path("9")).expect("a folder");
    let changed = std::os::unix::fs::MetadataExt::ctime(&changed).unsigned_abs();
    site.scan_at(changed, ALL);
    assert!(site.find_changed().is_some());
    assert_eq!(site.find_changed(), None);
    // Another scan of the same time does not begin anew: it was seen since.
    site.scan_at(changed, ALL);
    assert_eq!(site.find_changed(), None);
    // What came between two scans is not forgotten when the second one is taken up.
    site.make_directory("9/os");
    site.scan();
    assert_eq!(site.find_changed().as_deref(), Some("9"));
    // A time that was set back does not deceive it: the time of the inode cannot be.
    site.make_directory("10");
    let times = FileTimes::new().set_modified(UNIX_EPOCH);
    File::open(site.path("9")).and_then(|file| file.set_times(times)).expect("its time");
    assert!(site.find_changed().is_some());
}

#[test]
fn the_directories_next_to_the_top_are_kept_within_the_bound() {
    let mut site = Site::new();
    for name in ["a/b/c", "d/e"] {
        site.make_directory(name);
    }
    for (max, expected) in [
        (0, &[][..]),
        (1, &[""][..]),
        (3, &["", "a", "d"][..]),
        (4, &["", "a", "a/b", "d"][..]),
        (6, &["", "a", "a/b", "a/b/c", "d", "d/e"][..]),
    ] {
        site.scan_at(LATER, max);
        assert_eq!(looked_at(&site.known), expected);
        assert_eq!(site.known.n_left_out(), 6 - max);
    }
}

proptest! {
    /// Against a definition that looks at all pairs.
    #[test]
    fn directories_are_chosen_as_they_are_defined(
        paths in prop::collection::btree_set("[ab](/[ab]){0,3}(/repodata)?", 0..20),
        files in prop::collection::vec((0_u64..2, any::<bool>()), 200),
    ) {
        let mut names: Vec<&str> = paths.iter().flat_map(|path| ancestors(path)).collect();
        names.extend(paths.iter().map(|path| &**path));
        names.push("");
        names.sort_unstable();
        names.dedup();
        let repomd = || index::File {
            name: REPOMD.into(),
            versions: vec![index::Version {
                timestamp: 0,
                size: 1,
                checksums: Checksums { sha256: Some([0; 32]), ..Checksums::default() },
                replaced: None,
            }],
            stamp: None,
        };
        let directories = names.iter().zip(&files).map(|(name, &(n_files, has_repomd))| {
            let files: Vec<_> = has_repomd.then(repomd).into_iter().collect();
            Directory { name: (*name).into(), n_files: n_files.max(files.len() as u64), files }
        });
        let index = Index::new(0, directories.collect(), vec![]).expect("it is sound");
        let holds = |outer: &str, inner: &str| outer.is_empty() || inner.starts_with(&format!("{outer}/"));
        let repositories: Vec<&str> = index.directories().iter()
            .filter(|directory| !directory.files.is_empty())
            .map(|directory| names::parent(&directory.name))
            .collect();
        let expected: Vec<&str> = index.directories().iter().filter(|directory| {
            let name = &*directory.name;
            let is_above = repositories.iter().any(|inner| name != *inner && holds(name, inner));
            let is_within = repositories.iter().any(|outer| name == *outer || holds(outer, name));
            let is_repodata = name == REPODATA || name.ends_with("/repodata");
            let is_begun = is_repodata && directory.files.is_empty();
            name.is_empty() || directory.n_files == 0 || is_above || !is_within || is_begun
        }).map(|directory| &*directory.name).collect();
        let (mut found, n_left_out) = super::directories(Some(&index), ALL);
        found.sort_unstable();
        prop_assert_eq!((found, n_left_out), (expected, 0));
    }
}

//! Whether repositories that a scan has found have changed since, at the price of a look at each.

use std::path::Path;

use index::{Index, Stamp};

use super::names::{self, REPOMD};
use super::tree::{self, Tree};

/// The `repomd.xml` of every repository in an index, and how each was seen last.
#[derive(Debug, Default)]
pub struct KnownRepositories {
    /// Paths below the tree; `None` is a file that could not be looked at.
    seen: Vec<(String, Option<Stamp>)>,
}

impl KnownRepositories {
    /// Those of an index, as the scan has seen them. Of those that it has not taken up, because they were not
    /// complete, the present state counts as seen.
    pub fn of(index: &Index, top: &Path) -> Self {
        let tree = Tree::open(top).ok();
        let files = index.directories().iter().filter_map(|directory| {
            let file = names::find_file(directory, REPOMD)?;
            let path = names::join(&directory.name, REPOMD);
            let look = || tree.as_ref().and_then(|tree| stamp(tree, &path));
            let seen = file.stamp.or_else(look);
            Some((path, seen))
        });
        Self { seen: files.collect() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Looks at all of them; returns the first one that is not as it was seen last. Blocks.
    pub fn find_changed(&mut self, top: &Path) -> Option<String> {
        // A tree that is gone for a moment, such as one that is mounted again, is no change.
        let tree = Tree::open(top).ok()?;
        let mut changed = None;
        for (path, seen) in &mut self.seen {
            let now = stamp(&tree, path);
            if now != *seen {
                *seen = now;
                changed.get_or_insert_with(|| path.clone());
            }
        }
        changed
    }
}

fn stamp(tree: &Tree, path: &str) -> Option<Stamp> {
    tree.stat(path).ok().map(|stat| tree::stamp(&stat))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::{Options, Progress, scan_tree};

    #[test]
    fn a_repository_that_changes_is_found_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = folder.path();
        fs::create_dir_all(top.join("9/os/repodata")).expect("folders");
        let repomd = top.join("9/os/repodata/repomd.xml");
        let text = |revision: &str| {
            format!(
                "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>{revision}</revision></repomd>"
            )
        };
        fs::write(&repomd, text("1")).expect("a write");
        let options = Options {
            now: Duration::from_secs(1_800_000_000),
            keep_versions: Duration::ZERO,
            allow_shrink: false,
            n_threads: 1,
            second_look: Duration::ZERO,
        };
        let scan = scan_tree(top, None, &options, &Progress::default()).expect("a tree");
        let mut known = KnownRepositories::of(&scan.index, top);
        assert_eq!(known.count(), 1);
        // What the scan has seen is taken up; a file that was young then has no stamp, and counts as seen.
        assert_eq!(known.find_changed(top), None);
        fs::write(&repomd, text("22")).expect("a write");
        assert_eq!(known.find_changed(top).as_deref(), Some("9/os/repodata/repomd.xml"));
        assert_eq!(known.find_changed(top), None);
        fs::remove_file(&repomd).expect("a removal");
        assert!(known.find_changed(top).is_some());
        assert_eq!(known.find_changed(&top.join("absent")), None, "a tree that is gone");
    }
}

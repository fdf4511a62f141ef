//! Whether a tree has changed since it was scanned, at the price of a look at some of its entries.
//!
//! Two kinds of entries are looked at. The `repomd.xml` of a repository says that the repository has changed.
//! A directory says that something has come or gone in it: so a repository that is new is noticed, beside
//! others or as the first one. Directories within repositories are left out, because files come and go there
//! before `repomd.xml` says so; but for those without files, in which the next repository may be made.

use std::collections::HashSet;
use std::path::Path;

use index::{Directory, Index, Stamp};

use super::names::{self, REPOMD};
use super::tree::{self, Tree};

/// The name of the directory of a repository that holds its `repomd.xml`.
const REPODATA: &str = "repodata";

/// What is looked at in a tree, and how each entry was seen last.
#[derive(Debug, Default)]
pub struct KnownTree {
    /// Paths below the tree in ascending order, the empty one for the tree itself. `None` is an entry that
    /// could not be looked at, or must be taken for changed.
    seen: Vec<(String, Option<Stamp>)>,
    n_left_out: usize,
}

impl KnownTree {
    /// What an index knows, as its scan has seen it, with `max_directories` directories at most: those next
    /// to the top. Without an index, that is the top alone. What `former` has seen of a directory counts
    /// further. Blocks.
    pub fn new(index: Option<&Index>, top: &Path, max_directories: usize, former: &Self) -> Self {
        let tree = Tree::open(top).ok();
        let look = |path: &str| tree.as_ref().and_then(|tree| stamp(tree, path));
        let (directories, n_left_out) = directories(index, max_directories);
        let scanned = index.map_or(i64::MAX, |index| i64::try_from(index.scanned()).unwrap_or(0));
        let directories = directories.into_iter().map(|path| {
            // What may have changed after the scan has read it must be read once more.
            let unread = || look(path).filter(|stamp| stamp.changed.0 < scanned);
            (path.to_owned(), former.find(path).unwrap_or_else(unread))
        });
        let files = index.iter().flat_map(|index| index.directories()).filter_map(|directory| {
            let file = names::find_file(directory, REPOMD)?;
            let path = names::join(&directory.name, REPOMD);
            // Of one that it has not taken up, because its repository was not complete, the present state
            // counts as seen.
            let seen = file.stamp.or_else(|| look(&path));
            Some((path, seen))
        });
        let mut seen: Vec<_> = directories.chain(files).collect();
        seen.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self { seen, n_left_out }
    }

    /// How many entries are looked at.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// How many directories are not looked at, because there are too many.
    pub fn n_left_out(&self) -> usize {
        self.n_left_out
    }

    /// Looks at all entries; returns the first one that is not as it was seen last, which is empty for the
    /// top. Blocks.
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

    fn find(&self, path: &str) -> Option<Option<Stamp>> {
        let found = self.seen.binary_search_by(|(known, _)| (**known).cmp(path)).ok()?;
        self.seen.get(found).map(|(_, seen)| *seen)
    }
}

fn stamp(tree: &Tree, path: &str) -> Option<Stamp> {
    tree.stat(path).ok().map(|stat| tree::stamp(&stat))
}

/// The directories that are looked at, and how many more there would be.
fn directories(index: Option<&Index>, max: usize) -> (Vec<&str>, usize) {
    let Some(index) = index else { return (vec![""], 0) };
    let has_repomd = |directory: &Directory| names::find_file(directory, REPOMD).is_some();
    let with_repomd = index.directories().iter().filter(|directory| has_repomd(directory));
    let repositories: HashSet<&str> = with_repomd.map(|it| names::parent(&it.name)).collect();
    let above: HashSet<&str> = repositories.iter().flat_map(|name| ancestors(name)).collect();
    let is_within = |name: &str| {
        repositories.contains(name) || ancestors(name).any(|name| repositories.contains(name))
    };
    let is_looked_at = |directory: &&Directory| {
        let name = &*directory.name;
        let is_begun = || name.rsplit('/').next() == Some(REPODATA) && !has_repomd(directory);
        name.is_empty()
            || directory.n_files == 0
            || above.contains(name)
            || !is_within(name)
            || is_begun()
    };
    let all = index.directories().iter().filter(is_looked_at);
    let mut all: Vec<&str> = all.map(|directory| &*directory.name).collect();
    // The sort is stable: among equally deep ones, the first by name.
    all.sort_by_key(|name| depth(name));
    let n_left_out = all.len().saturating_sub(max);
    all.truncate(max);
    (all, n_left_out)
}

/// The directories that hold another one, from the next one to the top.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| (!name.is_empty()).then(|| names::parent(name)))
        .skip(1)
}

/// How many names a path has.
fn depth(name: &str) -> usize {
    name.split('/').filter(|segment| !segment.is_empty()).count()
}

#[cfg(test)]
mod tests;

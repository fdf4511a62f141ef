//! What the catalog expects of each mirror.

use std::collections::BTreeMap;

use model::path::is_within;
use serde::{Deserialize, Serialize};

/// The mirrors that are checked. A mirror that it does not name is not judged, and listed as the catalog says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// By the key of the mirror ([`model::mirror_key::MirrorKey`]), as text.
    pub mirrors: BTreeMap<String, Entry>,
}

/// What is expected of a mirror.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Entry {
    /// What it serves, by the base URLs below which it does.
    pub trees: Vec<Tree>,
    /// Whether its content counts as current, whatever it is.
    pub is_always_fresh: bool,
    /// Whether its files are sampled.
    pub is_sampled: bool,
    /// Whether its files are listed by rsync.
    pub is_listed_by_rsync: bool,
}

/// What a mirror serves below the same base URLs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tree {
    /// The base URLs that can be visited, as the catalog has them: of http and https.
    pub urls: Vec<String>,
    /// The directories that hold the `repomd.xml` of its repositories.
    pub repositories: Vec<String>,
    /// The directories below which it carries everything that is in the catalog; the empty name is everything.
    pub directories: Vec<String>,
}

impl Entry {
    /// All base URLs.
    pub fn urls(&self) -> impl Iterator<Item = &String> {
        self.trees.iter().flat_map(|tree| &tree.urls)
    }

    /// The directories that hold the `repomd.xml` of all repositories.
    pub fn repositories(&self) -> impl Iterator<Item = &String> {
        self.trees.iter().flat_map(|tree| &tree.repositories)
    }

    /// The directories below which it carries everything.
    pub fn directories(&self) -> impl Iterator<Item = &String> {
        self.trees.iter().flat_map(|tree| &tree.directories)
    }

    /// Whether it has repositories.
    pub fn has_repositories(&self) -> bool {
        self.repositories().next().is_some()
    }

    /// Whether the mirror should have a directory.
    pub fn carries(&self, directory: &str) -> bool {
        self.trees.iter().any(|tree| tree.depth(directory).is_some())
    }

    /// The trees that serve a directory: those that name it, or what lies around it most narrowly.
    pub fn trees_of(&self, directory: &str) -> impl Iterator<Item = &Tree> {
        let most = self.trees.iter().filter_map(|tree| tree.depth(directory)).max();
        self.trees.iter().filter(move |tree| most.is_some() && tree.depth(directory) == most)
    }
}

impl Tree {
    /// The directories below which it has everything.
    pub fn tops(&self) -> impl Iterator<Item = &str> {
        let repositories = self.repositories.iter().map(|repodata| repository_of(repodata));
        self.directories.iter().map(String::as_str).chain(repositories)
    }

    /// The length of the name that lies around a directory most narrowly; `None` if it does not have it.
    fn depth(&self, directory: &str) -> Option<usize> {
        self.tops().filter(|top| is_within(directory, top)).map(str::len).max()
    }
}

/// The names of a directory and of all that lies around it, the narrowest first: those of which
/// [`is_within`] says that the directory is within them.
pub(crate) fn around(directory: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(directory), |&name| match name {
        "" => None,
        name => Some(name.rsplit_once('/').map_or("", |(above, _)| above)),
    })
}

/// The directory of the repository whose `repomd.xml` lies in `repodata`.
pub fn repository_of(repodata: &str) -> &str {
    match repodata.strip_suffix("repodata") {
        Some(parent) => match parent.strip_suffix('/') {
            Some(parent) => parent,
            None if parent.is_empty() => parent,
            None => repodata,
        },
        None => repodata,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_above_its_repodata() {
        assert_eq!(repository_of("9/os/repodata"), "9/os");
        assert_eq!(repository_of("repodata"), "");
        assert_eq!(repository_of("9/norepodata"), "9/norepodata");
        assert_eq!(repository_of("9/os"), "9/os");
    }

    #[test]
    fn a_mirror_carries_what_lies_below() {
        let linux = Tree { directories: vec!["linux".into()], ..Tree::default() };
        let epel = Tree { repositories: vec!["epel/9/repodata".into()], ..Tree::default() };
        let entry = Entry { trees: vec![linux, epel], ..Entry::default() };
        for directory in ["linux", "linux/41", "epel/9", "epel/9/repodata"] {
            assert!(entry.carries(directory), "{directory}");
        }
        for directory in ["", "linuxes", "epel", "epel/90"] {
            assert!(!entry.carries(directory), "{directory}");
        }
        let within = |directory| entry.trees_of(directory).count();
        assert_eq!((within("linux/41"), within("epel/9/repodata"), within("epel")), (1, 1, 0));
        let all = Tree { directories: vec![String::new()], ..Tree::default() };
        assert!(Entry { trees: vec![all], ..Entry::default() }.carries("any"));
    }
}

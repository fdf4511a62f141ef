//! Which directories listings decide.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::inventory::{around, repository_of};

/// The directories that listings decide: those without a repository around them, in them or below them.
///
/// What is in a repository is decided by its `repomd.xml`: a mirror may lawfully have an earlier version of it, with
/// other packages. What holds for a directory holds below it, so what has a repository below is left alone, too.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    repositories: BTreeSet<String>,
}

impl Scope {
    /// `repodata` are the directories that hold the `repomd.xml` of all repositories.
    pub fn without<'a>(repodata: impl Iterator<Item = &'a str>) -> Self {
        Self { repositories: repodata.map(|name| repository_of(name).to_owned()).collect() }
    }

    /// Whether a directory is decided by listings.
    pub fn covers(&self, directory: &str) -> bool {
        self.reaches(directory) && !self.has_below(directory)
    }

    /// Whether a directory is in no repository, so that it or something below it may be decided.
    pub fn reaches(&self, directory: &str) -> bool {
        !around(directory).any(|name| self.repositories.contains(name))
    }

    fn has_below(&self, directory: &str) -> bool {
        if directory.is_empty() {
            return !self.repositories.is_empty();
        }
        let begin = [directory, "/"].concat();
        let from = (Bound::Included(begin.as_str()), Bound::Unbounded);
        let mut following = self.repositories.range::<str, _>(from);
        following.next().is_some_and(|name| name.starts_with(&begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_and_what_is_around_them_are_left_out() {
        let scope = Scope::without(["9/os/repodata", "9/os-x/repodata"].into_iter());
        for (directory, is_covered, is_reached) in [
            ("", false, true),
            ("9", false, true),
            ("9/os", false, false),
            ("9/os/Packages", false, false),
            ("9/os-", true, true),
            ("9/images", true, true),
            ("10", true, true),
        ] {
            assert_eq!(scope.covers(directory), is_covered, "{directory}");
            assert_eq!(scope.reaches(directory), is_reached, "{directory}");
        }
        assert!(Scope::default().covers(""));
        assert!(!Scope::without(["repodata"].into_iter()).reaches("any"));
    }
}

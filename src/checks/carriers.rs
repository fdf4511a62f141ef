//! Which mirrors have a directory, and below which of their URLs, without a walk over all that they have.
//!
//! What is found is what [`Entry::carries`] and [`Entry::trees_of`] say. Those compare a directory with all names of a
//! mirror, which for 2,000 mirrors with 100 repositories each takes seconds; here the names around the directory are
//! looked up.

use rustc_hash::FxHashMap;

use crate::inventory::{Entry, Tree, around};

/// Mirrors, as places in a list, by what they have.
pub(crate) struct Carriers<'a> {
    by_top: FxHashMap<&'a str, Vec<usize>>,
}

impl<'a> Carriers<'a> {
    /// The mirrors of which these are the entries, in this order.
    pub(crate) fn of(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut by_top: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
        for (place, entry) in entries.enumerate() {
            for top in entry.trees.iter().flat_map(Tree::tops) {
                by_top.entry(top).or_default().push(place);
            }
        }
        Self { by_top }
    }

    /// The places of the mirrors that should have a directory, in order.
    pub(crate) fn find(&self, directory: &str) -> Vec<usize> {
        let known = around(directory).filter_map(|top| self.by_top.get(top));
        let mut places: Vec<usize> = known.flatten().copied().collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// The trees of a mirror, by what they have.
#[derive(Default)]
pub(crate) struct TreesByTop<'a>(FxHashMap<&'a str, Vec<&'a Tree>>);

impl<'a> TreesByTop<'a> {
    /// The trees of this mirror.
    pub(crate) fn of(entry: &'a Entry) -> Self {
        let mut by_top: FxHashMap<&str, Vec<&Tree>> = FxHashMap::default();
        for tree in &entry.trees {
            for top in tree.tops() {
                let trees = by_top.entry(top).or_default();
                // A tree may name the same twice.
                if trees.last().is_none_or(|last| !std::ptr::eq(*last, tree)) {
                    trees.push(tree);
                }
            }
        }
        Self(by_top)
    }

    /// The trees that serve a directory: those that name it, or what lies around it most narrowly.
    pub(crate) fn find(&self, directory: &str) -> &[&'a Tree] {
        around(directory).find_map(|top| self.0.get(top)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(vec!["a", "b", "aa", "repodata", ""]);
        vec(segment, 0..4).prop_map(|segments| segments.join("/"))
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let tree =
            (vec(name(), 0..3), vec(name(), 0..3)).prop_map(|(repositories, directories)| Tree {
                repositories,
                directories,
                ..Tree::default()
            });
        vec(tree, 0..4).prop_map(|trees| Entry { trees, ..Entry::default() })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_looked_up_is_what_a_walk_finds(
            entries in vec(entry(), 0..6),
            directories in vec(name(), 1..8),
        ) {
            let carriers = Carriers::of(entries.iter());
            for directory in &directories {
                let walked = entries.iter().enumerate().filter(|(_, entry)| entry.carries(directory));
                let walked: Vec<usize> = walked.map(|(place, _)| place).collect();
                prop_assert_eq!(carriers.find(directory), walked, "{}", directory);
                for entry in &entries {
                    let walked: Vec<&Tree> = entry.trees_of(directory).collect();
                    let trees = TreesByTop::of(entry);
                    prop_assert_eq!(trees.find(directory), walked, "{}", directory);
                }
            }
        }
    }
}

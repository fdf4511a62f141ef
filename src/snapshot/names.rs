//! Name lookup: a hash table of ranks beside the sorted names.
//!
//! A binary search for a directory's name compares 17 names, most of them not in a processor cache;
//! one for a repository's compares ten. The table usually finds the only candidate with one probe.
//! Requests cannot add names, so they cannot make the table slow.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::tables::Names;

/// Sorted names with a hash table of their ranks.
pub(super) struct NameIndex {
    names: Names,
    ranks: HashTable<u32>,
}

impl NameIndex {
    pub(super) fn new(names: Names) -> Self {
        let mut ranks = HashTable::with_capacity(names.len());
        for (rank, name) in (0..).zip(names.iter()) {
            ranks.insert_unique(hash(name), rank, |&rank| hash(names.get(rank as usize)));
        }
        Self { names, ranks }
    }

    /// The rank of `name`.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let rank = self.ranks.find(hash(name), |&rank| self.names.get(rank as usize) == name)?;
        Some(*rank as usize)
    }

    /// The names in order.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }
}

fn hash(name: &str) -> u64 {
    FxBuildHasher.hash_one(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_by_a_binary_search() {
        for n in [0, 1, 2, 3, 64, 65, 5_000] {
            let texts: Vec<String> = (0..n).map(|i| format!("pub/{i:05}")).collect();
            let names = Names::from_sorted(texts.iter().map(String::as_str)).expect("sorted");
            let index = NameIndex::new(names.clone());
            for name in texts.iter().map(String::as_str).chain(["", "pub", "pub/1", "pub/99999"]) {
                assert_eq!(index.find(name), names.find(name), "{name} of {n}");
            }
        }
    }
}

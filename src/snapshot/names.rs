//! Name lookup: a hash table of ranks beside the sorted names.
//!
//! A binary search for a directory's name compares 17 names, most of them not in a processor cache;
//! one for a repository's compares ten. The table usually finds the only candidate with one probe.
//! Requests cannot add names, so they cannot make the table slow.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use super::tables::Names;

/// Sorted names with a hash table of their ranks.
pub(super) struct NameIndex {
    names: Names,
    /// Ranks, each at the place given by its name's hash, or the next free one (linear probing). At
    /// least half of the places are `FREE`; their number is a power of two.
    places: Box<[u32]>,
}

const FREE: u32 = u32::MAX;

impl NameIndex {
    pub(super) fn new(names: Names) -> Self {
        let mut places = vec![FREE; (names.len() * 2).next_power_of_two()].into_boxed_slice();
        for (rank, name) in (0..FREE).zip(names.iter()) {
            if let Some(free) = Probe::new(name, &places).find(|&at| places.get(at) == Some(&FREE))
                && let Some(place) = places.get_mut(free)
            {
                *place = rank;
            }
        }
        Self { names, places }
    }

    /// The rank of `name`.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        for at in Probe::new(name, &self.places) {
            let rank = *self.places.get(at).filter(|&&rank| rank != FREE)? as usize;
            if self.names.get(rank) == name {
                return Some(rank);
            }
        }
        None
    }

    /// The names in order.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }
}

/// The places to look at for a name, each once.
struct Probe {
    at: usize,
    mask: usize,
    left: usize,
}

impl Probe {
    fn new(name: &str, places: &[u32]) -> Self {
        let mask = places.len().wrapping_sub(1);
        #[allow(clippy::cast_possible_truncation, reason = "any bits of a hash do")]
        Self { at: FxBuildHasher.hash_one(name) as usize, mask, left: places.len() }
    }
}

impl Iterator for Probe {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at & self.mask;
        self.at = self.at.wrapping_add(1);
        Some(at)
    }
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

//! A cache of parsed directory entries (a mirror and its URLs), by their bytes.
//!
//! MirrorManager repeats an entry in each of the thousands of directories that a mirror carries, and
//! mostly the same entry follows. So the bytes are first compared with the entry that followed last
//! time, then looked up by their hash, and only new entries are parsed.

use std::collections::hash_map;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use model::ids::HostId;

/// The most entries that are cached, and the most bytes of one. Fedora has 3,000 of some 20 bytes; a
/// file whose entries are all different would exhaust the memory.
const MAX_ENTRIES: u32 = 1 << 17;
const MAX_BYTES: usize = 256;

/// The parsed content of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Carrier {
    pub(super) host: HostId,
    /// Index of the URL list.
    pub(super) urls: u32,
}

struct Entry {
    bytes: Box<[u8]>,
    carrier: Carrier,
    /// Index of the entry that followed last time; out of range if none did.
    next: u32,
}

/// Parsed entries by their bytes.
#[derive(Default)]
pub(super) struct KnownCarriers {
    entries: Vec<Entry>,
    /// Indexes of entries by the hash of their bytes; of two with equal hashes, the first is cached.
    by_hash: FxHashMap<u64, u32>,
    /// Index of the entry that was found last.
    last: u32,
}

impl KnownCarriers {
    /// The content of the entry, if it is cached.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<Carrier> {
        let next = self.entries.get(self.last as usize).map_or(u32::MAX, |last| last.next);
        if let Some(entry) = self.entries.get(next as usize)
            && *entry.bytes == *bytes
        {
            self.last = next;
            return Some(entry.carrier);
        }
        let found = *self.by_hash.get(&hash(bytes))?;
        let entry = self.entries.get(found as usize).filter(|entry| *entry.bytes == *bytes)?;
        let carrier = entry.carrier;
        self.follow(found);
        Some(carrier)
    }

    /// Caches the content of a new entry.
    pub(super) fn learn(&mut self, bytes: &[u8], carrier: Carrier) {
        let index = match u32::try_from(self.entries.len()) {
            Ok(index) if index < MAX_ENTRIES && bytes.len() <= MAX_BYTES => index,
            _ => return,
        };
        if let hash_map::Entry::Vacant(vacant) = self.by_hash.entry(hash(bytes)) {
            vacant.insert(index);
            self.entries.push(Entry { bytes: bytes.into(), carrier, next: u32::MAX });
            self.follow(index);
        }
    }

    fn follow(&mut self, index: u32) {
        if let Some(last) = self.entries.get_mut(self.last as usize) {
            last.next = index;
        }
        self.last = index;
    }
}

fn hash(bytes: &[u8]) -> u64 {
    FxBuildHasher.hash_one(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_in_any_order() {
        let mut known = KnownCarriers::default();
        let mut rng = fastrand::Rng::with_seed(1);
        let carrier = |n: u32| Carrier { host: HostId(n), urls: n / 3 };
        for n in 0..50_u32 {
            assert_eq!(known.find(&n.to_le_bytes()), None);
            known.learn(&n.to_le_bytes(), carrier(n));
        }
        for round in 0..2_000 {
            let n = if round % 2 == 0 { rng.u32(0..60) } else { round % 60 };
            assert_eq!(known.find(&n.to_le_bytes()), (n < 50).then(|| carrier(n)), "{n}");
        }
    }

    #[test]
    fn what_is_too_much_is_forgotten() {
        let mut known = KnownCarriers::default();
        for n in 0..MAX_ENTRIES + 10 {
            known.learn(&n.to_le_bytes(), Carrier { host: HostId(n), urls: 0 });
        }
        assert_eq!(known.entries.len(), MAX_ENTRIES as usize);
        assert_eq!(known.find(&(MAX_ENTRIES + 1).to_le_bytes()), None);
        let mut known = KnownCarriers::default();
        known.learn(&[1; MAX_BYTES + 1], Carrier { host: HostId(1), urls: 0 });
        assert!(known.entries.is_empty());
    }
}

//! The large tables of networks: shared by snapshots, with a direct index for most of IPv4.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3;

use super::tables::Prefixes;
use super::trie::PrefixTable;
use model::embedded::LookupAddresses;
use model::net::Prefix;

/// Finds the value of the most specific network that contains an address.
///
/// Networks change once a day, mirrors every few minutes. Building and freeing the tables of 350,000
/// networks takes about half of the processor time of decoding and freeing a snapshot (by perf), so
/// snapshots whose networks are equal share one table.
///
/// A walk down the trie causes several cache misses. Blocks of 65,536 addresses (a /16) that lie in
/// one network or in none are stored in an array, which answers without the trie: the country of an
/// address takes 90 ns instead of 290 (`lookup/country`).
///
/// Of a whole request, which takes 17 to 18 µs, these arrays and the one of [`SparseTable`] together save
/// 340 ns, or 2 %. They stay because without all of them the lookups of an address take 490 ns instead of
/// 160, and miss the target of 300 (`benches/results/2026-11-26-2101fd0.md`).
///
/// [`SparseTable`]: super::trie::SparseTable
pub(super) struct Networks<T> {
    trie: PrefixTable<T>,
    blocks: Blocks<T>,
    /// XXH3-128 of the prefixes and their values.
    fingerprint: u128,
}

impl<T: Copy + Eq + Hash> Networks<T> {
    /// The table of `prefixes`; returns `before` if that was built from equal ones.
    pub(super) fn new(prefixes: &Prefixes<T>, before: Option<&Arc<Self>>) -> Arc<Self> {
        let mut hasher = Xxh3::new();
        prefixes.hash(&mut hasher);
        let fingerprint = hasher.digest128();
        match before {
            Some(before) if before.fingerprint == fingerprint => Arc::clone(before),
            _ => {
                let trie = PrefixTable::new(prefixes.iter());
                let blocks = Blocks::new(prefixes, &trie);
                Arc::new(Self { trie, blocks, fingerprint })
            }
        }
    }

    /// The value of the longest prefix that contains a client's own address, or else the IPv4
    /// address in it.
    pub(super) fn find_client(&self, client: LookupAddresses) -> Option<T> {
        self.find(client.own(), client.min_length()).or_else(|| self.find(client.embedded()?, 0))
    }

    /// As [`Self::find_client`], with that prefix. Only the trie has prefixes, so this is slower.
    pub(super) fn find_client_entry(&self, client: LookupAddresses) -> Option<(Prefix, T)> {
        self.trie.find_client_entry(client).map(|(prefix, &value)| (prefix, value))
    }

    /// The value of the longest prefix that contains `address` (canonical), if that prefix has at
    /// least `min_length` bits. `min_length` must be 0 for IPv4.
    fn find(&self, address: IpAddr, min_length: u8) -> Option<T> {
        match address {
            IpAddr::V4(v4) => match self.blocks.get(v4) {
                Block::Whole(value) => value,
                Block::Divided => self.trie.find(address).copied(),
            },
            IpAddr::V6(_) => self.trie.find_from_length(address, min_length).copied(),
        }
    }

    /// The prefixes with their values: those of IPv4, then those of IPv6.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Prefix, T)> {
        self.trie.iter()
    }

    /// The number of prefixes.
    pub(super) fn len(&self) -> usize {
        self.trie.len()
    }
}

/// The content of a /16.
enum Block<T> {
    /// All of its addresses have this value, or none.
    Whole(Option<T>),
    /// It holds smaller networks, or there are too many values: the trie has the answer.
    Divided,
}

/// The content of each /16, in two bytes. Clients come from all networks, so every byte of this table
/// competes for the processor cache.
struct Blocks<T> {
    /// A code for each /16, by its number: `NOTHING`, `DIVIDED`, or an index into `values` plus 1.
    codes: Box<[u16]>,
    values: Vec<T>,
}

const NOTHING: u16 = 0;
const DIVIDED: u16 = u16::MAX;

impl<T: Copy + Eq + Hash> Blocks<T> {
    fn new(prefixes: &Prefixes<T>, trie: &PrefixTable<T>) -> Self {
        let mut codes = vec![NOTHING; 1 << 16].into_boxed_slice();
        for (prefix, _) in prefixes.iter() {
            if let IpAddr::V4(address) = prefix.address()
                && prefix.len() > 16
                && let Some(code) = codes.get_mut(first_half(address))
            {
                *code = DIVIDED;
            }
        }
        let mut known = FxHashMap::default();
        let mut values = Vec::new();
        for (first_half, code) in (0_u32..).zip(&mut codes).filter(|(_, code)| **code != DIVIDED) {
            if let Some(&value) = trie.find(IpAddr::V4((first_half << 16).into())) {
                *code = *known.entry(value).or_insert_with(|| {
                    values.push(value);
                    // Further values than 65,534 are looked up in the trie.
                    u16::try_from(values.len()).unwrap_or(DIVIDED)
                });
            }
        }
        Self { codes, values }
    }

    fn get(&self, address: Ipv4Addr) -> Block<T> {
        match self.codes.get(first_half(address)) {
            Some(&NOTHING) => Block::Whole(None),
            Some(&DIVIDED) | None => Block::Divided,
            Some(code) => Block::Whole(self.values.get(usize::from(*code) - 1).copied()),
        }
    }
}

fn first_half(address: Ipv4Addr) -> usize {
    (address.to_bits() >> 16) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn prefixes(entries: &[(Prefix, u32)]) -> Prefixes<u32> {
        let mut prefixes = Prefixes::default();
        entries.iter().for_each(|&(prefix, value)| prefixes.push(prefix, value));
        prefixes
    }

    #[test]
    fn tables_are_shared_by_equal_prefixes_only() {
        let table = |entries: &[(&str, u32)], before| {
            let parse = |&(text, value): &(&str, u32)| {
                (Prefix::parse(text).expect("a valid literal").0, value)
            };
            Networks::new(&prefixes(&entries.iter().map(parse).collect::<Vec<_>>()), before)
        };
        let entries = [("10.0.0.0/8", 1), ("2001:db8::/32", 2)];
        let first = table(&entries, None);
        assert!(Arc::ptr_eq(&first, &table(&entries, Some(&first))));
        for others in [
            &[("10.0.0.0/8", 1), ("2001:db8::/32", 3)][..],
            &[("10.0.0.0/9", 1), ("2001:db8::/32", 2)],
            &[("11.0.0.0/8", 1), ("2001:db8::/32", 2)],
            &[("10.0.0.0/8", 1)],
            &[],
        ] {
            let other = table(others, Some(&first));
            assert!(!Arc::ptr_eq(&first, &other));
            assert_eq!(other.len(), others.len());
        }
    }

    #[test]
    fn more_values_than_codes_are_found_all_the_same() {
        let network = |block: u32| IpAddr::V4((block << 16).into());
        let entries: Vec<(Prefix, u32)> = (0..1 << 16)
            .map(|block| (Prefix::new(network(block), 16).expect("a length of IPv4"), block))
            .collect();
        let networks = Networks::new(&prefixes(&entries), None);
        for block in [0, 1, 2, 65_532, 65_533, 65_534, 65_535] {
            assert_eq!(networks.find(network(block), 0), Some(block));
        }
        assert!(matches!(networks.blocks.get(Ipv4Addr::new(255, 253, 0, 0)), Block::Whole(_)));
        assert!(matches!(networks.blocks.get(Ipv4Addr::new(255, 254, 0, 0)), Block::Divided));
    }

    /// Addresses in a few neighbouring blocks, and in the first and the last.
    fn address() -> impl Strategy<Value = IpAddr> {
        (select(vec![[0, 0], [10, 0], [10, 1], [10, 2], [255, 255]]), any::<u8>(), any::<u8>())
            .prop_map(|([a, b], c, d)| IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
    }

    proptest! {
        #[test]
        fn an_answer_at_once_equals_a_walk_down_the_trie(
            entries in prop::collection::vec((address(), 0_u8..=32, 0_u32..5), 0..30),
            addresses in prop::collection::vec(address(), 1..30),
        ) {
            let entries: Vec<(Prefix, u32)> = entries
                .into_iter()
                .map(|(address, length, value)| {
                    (Prefix::new(address, length).expect("a length of IPv4"), value)
                })
                .collect();
            let networks = Networks::new(&prefixes(&entries), None);
            let trie = PrefixTable::new(prefixes(&entries).iter());
            for address in addresses {
                let found = networks.find(address, 0);
                prop_assert_eq!(found, trie.find(address).copied());
                let entry = networks.find_client_entry(address.into());
                let longest = entries
                    .iter()
                    .map(|(prefix, _)| *prefix)
                    .filter(|prefix| prefix.contains(address))
                    .max_by_key(|prefix| prefix.len());
                prop_assert_eq!(entry, longest.zip(found));
            }
        }
    }
}

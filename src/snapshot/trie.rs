//! Prefix tables: which prefixes contain an address, most specific first.
//!
//! All tables use [`ip_network_table`], whose longest match takes about 50 ns in 700,000 prefixes.
//! [`SparseTable`] calls it only for blocks of addresses with a prefix. Its search for *all* covering
//! prefixes allocates a vector for each call, so [`CoveringTable`] finds the longest match and then
//! follows links to the next shorter covering prefix, which are computed when the table is built:
//! no allocation, and as many steps as there are prefixes to report. Lookups never mutate.

use std::net::{IpAddr, Ipv4Addr};

use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;

use model::embedded::LookupAddresses;
use model::net::Prefix;

/// Finds the most specific prefix that contains an address.
pub struct PrefixTable<T> {
    table: IpNetworkTable<T>,
    is_empty: bool,
}

impl<T> PrefixTable<T> {
    /// Builds the table; of equal prefixes the last wins.
    pub fn new(entries: impl IntoIterator<Item = (Prefix, T)>) -> Self {
        let mut table = IpNetworkTable::new();
        let mut is_empty = true;
        for (prefix, value) in entries {
            // A `Prefix` has no host bits and a possible length, so none is lost here.
            if let Ok(network) = IpNetwork::new(prefix.address(), prefix.len()) {
                table.insert(network, value);
                is_empty = false;
            }
        }
        Self { table, is_empty }
    }

    /// The value of the longest prefix that contains `address` (canonical).
    pub fn find(&self, address: IpAddr) -> Option<&T> {
        self.find_from_length(address, 0)
    }

    /// The value of the longest prefix that contains `address`, if that prefix has at least
    /// `min_length` bits.
    pub fn find_from_length(&self, address: IpAddr, min_length: u8) -> Option<&T> {
        self.find_longest(address, min_length).map(|(_, value)| value)
    }

    /// The longest prefix that contains a client's own address, or else the IPv4 address in it, and
    /// its value.
    pub fn find_client_entry(&self, client: LookupAddresses) -> Option<(Prefix, &T)> {
        let find = |address, min_length| {
            let (length, value) = self.find_longest(address, min_length)?;
            Some((Prefix::new(address, length)?, value))
        };
        find(client.own(), client.min_length()).or_else(|| find(client.embedded()?, 0))
    }

    fn find_longest(&self, address: IpAddr, min_length: u8) -> Option<(u8, &T)> {
        if self.is_empty {
            return None;
        }
        let (length, value) = match address {
            IpAddr::V4(v4) => {
                let (network, value) = self.table.longest_match_ipv4(v4)?;
                (network.netmask(), value)
            }
            IpAddr::V6(v6) => {
                let (network, value) = self.table.longest_match_ipv6(v6)?;
                (network.netmask(), value)
            }
        };
        (length >= min_length).then_some((length, value))
    }

    /// The prefixes with their values: those of IPv4, then those of IPv6.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, T)>
    where
        T: Copy,
    {
        let prefix = |(network, &value): (IpNetwork, &T)| {
            Some((Prefix::new(network.network_address(), network.netmask())?, value))
        };
        self.table.iter().filter_map(prefix)
    }

    /// The number of prefixes.
    pub fn len(&self) -> usize {
        let (v4, v6) = self.table.len();
        v4 + v6
    }

    /// Whether the table holds no prefix.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }
}

/// A [`PrefixTable`] of prefixes that cover little of IPv4, as the networks of mirrors do.
///
/// Most clients are in none of them. A bit set of 8 KB answers for those, where a walk down the trie
/// costs 300 instructions. Together with the arrays of blocks of the large tables this saves 340 ns of a
/// request's 17 to 18 µs. It stays because without all of them the lookups of an address take 490 ns, and
/// miss the target of 300 (`benches/results/2026-11-26-2101fd0.md`).
pub struct SparseTable<T> {
    table: PrefixTable<T>,
    occupied: OccupiedBlocks,
}

impl<T> SparseTable<T> {
    /// Builds the table; of equal prefixes the last wins.
    pub fn new(entries: impl IntoIterator<Item = (Prefix, T)>) -> Self {
        let mut occupied = OccupiedBlocks::default();
        let entries = entries.into_iter().inspect(|(prefix, _)| occupied.insert(*prefix));
        Self { table: PrefixTable::new(entries), occupied }
    }

    /// The value of the longest prefix that contains `address` (canonical).
    pub fn find(&self, address: IpAddr) -> Option<&T> {
        self.find_from_length(address, 0)
    }

    /// The value of the longest prefix that contains a client's own address, or else the IPv4
    /// address in it.
    pub fn find_client(&self, client: LookupAddresses) -> Option<&T> {
        self.find_from_length(client.own(), client.min_length())
            .or_else(|| self.find(client.embedded()?))
    }

    /// As [`Self::find_client`], with that prefix.
    pub fn find_client_entry(&self, client: LookupAddresses) -> Option<(Prefix, &T)> {
        self.table.find_client_entry(client)
    }

    fn find_from_length(&self, address: IpAddr, min_length: u8) -> Option<&T> {
        match address {
            IpAddr::V4(v4) if !self.occupied.contains(v4) => None,
            _ => self.table.find_from_length(address, min_length),
        }
    }

    /// The number of prefixes.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether the table holds no prefix.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// The blocks of 65,536 addresses (/16) of IPv4 that share an address with any prefix, one bit each.
#[derive(Default)]
struct OccupiedBlocks {
    /// Empty without prefixes of IPv4.
    blocks: Box<[u64]>,
}

impl OccupiedBlocks {
    fn insert(&mut self, prefix: Prefix) {
        let IpAddr::V4(address) = prefix.address() else { return };
        if self.blocks.is_empty() {
            self.blocks = vec![0; (1 << 16) / 64].into_boxed_slice();
        }
        let first = (address.to_bits() >> 16) as usize;
        // Prefixes are aligned, so the blocks lie within one word or fill whole words.
        let n_blocks = 1 << 16_u8.saturating_sub(prefix.len());
        if let Some(words) = self.blocks.get_mut(first / 64..(first + n_blocks).div_ceil(64)) {
            match n_blocks {
                64.. => words.fill(u64::MAX),
                _ => {
                    words.iter_mut().for_each(|word| *word |= ((1 << n_blocks) - 1) << (first % 64))
                }
            }
        }
    }

    fn contains(&self, address: Ipv4Addr) -> bool {
        let block = address.to_bits() >> 16;
        self.blocks.get(block as usize / 64).is_some_and(|bits| bits >> (block % 64) & 1 == 1)
    }
}

/// Finds every prefix that contains an address.
pub struct CoveringTable<T> {
    nodes: Vec<Node<T>>,
    longest: SparseTable<u32>,
}

struct Node<T> {
    prefix: Prefix,
    value: T,
    /// The next shorter prefix that covers this one.
    parent: Option<u32>,
}

impl<T> CoveringTable<T> {
    /// Builds the table; of equal prefixes the first wins.
    pub fn new(entries: impl IntoIterator<Item = (Prefix, T)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        // Sorted by address, then length: every prefix comes after those that cover it.
        entries.sort_by_key(|(prefix, _)| *prefix);
        entries.dedup_by_key(|(prefix, _)| *prefix);
        let mut nodes: Vec<Node<T>> = Vec::with_capacity(entries.len());
        let mut enclosing: Vec<u32> = Vec::new();
        for (index, (prefix, value)) in (0_u32..).zip(entries) {
            let covers = |&outer: &u32| {
                nodes.get(outer as usize).is_some_and(|node| node.prefix.covers(prefix))
            };
            while enclosing.last().is_some_and(|outer| !covers(outer)) {
                enclosing.pop();
            }
            nodes.push(Node { prefix, value, parent: enclosing.last().copied() });
            enclosing.push(index);
        }
        let longest = SparseTable::new((0..).zip(&nodes).map(|(index, node)| (node.prefix, index)));
        Self { nodes, longest }
    }

    /// Every prefix that contains a client's own address, then every one that contains the IPv4
    /// address in it, with their values; the most specific of each first.
    pub fn covering_client(&self, client: LookupAddresses) -> impl Iterator<Item = (Prefix, &T)> {
        self.covering(client.own())
            .take_while(move |(prefix, _)| prefix.len() >= client.min_length())
            .chain(client.embedded().into_iter().flat_map(|embedded| self.covering(embedded)))
    }

    /// Every prefix that contains `address` (canonical) with its value, most specific first.
    pub fn covering(&self, address: IpAddr) -> impl Iterator<Item = (Prefix, &T)> {
        let mut next = self.longest.find(address).copied();
        std::iter::from_fn(move || {
            let node = self.nodes.get(next? as usize)?;
            next = node.parent;
            Some((node.prefix, &node.value))
        })
    }

    /// Every prefix with its value, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, &T)> {
        self.nodes.iter().map(|node| (node.prefix, &node.value))
    }

    /// The number of prefixes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the table holds no prefix.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Addresses from a small space, so that prefixes overlap.
    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            // On both sides of where words of `OccupiedBlocks` meet.
            (select(vec![0_u8, 10, 11, 255]), select(vec![0_u8, 1, 63, 64, 255]), any::<u8>())
                .prop_map(|(a, b, c)| IpAddr::V4(Ipv4Addr::new(a, b, 0, c))),
            (0_u16..8, any::<u16>())
                .prop_map(|(a, b)| IpAddr::V6(Ipv6Addr::new(0x2001, a, 0, 0, 0, 0, 0, b))),
        ]
    }

    fn prefix() -> impl Strategy<Value = Prefix> {
        (address(), 0_u8..=128).prop_map(|(address, length)| {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            Prefix::new(address, length % (bits + 1)).expect("a length within the family")
        })
    }

    proptest! {
        #[test]
        fn covering_search_equals_a_linear_scan(
            prefixes in prop::collection::vec(prefix(), 0..60),
            addresses in prop::collection::vec(address(), 1..20),
        ) {
            let mut distinct = prefixes.clone();
            distinct.sort();
            distinct.dedup();
            let covering = CoveringTable::new(prefixes.iter().map(|&p| (p, p)));
            let longest = PrefixTable::new(prefixes.iter().map(|&p| (p, p)));
            prop_assert_eq!(covering.len(), distinct.len());
            for address in addresses {
                let mut expected: Vec<Prefix> =
                    distinct.iter().copied().filter(|p| p.contains(address)).collect();
                expected.sort_by_key(|p| std::cmp::Reverse(p.len()));
                let found: Vec<Prefix> = covering.covering(address).map(|(p, _)| p).collect();
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(longest.find(address), expected.first());
                if let IpAddr::V4(v4) = address {
                    let block = Prefix::new(address, 16).expect("a length of IPv4");
                    let meets = |prefix: &Prefix| prefix.covers(block) || block.covers(*prefix);
                    let is_occupied = covering.longest.occupied.contains(v4);
                    prop_assert_eq!(is_occupied, distinct.iter().any(meets), "{}", block);
                }
            }
        }
    }
}

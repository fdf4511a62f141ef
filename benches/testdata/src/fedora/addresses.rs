//! The address space: disjoint blocks, each of one country and one autonomous system.
//!
//! Everything that holds addresses is drawn from these blocks, which is why tables agree: a
//! client has a country and an ASN, a host's ASN is announced, netblocks lie where clients are.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;

use super::hosts::Host;
use super::{Shape, stream};
use crate::countries::COUNTRIES;
use crate::mirrormanager::StringRepeatedIntMap;
use crate::network::Network;
use crate::rng::Rng;

/// A stretch of address space under one owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) network: Network,
    /// Index into [`COUNTRIES`].
    pub(super) country: usize,
    pub(super) asn: u32,
}

pub(super) struct Addresses {
    /// Sorted and disjoint.
    pub(super) v4: Vec<Block>,
    /// Sorted and disjoint.
    pub(super) v6: Vec<Block>,
}

/// IPv4 space that is never public, as (first, last) addresses in order.
const RESERVED: &[(u32, u32)] = &[
    (0x0a00_0000, 0x0aff_ffff), // 10.0.0.0/8
    (0x6440_0000, 0x647f_ffff), // 100.64.0.0/10
    (0x7f00_0000, 0x7fff_ffff), // 127.0.0.0/8
    (0xa9fe_0000, 0xa9fe_ffff), // 169.254.0.0/16
    (0xac10_0000, 0xac1f_ffff), // 172.16.0.0/12
    (0xc000_0000, 0xc000_02ff), // 192.0.0.0/24 and 192.0.2.0/24
    (0xc0a8_0000, 0xc0a8_ffff), // 192.168.0.0/16
    (0xc612_0000, 0xc613_ffff), // 198.18.0.0/15
    (0xc633_6400, 0xc633_64ff), // 198.51.100.0/24
    (0xcb00_7100, 0xcb00_71ff), // 203.0.113.0/24
];

const V4_START: u64 = 0x0100_0000;
const V4_END: u64 = 0xe000_0000;

/// The /12 blocks that the regional registries hand out, with their share of prefixes in percent.
const V6_REGIONS: &[(u128, usize)] =
    &[(0x2400, 25), (0x2600, 25), (0x2800, 10), (0x2a00, 33), (0x2c00, 7)];

/// Share of IPv4 among the prefixes of both tables, in percent.
const V4_PERCENT: usize = 68;

impl Addresses {
    pub(super) fn new(shape: &Shape) -> Self {
        let mut owners = Owners::new(shape);
        // The country table also holds exceptions within blocks (see `country_table`).
        let n_blocks = shape.country_prefixes * 9 / 10;
        let n_v4 = n_blocks * V4_PERCENT / 100;
        let v4 = v4_networks(n_v4, &mut owners.rng);
        let v6 = v6_networks(n_blocks - n_v4, &mut owners.rng);
        let v4 = v4.into_iter().map(|network| owners.block(network)).collect();
        let v6 = v6.into_iter().map(|network| owners.block(network)).collect();
        Self { v4, v6 }
    }

    /// A block of this family.
    pub(super) fn pick(&self, v6: bool, rng: &mut Rng) -> &Block {
        rng.pick(if v6 { &self.v6 } else { &self.v4 })
    }

    /// An autonomous system that announces something in this country.
    pub(super) fn asn_in(&self, country: usize, rng: &mut Rng) -> Option<u32> {
        // Start anywhere and go around: the country may have few blocks, or none.
        let start = rng.below(self.v4.len());
        let (before, after) = self.v4.split_at(start);
        after.iter().chain(before).find(|block| block.country == country).map(|block| block.asn)
    }

    /// The prefixes of the country table: all blocks, and smaller ones within them that a
    /// neighbour of the owner uses.
    pub(super) fn country_table(&self, shape: &Shape) -> Vec<(Network, &'static str)> {
        let mut rng = Rng::new(shape.seed, stream::COUNTRY_TABLE);
        let mut table: Vec<_> = (self.v4.iter().chain(&self.v6))
            .map(|block| (block.network, COUNTRIES[block.country].code))
            .collect();
        let n_blocks = table.len();
        let mut seen = BTreeSet::new();
        while table.len() < shape.country_prefixes && n_blocks > 0 {
            let outer = table[rng.below(n_blocks)].0;
            let longest = if outer.address.is_ipv4() { 30 } else { 56 };
            let inner = outer.inside(outer.length + 1 + rng.below(8) as u8, rng.next_u128());
            if inner.length <= longest && seen.insert(inner) {
                let country = self.pick(false, &mut rng).country;
                table.push((inner, COUNTRIES[country].code));
            }
        }
        table
    }
}

/// Hands blocks to countries and autonomous systems.
struct Owners {
    rng: Rng,
    weights: Vec<u32>,
    /// First system and number of systems, by country.
    systems: Vec<(usize, usize)>,
    last: Option<(usize, u32)>,
}

impl Owners {
    fn new(shape: &Shape) -> Self {
        let mut total = 0;
        let weights: Vec<u32> = (COUNTRIES.iter())
            .map(|country| {
                total += country.address_weight;
                total
            })
            .collect();
        // As on the internet, about ten prefixes to a system.
        let n_systems = shape.asn_prefixes / 10;
        let mut first = 0;
        let systems = (COUNTRIES.iter())
            .map(|country| {
                let n = 2 + n_systems * country.address_weight as usize / total as usize;
                first += n;
                (first - n, n)
            })
            .collect();
        Self { rng: Rng::new(shape.seed, stream::ADDRESSES), weights, systems, last: None }
    }

    /// Neighbouring blocks often share an owner.
    fn block(&mut self, network: Network) -> Block {
        let (country, asn) = match self.last {
            Some(owner) if self.rng.permille(350) => owner,
            Some((country, _)) if self.rng.permille(500) => (country, self.system(country)),
            _ => {
                let country = self.rng.weighted(&self.weights);
                (country, self.system(country))
            }
        };
        self.last = Some((country, asn));
        Block { network, country, asn }
    }

    /// A system of this country; the first ones are the large providers.
    fn system(&mut self, country: usize) -> u32 {
        let (first, n) = self.systems[country];
        let r = self.rng.below(1 << 20) as u128;
        let index = first + ((r * r * r * n as u128) >> 60) as usize;
        // 16-bit numbers first, then 32-bit ones, past the reserved ranges.
        if index < 60_000 { 1 + index as u32 } else { 131_072 + (index - 60_000) as u32 }
    }
}

/// `n` disjoint networks that together cover about the whole public IPv4 space.
fn v4_networks(n: usize, rng: &mut Rng) -> Vec<Network> {
    let mut networks = Vec::with_capacity(n);
    let mut cursor = V4_START;
    while networks.len() < n && cursor < V4_END {
        let mean = (V4_END - cursor) / (n - networks.len()) as u64;
        let jitter = *rng.pick(&[-2, -1, 0, 0, 0, 1, 1, 1, 2, 2, 3]);
        let wanted = (32 - mean.max(1).ilog2() as i32 + jitter).clamp(8, 24) as u32;
        let mut length = wanted.max(32 - cursor.trailing_zeros().min(32));
        let reserved = |length: u32| {
            let last = cursor + (1 << (32 - length)) - 1;
            RESERVED.iter().find(|(from, to)| u64::from(*from) <= last && cursor <= u64::from(*to))
        };
        while length < 24 && reserved(length).is_some() {
            length += 1;
        }
        if let Some((_, last)) = reserved(length) {
            cursor = u64::from(*last) + 1;
            continue;
        }
        networks.push(Network::v4(cursor as u32, length as u8));
        cursor += 1 << (32 - length);
    }
    networks
}

/// `n` disjoint networks spread over the regional registries' space.
fn v6_networks(n: usize, rng: &mut Rng) -> Vec<Network> {
    let mut networks = Vec::with_capacity(n);
    let mut rest = n;
    for (index, (region, percent)) in V6_REGIONS.iter().enumerate() {
        let is_last = index + 1 == V6_REGIONS.len();
        let count = if is_last { rest } else { n * percent / 100 };
        rest -= count;
        // A /12 has room for 2^20 networks of 32 bits; larger ones need neighbours far enough away.
        let step = (1_usize << 20) / count.max(1);
        for index in 0..count.min(1 << 20) {
            let slot = (index << 20) / count;
            let (slot, length) = match rng.below(10) {
                0..=2 if step >= 16 => (slot.next_multiple_of(8), 29),
                3 if step >= 4 => (slot.next_multiple_of(2), 31),
                _ => (slot, 32),
            };
            networks.push(Network::v6(region << 112 | (slot as u128) << 96, length));
        }
    }
    networks
}

/// Writes the ASN table; returns its number of lines.
///
/// Every block is announced by its system; more specific prefixes within it by the same one or by
/// a system of another block.
pub(super) fn write_asn_table(
    shape: &Shape,
    addresses: &Addresses,
    out: &mut impl Write,
) -> io::Result<usize> {
    let mut rng = Rng::new(shape.seed, stream::ASN_TABLE);
    let mut n_lines = 0;
    let n_v4 = shape.asn_prefixes * V4_PERCENT / 100;
    for (blocks, default, mut n_wanted) in
        [(&addresses.v4, "0.0.0.0/0", n_v4), (&addresses.v6, "::/0", shape.asn_prefixes - n_v4)]
    {
        if shape.quirks {
            writeln!(out, "{default} 64512")?;
            n_lines += 1;
        }
        for (index, block) in blocks.iter().enumerate() {
            if n_wanted == 0 {
                break;
            }
            writeln!(out, "{} {}", block.network, block.asn)?;
            n_wanted -= 1;
            n_lines += 1;
            let n_blocks_left = blocks.len() - index - 1;
            let spare = n_wanted.saturating_sub(n_blocks_left);
            // Some blocks are announced whole, some in many pieces, on average as many as needed.
            let n_pieces = match rng.below(3) {
                _ if n_blocks_left == 0 => spare,
                0 => 0,
                _ => (spare * 3 / 2).div_ceil(n_blocks_left + 1).min(spare),
            };
            for (piece, asn) in pieces(block, n_pieces, blocks, &mut rng) {
                match rng.below(if shape.quirks { 20_000 } else { 0 }) {
                    1 => writeln!(out, "{piece} None")?,
                    2 => writeln!(out, "{piece} {{{asn},{}}}", asn + 1)?,
                    _ => writeln!(out, "{piece} {asn}")?,
                }
                n_wanted -= 1;
                n_lines += 1;
            }
        }
    }
    Ok(n_lines)
}

/// `n` different prefixes within a block, in order.
fn pieces(block: &Block, n: usize, blocks: &[Block], rng: &mut Rng) -> Vec<(Network, u32)> {
    let outer = block.network;
    let usual = if outer.address.is_ipv4() { 24 } else { 48 };
    let mut networks = BTreeSet::new();
    while networks.len() < n {
        // As more pieces are wanted than there is room for at the usual length, go beyond it.
        let longest =
            (usual.max(outer.length + 4) + networks.len().ilog2_or_zero()).min(outer.width());
        let length = outer.length + 1 + rng.below(usize::from(longest - outer.length)) as u8;
        networks.insert(outer.inside(length, rng.next_u128()));
    }
    (networks.into_iter())
        .map(|network| {
            let asn = if rng.permille(700) { block.asn } else { rng.pick(blocks).asn };
            (network, asn)
        })
        .collect()
}

/// The netblocks that hosts prefer, as written (host bits and all), with their hosts.
///
/// A third lie within an earlier one. A tenth are single addresses without a length.
pub(super) fn netblocks(
    shape: &Shape,
    addresses: &Addresses,
    hosts: &[Host],
) -> Vec<StringRepeatedIntMap> {
    let mut rng = Rng::new(shape.seed, stream::NETBLOCKS);
    let mut networks: Vec<Network> = Vec::new();
    let mut texts = BTreeSet::new();
    let mut entries = Vec::with_capacity(shape.netblocks);
    while entries.len() < shape.netblocks && !hosts.is_empty() {
        let outer = if !networks.is_empty() && rng.permille(333) {
            *rng.pick(&networks)
        } else {
            let v6 = rng.permille(250);
            addresses.pick(v6, &mut rng).network
        };
        let deeper = outer.length + rng.below(9) as u8;
        let network = outer.inside(deeper, rng.next_u128());
        let text = match rng.below(1000) {
            0..100 => network.host(rng.next_u128()).to_string(),
            100..150 if shape.quirks => {
                format!("{}/{}", network.host(rng.next_u128() | 1), network.length)
            }
            _ => network.to_string(),
        };
        if texts.insert(text.clone()) {
            networks.push(network);
            let mut ids: Vec<i64> = Vec::new();
            for _ in 0..*rng.pick(&[1, 1, 1, 2, 2, 3, 5]) {
                let id = rng.pick(hosts).id;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            entries.push(StringRepeatedIntMap::new(text, ids));
        }
    }
    entries
}

/// Prefixes whose country the data corrects, with the corrected country.
pub(super) fn country_overrides(shape: &Shape, addresses: &Addresses) -> Vec<(Network, String)> {
    let mut rng = Rng::new(shape.seed, stream::OVERRIDES);
    let mut overrides = Vec::new();
    let mut seen = BTreeSet::new();
    for _ in 0..(shape.netblocks / 16).max(2) {
        let v6 = rng.permille(250);
        let outer = addresses.pick(v6, &mut rng).network;
        // Every other one also corrects a part of itself, so that the longest match matters.
        let inner = outer.inside(outer.length + 3, rng.next_u128());
        for network in if rng.permille(500) { vec![outer, inner] } else { vec![outer] } {
            let country = addresses.pick(false, &mut rng).country;
            if seen.insert(network) {
                overrides.push((network, COUNTRIES[country].code.to_owned()));
            }
        }
    }
    overrides
}

/// An address within a netblock as written, single addresses included.
pub(super) fn address_in(netblock: &StringRepeatedIntMap, rng: &mut Rng) -> Option<IpAddr> {
    let network: Network = netblock.key.parse().ok()?;
    Some(network.host(rng.next_u128()))
}

trait IntegerLog {
    fn ilog2_or_zero(self) -> u8;
}

impl IntegerLog for usize {
    fn ilog2_or_zero(self) -> u8 {
        self.checked_ilog2().unwrap_or(0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_disjoint_and_public() {
        for shape in [Shape::small(), Shape { country_prefixes: 20_000, ..Shape::small() }] {
            let addresses = Addresses::new(&shape);
            let ends = |block: &Block| (block.network.host(0), block.network.host(u128::MAX));
            for blocks in [&addresses.v4, &addresses.v6] {
                for pair in blocks.windows(2) {
                    assert!(ends(&pair[0]).1 < ends(&pair[1]).0, "{pair:?}");
                }
            }
            for block in &addresses.v4 {
                let (first, last) = ends(block);
                for &(from, to) in RESERVED {
                    let (from, to) = (IpAddr::V4(from.into()), IpAddr::V4(to.into()));
                    assert!(last < from || to < first, "{block:?}");
                }
            }
            let n_blocks = addresses.v4.len() + addresses.v6.len();
            assert!(n_blocks * 100 > shape.country_prefixes * 85, "{n_blocks}");
        }
    }

    #[test]
    fn the_asn_table_has_the_size_asked_for() {
        let shape = Shape { quirks: false, ..Shape::small() };
        let addresses = Addresses::new(&shape);
        let mut table = Vec::new();
        assert_eq!(write_asn_table(&shape, &addresses, &mut table).unwrap(), shape.asn_prefixes);
        let text = String::from_utf8(table).unwrap();
        let mut networks = BTreeSet::new();
        for line in text.lines() {
            let (network, asn) = line.split_once(' ').unwrap();
            assert!(asn.parse::<u32>().is_ok(), "{line}");
            assert!(networks.insert(network.parse::<Network>().unwrap()), "{line}");
        }
    }
}

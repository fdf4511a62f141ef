//! A writer of MaxMind DB files (format 2.0) that map addresses to countries or autonomous systems.
//!
//! A file is a binary tree over 128 address bits, a data section the tree's leaves point into,
//! and metadata. IPv4 stands under `::/96`; like the vendors' files, `::ffff:0:0/96`, `2001::/32`
//! and `2002::/16` alias it, and strings met before are stored as pointers, so that a reader
//! meets both. Records are 24, 28 or 32 bits, whichever is the smallest that fits.
//!
//! Where prefixes overlap the more specific one wins, and of two equal ones the later.

mod cities;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::countries::find_country;
use crate::network::Network;

pub use cities::{City, CityLayout, write_cities};

/// How a vendor's records look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// MaxMind: `{"country": {"iso_code": "DE"}, "continent": {"code": "EU"}}`.
    GeoLite2,
    /// ip-location-db: `{"country_code": "DE"}`.
    IpLocationDb,
    /// IPinfo's free country file: `{"country": "DE", "country_name": "Germany", …}`.
    Ipinfo,
    /// IPinfo's "lite" file, where `country` is a name: `{"country": "Germany", "country_code":
    /// "DE", …}`.
    IpinfoLite,
}

/// A file of these (prefix or address, country code) pairs.
///
/// # Panics
/// When a prefix does not parse: the pairs are written in a test's source.
#[must_use]
#[track_caller]
pub fn write(layout: Layout, networks: &[(&str, &str)]) -> Vec<u8> {
    let parsed = networks.iter().map(|&(text, code)| match text.parse() {
        Ok(network) => (network, code),
        Err(error) => panic!("{text:?}: {error}"),
    });
    write_networks(layout, 0, parsed)
}

/// The same for networks already parsed; `build_epoch` is the build time in Unix seconds.
pub fn write_networks<'a>(
    layout: Layout,
    build_epoch: u64,
    networks: impl IntoIterator<Item = (Network, &'a str)>,
) -> Vec<u8> {
    let database_type = match layout {
        Layout::GeoLite2 => "GeoLite2-Country",
        Layout::IpLocationDb => "ip-location-db country",
        Layout::Ipinfo => "ipinfo generic_country_free.mmdb",
        Layout::IpinfoLite => "ipinfo bundle_location_lite.mmdb",
    };
    let record = |data: &mut Data, code: &&str| data.record(layout, code);
    build(database_type, build_epoch, networks.into_iter().collect(), record)
}

/// A file of records with any texts in them, as of a vendor whose layout is none of [`Layout`]'s:
/// pairs of a prefix and fields such as `("continent.code", "EU")`.
///
/// # Panics
/// When a prefix does not parse: the pairs are written in a test's source.
#[must_use]
#[track_caller]
pub fn write_records(database_type: &str, networks: &[(&str, &[(&str, &str)])]) -> Vec<u8> {
    let parsed = networks.iter().map(|&(text, fields)| match text.parse() {
        Ok(network) => (network, fields),
        Err(error) => panic!("{text:?}: {error}"),
    });
    let record = |data: &mut Data, fields: &&[(&str, &str)]| data.fields(fields);
    build(database_type, 0, parsed.collect(), record)
}

/// A file of autonomous systems as MaxMind writes it: pairs of a prefix and
/// `{"autonomous_system_number": 64500}`.
///
/// # Panics
/// When a prefix does not parse: the pairs are written in a test's source.
#[must_use]
#[track_caller]
pub fn write_systems(networks: &[(&str, u32)]) -> Vec<u8> {
    let parsed = networks.iter().map(|&(text, number)| match text.parse() {
        Ok(network) => (network, number),
        Err(error) => panic!("{text:?}: {error}"),
    });
    let record = |data: &mut Data, number: &u32| {
        let offset = data.bytes.len() as u32;
        data.map(1);
        data.string("autonomous_system_number");
        data.unsigned(UINT32, u64::from(*number));
        offset
    };
    build("GeoLite2-ASN", 0, parsed.collect(), record)
}

fn build<K: Ord>(
    database_type: &str,
    build_epoch: u64,
    mut networks: Vec<(Network, K)>,
    mut record: impl FnMut(&mut Data, &K) -> u32,
) -> Vec<u8> {
    // A stable sort: short prefixes are refined by longer ones, equal ones keep their order.
    networks.sort_by_key(|(network, _)| tree_position(*network).1);

    let mut data = Data::default();
    let mut offsets: BTreeMap<K, u32> = BTreeMap::new();
    let mut tree = Tree { nodes: vec![[Slot::Empty; 2]] };
    for (network, key) in networks {
        let offset = match offsets.get(&key) {
            Some(&offset) => offset,
            None => {
                let offset = record(&mut data, &key);
                offsets.insert(key, offset);
                offset
            }
        };
        let (bits, length) = tree_position(network);
        tree.set(bits, length, Slot::Data(offset));
    }
    let ipv4 = tree.get(0, 96);
    for (bits, length) in [(0xffff_u128 << 32, 96), (0x2001 << 112, 32), (0x2002 << 112, 16)] {
        if ipv4 != Slot::Empty && !matches!(tree.get(bits, length), Slot::Node(_)) {
            tree.set(bits, length, ipv4);
        }
    }
    assemble(database_type, build_epoch, &tree, &data.bytes)
}

/// What a record of the tree says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Empty,
    Node(u32),
    /// Offset into the data section.
    Data(u32),
}

struct Tree {
    nodes: Vec<[Slot; 2]>,
}

impl Tree {
    /// What stands at this prefix, or at the shorter one that decides it.
    fn get(&self, bits: u128, length: u8) -> Slot {
        let mut slot = Slot::Node(0);
        for depth in 0..length {
            let Slot::Node(node) = slot else { break };
            slot = self.nodes[node as usize][bit(bits, depth)];
        }
        slot
    }

    /// Puts `value` at this prefix, and splits a leaf that covers it.
    fn set(&mut self, bits: u128, length: u8, value: Slot) {
        if length == 0 {
            self.nodes[0] = [value; 2];
            return;
        }
        let mut node = 0;
        for depth in 0..length - 1 {
            let side = bit(bits, depth);
            node = match self.nodes[node][side] {
                Slot::Node(next) => next as usize,
                leaf => {
                    let next = self.nodes.len();
                    self.nodes.push([leaf; 2]);
                    self.nodes[node][side] = Slot::Node(next as u32);
                    next
                }
            };
        }
        self.nodes[node][bit(bits, length - 1)] = value;
    }
}

/// The data section, or the metadata, which is encoded alike.
#[derive(Default)]
struct Data {
    bytes: Vec<u8>,
    strings: BTreeMap<String, u32>,
}

impl Data {
    /// Appends a record for this country and returns its offset.
    fn record(&mut self, layout: Layout, code: &str) -> u32 {
        let offset = self.bytes.len() as u32;
        let (continent, name) =
            find_country(code).map_or(("", ""), |country| (country.continent, country.name));
        match layout {
            Layout::GeoLite2 => {
                self.map(if continent.is_empty() { 1 } else { 2 });
                self.string("country");
                self.map(1);
                self.pair("iso_code", code);
                if !continent.is_empty() {
                    self.string("continent");
                    self.map(1);
                    self.pair("code", continent);
                }
            }
            Layout::IpLocationDb => {
                self.map(1);
                self.pair("country_code", code);
            }
            Layout::Ipinfo => {
                self.map(3);
                self.pair("continent", continent);
                self.pair("country", code);
                self.pair("country_name", name);
            }
            Layout::IpinfoLite => {
                self.map(3);
                self.pair("continent_code", continent);
                self.pair("country", name);
                self.pair("country_code", code);
            }
        }
        offset
    }

    /// Appends a record of texts, some in a map within: `("country.iso_code", "DE")`.
    fn fields(&mut self, fields: &[(&str, &str)]) -> u32 {
        let offset = self.bytes.len() as u32;
        self.map(fields.len());
        for (path, value) in fields {
            match path.split_once('.') {
                Some((outer, inner)) => {
                    self.string(outer);
                    self.map(1);
                    self.pair(inner, value);
                }
                None => self.pair(path, value),
            }
        }
        offset
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.string(key);
        self.string(value);
    }

    /// A string, or a pointer to the same string written before.
    fn string(&mut self, text: &str) {
        if let Some(&offset) = self.strings.get(text) {
            self.pointer(offset);
            return;
        }
        // A pointer takes two or three bytes, so it pays from three on.
        if text.len() >= 3 {
            self.strings.insert(text.into(), self.bytes.len() as u32);
        }
        self.control(2, text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn pointer(&mut self, offset: u32) {
        const TYPE: u8 = 1 << 5;
        let (size, value) = match offset {
            0..2_048 => (0, offset),
            2_048..526_336 => (1, offset - 2_048),
            526_336..134_744_064 => (2, offset - 526_336),
            _ => (3, offset),
        };
        let [high, rest @ ..] = value.to_be_bytes();
        match size {
            0 => self.bytes.extend([TYPE | rest[1], rest[2]]),
            1 => self.bytes.extend([TYPE | 8 | rest[0], rest[1], rest[2]]),
            2 => self.bytes.extend([TYPE | 16 | high, rest[0], rest[1], rest[2]]),
            _ => self.bytes.extend([TYPE | 24, high, rest[0], rest[1], rest[2]]),
        }
    }

    fn map(&mut self, n_pairs: usize) {
        self.control(7, n_pairs);
    }

    fn unsigned(&mut self, kind: u8, value: u64) {
        let bytes = value.to_be_bytes();
        let significant = &bytes[value.leading_zeros() as usize / 8..];
        self.control(kind, significant.len());
        self.bytes.extend_from_slice(significant);
    }

    /// The control byte of a type and size; types above 7 take a second byte.
    fn control(&mut self, kind: u8, size: usize) {
        let short = size.min(29) as u8;
        assert!(size < 29 + 256, "no string here is longer than the one-byte extension says");
        if kind <= 7 {
            self.bytes.push(kind << 5 | short);
        } else {
            self.bytes.extend([short, kind - 7]);
        }
        if short == 29 {
            self.bytes.push((size - 29) as u8);
        }
    }
}

const UINT16: u8 = 5;
const UINT32: u8 = 6;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;
/// Zero bytes between the tree and the data section.
const SEPARATOR: u32 = 16;
const METADATA_START: &[u8] = b"\xab\xcd\xefMaxMind.com";

fn assemble(database_type: &str, build_epoch: u64, tree: &Tree, data: &[u8]) -> Vec<u8> {
    let n_nodes = tree.nodes.len() as u32;
    let highest = u64::from(n_nodes) + u64::from(SEPARATOR) + data.len() as u64;
    let record_size = match highest {
        0..0x100_0000 => 24,
        0x100_0000..0x1000_0000 => 28,
        _ => 32,
    };
    let value = |slot| match slot {
        Slot::Empty => n_nodes,
        Slot::Node(node) => node,
        Slot::Data(offset) => n_nodes + SEPARATOR + offset,
    };
    let mut bytes = Vec::with_capacity(tree.nodes.len() * record_size / 4 + data.len() + 512);
    for node in &tree.nodes {
        push_node(record_size, value(node[0]), value(node[1]), &mut bytes);
    }
    bytes.extend([0; SEPARATOR as usize]);
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(METADATA_START);
    bytes.extend(metadata(database_type, n_nodes, record_size as u64, build_epoch));
    bytes
}

fn push_node(record_size: usize, left: u32, right: u32, out: &mut Vec<u8>) {
    let (left, right) = (left.to_be_bytes(), right.to_be_bytes());
    match record_size {
        32 => {
            out.extend(left);
            out.extend(right);
        }
        // 28 bits share the middle byte: the high four of the left one, then of the right one.
        28 => {
            out.extend(&left[1..]);
            out.push(left[0] << 4 | right[0]);
            out.extend(&right[1..]);
        }
        _ => {
            out.extend(&left[1..]);
            out.extend(&right[1..]);
        }
    }
}

fn metadata(database_type: &str, n_nodes: u32, record_size: u64, build_epoch: u64) -> Vec<u8> {
    let mut out = Data::default();
    out.map(9);
    out.string("binary_format_major_version");
    out.unsigned(UINT16, 2);
    out.string("binary_format_minor_version");
    out.unsigned(UINT16, 0);
    out.string("build_epoch");
    out.unsigned(UINT64, build_epoch);
    out.pair("database_type", database_type);
    out.string("description");
    out.map(1);
    out.pair("en", "Made-up country table for tests");
    out.string("ip_version");
    out.unsigned(UINT16, 6);
    out.string("languages");
    out.control(ARRAY, 1);
    out.string("en");
    out.string("node_count");
    out.unsigned(UINT32, u64::from(n_nodes));
    out.string("record_size");
    out.unsigned(UINT16, record_size);
    out.bytes
}

/// Address bits and prefix length within the 128-bit tree.
fn tree_position(network: Network) -> (u128, u8) {
    match network.address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), network.length + 96),
        IpAddr::V6(address) => (u128::from(address), network.length),
    }
}

fn bit(bits: u128, depth: u8) -> usize {
    (bits >> (127 - depth) & 1) as usize
}

#[cfg(test)]
mod tests;

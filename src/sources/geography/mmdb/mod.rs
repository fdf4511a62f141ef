//! Reads databases in MaxMind's file format (mmdb) into flat lists of prefixes.
//!
//! So a request needs no decoding, and a server no second file. A database is a binary tree whose leaves
//! are disjoint networks; leaves share records. Neighbours with the same record are merged, which leaves
//! about half of them. Aliases of IPv4 in it (`::ffff:0:0/96`, `2002::/16`, `2001::/32`, `64:ff9b::/96`)
//! are left out, because [`model::embedded`] has one rule for all tables.
//!
//! Anybody can make a file in which nodes share children, or records refer to each other in a circle. The
//! number of leaves is bounded here, and the depth and size of a record by the crate `maxminddb`.

pub mod countries;
pub mod systems;

use rustc_hash::{FxHashMap, FxHashSet};

use maxminddb::{LookupResult, PathElement, Reader, WithinOptions};

use super::limit::{self, TooManyNetworks};
use super::places::is_nothing;
use super::points::parse_degrees;
use model::net::Prefix;

/// What stands before the metadata, at most this far from the end of the file.
const MARKER: (&[u8], usize) = (b"\xab\xcd\xefMaxMind.com", 128 << 10);

/// The reason why a file is no database of what is wanted.
#[derive(Debug, thiserror::Error)]
pub enum BadDatabase {
    /// The file has another format, or is damaged.
    #[error("is no intact MaxMind database: {0}")]
    Format(#[from] maxminddb::MaxMindDbError),
    /// Several paths in its tree lead to one node.
    #[error("is no intact MaxMind database: its search tree is no tree")]
    Tree,
    /// It has too many leaves.
    #[error(transparent)]
    TooManyNetworks(#[from] TooManyNetworks),
    /// The database holds other data than places, such as autonomous systems.
    #[error(
        "holds no country: it is of the type \"{0}\", and no record has country.iso_code, \
         country_code, country, or a continent"
    )]
    NoCountry(String),
    /// The database holds other data than autonomous systems, such as places.
    #[error(
        "holds no AS number: it is of the type \"{0}\", and no record has \
         autonomous_system_number or asn"
    )]
    NoSystem(String),
}

/// Whether bytes are meant to be such a file.
pub fn is_database(bytes: &[u8]) -> bool {
    let (marker, distance) = MARKER;
    let tail = bytes.get(bytes.len().saturating_sub(distance)..).unwrap_or(bytes);
    tail.windows(marker.len()).any(|window| window == marker)
}

/// Calls `read` once for each record, with one of its networks, and `push` for each network of which it has
/// returned something. Returns the type of the database, as the file says it.
fn for_each_network<T: Copy>(
    bytes: &[u8],
    mut read: impl FnMut(&Record<'_>, &str) -> Option<T>,
    mut push: impl FnMut(Prefix, T) -> usize,
) -> Result<String, BadDatabase> {
    let reader = Reader::from_source(bytes)?;
    let max_leaves = max_leaves(&reader);
    // What was read, by the offset of the record in the file.
    let mut at_offset: FxHashMap<usize, Option<T>> = FxHashMap::default();
    // Leaves without a record are included, so that they count towards the limit: otherwise skipping
    // them could take forever.
    let options = WithinOptions::default().include_networks_without_data();
    for (n_leaves, network) in reader.networks(options)?.enumerate() {
        if n_leaves >= max_leaves {
            return Err(BadDatabase::Tree);
        }
        let network = network?;
        let Some(offset) = network.offset() else { continue };
        let range = network.network()?;
        let value =
            *at_offset.entry(offset).or_insert_with(|| read(&Record(network), &range.to_string()));
        if let (Some(value), Some(prefix)) = (value, Prefix::new(range.ip(), range.prefix())) {
            limit::check(push(prefix, value))?;
        }
    }
    Ok(reader.metadata().database_type.clone())
}

/// Whether a database has a record that is wanted; no, if it is damaged before that.
fn has_record(bytes: &[u8], is_wanted: impl Fn(&Record<'_>) -> bool) -> bool {
    let Ok(reader) = Reader::from_source(bytes) else { return false };
    let max_leaves = max_leaves(&reader);
    let options = WithinOptions::default().include_networks_without_data();
    let Ok(networks) = reader.networks(options) else { return false };
    let mut seen = FxHashSet::default();
    networks.take(max_leaves).map_while(Result::ok).any(|network| {
        let is_new = network.offset().is_some_and(|offset| seen.insert(offset));
        is_new && is_wanted(&Record(network))
    })
}

/// A tree of n nodes has n + 1 leaves. A forged one with shared nodes can have 2^128.
fn max_leaves(reader: &Reader<&[u8]>) -> usize {
    reader.metadata().node_count as usize * 2 + 1_000
}

/// A record of a database.
struct Record<'a>(LookupResult<'a, &'a [u8]>);

impl Record<'_> {
    /// The text at a path; `None` where there is no text, or an empty one. A path to another type belongs to
    /// another vendor's layout: GeoLite2's `country` is a map.
    fn text(&self, path: &[&str]) -> Option<&str> {
        self.0.decode_path(&elements(path)).ok().flatten().filter(|text: &&str| !text.is_empty())
    }

    /// Degrees at a path: a double (MaxMind, DB-IP), a float (ip-location-db), or text (IPinfo).
    fn degrees(&self, path: &[&str]) -> Option<f64> {
        let path = elements(path);
        let double = self.0.decode_path(&path).ok().flatten();
        let float = || Some(f64::from(self.0.decode_path::<f32>(&path).ok()??));
        let text = || parse_degrees(self.0.decode_path(&path).ok()??);
        double.or_else(float).or_else(text)
    }

    /// Whether something is named at a path: by a text, or by a map or an array with several names.
    fn has_name(&self, path: &[&str]) -> bool {
        match self.0.decode_path::<&str>(&elements(path)) {
            Ok(text) => text.is_some_and(|text| !is_nothing(text)),
            // It is there, and no text.
            Err(_) => true,
        }
    }

    /// The number at a path.
    fn number(&self, path: &[&str]) -> Option<u32> {
        self.0.decode_path(&elements(path)).ok().flatten()
    }
}

fn elements<'a>(path: &[&'a str]) -> Vec<PathElement<'a>> {
    path.iter().map(|key| PathElement::Key(key)).collect()
}

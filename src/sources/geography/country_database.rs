//! Reads country databases in MaxMind's file format into a flat list of prefixes.
//!
//! So a request needs no decoding, and a server no second file. Vendors use different fields for the
//! place of a network:
//!
//! | vendor | country | more |
//! |---|---|---|
//! | MaxMind, DB-IP, IP2Location: countries, cities | `country.iso_code` | `registered_country.iso_code`, `represented_country.iso_code`, `continent.code` |
//! | ip-location-db, IPinfo's newer files | `country_code` | `continent_code` |
//! | IPinfo's older files | `country` | `continent` |
//!
//! A database is a binary tree whose leaves are disjoint networks. Neighbours with the same record are
//! merged, which leaves about half of them. Aliases of IPv4 in it (`::ffff:0:0/96`, `2002::/16`,
//! `2001::/32`, `64:ff9b::/96`) are left out, because [`model::embedded`] has one rule for all tables.

use rustc_hash::FxHashMap;

use maxminddb::{PathElement, Reader, WithinOptions};

use catalog::geography::{CountryNetworks, NetworkPlace, push_merged};
use catalog::{Origin, Report};
use model::geo::{Continent, Country};
use model::net::Prefix;

/// The origin of all records of a country database.
pub fn origin(file: &str) -> Origin {
    Origin::table(file, "country")
}

/// Reads every network with a known place. Fails if the file is no such database, or if no record in it
/// has a place.
pub fn parse(
    file: &str,
    bytes: &[u8],
    report: &mut Report,
) -> Result<CountryNetworks, BadDatabase> {
    let reader = Reader::from_source(bytes).map_err(BadDatabase::Format)?;
    // A tree of n nodes has n + 1 leaves. A forged one with shared nodes can have 2^128.
    let max_leaves = reader.metadata().node_count as usize * 2 + 1_000;
    let mut table = CountryNetworks::default();
    let origin = origin(file);
    // Indexes of places, by the offset of a record in the file and by its content.
    let mut at_offset: FxHashMap<usize, Option<u32>> = FxHashMap::default();
    let mut known: FxHashMap<NetworkPlace, u32> = FxHashMap::default();
    // Leaves without a record are included, so that they count towards the limit: otherwise skipping
    // them could take forever.
    let options = WithinOptions::default().include_networks_without_data();
    let networks = reader.networks(options).map_err(BadDatabase::Format)?;
    for (n_leaves, network) in networks.enumerate() {
        if n_leaves >= max_leaves {
            return Err(BadDatabase::Tree);
        }
        let network = network.map_err(BadDatabase::Format)?;
        let Some(offset) = network.offset() else { continue };
        let range = network.network().map_err(BadDatabase::Format)?;
        let index = *at_offset.entry(offset).or_insert_with(|| {
            let mut odd = None;
            let place = read_place(&network, &mut odd);
            if let Some(odd) = odd {
                report.skipped(&origin, "not a country code, skipped", odd);
            } else if place == NetworkPlace::default() {
                let value = format_args!("{range} and others of its record");
                report.skipped(&origin, "names neither a country nor a continent", value);
            }
            (place != NetworkPlace::default()).then(|| {
                *known.entry(place).or_insert_with(|| {
                    table.places.push(place);
                    // There are fewer than 2^32 records, because each has a different offset.
                    u32::try_from(table.places.len() - 1).unwrap_or(u32::MAX)
                })
            })
        });
        if let (Some(index), Some(prefix)) = (index, Prefix::new(range.ip(), range.prefix())) {
            push_merged(&mut table.networks, prefix, index);
        }
    }
    if table.networks.is_empty() {
        return Err(BadDatabase::NoCountry(reader.metadata().database_type.clone()));
    }
    Ok(table)
}

/// The reason why a file is no country database.
#[derive(Debug, thiserror::Error)]
pub enum BadDatabase {
    /// The file has another format, or is damaged.
    #[error("is no intact MaxMind database: {0}")]
    Format(maxminddb::MaxMindDbError),
    /// Several paths in its tree lead to one node.
    #[error("is no intact MaxMind database: its search tree is no tree")]
    Tree,
    /// The database holds other data than places, such as autonomous systems.
    #[error(
        "holds no country: it is of the type \"{0}\", and no record has country.iso_code, \
         country_code, country, or a continent"
    )]
    NoCountry(String),
}

/// Reads the place from a record. Text in the field of a country that is no country code is stored in
/// `odd`.
fn read_place<S: AsRef<[u8]>>(
    record: &maxminddb::LookupResult<'_, S>,
    odd: &mut Option<String>,
) -> NetworkPlace {
    // A path to another type than text belongs to another vendor's layout: GeoLite2's `country` is a
    // map.
    let text = |path: &[&str]| {
        let path: Vec<_> = path.iter().map(|key| PathElement::Key(key)).collect();
        record.decode_path::<&str>(&path).ok().flatten().filter(|text| !text.is_empty())
    };
    let mut country = |paths: &[&[&str]]| {
        let code = paths.iter().find_map(|path| text(path))?;
        let country = Country::parse(code);
        if country.is_none() && !is_nothing(code) {
            *odd = Some(code.to_owned());
        }
        country
    };
    NetworkPlace {
        country: country(&[&["country", "iso_code"], &["country_code"], &["country"]]),
        registered: country(&[&["registered_country", "iso_code"]]),
        represented: country(&[&["represented_country", "iso_code"]]),
        continent: [&["continent", "code"][..], &["continent_code"], &["continent"]]
            .into_iter()
            .find_map(|path| Continent::parse(text(path)?)),
    }
}

/// Whether a code is one of those that vendors write for networks without a country.
fn is_nothing(code: &str) -> bool {
    matches!(code.trim(), "" | "-" | "--" | "None" | "N/A")
}

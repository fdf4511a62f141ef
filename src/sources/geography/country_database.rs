//! Country databases in MaxMind's file format, turned into a flat prefix list once.
//!
//! A request then needs no decoding, and a server no second file. What a record says of a place is
//! taken from wherever the vendors put it:
//!
//! | vendor | country | more |
//! |---|---|---|
//! | MaxMind, DB-IP, IP2Location: countries, cities | `country.iso_code` | `registered_country.iso_code`, `represented_country.iso_code`, `continent.code` |
//! | ip-location-db, IPinfo's newer files | `country_code` | `continent_code` |
//! | IPinfo's older files | `country` | `continent` |
//!
//! A database is a binary tree whose leaves are disjoint networks; neighbours of one record are
//! merged, which leaves about half of them. Aliases of IPv4 in it (`::ffff:0:0/96`, `2002::/16`,
//! `2001::/32`, `64:ff9b::/96`) are left out, as [`crate::model::embedded`] has one rule for all tables.

use rustc_hash::FxHashMap;

use maxminddb::{PathElement, Reader, WithinOptions};

use crate::catalog::report::{Place, Report};
use crate::model::geo::{Continent, Country};
use crate::model::net::Prefix;

/// What a record says of where its networks are. Codes are as the file has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Record {
    /// Where they are.
    pub country: Option<Country>,
    /// Where their operator registered them.
    pub registered: Option<Country>,
    /// Whom their users represent, as a base abroad does.
    pub represented: Option<Country>,
    /// Where they are.
    pub continent: Option<Continent>,
}

/// Every network with its record.
#[derive(Default)]
pub struct Table {
    /// Disjoint networks in order; the value indexes `records`.
    pub networks: Vec<(Prefix, u32)>,
    /// Distinct records; none is empty.
    pub records: Vec<Record>,
}

/// Reads every network of which anything is known. Fails on a file that is no such database, or in
/// which no record holds a place.
pub fn parse(file: &str, bytes: &[u8], report: &mut Report) -> Result<Table, BadDatabase> {
    let reader = Reader::from_source(bytes).map_err(BadDatabase::Format)?;
    // A tree of n nodes has n + 1 leaves. One in which several paths lead to a node can have 2^128.
    let max_leaves = reader.metadata().node_count as usize * 2 + 1_000;
    let mut table = Table::default();
    // By where a record begins in the file, and by what it says.
    let mut at_offset: FxHashMap<usize, Option<u32>> = FxHashMap::default();
    let mut known: FxHashMap<Record, u32> = FxHashMap::default();
    // With those that have no record, or leaves without one could be passed by for ever.
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
            let record = Record::read(&network, &mut odd);
            const PLACE: Place = Place::Table("country");
            if let Some(odd) = odd {
                report.skipped(file, PLACE, "not a country code, skipped", odd);
            } else if record == Record::default() {
                let value = format_args!("{range} and others of its record");
                report.skipped(file, PLACE, "names neither a country nor a continent", value);
            }
            (record != Record::default()).then(|| {
                *known.entry(record).or_insert_with(|| {
                    table.records.push(record);
                    // There are fewer than 2^32 records, as each has another offset.
                    u32::try_from(table.records.len() - 1).unwrap_or(u32::MAX)
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

/// Why a file is no country database.
#[derive(Debug, thiserror::Error)]
pub enum BadDatabase {
    /// Not the file format, or damaged.
    #[error("is no intact MaxMind database: {0}")]
    Format(maxminddb::MaxMindDbError),
    /// Nodes of its tree are reached on several paths.
    #[error("is no intact MaxMind database: its search tree is no tree")]
    Tree,
    /// A database of something else, such as systems.
    #[error(
        "holds no country: it is of the type \"{0}\", and no record has country.iso_code, \
         country_code, country, or a continent"
    )]
    NoCountry(String),
}

impl Record {
    /// Leaves in `odd` what stands in the place of a country and is none.
    fn read<S: AsRef<[u8]>>(
        record: &maxminddb::LookupResult<'_, S>,
        odd: &mut Option<String>,
    ) -> Self {
        // A path that leads to something else than text (GeoLite2's `country` is a map) is another
        // layout's.
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
        Self {
            country: country(&[&["country", "iso_code"], &["country_code"], &["country"]]),
            registered: country(&[&["registered_country", "iso_code"]]),
            represented: country(&[&["represented_country", "iso_code"]]),
            continent: [&["continent", "code"][..], &["continent_code"], &["continent"]]
                .into_iter()
                .find_map(|path| Continent::parse(text(path)?)),
        }
    }
}

/// What vendors write where there is no country.
fn is_nothing(code: &str) -> bool {
    matches!(code.trim(), "" | "-" | "--" | "None" | "N/A")
}

/// Appends a network, and joins it with its neighbour as long as both halves of a network have the
/// same value. The networks come in order and do not overlap.
pub fn push_merged<T: Copy + PartialEq>(merged: &mut Vec<(Prefix, T)>, prefix: Prefix, value: T) {
    let mut upper = prefix;
    while let Some(&(lower, other)) = merged.last() {
        let parent = upper.len().checked_sub(1).and_then(|len| Prefix::new(upper.address(), len));
        match parent {
            Some(parent)
                if other == value
                    && lower.len() == upper.len()
                    && lower != upper
                    && lower.address() == parent.address()
                    && parent.covers(lower) =>
            {
                merged.pop();
                upper = parent;
            }
            _ => break,
        }
    }
    merged.push((upper, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_country_become_one_network() {
        let mut merged = Vec::new();
        let de = Country::parse("DE").expect("a valid literal");
        let fr = Country::parse("FR").expect("a valid literal");
        for (text, country) in [
            ("10.0.0.0/10", de),
            ("10.64.0.0/11", de),
            ("10.96.0.0/11", de),
            ("10.128.0.0/9", fr),
            ("11.0.0.0/8", fr),
            ("2001:db8::/33", de),
            ("2001:db8:8000::/33", de),
        ] {
            let (prefix, _) = Prefix::parse(text).expect("a valid literal");
            push_merged(&mut merged, prefix, country);
        }
        let shown: Vec<_> = merged.iter().map(|(p, c)| format!("{p} {c}")).collect();
        assert_eq!(
            shown,
            ["10.0.0.0/9 DE", "10.128.0.0/9 FR", "11.0.0.0/8 FR", "2001:db8::/32 DE"]
        );
    }
}

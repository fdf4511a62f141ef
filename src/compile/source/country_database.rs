//! Country databases in MaxMind's file format, turned into a flat prefix list once.
//!
//! Three layouts are read: GeoLite2's `country.iso_code`, the `country_code` of the open
//! ip-location-db and of IPinfo's newer files, and a plain `country` code as in IPinfo's older ones.
//! A request then needs no decoding, and a server no second file.
//!
//! A database is a binary tree whose leaves are disjoint networks; neighbours of one country are
//! merged, which leaves about half of them.

use rustc_hash::FxHashMap;

use maxminddb::{PathElement, Reader, WithinOptions};

use crate::compile::report::{Place, Report};
use crate::model::geo::Country;
use crate::model::net::Prefix;

/// Reads every network that has a country. Fails on a file that is no such database, or in which no
/// record holds a country.
pub fn parse(
    file: &str,
    bytes: &[u8],
    report: &mut Report,
) -> Result<Vec<(Prefix, Country)>, BadDatabase> {
    let reader = Reader::from_source(bytes).map_err(BadDatabase::Format)?;
    let mut countries: FxHashMap<usize, Option<Country>> = FxHashMap::default();
    let mut merged: Vec<(Prefix, Country)> = Vec::new();
    for network in reader.networks(WithinOptions::default()).map_err(BadDatabase::Format)? {
        let network = network.map_err(BadDatabase::Format)?;
        let Some(offset) = network.offset() else { continue };
        let country = match countries.get(&offset) {
            Some(country) => *country,
            None => {
                let country = find_country(&network);
                if let Err(odd) = &country {
                    report.skipped(
                        file,
                        Place::Table("country"),
                        "not a country code, skipped",
                        odd,
                    );
                }
                *countries.entry(offset).or_insert(country.ok().flatten())
            }
        };
        let Some(country) = country else { continue };
        let range = network.network().map_err(BadDatabase::Format)?;
        if let Some(prefix) = Prefix::new(range.ip(), range.prefix()) {
            push_merged(&mut merged, prefix, country);
        }
    }
    if merged.is_empty() { Err(BadDatabase::NoCountry) } else { Ok(merged) }
}

/// Why a file is no country database.
#[derive(Debug, thiserror::Error)]
pub enum BadDatabase {
    /// Not the file format, or damaged.
    #[error("is no intact MaxMind database: {0}")]
    Format(maxminddb::MaxMindDbError),
    /// A database of something else, such as cities without countries or systems.
    #[error("holds no country: no record has country.iso_code, country_code or country")]
    NoCountry,
}

/// The country of a record: `Ok(None)` where it has none, `Err` with a value that is no country.
fn find_country<S: AsRef<[u8]>>(
    record: &maxminddb::LookupResult<'_, S>,
) -> Result<Option<Country>, String> {
    let paths: [&[PathElement<'_>]; 3] = [
        &[PathElement::Key("country"), PathElement::Key("iso_code")],
        &[PathElement::Key("country_code")],
        &[PathElement::Key("country")],
    ];
    for path in paths {
        // A path that leads to something else than text (GeoLite2's `country` is a map) is another
        // layout's; the record has no country then.
        if let Ok(Some(code)) = record.decode_path::<&str>(path) {
            return match Country::parse(code) {
                Some(country) => Ok(Some(country)),
                None if code.is_empty() => Ok(None),
                None => Err(code.to_owned()),
            };
        }
    }
    Ok(None)
}

/// Appends a network, and joins it with its neighbour as long as both halves of a network have the
/// same country. The networks come in order and do not overlap.
fn push_merged(merged: &mut Vec<(Prefix, Country)>, prefix: Prefix, country: Country) {
    let mut upper = prefix;
    while let Some(&(lower, other)) = merged.last() {
        let parent = upper.len().checked_sub(1).and_then(|len| Prefix::new(upper.address(), len));
        match parent {
            Some(parent)
                if other == country
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
    merged.push((upper, country));
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

//! Country databases. Vendors use different fields for the place of a network:
//!
//! | vendor | country | more |
//! |---|---|---|
//! | MaxMind, DB-IP, IP2Location: countries, cities | `country.iso_code` | `registered_country.iso_code`, `represented_country.iso_code`, `continent.code` |
//! | ip-location-db, IPinfo's newer files | `country_code` | `continent_code` |
//! | IPinfo's older files | `country` | `continent` |

use super::{BadDatabase, Record, for_each_network};
use crate::geography::places::{Places, is_nothing};
use catalog::geography::{CountryNetworks, NetworkPlace, push_merged};
use catalog::{Origin, Report};
use model::geo::{Continent, Country};

/// Reads every network with a known place. Fails if the file is no such database, or if no record in it
/// has a place.
pub fn parse(
    file: &str,
    bytes: &[u8],
    report: &mut Report,
) -> Result<CountryNetworks, BadDatabase> {
    let mut networks = Vec::new();
    let mut places = Places::default();
    let origin = Origin::table(file, "country");
    let read = |record: &Record<'_>, network: &str| {
        let mut odd = None;
        let place = read_place(record, &mut odd);
        if let Some(odd) = odd {
            report.skipped(&origin, "not a country code, skipped", odd);
        } else if place == NetworkPlace::default() {
            let value = format_args!("{network} and others of its record");
            report.skipped(&origin, "names neither a country nor a continent", value);
        }
        places.index(place)
    };
    let push = |prefix, place| {
        push_merged(&mut networks, prefix, place);
        networks.len()
    };
    let database_type = for_each_network(bytes, read, push)?;
    if networks.is_empty() {
        return Err(BadDatabase::NoCountry(database_type));
    }
    Ok(CountryNetworks { networks, places: places.into_vec() })
}

/// Reads the place from a record. Text in the field of a country that is no country code is stored in
/// `odd`.
fn read_place(record: &Record<'_>, odd: &mut Option<String>) -> NetworkPlace {
    let mut country = |paths: &[&[&str]]| {
        let code = paths.iter().find_map(|path| record.text(path))?;
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
            .find_map(|path| Continent::parse(record.text(path)?)),
        point: None,
    }
}

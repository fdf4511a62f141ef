//! Databases of countries and of cities. Vendors use different fields for the place of a network:
//!
//! | vendor | country | more |
//! |---|---|---|
//! | MaxMind, DB-IP, IP2Location: countries, cities | `country.iso_code` | `registered_country.iso_code`, `represented_country.iso_code`, `continent.code` |
//! | ip-location-db, IPinfo's newer files | `country_code` | `continent_code` |
//! | IPinfo's older files | `country` | `continent` |
//!
//! | vendor | point | its city or region |
//! |---|---|---|
//! | MaxMind, DB-IP, IP2Location: cities | `location.latitude`, `location.longitude` | `city`, `subdivisions` |
//! | ip-location-db: cities | `latitude`, `longitude` | `city`, `state1` |
//! | IPinfo's files of places | `latitude` and `longitude`, or `lat` and `lng`, also as text; `loc` has both, as `52.5,13.4` | `city`, `region` |
//!
//! The point of a record that names neither a city nor a region is not used if others do: it is the middle of a
//! country, as MaxMind's point in Kansas for networks that are somewhere in the United States. In a database
//! without names, such as one's own of networks and points, each point counts.

use std::cell::LazyCell;

use super::{BadDatabase, Record, for_each_network, has_record};
use crate::geography::places::{Places, is_nothing};
use crate::geography::points::{NO_NUMBERS, locate, parse_degrees, parse_pair};
use catalog::geography::{CountryNetworks, NetworkPlace, push_merged};
use catalog::{Origin, Report};
use model::geo::{Continent, Country};
use model::point::Point;

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
    // One of the first records of a database of cities names one, and others without points never ask.
    let names_cities = LazyCell::new(|| has_record(bytes, has_city));
    let read = |record: &Record<'_>, network: &str| {
        let mut odd = None;
        let mut place = read_place(record, &mut odd);
        match read_point(record) {
            Ok(Some(point)) if has_city(record) || !*names_cities => place.point = Some(point),
            Err((problem, degrees)) if place != NetworkPlace::default() => {
                report.mended(&origin, problem, format_args!("{degrees} of {network}"));
            }
            _ => {}
        }
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

/// The point of a record, if it has one. The error is the problem for a report, and the degrees at fault.
fn read_point(record: &Record<'_>) -> Result<Option<Point>, (&'static str, String)> {
    if let Some((north, east)) = read_degrees(record) {
        let point = locate(north, east);
        return point.map(Some).map_err(|problem| (problem, format!("{north}, {east}")));
    }
    let written = ["latitude", "longitude", "lat", "lng", "loc"];
    let written = written.iter().filter_map(|field| record.text(&[field]));
    match written.filter(|text| !is_nothing(text)).find(|text| parse_degrees(text).is_none()) {
        Some(text) => Err((NO_NUMBERS, text.to_owned())),
        None => Ok(None),
    }
}

/// The latitude and the longitude of a record.
fn read_degrees(record: &Record<'_>) -> Option<(f64, f64)> {
    const FIELDS: [[&[&str]; 2]; 3] = [
        [&["location", "latitude"], &["location", "longitude"]],
        [&["latitude"], &["longitude"]],
        [&["lat"], &["lng"]],
    ];
    let fields = FIELDS
        .iter()
        .find_map(|[north, east]| Some((record.degrees(north)?, record.degrees(east)?)));
    fields.or_else(|| parse_pair(record.text(&["loc"])?))
}

/// Whether a record names a city or a region.
fn has_city(record: &Record<'_>) -> bool {
    ["city", "subdivisions", "state1", "region"].iter().any(|field| record.has_name(&[field]))
}

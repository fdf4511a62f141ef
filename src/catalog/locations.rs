//! Resolves the country database and locations set by hand to countries and continents.

use std::collections::{BTreeMap, BTreeSet};

use super::directories::Directories;
use super::entry::{Entry, HostIds};
use super::first::first_of_each_name;
use super::geography::{CountryNetworks, NetworkPlace, push_merged};
use super::networks::parse_key;
use super::origin::Origin;
use super::report::Report;
use model::area::Area;
use model::geo::{Continent, Country, Location};
use model::mirror_key::MirrorKey;
use model::net::Prefix;

/// The diagnostic for a country without a known continent.
const NO_CONTINENT: &str = "country whose continent no table knows";

/// The countries whose continent is known.
pub(super) struct KnownCountries<'a>(pub(super) &'a [(Country, Continent)]);

impl KnownCountries<'_> {
    /// The continent of a country.
    pub(super) fn continent(&self, country: Country) -> Option<Continent> {
        let index = self.0.binary_search_by_key(&country, |&(known, _)| known).ok()?;
        self.0.get(index).map(|&(_, continent)| continent)
    }

    /// The location that a code in a database means. Some codes are no countries: `EU` and `AP` are
    /// continents, unless the table of continents has them as countries, as MaxMind's does; others are
    /// [nowhere](Country::is_nowhere).
    fn locate(&self, code: Country) -> Option<Location> {
        if self.continent(code).is_some() {
            return Some(code.into());
        }
        match code.as_str() {
            "EU" => Continent::parse("EU").map(Location::from),
            "AP" => Continent::parse("AS").map(Location::from),
            _ if code.is_nowhere() => None,
            _ => Some(code.into()),
        }
    }

    /// The location of the networks of a record: its country, else the country of registration, else
    /// its continent, else the country that its users represent. A registration on another continent
    /// than that of the record is ignored.
    fn locate_place(&self, place: &NetworkPlace) -> Option<Location> {
        let NetworkPlace { country, registered, represented, continent, .. } = *place;
        let locate = |country: Option<Country>| country.and_then(|country| self.locate(country));
        let fits = |location: &Location| {
            let own = location.country().and_then(|country| self.continent(country));
            own.is_none() || continent.is_none() || own == continent
        };
        locate(country)
            .or_else(|| locate(registered).filter(fits))
            .or_else(|| continent.map(Location::from))
            .or_else(|| locate(represented))
    }

    /// The area of the networks of a record.
    fn find_area(&self, place: &NetworkPlace) -> Option<Area> {
        let location = self.locate_place(place)?;
        // Points of other records than those of a country are the middle of something large.
        let point = place.point.filter(|_| location.country().is_some());
        Some(Area { location, point })
    }
}

/// The continents of countries: those set by hand, else those of the geography files.
pub(super) fn resolve_continents(
    continents: Vec<(Country, Continent)>,
    by_hand: &[Entry<String, String>],
    report: &mut Report,
) -> Vec<(Country, Continent)> {
    let mut by_country: BTreeMap<Country, Continent> = continents.into_iter().collect();
    for (country, Entry { origin, value: continent, .. }) in first_of_each_name(by_hand, report) {
        match (Country::parse(country), Continent::parse(continent)) {
            (Some(country), Some(continent)) => {
                by_country.insert(country, continent);
            }
            _ => {
                let value = format_args!("{country} in {continent}");
                report.skipped(origin, "not a code, skipped", value);
            }
        }
    }
    by_country.into_iter().collect()
}

/// The locations of networks in the country database.
pub(super) fn resolve_database(
    origin: &Origin,
    database: &CountryNetworks,
    known: &KnownCountries<'_>,
    report: &mut Report,
) -> Vec<(Prefix, Area)> {
    let areas: Vec<_> = database.places.iter().map(|place| known.find_area(place)).collect();
    let countries: BTreeSet<_> =
        areas.iter().flatten().filter_map(|area| area.location.country()).collect();
    for country in countries.into_iter().filter(|&country| known.continent(country).is_none()) {
        report.mended(origin, NO_CONTINENT, country);
    }
    let mut merged: Vec<(Prefix, Area)> = Vec::with_capacity(database.networks.len());
    for &(prefix, place) in &database.networks {
        if let Some(area) = areas.get(place as usize).copied().flatten() {
            push_merged(&mut merged, prefix, area);
        }
    }
    merged
}

/// The locations of networks that are set by hand. Of equal prefixes the first counts.
pub(super) fn resolve_by_hand(
    records: &[Entry<String, String>],
    known: &KnownCountries<'_>,
    report: &mut Report,
) -> Vec<(Prefix, Area)> {
    let mut by_prefix: BTreeMap<Prefix, Area> = BTreeMap::new();
    for Entry { origin, key, value: text } in records {
        let Some(prefix) = parse_key(origin, key, report) else { continue };
        let value = format_args!("{key} in {text}");
        let Some(code) = Country::parse(text) else {
            report.skipped(origin, "not a country code, skipped", value);
            continue;
        };
        let Some(location) = known.locate(code) else {
            report.skipped(origin, "code of no place, skipped", value);
            continue;
        };
        if by_prefix.contains_key(&prefix) {
            report.skipped(origin, "prefix occurs twice, first kept", key);
            continue;
        }
        if location.country().is_some_and(|country| known.continent(country).is_none()) {
            report.mended(origin, NO_CONTINENT, value);
        }
        by_prefix.insert(prefix, Area::whole(location));
    }
    by_prefix.into_iter().collect()
}

/// Reports countries of mirrors without a known continent: no client finds those by its continent.
pub(super) fn report_lonely_mirrors(
    mirror_countries: &[Entry<MirrorKey, String>],
    hosts: &HostIds,
    directories: &Directories,
    country_sets: &[Box<[Country]>],
    known: &KnownCountries<'_>,
    report: &mut Report,
) {
    let is_lonely = |country: &Country| known.continent(*country).is_none();
    for Entry { origin, key, value: code } in mirror_countries {
        if !hosts.contains_key(key) {
            continue;
        }
        if let Some(country) = Country::parse(code).filter(is_lonely) {
            let value = format_args!("mirror {key} in {country}");
            report.mended(origin, NO_CONTINENT, value);
        }
    }
    let mut lonely: BTreeMap<Country, &Origin> = BTreeMap::new();
    for (set, origin) in country_sets.iter().zip(&directories.country_set_origins) {
        let Some(origin) = origin else { continue };
        for &country in set.iter().filter(|country| is_lonely(country)) {
            lonely.entry(country).or_insert(origin);
        }
    }
    for (country, origin) in lonely {
        report.mended(origin, NO_CONTINENT, country);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(record: [&str; 4], expected: &str) {
        let country = |text: &str| Country::parse(text);
        let continent = |text: &str| Continent::parse(text);
        let mut table: Vec<_> = [("DE", "EU"), ("US", "NA"), ("AU", "OC")]
            .into_iter()
            .filter_map(|(code, on)| country(code).zip(continent(on)))
            .collect();
        table.sort();
        let known = KnownCountries(&table);
        let [own, registered, represented, on] = record;
        let place = NetworkPlace {
            country: country(own),
            registered: country(registered),
            represented: country(represented),
            continent: continent(on),
            point: None,
        };
        let found = known.locate_place(&place);
        assert_eq!(found.map_or("nowhere".into(), |l| format!("{l:?}")), expected, "{place:?}");
    }

    #[test]
    fn a_record_says_where_its_networks_are() {
        check(["de", "US", "US", "EU"], "country DE");
        check(["", "DE", "", ""], "country DE");
        check(["", "DE", "", "EU"], "country DE");
        check(["", "DE", "US", ""], "country DE");
        // Registered elsewhere: the network itself is in Europe.
        check(["", "US", "", "EU"], "continent EU");
        check(["", "", "", "EU"], "continent EU");
        check(["", "", "US", "EU"], "continent EU");
        check(["", "", "US", ""], "country US");
        check(["", "QQ", "", "EU"], "country QQ");
        check(["", "", "", ""], "nowhere");
    }

    #[test]
    fn codes_that_are_no_countries_are_continents_or_nothing() {
        check(["EU", "", "", ""], "continent EU");
        check(["AP", "", "", ""], "continent AS");
        for code in ["A1", "A2", "O1", "T1", "XX", "zz"] {
            check([code, "", "", ""], "nowhere");
            check([code, "DE", "", ""], "country DE");
            check([code, "", "", "AF"], "continent AF");
        }
        check(["UK", "", "", ""], "country GB");
        check(["QQ", "", "", ""], "country QQ");
    }

    #[test]
    fn a_table_that_makes_a_country_of_europe_is_believed() {
        let eu = Country::parse("EU").zip(Continent::parse("EU")).expect("valid literals");
        let table = [eu];
        let known = KnownCountries(&table);
        assert_eq!(known.locate(eu.0).and_then(Location::country), Some(eu.0));
    }
}

//! Records to tables: references across tables are resolved, duplicates decided, bad values reported.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Records;
use super::locations::{self, KnownCountries};
use super::networks::{self, HostIds};
use super::source::mirrormanager;
use super::{files, joins, repositories, restrictions};
use crate::catalog::report::{Place, Report};
use crate::model::MAX_NAME;
use crate::model::base_url::{BaseUrl, Redacted};
use crate::model::geo::{Continent, Country};
use crate::model::ids::{DirectoryId, HostId, LayoutId};
use crate::model::mirror_key::MirrorKey;
use crate::snapshot::tables::{Directory, File, Host, HostSets, Names, Subpath, Tables};
use crate::sources::geography::country_database;

/// Why sound tables cannot be served together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing to list.
    #[error("{0}: holds no directory that a mirror carries")]
    NoDirectories(String),
    /// So many references lead nowhere that part of the file must be missing or damaged.
    #[error("{file}: {dangling} of {all} {what}; is it cut off or damaged?")]
    Dangling {
        /// Which file.
        file: String,
        /// How many lead nowhere.
        dangling: usize,
        /// How many there are.
        all: usize,
        /// What leads where.
        what: &'static str,
    },
    /// Mirrors are described differently in every directory.
    #[error("{0}: its directories contradict each other too much to be held in memory")]
    Contradictory(String),
    /// More of something than a snapshot can number.
    #[error("{0}: is too large: more than 4 billion bytes or entries in a table")]
    TooLarge(String),
}

/// References that lead nowhere are diagnostics up to this number, and up to a share of all.
const TOLERATED: usize = 5;

/// Resolves all records.
pub(super) fn resolve(records: Records, report: &mut Report) -> Result<Tables, Refusal> {
    let Records { cache_name: file, mut cache, global_netblocks, continents, countries } = records;
    let file = file.as_str();
    let mut tables = Tables { created: cache.created, ..Tables::default() };
    if cache.created == 0 {
        let problem = "when the data were made is not said, so nobody can tell their age";
        report.mended(file, Place::Table("Time"), problem, cache.created);
    }

    let usable_urls = resolve_urls(file, &cache, &mut tables, report)?;
    resolve_url_lists(file, &cache, &usable_urls, &mut tables, report)?;
    let hosts = resolve_hosts(file, &cache, &mut tables, report);
    let paths = repositories::read_paths(file, &cache, report);
    resolve_directories(file, &mut cache, &paths, &mut tables, report)?;
    repositories::resolve(file, paths, &mut tables, report)?;
    repositories::resolve_names(file, &cache, &mut tables, report)?;
    joins::report(file, &cache, &tables, report);
    tables.continents = resolve_continents(file, &cache, continents, report);
    resolve_places(file, &cache, &hosts, &countries, &mut tables, report);
    joins::report_mirrors(file, &cache, &hosts, &tables, report);
    networks::resolve_netblocks(file, &cache, &hosts, &mut tables, report);
    networks::resolve_asns(file, &cache, global_netblocks, &hosts, &mut tables, report);
    Ok(tables)
}

/// `HCUrlCache`: index of each usable URL by its id; `None` for URLs that were refused.
fn resolve_urls(
    file: &str,
    cache: &mirrormanager::Records,
    tables: &mut Tables,
    report: &mut Report,
) -> Result<FxHashMap<i64, Option<u32>>, Refusal> {
    const PLACE: Place = Place::Table("HCUrlCache");
    let mut indexes = FxHashMap::default();
    let mut known: FxHashMap<String, u32> = FxHashMap::default();
    for (id, url) in &cache.urls {
        if indexes.contains_key(id) {
            let value = format_args!("{id} {}", Redacted(url));
            report.skipped(file, PLACE, "URL id occurs twice, first kept", value);
            continue;
        }
        let shown = Redacted(url);
        let index = match BaseUrl::parse(url) {
            Ok(base) => {
                if base.as_str() != url {
                    let value = format_args!("{id} {shown} to {}", base.as_str());
                    report.mended(file, PLACE, "URL in an odd form, mended", value);
                }
                let index = match known.entry(base.as_str().to_owned()) {
                    Entry::Occupied(known) => {
                        let value = format_args!("{id} {}", base.as_str());
                        report.mended(file, PLACE, "URL occurs twice, listed once", value);
                        *known.get()
                    }
                    Entry::Vacant(new) => {
                        let index = tables.urls.push(base.as_str());
                        *new.insert(index.ok_or_else(|| Refusal::TooLarge(file.into()))?)
                    }
                };
                Some(index)
            }
            Err(reason) => {
                let value = format_args!("{id} {shown} {reason}");
                report.skipped(file, PLACE, "URL that cannot be listed, skipped", value);
                None
            }
        };
        indexes.insert(*id, index);
    }
    Ok(indexes)
}

fn resolve_url_lists(
    file: &str,
    cache: &mirrormanager::Records,
    usable: &FxHashMap<i64, Option<u32>>,
    tables: &mut Tables,
    report: &mut Report,
) -> Result<(), Refusal> {
    let mut ids = FxHashSet::default();
    let mut listed: FxHashSet<u32> = FxHashSet::default();
    let mut dangling = 0;
    for list in &cache.directories.url_lists {
        for &id in list {
            if ids.insert(id) && !usable.contains_key(&id) {
                dangling += 1;
                let place = Place::Table("MirrorListCache");
                report.skipped(file, place, "URL id that HCUrlCache does not have, skipped", id);
            }
        }
        listed.clear();
        let urls = list.iter().filter_map(|id| usable.get(id).copied().flatten());
        let urls = urls.filter(|&url| listed.insert(url));
        tables.url_lists.push(urls).ok_or_else(|| Refusal::TooLarge(file.into()))?;
    }
    refuse_if_dangling(file, dangling, ids.len(), 100, "URL ids have no base URL")
}

pub(super) fn refuse_if_dangling(
    file: &str,
    dangling: usize,
    all: usize,
    one_in: usize,
    what: &'static str,
) -> Result<(), Refusal> {
    if dangling > TOLERATED.max(all / one_in) {
        return Err(Refusal::Dangling { file: file.into(), dangling, all, what });
    }
    Ok(())
}

/// No mirror has more Mbit/s. A larger number is of another unit, and would draw all clients there.
const MAX_BANDWIDTH: u32 = 100_000_000;

/// The mirrors that carry a directory, with their country, weight and restrictions.
fn resolve_hosts(
    file: &str,
    cache: &mirrormanager::Records,
    tables: &mut Tables,
    report: &mut Report,
) -> HostIds {
    let countries = first_of_each(file, "HostCountryCache", &cache.host_countries, report);
    let bandwidths = first_of_each(file, "HostBandwidthCache", &cache.bandwidths, report);
    let mut hosts = HostIds::default();
    for (id, number) in (0..).map(HostId).zip(&cache.directories.host_numbers) {
        hosts.insert(*number, id);
        let country = match countries.get(number) {
            Some(code) => {
                let country = Country::parse(code);
                if country.is_none() {
                    let value = format_args!("mirror {number} in {code}");
                    let place = Place::Table("HostCountryCache");
                    report.skipped(file, place, "not a country code, skipped", value);
                }
                country
            }
            None => {
                let place = Place::Table("HostCountryCache");
                report.mended(file, place, "mirror without a country", number);
                None
            }
        };
        let weight = match bandwidths.get(number) {
            Some(&&bandwidth) => {
                u32::try_from(bandwidth).ok().filter(|weight| (1..=MAX_BANDWIDTH).contains(weight))
            }
            None => None,
        };
        if weight.is_none() {
            let bandwidth = bandwidths.get(number).map_or_else(|| "none".into(), |b| b.to_string());
            let value = format_args!("mirror {number}: {bandwidth}");
            let place = Place::Table("HostBandwidthCache");
            report.mended(file, place, "bandwidth missing or out of range, taken as 1", value);
        }
        let key = MirrorKey::Number(*number);
        tables.hosts.push(Host { key, country, weight: weight.unwrap_or(1) });
    }
    hosts
}

/// What depends on which countries there are: where clients and mirrors are, and whom mirrors serve.
fn resolve_places(
    file: &str,
    cache: &mirrormanager::Records,
    hosts: &HostIds,
    (database_name, database): &(String, country_database::Table),
    tables: &mut Tables,
    report: &mut Report,
) {
    let known = KnownCountries(&tables.continents);
    tables.location_prefixes = locations::resolve_database(database_name, database, &known, report);
    tables.location_overrides = locations::resolve_overrides(file, cache, &known, report);
    let sets = (0..tables.country_sets.len()).flat_map(|set| tables.country_sets.get(set));
    locations::report_lonely_mirrors(file, cache, sets.copied(), &known, report);
    let allowed = first_of_each(file, "HostCountryAllowedCache", &cache.allowed, report);
    tables.restrictions = restrictions::resolve(file, allowed, hosts, &known, report);
}

/// The first value of each key, in ascending order of keys.
fn first_of_each<'a, K: Copy + Ord + std::fmt::Display, V>(
    file: &str,
    table: &'static str,
    entries: &'a [(K, V)],
    report: &mut Report,
) -> BTreeMap<K, &'a V> {
    let mut first = BTreeMap::new();
    for (key, value) in entries {
        if first.contains_key(key) {
            report.skipped(file, Place::Table(table), "key occurs twice, first kept", key);
        } else {
            first.insert(*key, value);
        }
    }
    first
}

/// As [`first_of_each`], for keys that are texts.
pub(super) fn first_of_each_name<'a, V>(
    file: &str,
    table: &'static str,
    entries: &'a [(String, V)],
    report: &mut Report,
) -> BTreeMap<&'a str, &'a V> {
    let mut first = BTreeMap::new();
    for (key, value) in entries {
        // A name is echoed in the first line of text lists.
        if key.chars().any(char::is_control) {
            report.skipped(
                file,
                Place::Table(table),
                "name holds a control character, skipped",
                key,
            );
        } else if key.len() > MAX_NAME {
            report.skipped(
                file,
                Place::Table(table),
                "name is longer than 500 bytes, skipped",
                key,
            );
        } else if first.contains_key(key.as_str()) {
            report.skipped(file, Place::Table(table), "name occurs twice, first kept", key);
        } else {
            first.insert(key.as_str(), value);
        }
    }
    first
}

fn resolve_directories(
    file: &str,
    cache: &mut mirrormanager::Records,
    paths: &BTreeMap<String, String>,
    tables: &mut Tables,
    report: &mut Report,
) -> Result<(), Refusal> {
    let too_large = || Refusal::TooLarge(file.to_owned());
    let n_hosts = tables.hosts.len();
    if cache.directories.is_too_large {
        return Err(Refusal::Contradictory(file.into()));
    }
    for mut layout in std::mem::take(&mut cache.directories.layouts) {
        layout.slots.resize(n_hosts, None);
        tables.layouts.push(layout);
    }
    for countries in std::mem::take(&mut cache.directories.country_sets) {
        tables.country_sets.push(countries).ok_or_else(too_large)?;
    }
    tables.carriers = HostSets::new(n_hosts);
    for set in std::mem::take(&mut cache.directories.sets) {
        tables.carriers.push(&set).ok_or_else(too_large)?;
    }
    if n_hosts == 0 {
        return Err(Refusal::NoDirectories(file.into()));
    }

    let mut records = std::mem::take(&mut cache.directories.directories);
    records.sort_by(|a, b| a.name.cmp(&b.name));
    repositories::add_parents(file, paths, &mut records, report);
    tables.directory_names =
        Names::from_sorted(records.iter().map(|record| &*record.name)).ok_or_else(too_large)?;
    let details = std::mem::take(&mut cache.files);
    let mut files = files::collect(file, details, cache.created, &tables.directory_names, report);
    for (rank, record) in (0_u32..).zip(&records) {
        let subpath = match u32::try_from(record.subpath.len()) {
            Ok(length) if record.name.ends_with(&*record.subpath) => Subpath::Suffix(length),
            _ => Subpath::Other(tables.subpaths.push(&record.subpath).ok_or_else(too_large)?),
        };
        let from = tables.files.len();
        for (name, versions) in files.remove(&DirectoryId(rank)).unwrap_or_default() {
            let first = tables.versions.len();
            tables.versions.extend(versions);
            let versions = range(first, tables.versions.len()).ok_or_else(too_large)?;
            tables.files.push(File { name, versions });
        }
        let files = range(from, tables.files.len()).ok_or_else(too_large)?;
        let layout = LayoutId(record.layout);
        tables.directories.push(Directory { layout, carriers: record.carriers, subpath, files });
    }
    Ok(())
}

fn range(from: usize, to: usize) -> Option<(u32, u32)> {
    Some((u32::try_from(from).ok()?, u32::try_from(to).ok()?))
}

/// The continents of the table, overridden by `CountryContinentRedirectCache`.
fn resolve_continents(
    file: &str,
    cache: &mirrormanager::Records,
    continents: Vec<(Country, Continent)>,
    report: &mut Report,
) -> Vec<(Country, Continent)> {
    const TABLE: &str = "CountryContinentRedirectCache";
    let mut by_country: BTreeMap<Country, Continent> = continents.into_iter().collect();
    for (country, continent) in first_of_each_name(file, TABLE, &cache.continents, report) {
        match (Country::parse(country), Continent::parse(continent)) {
            (Some(country), Some(continent)) => {
                by_country.insert(country, continent);
            }
            _ => {
                let value = format_args!("{country} in {continent}");
                report.skipped(file, Place::Table(TABLE), "not a code, skipped", value);
            }
        }
    }
    by_country.into_iter().collect()
}

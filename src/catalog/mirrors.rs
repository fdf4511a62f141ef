//! Mirrors: their country, their share of the load, and the clients that they serve.
//!
//! An entry in the list of allowed countries is a country that is served (`DE`) or denied (`!CN`). A
//! mirror with any entry of the first kind serves those countries, less the denied ones, and no client
//! whose country is unknown. A mirror with only denied countries serves all other clients.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::directories::Directories;
use super::entry::{Entry, HostIds, Missing};
use super::first::first_of_each;
use super::locations::KnownCountries;
use super::records::{Audience, Mirror};
use super::report::Report;
use model::geo::Country;
use model::host_set::contains;
use model::ids::HostId;
use model::mirror_key::MirrorKey;
use model::point::Point;

/// The largest plausible bandwidth in Mbit/s. A larger number is in another unit, and would send all
/// clients to that mirror.
const MAX_BANDWIDTH: u32 = 100_000_000;

/// What sources say of mirrors.
#[derive(Default)]
pub(super) struct MirrorRecords {
    pub(super) countries: Vec<Entry<MirrorKey, String>>,
    pub(super) bandwidths: Vec<Entry<MirrorKey, i64>>,
    pub(super) points: Vec<Entry<MirrorKey, Point>>,
    pub(super) loads: Vec<Entry<MirrorKey, u8>>,
    pub(super) max_shares: Vec<Entry<MirrorKey, u8>>,
    pub(super) allowed: Vec<Entry<MirrorKey, Vec<String>>>,
    pub(super) monopolies: Vec<Entry<MirrorKey, ()>>,
}

/// The mirrors with their country and weight, and the ids of those that carry a directory.
pub(super) fn check(
    missing: &Missing,
    directories: &Directories,
    records: &MirrorRecords,
    report: &mut Report,
) -> (Vec<Mirror>, HostIds) {
    let countries = first_of_each(&records.countries, report);
    let bandwidths = first_of_each(&records.bandwidths, report);
    let points = first_of_each(&records.points, report);
    let loads = first_of_each(&records.loads, report);
    let max_shares = first_of_each(&records.max_shares, report);
    let mut mirrors = Vec::with_capacity(directories.mirrors.len());
    let mut hosts = HostIds::default();
    let carrying = directories.carrying();
    let mut unheard = Report::default();
    for (id, key) in (0..).map(HostId).zip(&directories.mirrors) {
        let report = match contains(&carrying, id) {
            true => {
                hosts.insert(key.clone(), id);
                &mut *report
            }
            // It occurs only in skipped directories, so it is in no answer.
            false => &mut unheard,
        };
        let country = match countries.get(key) {
            Some(Entry { origin, value: code, .. }) => {
                let country = Country::parse(code);
                if country.is_none() {
                    let value = format_args!("mirror {key} in {code}");
                    report.skipped(origin, "not a country code, skipped", value);
                }
                country
            }
            None => {
                report.mended(&missing.mirror_countries, "mirror without a country", key);
                None
            }
        };
        let bandwidth = bandwidths.get(key);
        let weight = bandwidth
            .and_then(|entry| u32::try_from(entry.value).ok())
            .filter(|weight| (1..=MAX_BANDWIDTH).contains(weight));
        if weight.is_none() {
            let origin = bandwidth.map_or(&missing.bandwidths, |entry| &entry.origin);
            let bandwidth = bandwidth.map_or_else(|| "none".into(), |b| b.value.to_string());
            let value = format_args!("mirror {key}: {bandwidth}");
            report.mended(origin, "bandwidth missing or out of range, taken as 1", value);
        }
        let percent = |records: &BTreeMap<&MirrorKey, &Entry<MirrorKey, u8>>| {
            records.get(key).map_or(100, |entry| entry.value.min(100))
        };
        let load = percent(&loads);
        if let (0, Some(entry)) = (load, loads.get(key)) {
            report.skipped(&entry.origin, "mirror that rests, in no answer", key);
        }
        mirrors.push(Mirror {
            key: key.clone(),
            country,
            point: points.get(key).map(|entry| entry.value),
            weight: weight.unwrap_or(1),
            load,
            max_share: percent(&max_shares).max(1),
        });
    }
    (mirrors, hosts)
}

/// Decides which countries each mirror serves.
pub(super) fn resolve_audiences(
    records: &[Entry<MirrorKey, Vec<String>>],
    hosts: &HostIds,
    known: &KnownCountries<'_>,
    report: &mut Report,
) -> Vec<(HostId, Audience)> {
    let mut audiences = Vec::new();
    for (key, Entry { origin, value: codes, .. }) in first_of_each(records, report) {
        let Some(&host) = hosts.get(key) else {
            report.skipped(origin, "mirror carries nothing, skipped", key);
            continue;
        };
        let mut is_served: FxHashMap<Country, bool> = FxHashMap::default();
        let mut serves_only = codes.is_empty();
        for text in codes {
            let (code, serves) = match text.trim().strip_prefix('!') {
                Some(code) => (code, false),
                None => (text.as_str(), true),
            };
            let value = format_args!("mirror {key} allows {text}");
            let Some(country) = Country::parse(code) else {
                report.skipped(origin, "not a country code, skipped", value);
                continue;
            };
            if known.continent(country).is_none() {
                let problem = "country that the table of continents does not know, used";
                report.mended(origin, problem, value);
            }
            serves_only |= serves;
            // A denied country stays denied if it is also allowed.
            *is_served.entry(country).or_insert(serves) &= serves;
        }
        // The mirror is restricted, but no entry can be read: it serves no country.
        serves_only |= is_served.is_empty();
        let countries = is_served.iter().filter(|&(_, &serves)| serves == serves_only);
        let mut countries: Vec<_> = countries.map(|(&country, _)| country).collect();
        countries.sort();
        let audience = match serves_only {
            true => Audience::Only(countries),
            false => Audience::NotIn(countries),
        };
        audiences.push((host, audience));
    }
    audiences
}

/// The mirrors that the clients of their networks and autonomous systems get alone, in ascending order.
pub(super) fn resolve_monopolies(
    records: &[Entry<MirrorKey, ()>],
    hosts: &HostIds,
    report: &mut Report,
) -> Vec<HostId> {
    let mut monopolies = Vec::new();
    for (key, Entry { origin, .. }) in first_of_each(records, report) {
        match hosts.get(key) {
            Some(&host) => monopolies.push(host),
            None => report.skipped(origin, "mirror carries nothing, skipped", key),
        }
    }
    monopolies.sort();
    monopolies
}

#[cfg(test)]
mod tests {
    use super::super::origin::Origin;
    use super::*;

    #[test]
    fn entries_combine_to_a_list_of_one_kind() {
        for (entries, expected) in [
            (&["DE", "fr"][..], "Only([DE, FR])"),
            (&["!CN"], "NotIn([CN])"),
            (&[" !cn ", "! RU"], "NotIn([CN, RU])"),
            (&["DE", "!CN"], "Only([DE])"),
            (&["DE", "!DE"], "Only([])"),
            (&["!DE", "DE", "FR"], "Only([FR])"),
            (&[], "Only([])"),
            (&["Germany"], "Only([])"),
            (&["!China"], "Only([])"),
            (&["!"], "Only([])"),
            (&["!!DE"], "Only([])"),
            (&["!China", "!RU"], "NotIn([RU])"),
        ] {
            let key = MirrorKey::Number(7);
            let hosts: HostIds = [(key.clone(), HostId(0))].into_iter().collect();
            let value = entries.iter().map(|&text| text.to_owned()).collect();
            let records = [Entry { origin: Origin::table("c", "t"), key, value }];
            let found =
                resolve_audiences(&records, &hosts, &KnownCountries(&[]), &mut Report::default());
            assert_eq!(format!("{:?}", found[0].1), expected, "{entries:?}");
        }
    }
}

//! `HostCountryAllowedCache`: which countries a mirror serves.
//!
//! An entry is a country that is served (`DE`), or one that is not (`!CN`). A mirror with any entry of
//! the first kind serves those countries, less the denied ones, and nobody whose country is unknown. A
//! mirror with entries of the second kind only serves everybody else.

use rustc_hash::FxHashMap;

use super::locations::KnownCountries;
use super::networks::HostIds;
use crate::catalog::report::{Place, Report};
use crate::model::geo::Country;
use crate::model::ids::HostId;
use crate::snapshot::tables::Restriction;

const TABLE: Place = Place::Table("HostCountryAllowedCache");

/// Decides which countries each mirror serves; `entries` holds each mirror once.
pub(super) fn resolve<'a>(
    file: &str,
    entries: impl IntoIterator<Item = (i64, &'a Vec<String>)>,
    hosts: &HostIds,
    known: &KnownCountries<'_>,
    report: &mut Report,
) -> Vec<(HostId, Restriction)> {
    let mut restrictions = Vec::new();
    for (number, codes) in entries {
        let Some(&host) = hosts.get(&number) else {
            report.skipped(file, TABLE, "mirror carries nothing, skipped", number);
            continue;
        };
        let mut is_served: FxHashMap<Country, bool> = FxHashMap::default();
        let mut serves_only = codes.is_empty();
        for text in codes {
            let (code, serves) = match text.trim().strip_prefix('!') {
                Some(code) => (code, false),
                None => (text.as_str(), true),
            };
            let value = format_args!("mirror {number} allows {text}");
            let Some(country) = Country::parse(code) else {
                report.skipped(file, TABLE, "not a country code, skipped", value);
                continue;
            };
            if known.continent(country).is_none() {
                let problem = "country that the table of continents does not know, used";
                report.mended(file, TABLE, problem, value);
            }
            serves_only |= serves;
            // What is denied stays denied.
            *is_served.entry(country).or_insert(serves) &= serves;
        }
        // It asked to be restricted, and nothing of that can be read.
        serves_only |= is_served.is_empty();
        let countries = is_served.iter().filter(|&(_, &serves)| serves == serves_only);
        let mut countries: Vec<_> = countries.map(|(&country, _)| country).collect();
        countries.sort();
        let restriction = match serves_only {
            true => Restriction::Only(countries),
            false => Restriction::NotIn(countries),
        };
        restrictions.push((host, restriction));
    }
    restrictions
}

#[cfg(test)]
mod tests {
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
            let hosts: HostIds = [(7, HostId(0))].into_iter().collect();
            let entries = entries.iter().map(|&text| text.to_owned()).collect();
            let known = KnownCountries(&[]);
            let mut report = Report::default();
            let found = resolve("c", [(7, &entries)], &hosts, &known, &mut report);
            assert_eq!(format!("{:?}", found[0].1), expected, "{entries:?}");
        }
    }
}

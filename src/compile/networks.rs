//! Networks across tables: netblocks of mirrors, autonomous systems, countries set by hand.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::report::{Place, Report};
use super::source::{global_netblocks, mirrormanager};
use crate::model::geo::Country;
use crate::model::ids::HostId;
use crate::model::net::{HostBits, Prefix};
use crate::snapshot::tables::{NO_ASN, Prefixes, Tables};

/// Mirrors by MirrorManager's numbers.
pub(super) type HostIds = FxHashMap<i64, HostId>;

/// Reads a prefix that is a key of the protobuf.
fn parse_key(file: &str, table: &'static str, key: &str, report: &mut Report) -> Option<Prefix> {
    match Prefix::parse(key) {
        Ok((prefix, HostBits::Clear)) => Some(prefix),
        Ok((prefix, HostBits::WereSet)) => {
            report.mended(file, Place::Table(table), "prefix with host bits set, cleared", key);
            Some(prefix)
        }
        Err(_) => {
            report.skipped(file, Place::Table(table), "not a network prefix, skipped", key);
            None
        }
    }
}

/// The mirrors that carry anything, out of a list of numbers.
fn find_hosts<'a>(hosts: &'a HostIds, numbers: &'a [i64]) -> impl Iterator<Item = HostId> + 'a {
    numbers.iter().filter_map(|number| hosts.get(number).copied())
}

/// `HostNetblockCache`. Mirrors of equal netblocks are joined.
pub(super) fn resolve_netblocks(
    file: &str,
    cache: &mirrormanager::Records,
    hosts: &HostIds,
    tables: &mut Tables,
    report: &mut Report,
) {
    const TABLE: &str = "HostNetblockCache";
    let mut by_prefix: BTreeMap<Prefix, Vec<HostId>> = BTreeMap::new();
    for (key, numbers) in &cache.netblocks {
        let Some(prefix) = parse_key(file, TABLE, key, report) else { continue };
        for number in numbers.iter().filter(|number| !hosts.contains_key(number)) {
            let value = format_args!("{key} of mirror {number}");
            report.skipped(file, Place::Table(TABLE), "mirror carries nothing, skipped", value);
        }
        let mut found = find_hosts(hosts, numbers).peekable();
        if found.peek().is_none() {
            continue;
        }
        if by_prefix.contains_key(&prefix) {
            report.mended(file, Place::Table(TABLE), "prefix occurs twice, mirrors joined", key);
        }
        by_prefix.entry(prefix).or_default().extend(found);
    }
    for (prefix, mut mirrors) in by_prefix {
        mirrors.sort();
        mirrors.dedup();
        if let Some(list) = tables.netblock_hosts.push(mirrors) {
            tables.netblocks.push(prefix, list);
        }
    }
}

/// `HostAsnCache` and the part of `global_netblocks.txt` that can decide an answer.
pub(super) fn resolve_asns(
    file: &str,
    cache: &mirrormanager::Records,
    networks: Vec<global_netblocks::Record>,
    hosts: &HostIds,
    tables: &mut Tables,
    report: &mut Report,
) {
    const TABLE: &str = "HostAsnCache";
    let mut by_asn: BTreeMap<u32, Vec<HostId>> = BTreeMap::new();
    let mut seen = FxHashSet::default();
    for (number, mirrors) in &cache.asn_hosts {
        let Ok(asn) = u32::try_from(*number) else {
            report.skipped(file, Place::Table(TABLE), "not an AS number, skipped", number);
            continue;
        };
        if !seen.insert(asn) {
            report.skipped(file, Place::Table(TABLE), "AS number occurs twice, first kept", number);
            continue;
        }
        let mut mirrors: Vec<_> = find_hosts(hosts, mirrors).collect();
        mirrors.sort();
        mirrors.dedup();
        if !mirrors.is_empty() {
            by_asn.insert(asn, mirrors);
        }
    }
    for (asn, mirrors) in by_asn {
        if tables.asn_hosts.push(mirrors).is_some() {
            tables.asns.push(asn);
        }
    }
    let asns = &tables.asns;
    let decisive = prune(networks, |asn| {
        asns.binary_search(&asn).ok().and_then(|index| u32::try_from(index).ok())
    });
    decisive.into_iter().for_each(|(prefix, asn)| tables.asn_prefixes.push(prefix, asn));
}

/// Keeps the networks that can decide an answer: those of systems that host a mirror (`find_index`),
/// and those of others below them, which hide them. Of equal networks the last counts. A network
/// that says the same as the next wider kept one is left out: Fedora's 730,000 become about 36,000.
fn prune(
    mut networks: Vec<global_netblocks::Record>,
    find_index: impl Fn(u32) -> Option<u32>,
) -> Vec<(Prefix, u32)> {
    // The sort is stable, so the last of equal networks is the last in the file.
    networks.sort_by_key(|(prefix, _)| *prefix);
    let mut kept: Vec<(Prefix, u32)> = Vec::new();
    let mut enclosing: Vec<(Prefix, u32)> = Vec::new();
    let mut networks = networks.into_iter().peekable();
    while let Some((prefix, asn)) = networks.next() {
        if networks.peek().is_some_and(|(next, _)| *next == prefix) {
            continue;
        }
        while enclosing.last().is_some_and(|(outer, _)| !outer.covers(prefix)) {
            enclosing.pop();
        }
        let index = asn.and_then(&find_index).unwrap_or(NO_ASN);
        let around = enclosing.last().map_or(NO_ASN, |&(_, index)| index);
        if index != around {
            kept.push((prefix, index));
            enclosing.push((prefix, index));
        }
    }
    kept
}

/// `NetblockCountryCache`. Of equal prefixes the first counts.
pub(super) fn resolve_overrides(
    file: &str,
    cache: &mirrormanager::Records,
    report: &mut Report,
) -> Prefixes<Country> {
    const TABLE: &str = "NetblockCountryCache";
    let mut by_prefix: BTreeMap<Prefix, Country> = BTreeMap::new();
    for (key, country) in &cache.netblock_countries {
        let Some(prefix) = parse_key(file, TABLE, key, report) else { continue };
        let Some(country) = Country::parse(country) else {
            let value = format_args!("{key} in {country}");
            report.skipped(file, Place::Table(TABLE), "not a country code, skipped", value);
            continue;
        };
        if by_prefix.contains_key(&prefix) {
            report.skipped(file, Place::Table(TABLE), "prefix occurs twice, first kept", key);
            continue;
        }
        by_prefix.insert(prefix, country);
    }
    let mut overrides = Prefixes::default();
    by_prefix.into_iter().for_each(|(prefix, country)| overrides.push(prefix, country));
    overrides
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::trie::PrefixTable;

    proptest! {
        #[test]
        fn pruning_never_changes_which_mirrors_an_address_finds(
            networks in prop::collection::vec((0_u8..4, any::<u8>(), 8_u8..=32, 0_u32..6), 0..80),
            addresses in prop::collection::vec((0_u8..4, any::<u8>()), 1..40),
        ) {
            let address = |a, b| IpAddr::V4(Ipv4Addr::new(10, a, b, b));
            let networks: Vec<global_netblocks::Record> = networks
                .into_iter()
                .map(|(a, b, length, asn)| {
                    let prefix = Prefix::new(address(a, b), length).expect("at most 32 bits");
                    (prefix, (asn > 0).then_some(asn))
                })
                .collect();
            // Systems 1 and 2 host mirrors.
            let hosting = |asn: u32| (asn <= 2).then_some(asn);
            let pruned = PrefixTable::new(prune(networks.clone(), hosting));
            let full = PrefixTable::new(networks);
            for (a, b) in addresses {
                let expected = full.find(address(a, b)).copied().flatten().and_then(hosting);
                let found = pruned.find(address(a, b)).copied().filter(|&index| index != NO_ASN);
                prop_assert_eq!(found, expected);
            }
        }
    }
}

//! Networks across tables: netblocks of mirrors, and autonomous systems.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::source::mirrormanager;
use crate::catalog::report::{Place, Report};
use crate::model::embedded::length_around;
use crate::model::ids::HostId;
use crate::model::net::{HostBits, Prefix};
use crate::model::scope::is_private;
use crate::snapshot::tables::{NO_ASN, Tables};
use crate::sources::geography::global_netblocks::{self, AS_TRANS};

/// Mirrors by MirrorManager's numbers.
pub(super) type HostIds = FxHashMap<i64, HostId>;

/// Reads a prefix that is a key of the protobuf.
pub(super) fn parse_key(
    file: &str,
    table: Place,
    key: &str,
    report: &mut Report,
) -> Option<Prefix> {
    match Prefix::parse(key) {
        Ok((prefix, HostBits::Clear)) => Some(prefix),
        Ok((prefix, HostBits::WereSet)) => {
            report.mended(file, table, "prefix with host bits set, cleared", key);
            Some(prefix)
        }
        Err(_) => {
            report.skipped(file, table, "not a network prefix, skipped", key);
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
    const TABLE: Place = Place::Table("HostNetblockCache");
    let mut by_prefix: BTreeMap<Prefix, Vec<HostId>> = BTreeMap::new();
    for (key, numbers) in &cache.netblocks {
        let Some(prefix) = parse_key(file, TABLE, key, report) else { continue };
        for number in numbers.iter().filter(|number| !hosts.contains_key(number)) {
            let value = format_args!("{key} of mirror {number}");
            report.skipped(file, TABLE, "mirror carries nothing, skipped", value);
        }
        let mut found = find_hosts(hosts, numbers).peekable();
        if found.peek().is_none() {
            continue;
        }
        if by_prefix.contains_key(&prefix) {
            report.mended(file, TABLE, "prefix occurs twice, mirrors joined", key);
        }
        by_prefix.entry(prefix).or_default().extend(found);
    }
    for (prefix, mut mirrors) in by_prefix {
        mirrors.sort();
        mirrors.dedup();
        report_odd_netblock(file, TABLE, prefix, mirrors.len(), report);
        if let Some(list) = tables.netblock_hosts.push(mirrors) {
            tables.netblocks.push(prefix, list);
        }
    }
}

/// More mirrors than this in one network are no neighbours of its clients.
const MAX_NEIGHBOURS: usize = 50;

/// Tells of netblocks that are used, and are hardly what somebody meant.
fn report_odd_netblock(
    file: &str,
    table: Place,
    prefix: Prefix,
    n_mirrors: usize,
    report: &mut Report,
) {
    let is_wide = prefix.len() < if prefix.address().is_ipv4() { 8 } else { 16 };
    if is_wide {
        report.mended(file, table, "network that covers much of the Internet, used", prefix);
    }
    if !is_wide && is_private(prefix.address()) {
        let problem = "network of private addresses, which no client from the Internet has";
        report.mended(file, table, problem, prefix);
    }
    if n_mirrors > MAX_NEIGHBOURS {
        let value = format_args!("{prefix} of {n_mirrors} mirrors");
        report.mended(file, table, "network that many mirrors claim, used", value);
    }
}

/// `HostAsnCache` and the part of `global_netblocks.txt` that can decide an answer.
pub(super) fn resolve_asns(
    file: &str,
    cache: &mirrormanager::Records,
    networks: global_netblocks::Table,
    hosts: &HostIds,
    tables: &mut Tables,
    report: &mut Report,
) {
    const TABLE: Place = Place::Table("HostAsnCache");
    let mut by_asn: BTreeMap<u32, Vec<HostId>> = BTreeMap::new();
    let mut seen = FxHashSet::default();
    for (number, mirrors) in &cache.asn_hosts {
        let Ok(asn) = u32::try_from(*number) else {
            report.skipped(file, TABLE, "not an AS number, skipped", number);
            continue;
        };
        if asn == 0 || asn == AS_TRANS {
            report.skipped(file, TABLE, "AS number that is no system's, skipped", number);
            continue;
        }
        if !seen.insert(asn) {
            report.skipped(file, TABLE, "AS number occurs twice, first kept", number);
            continue;
        }
        for mirror in mirrors.iter().filter(|mirror| !hosts.contains_key(mirror)) {
            let value = format_args!("AS{asn} of mirror {mirror}");
            report.skipped(file, TABLE, "mirror carries nothing, skipped", value);
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
    let mut is_named = vec![false; asns.len()];
    let decisive = prune(networks, |asn| {
        let index = asns.binary_search(&asn).ok()?;
        if let Some(is_named) = is_named.get_mut(index) {
            *is_named = true;
        }
        u32::try_from(index).ok()
    });
    for (asn, _) in asns.iter().zip(is_named).filter(|(_, is_named)| !is_named) {
        report.skipped(file, TABLE, "AS number to which no network belongs", asn);
    }
    decisive.into_iter().for_each(|(prefix, asn)| tables.asn_prefixes.push(prefix, asn));
}

/// Keeps the networks that can decide an answer: those of systems that host a mirror (`find_index`),
/// and those of others below them, which hide them. Of equal networks the last counts. A network
/// that says the same as the next wider kept one is left out: Fedora's 730,000 become about 36,000.
///
/// The widest networks within 6to4, Teredo and the like are kept whatever they say: they decide before
/// the IPv4 address of a client, and those around them do not.
fn prune(
    mut table: global_netblocks::Table,
    mut find_index: impl FnMut(u32) -> Option<u32>,
) -> Vec<(Prefix, u32)> {
    let mut networks = std::mem::take(&mut table.networks);
    // The sort is stable, so the last of equal networks is the last in the file.
    networks.sort_by_key(|(prefix, _)| *prefix);
    let mut kept: Vec<(Prefix, u32)> = Vec::new();
    let mut enclosing: Vec<(Prefix, u32)> = Vec::new();
    let mut networks = networks.into_iter().peekable();
    while let Some((prefix, origin)) = networks.next() {
        if networks.peek().is_some_and(|(next, _)| *next == prefix) {
            continue;
        }
        while enclosing.last().is_some_and(|(outer, _)| !outer.covers(prefix)) {
            enclosing.pop();
        }
        let index = table.find_map(origin, &mut find_index).unwrap_or(NO_ASN);
        let around = enclosing.last().map_or(NO_ASN, |&(_, index)| index);
        let is_widest_within = length_around(prefix)
            .is_some_and(|length| enclosing.last().is_none_or(|(outer, _)| outer.len() <= length));
        if index != around || is_widest_within {
            kept.push((prefix, index));
            enclosing.push((prefix, index));
        }
    }
    kept
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
            let text: String = networks
                .iter()
                .map(|&(a, b, length, asn)| format!("{}/{length} {asn}\n", address(a, b)))
                .collect();
            let parse =
                || global_netblocks::parse("n.txt", text.as_bytes(), &mut Report::default());
            // Systems 1 and 2 host mirrors.
            let hosting = |asn: u32| (asn <= 2).then_some(asn);
            let pruned = PrefixTable::new(prune(parse(), hosting));
            let full = parse();
            let index = |origin| full.find_map(origin, hosting);
            let unpruned = full.networks.iter().map(|&(prefix, origin)| (prefix, index(origin)));
            let unpruned = PrefixTable::new(unpruned);
            for (a, b) in addresses {
                let expected = unpruned.find(address(a, b)).copied().flatten();
                let found = pruned.find(address(a, b)).copied().filter(|&index| index != NO_ASN);
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn networks_within_tunnels_decide_by_themselves() {
        // A relay of system 1; within the tunnel, networks of 1, of 2 and of nobody.
        let text = b"2002::/16 1\n2002:a00::/24 1\n2002:a00:100::/40 1\n2002:b00::/24 9\n\
            2001:0:1::/48 None\n2001:db8::/32 1\n2001:db8:1::/48 1\n2001:db9::/32 9\n";
        let table = global_netblocks::parse("n.txt", text, &mut Report::default());
        let kept = prune(table, |asn| (asn == 1).then_some(0));
        let shown: Vec<_> = kept.iter().map(|(prefix, _)| prefix.to_string()).collect();
        assert_eq!(
            shown,
            ["2001:0:1::/48", "2001:db8::/32", "2002::/16", "2002:a00::/24", "2002:b00::/24"]
        );
    }
}

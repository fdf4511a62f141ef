//! Networks of mirrors, and the autonomous systems that host them.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::entry::{Entry, HostIds};
use super::origin::Origin;
use super::records::AsMirrors;
use super::report::Report;
use model::asn::AS_TRANS;
use model::ids::HostId;
use model::mirror_key::MirrorKey;
use model::net::{HostBits, Prefix};
use model::scope::is_private;

/// The most mirrors that one network plausibly has; more are hardly neighbours of its clients.
const MAX_NEIGHBOURS: usize = 50;

/// Reads a prefix that is the key of a record.
pub(super) fn parse_key(origin: &Origin, key: &str, report: &mut Report) -> Option<Prefix> {
    match Prefix::parse(key) {
        Ok((prefix, HostBits::Clear)) => Some(prefix),
        Ok((prefix, HostBits::WereSet)) => {
            report.mended(origin, "prefix with host bits set, cleared", key);
            Some(prefix)
        }
        Err(_) => {
            report.skipped(origin, "not a network prefix, skipped", key);
            None
        }
    }
}

/// The mirrors that carry anything, out of a list of keys.
fn find_hosts<'a>(hosts: &'a HostIds, keys: &'a [MirrorKey]) -> impl Iterator<Item = HostId> + 'a {
    keys.iter().filter_map(|key| hosts.get(key).copied())
}

/// Preferred networks of mirrors. Mirrors of equal networks are joined.
pub(super) fn resolve_netblocks(
    records: &[Entry<String, Vec<MirrorKey>>],
    hosts: &HostIds,
    report: &mut Report,
) -> Vec<(Prefix, Vec<HostId>)> {
    let mut by_prefix: BTreeMap<Prefix, (&Origin, Vec<HostId>)> = BTreeMap::new();
    for Entry { origin, key, value: mirrors } in records {
        let Some(prefix) = parse_key(origin, key, report) else { continue };
        for mirror in mirrors.iter().filter(|mirror| !hosts.contains_key(mirror)) {
            let value = format_args!("{key} of mirror {mirror}");
            report.skipped(origin, "mirror carries nothing, skipped", value);
        }
        let mut found = find_hosts(hosts, mirrors).peekable();
        if found.peek().is_none() {
            continue;
        }
        if by_prefix.contains_key(&prefix) {
            report.mended(origin, "prefix occurs twice, mirrors joined", key);
        }
        by_prefix.entry(prefix).or_insert((origin, Vec::new())).1.extend(found);
    }
    let mut netblocks = Vec::with_capacity(by_prefix.len());
    for (prefix, (origin, mut mirrors)) in by_prefix {
        mirrors.sort();
        mirrors.dedup();
        report_odd_netblock(origin, prefix, mirrors.len(), report);
        netblocks.push((prefix, mirrors));
    }
    netblocks
}

/// Reports netblocks that are used but are probably mistakes.
fn report_odd_netblock(origin: &Origin, prefix: Prefix, n_mirrors: usize, report: &mut Report) {
    let is_wide = prefix.len() < if prefix.address().is_ipv4() { 8 } else { 16 };
    if is_wide {
        report.mended(origin, "network that covers much of the Internet, used", prefix);
    }
    if !is_wide && is_private(prefix.address()) {
        let problem = "network of private addresses, which no client from the Internet has";
        report.mended(origin, problem, prefix);
    }
    if n_mirrors > MAX_NEIGHBOURS {
        let value = format_args!("{prefix} of {n_mirrors} mirrors");
        report.mended(origin, "network that many mirrors claim, used", value);
    }
}

/// Autonomous systems that host mirrors.
pub(super) fn resolve_as_mirrors(
    records: &[Entry<i64, Vec<MirrorKey>>],
    hosts: &HostIds,
    report: &mut Report,
) -> Vec<AsMirrors> {
    let mut by_number: BTreeMap<u32, AsMirrors> = BTreeMap::new();
    let mut seen = FxHashSet::default();
    for Entry { origin, key, value: mirrors } in records {
        let Ok(number) = u32::try_from(*key) else {
            report.skipped(origin, "not an AS number, skipped", key);
            continue;
        };
        if number == 0 || number == AS_TRANS {
            report.skipped(origin, "AS number that no AS has, skipped", key);
            continue;
        }
        if !seen.insert(number) {
            report.skipped(origin, "AS number occurs twice, first kept", key);
            continue;
        }
        for mirror in mirrors.iter().filter(|mirror| !hosts.contains_key(mirror)) {
            let value = format_args!("AS{number} of mirror {mirror}");
            report.skipped(origin, "mirror carries nothing, skipped", value);
        }
        let mut mirrors: Vec<_> = find_hosts(hosts, mirrors).collect();
        mirrors.sort();
        mirrors.dedup();
        if !mirrors.is_empty() {
            by_number.insert(number, AsMirrors { origin: origin.clone(), number, mirrors });
        }
    }
    by_number.into_values().collect()
}

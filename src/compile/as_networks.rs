//! Selects the networks of autonomous systems that can change an answer.

use catalog::Report;
use catalog::geography::AsNetworks;
use catalog::records::AsMirrors;
use model::embedded::length_around;
use model::net::Prefix;
use snapshot::tables::{NO_ASN, Tables};

/// Adds the autonomous systems that host mirrors, and the networks that can change an answer.
pub(super) fn lay_out(
    as_mirrors: Vec<AsMirrors>,
    networks: AsNetworks,
    tables: &mut Tables,
    report: &mut Report,
) -> Option<()> {
    let mut origins = Vec::with_capacity(as_mirrors.len());
    for AsMirrors { origin, number, mirrors } in as_mirrors {
        tables.asn_hosts.push(mirrors)?;
        tables.asns.push(number);
        origins.push(origin);
    }
    // Without a table none is named, which has been said.
    let has_networks = !networks.is_empty();
    let asns = &tables.asns;
    let mut is_named = vec![false; asns.len()];
    let decisive = prune(networks, |asn| {
        let index = asns.binary_search(&asn).ok()?;
        if let Some(is_named) = is_named.get_mut(index) {
            *is_named = true;
        }
        u32::try_from(index).ok()
    });
    for ((asn, origin), is_named) in asns.iter().zip(&origins).zip(is_named) {
        if has_networks && !is_named {
            report.skipped(origin, "AS number to which no network belongs", asn);
        }
    }
    decisive.into_iter().for_each(|(prefix, asn)| tables.asn_prefixes.push(prefix, asn));
    Some(())
}

/// Keeps the networks that can change an answer: those of autonomous systems that host a mirror
/// (`find_index`), and narrower networks of others within them. Of equal networks the last counts. A network
/// with the same value as the next wider kept one is left out: Fedora's 730,000 become about 36,000.
///
/// The widest networks within 6to4, Teredo and similar prefixes are always kept: they take precedence
/// over the IPv4 address of a client, and the networks around them do not.
fn prune(
    mut table: AsNetworks,
    mut find_index: impl FnMut(u32) -> Option<u32>,
) -> Vec<(Prefix, u32)> {
    let mut networks = std::mem::take(&mut table.networks);
    // The sort is stable, so the last of equal networks is the last in the file.
    networks.sort_by_key(|(prefix, _)| *prefix);
    let mut kept: Vec<(Prefix, u32)> = Vec::new();
    let mut enclosing: Vec<(Prefix, u32)> = Vec::new();
    let mut networks = networks.into_iter().peekable();
    while let Some((prefix, owner)) = networks.next() {
        if networks.peek().is_some_and(|(next, _)| *next == prefix) {
            continue;
        }
        while enclosing.last().is_some_and(|(outer, _)| !outer.covers(prefix)) {
            enclosing.pop();
        }
        let index = table.find_map(owner, &mut find_index).unwrap_or(NO_ASN);
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
    use catalog::geography::Owner;
    use snapshot::trie::PrefixTable;

    fn table(networks: impl IntoIterator<Item = (Prefix, Owner)>) -> AsNetworks {
        let mut table = AsNetworks::default();
        table.networks.extend(networks);
        table
    }

    proptest! {
        #[test]
        fn pruning_never_changes_which_mirrors_an_address_finds(
            networks in prop::collection::vec((0_u8..4, any::<u8>(), 8_u8..=32, 0_u32..6), 0..80),
            addresses in prop::collection::vec((0_u8..4, any::<u8>()), 1..40),
        ) {
            let address = |a, b| IpAddr::V4(Ipv4Addr::new(10, a, b, b));
            let all = || table(networks.iter().filter_map(|&(a, b, length, asn)| {
                let owner = if asn == 0 { Owner::Nobody } else { Owner::As(asn) };
                let text = format!("{}/{length}", address(a, b));
                Some((Prefix::parse(&text).ok()?.0, owner))
            }));
            // AS1 and AS2 host mirrors.
            let hosting = |asn: u32| (asn <= 2).then_some(asn);
            let pruned = PrefixTable::new(prune(all(), hosting));
            let full = all();
            let index = |owner| full.find_map(owner, hosting);
            let unpruned = full.networks.iter().map(|&(prefix, owner)| (prefix, index(owner)));
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
        // A relay of AS1; within the tunnel, networks of 1, of 2 and of nobody.
        let networks = [
            ("2002::/16", Owner::As(1)),
            ("2002:a00::/24", Owner::As(1)),
            ("2002:a00:100::/40", Owner::As(1)),
            ("2002:b00::/24", Owner::As(9)),
            ("2001:0:1::/48", Owner::Nobody),
            ("2001:db8::/32", Owner::As(1)),
            ("2001:db8:1::/48", Owner::As(1)),
            ("2001:db9::/32", Owner::As(9)),
        ];
        let parse = |text: &str| Prefix::parse(text).expect("a valid literal").0;
        let table = table(networks.map(|(text, owner)| (parse(text), owner)));
        let kept = prune(table, |asn| (asn == 1).then_some(0));
        let shown: Vec<_> = kept.iter().map(|(prefix, _)| prefix.to_string()).collect();
        assert_eq!(
            shown,
            ["2001:0:1::/48", "2001:db8::/32", "2002::/16", "2002:a00::/24", "2002:b00::/24"]
        );
    }
}

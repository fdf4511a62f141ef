//! The addresses of each place, as disjoint ranges, in a form from which addresses can be drawn.
//!
//! Tables of networks nest: a network within another one has a place of its own. So the wider one is cut into
//! what is left of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fastrand::Rng;

use model::families::IpVersion;
use model::geo::Location;
use model::net::Prefix;
use snapshot::Snapshot;

/// How many networks of 48 bits, which is what a site gets, a range of IPv6 counts for at most: those of an
/// allocation of 32 bits, which is what a provider gets. Providers with more have it for the asking: the
/// German one that holds 2003::/19 would else be an eighth of all clients in the world.
const MAX_SITES: f64 = 65_536.0;

/// The addresses of one place and one version of IP.
#[derive(Default)]
pub(crate) struct Territory {
    ranges: Vec<Range>,
    /// The sum of all sizes.
    size: f64,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    first: u128,
    last: u128,
    /// The sum of the sizes of this range and those before it.
    until: f64,
}

impl Territory {
    /// How much there is: addresses of IPv4, or networks of 48 bits as far as they count.
    pub(crate) fn size(&self) -> f64 {
        self.size
    }

    /// Adds a range.
    pub(crate) fn push(&mut self, version: IpVersion, first: u128, last: u128) {
        self.size += match version {
            IpVersion::V4 => (last - first) as f64 + 1.0,
            IpVersion::V6 => (((last - first) >> 80) as f64 + 1.0).min(MAX_SITES),
        };
        self.ranges.push(Range { first, last, until: self.size });
    }

    /// The address at a place from 0 to 1 of the territory; within a range it is any. `None` if there is no
    /// range.
    pub(crate) fn address(&self, version: IpVersion, place: f64, rng: &mut Rng) -> Option<IpAddr> {
        let wanted = place * self.size;
        let index = self.ranges.partition_point(|range| range.until <= wanted);
        let range = self.ranges.get(index).or(self.ranges.last())?;
        let bits = rng.u128(range.first..=range.last);
        Some(match version {
            // Ranges of IPv4 have 32 bits.
            IpVersion::V4 => Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
            IpVersion::V6 => Ipv6Addr::from_bits(bits).into(),
        })
    }
}

/// The addresses of one version of IP, by their place.
pub(crate) fn of_snapshot(
    snapshot: &Snapshot,
    version: IpVersion,
) -> BTreeMap<Location, Territory> {
    let networks = snapshot.located_networks();
    let networks = networks.filter(|(prefix, _)| IpVersion::of(prefix.address()) == version);
    let networks: Vec<_> = networks
        .filter_map(|(prefix, area)| Some((prefix, snapshot.area(area)?.location)))
        .collect();
    let mut territories: BTreeMap<Location, Territory> = BTreeMap::new();
    for (first, last, location) in disjoint(networks) {
        territories.entry(location).or_default().push(version, first, last);
    }
    territories
}

/// Cuts networks of one version of IP into ranges that do not overlap, each with the value of the narrowest
/// network around it; in order.
fn disjoint<T: Copy>(mut networks: Vec<(Prefix, T)>) -> Vec<(u128, u128, T)> {
    networks.sort_by_key(|(prefix, _)| *prefix);
    let mut ranges = Vec::with_capacity(networks.len());
    // The networks around the next one, the widest first, with their ends.
    let mut around: Vec<(u128, T)> = Vec::new();
    // The first address of which nothing was said yet.
    let mut next = 0;
    for (prefix, value) in networks {
        let (first, last) = extent(prefix);
        close(&mut around, &mut next, first, &mut ranges);
        if let Some(&(_, outer)) = around.last()
            && next < first
        {
            ranges.push((next, first - 1, outer));
        }
        next = first;
        around.push((last, value));
    }
    close(&mut around, &mut next, u128::MAX, &mut ranges);
    if let Some((last, value)) = around.pop() {
        // One that reaches the last address of all.
        ranges.push((next, last, value));
    }
    ranges
}

/// Ends the networks that end before an address.
fn close<T: Copy>(
    around: &mut Vec<(u128, T)>,
    next: &mut u128,
    before: u128,
    ranges: &mut Vec<(u128, u128, T)>,
) {
    while let Some((last, value)) = around.pop_if(|(last, _)| *last < before) {
        if *next <= last {
            ranges.push((*next, last, value));
            *next = last + 1;
        }
    }
}

/// The first and the last address of a network.
fn extent(prefix: Prefix) -> (u128, u128) {
    let (first, bits) = match prefix.address() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let host = u32::from(bits - prefix.len());
    let mask = 1_u128.checked_shl(host).map_or(u128::MAX, |size| size - 1);
    (first, first | mask)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).expect(text).0
    }

    #[test]
    fn a_network_within_another_is_cut_out_of_it() {
        let networks =
            [("0.0.0.8/29", 'a'), ("0.0.0.0/28", 'b'), ("0.0.0.9/32", 'c'), ("0.0.0.64/31", 'd')];
        let networks = networks.map(|(text, value)| (prefix(text), value)).to_vec();
        let expected = [(0, 7, 'b'), (8, 8, 'a'), (9, 9, 'c'), (10, 15, 'a'), (64, 65, 'd')];
        assert_eq!(disjoint(networks), expected);
        assert_eq!(disjoint(vec![(prefix("::/0"), 1)]), [(0, u128::MAX, 1)]);
        let nested =
            vec![(prefix("8000::/1"), 1), (prefix("ffff::/16"), 2), (prefix("ffff:ffff::/32"), 3)];
        let ends: Vec<_> =
            disjoint(nested).into_iter().map(|(_, last, value)| (last, value)).collect();
        assert_eq!(ends.last(), Some(&(u128::MAX, 3)), "{ends:?}");
        assert!(disjoint(Vec::<(Prefix, u8)>::new()).is_empty());
    }

    proptest! {
        #[test]
        fn every_address_is_where_the_longest_prefix_says(
            networks in proptest::collection::vec((0_u32..64, 26_u8..=32), 0..12),
        ) {
            let mut known: Vec<(Prefix, usize)> = Vec::new();
            for (index, &(address, length)) in networks.iter().enumerate() {
                let prefix = Prefix::new(Ipv4Addr::from_bits(address).into(), length).expect("valid");
                if known.iter().all(|(other, _)| *other != prefix) {
                    known.push((prefix, index));
                }
            }
            let ranges = disjoint(known.clone());
            for bits in 0..70_u32 {
                let address = IpAddr::from(Ipv4Addr::from_bits(bits));
                let around = known.iter().filter(|(prefix, _)| prefix.contains(address));
                let expected = around.max_by_key(|(prefix, _)| prefix.len()).map(|&(_, value)| value);
                let bits = u128::from(bits);
                let found: Vec<_> =
                    ranges.iter().filter(|&&(first, last, _)| (first..=last).contains(&bits)).collect();
                prop_assert!(found.len() <= 1);
                prop_assert_eq!(found.first().map(|&&(_, _, value)| value), expected);
            }
        }
    }

    #[test]
    fn ranges_are_drawn_by_their_size_and_large_ones_of_ipv6_are_capped() {
        let mut v4 = Territory::default();
        v4.push(IpVersion::V4, 0, 2);
        v4.push(IpVersion::V4, 10, 10);
        assert_eq!(v4.size(), 4.0);
        let mut rng = fastrand::Rng::with_seed(1);
        let mut at =
            |place| v4.address(IpVersion::V4, place, &mut rng).expect("an address").to_string();
        assert!(["0.0.0.0", "0.0.0.1", "0.0.0.2"].contains(&at(0.74).as_str()));
        assert_eq!([at(0.75), at(1.0)], ["0.0.0.10", "0.0.0.10"]);
        let mut v6 = Territory::default();
        v6.push(IpVersion::V6, 0, 9);
        assert_eq!(v6.size(), 1.0);
        v6.push(IpVersion::V6, 1 << 100, (1 << 120) - 1);
        assert_eq!(v6.size(), 1.0 + MAX_SITES);
        assert_eq!(Territory::default().address(IpVersion::V6, 0.5, &mut rng), None);
    }
}

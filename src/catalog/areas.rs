//! The areas in which clients can be, from the places of networks.
//!
//! A table of cities knows thousands of points, on a grid of half a degree. For each area a snapshot holds
//! all mirrors in bands of distance, so there may be [`MAX_AREAS`] of them. If a table has more, half of
//! that number are kept as they are, those with the most addresses, and all others are moved to a grid that
//! is as fine as the other half allows.
//!
//! With DB-IP's table of cities there are 20,100 areas, of which 3,800 are left. The 1,900 with the most
//! addresses have 96 % of them, and the others fit on a grid of four degrees, so that addresses are moved by
//! 6 km on average. On one grid for all, which would be of four degrees, it were 130 km, and a client in
//! Seattle would be as far from Vancouver as from San Francisco.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use model::area::{Area, AreaId};
use model::net::Prefix;

use super::geography::push_merged;

/// The most areas. Each takes some ten sets of mirrors: 3 MB for all of them with 500 mirrors. It leaves room
/// for all countries and continents that can be named.
const MAX_AREAS: usize = 4_096;
/// The distance between the lines of the finest grid, in hundredths of a degree. Half a degree is 55 km at
/// most; mirrors that differ by less in their distances are equally near.
const FINE: i16 = 50;
/// The grids for areas that are too many for the finest.
const COARSE: [i16; 5] = [100, 200, 400, 800, 1_600];

/// All areas of a catalog.
pub(super) struct Areas {
    /// The distance between the lines of the grid for areas that are not in `list`; 0 if they have no point.
    step: i16,
    /// In ascending order.
    list: Vec<Area>,
}

impl Areas {
    /// The areas of these networks.
    pub(super) fn new(database: &[(Prefix, Area)], by_hand: &[(Prefix, Area)]) -> Self {
        Self::at_most(MAX_AREAS, database, by_hand)
    }

    fn at_most(most: usize, database: &[(Prefix, Area)], by_hand: &[(Prefix, Area)]) -> Self {
        let mut list = BTreeSet::new();
        let mut sizes: FxHashMap<Area, u64> = FxHashMap::default();
        for &(prefix, area) in database.iter().chain(by_hand) {
            if area.point.is_some() {
                *sizes.entry(on_grid(area, FINE)).or_default() += size(prefix);
            }
            list.insert(Area::whole(area.location));
        }
        let mut by_size: Vec<_> = sizes.into_iter().collect();
        by_size.sort_unstable_by_key(|&(area, size)| (Reverse(size), area));
        let mut exact = by_size.into_iter().map(|(area, _)| area);
        let room = most.saturating_sub(list.len());
        if exact.len() <= room {
            list.extend(exact);
            return Self { step: FINE, list: list.into_iter().collect() };
        }
        list.extend(exact.by_ref().take(room / 2));
        let others: Vec<_> = exact.collect();
        let moved =
            |step| -> BTreeSet<Area> { others.iter().map(|&area| on_grid(area, step)).collect() };
        let grids = COARSE.into_iter().map(|step| (step, moved(step)));
        let fitting = grids.into_iter().find(|(_, areas)| areas.len() <= room - room / 2);
        let (step, areas) = fitting.unwrap_or_default();
        list.extend(areas);
        Self { step, list: list.into_iter().collect() }
    }

    /// Numbers the areas of the database's networks, which are disjoint and in order.
    pub(super) fn number_database(&self, networks: Vec<(Prefix, Area)>) -> Vec<(Prefix, AreaId)> {
        let mut merged = Vec::with_capacity(networks.len());
        for (prefix, area) in networks {
            if let Some(id) = self.find(area) {
                push_merged(&mut merged, prefix, id);
            }
        }
        merged
    }

    /// Numbers the areas of networks.
    pub(super) fn number(&self, networks: Vec<(Prefix, Area)>) -> Vec<(Prefix, AreaId)> {
        let numbered = networks.into_iter().map(|(prefix, area)| Some((prefix, self.find(area)?)));
        numbered.flatten().collect()
    }

    /// The area of clients at the point of `area`: that on the finest grid if it is kept.
    fn find(&self, area: Area) -> Option<AreaId> {
        let find = |step| self.list.binary_search(&on_grid(area, step)).ok();
        AreaId::new(find(FINE).or_else(|| find(self.step))?)
    }

    /// The areas, by their ids.
    pub(super) fn into_list(self) -> Vec<Area> {
        self.list
    }
}

/// An area with its point on a grid; without a point if `step` is 0.
fn on_grid(area: Area, step: i16) -> Area {
    Area { point: area.point.filter(|_| step > 0).map(|point| point.on_grid(step)), ..area }
}

/// About how many clients a network has, in IPv4 addresses: a household has one of them, or a /48 of IPv6.
/// Networks of IPv6 count as a /32 at most, as wide ones are mostly empty.
fn size(prefix: Prefix) -> u64 {
    let free_bits = match prefix.address().is_ipv4() {
        true => 32_u8.saturating_sub(prefix.len()),
        false => 48_u8.saturating_sub(prefix.len()).min(16),
    };
    1 << free_bits.min(32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use model::geo::{Country, Location};
    use model::point::Point;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).expect("a valid literal").0
    }

    fn location(code: &str) -> Location {
        Country::parse(code).expect("a valid literal").into()
    }

    fn area(code: &str, north: f64, east: f64) -> Area {
        Area { location: location(code), point: Point::new(north, east) }
    }

    #[track_caller]
    fn check(most: usize, networks: &[(Prefix, Area)], expected: &[&str]) {
        let areas = Areas::at_most(most, networks, &[]);
        let numbered = areas.number_database(networks.to_vec());
        let list = areas.into_list();
        let shown = |(prefix, id): &(Prefix, AreaId)| match list[id.index()].point {
            Some(point) => format!("{prefix} {point}"),
            None => format!("{prefix} whole"),
        };
        assert_eq!(numbered.iter().map(shown).collect::<Vec<_>>(), expected, "of {most}");
        assert!(list.len() <= most, "{list:?}");
    }

    #[test]
    fn areas_with_most_addresses_stay_and_others_are_moved_together() {
        let networks = [
            (prefix("10.0.0.0/16"), area("US", 47.6, -122.3)),
            (prefix("10.1.0.0/24"), area("US", 45.5, -122.7)),
            (prefix("10.1.1.0/24"), area("US", 44.1, -121.3)),
            (prefix("10.2.0.0/24"), Area::whole(location("US"))),
            (prefix("10.3.0.0/24"), area("US", 31.5, -93.0)),
            (prefix("2001:db8::/32"), area("US", 40.7, -74.0)),
            (prefix("2001:db9::/48"), area("US", 44.6, -121.9)),
        ];
        check(
            7,
            &networks,
            &[
                "10.0.0.0/16 47.50, -122.50",
                "10.1.0.0/24 45.50, -122.50",
                "10.1.1.0/24 44.00, -121.50",
                "10.2.0.0/24 whole",
                "10.3.0.0/24 31.50, -93.00",
                "2001:db8::/32 40.50, -74.00",
                "2001:db9::/48 44.50, -122.00",
            ],
        );
        check(
            5,
            &networks,
            &[
                "10.0.0.0/16 47.50, -122.50",
                "10.1.0.0/23 48.00, -120.00",
                "10.2.0.0/24 whole",
                "10.3.0.0/24 32.00, -96.00",
                "2001:db8::/32 40.50, -74.00",
                "2001:db9::/48 48.00, -120.00",
            ],
        );
        // No grid is coarse enough.
        check(
            2,
            &networks,
            &[
                "10.0.0.0/16 whole",
                "10.1.0.0/23 whole",
                "10.2.0.0/24 whole",
                "10.3.0.0/24 whole",
                "2001:db8::/32 whole",
                "2001:db9::/48 whole",
            ],
        );
    }

    #[test]
    fn all_countries_that_can_be_named_fit() {
        let letters = || (b'A'..=b'Z').map(char::from);
        let codes = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
        let networks: Vec<_> = codes
            .zip(0..)
            .flat_map(|(code, n)| {
                (0..100_u16).map(move |m| {
                    let network = prefix(&format!("10.{}.{}.{m}/32", n / 256, n % 256));
                    (network, area(&code, f64::from(m) - 50.0, f64::from(m)))
                })
            })
            .collect();
        let areas = Areas::new(&networks, &[]);
        let n_networks = networks.len();
        // Whatever happens to their points, no network loses its country.
        let numbered = areas.number(networks.clone());
        let list = areas.into_list();
        assert!((1_000..=MAX_AREAS).contains(&list.len()), "{}", list.len());
        assert_eq!(numbered.len(), n_networks);
        for ((_, area), (_, id)) in networks.iter().zip(&numbered) {
            assert_eq!(list[id.index()].location, area.location);
        }
    }

    fn networks() -> impl Strategy<Value = Vec<(Prefix, Area)>> {
        let place = (0_usize..3, prop::option::of((-90_i32..=90, -180_i32..=180)));
        prop::collection::vec((place, 20_u8..=32), 1..60).prop_map(|list| {
            let network = |n: usize, country: usize, point: Option<(i32, i32)>, length: u8| {
                let location = location(["DE", "FR", "JP"][country]);
                let point = point.and_then(|(a, b)| Point::new(f64::from(a), f64::from(b)));
                (prefix(&format!("10.{n}.0.0/{length}")), Area { location, point })
            };
            let numbered = list.into_iter().enumerate();
            numbered
                .map(|(n, ((country, point), length))| network(n, country, point, length))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn each_network_is_in_the_nearest_area_that_the_rule_allows(
            networks in networks(),
            most in 3_usize..60,
        ) {
            let areas = Areas::at_most(most, &networks, &[]);
            let numbered = areas.number(networks.clone());
            prop_assert_eq!(numbered.len(), networks.len());
            let (step, list) = (areas.step, areas.into_list());
            prop_assert!(list.len() <= most && list.is_sorted_by(|one, next| one < next));
            let n_whole = list.iter().filter(|area| area.point.is_none()).count();
            let mut exact: Vec<_> = networks.iter().filter(|found| found.1.point.is_some()).collect();
            exact.sort_by_key(|found| found.1);
            // Slow twin: the areas by the sum of the addresses of their networks.
            let mut sums: Vec<(u64, Area)> = Vec::new();
            for &&(prefix, area) in &exact {
                let addresses = 1_u64 << (32 - prefix.len());
                match sums.last_mut().filter(|sum| sum.1 == area) {
                    Some(sum) => sum.0 += addresses,
                    None => sums.push((addresses, area)),
                }
            }
            sums.sort_by_key(|&(addresses, area)| (Reverse(addresses), area));
            let n_kept = match sums.len() <= most - n_whole {
                true => sums.len(),
                false => (most - n_whole) / 2,
            };
            for (&(_, area), (_, id)) in networks.iter().zip(&numbered) {
                let found = list[id.index()];
                let is_kept = sums.iter().take(n_kept).any(|sum| sum.1 == area);
                match area.point {
                    Some(point) if is_kept => prop_assert_eq!(found.point, Some(point)),
                    Some(_) if step == 0 => prop_assert!(found.point.is_none() || found == area),
                    Some(point) => prop_assert!(
                        found == area || found.point == Some(point.on_grid(step))
                    ),
                    None => prop_assert_eq!(found, area),
                }
                prop_assert_eq!(found.location, area.location);
            }
        }
    }
}

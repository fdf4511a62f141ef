//! Merges tables of countries and of autonomous systems, as `mirrorlistd geography build` does.
//!
//! The first table that says something of an address counts; later ones fill its gaps. Within a table of
//! systems the longest prefix counts, as always, so a network of a later table is left out only if an
//! earlier table has it, or a wider one; and what earlier tables say of parts of it goes before.
//!
//! Networks that say the same as what is around them are left out. Those within 6to4, Teredo and similar
//! prefixes stay, as they locate a client where the wider one locates a relay ([`model::embedded`]).

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::address_range::AddressRange;
use super::limit::{Together, TooManyNetworks};
use super::overlaps::{self, Claim};
use super::places::Places;
use super::table::{self, BadTable, Format};
use super::table_file::Tables;
use super::{MAX_TABLE, file_name, read_file};
use crate::error::Error;
use catalog::Report;
use catalog::geography::{AsNetworks, CountryNetworks, Owner};
use model::embedded::length_around;
use model::net::Prefix;

/// What was merged, and from what.
pub struct Built {
    /// The tables.
    pub tables: Tables,
    /// The tables of countries that were read, in order.
    pub countries: Vec<TableRead>,
    /// The tables of autonomous systems that were read, in order.
    pub systems: Vec<TableRead>,
}

/// A table that was read.
pub struct TableRead {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// How many networks it has.
    pub n_networks: usize,
}

/// Reads tables, each kind in the order of precedence, and merges each with those before it. There must be
/// one at least.
pub fn build(
    countries: &[PathBuf],
    systems: &[PathBuf],
    report: &mut Report,
) -> Result<Built, Error> {
    let mut built = Built { tables: Tables::default(), countries: Vec::new(), systems: Vec::new() };
    let mut together = Together::default();
    for path in countries {
        let (table, format) = read(path, report, table::countries)?;
        let n_networks = table.networks.len();
        together.add(n_networks).map_err(|error| Error::broken(path, error))?;
        built.countries.push(TableRead::of(path, format, n_networks));
        let merged = match built.tables.countries.take() {
            // It is in order and disjoint already.
            None => table,
            Some(before) => {
                merge_countries([before, table]).map_err(|error| Error::broken(path, error))?
            }
        };
        built.tables.countries = Some(merged);
    }
    let mut merge = SystemMerge::default();
    for path in systems {
        let (table, format) = read(path, report, table::systems)?;
        together.add(table.len()).map_err(|error| Error::broken(path, error))?;
        built.systems.push(TableRead::of(path, format, table.len()));
        merge.add(table);
    }
    if !systems.is_empty() {
        built.tables.systems = Some(merge.finish());
    }
    Ok(built)
}

/// Merges tables of countries, the preferred one first.
pub fn merge_countries(
    tables: impl IntoIterator<Item = CountryNetworks>,
) -> Result<CountryNetworks, TooManyNetworks> {
    let mut all_places = Places::default();
    // Each table as what it has of IPv4, and what it has of IPv6.
    let mut by_family = [Vec::new(), Vec::new()];
    for CountryNetworks { mut networks, places } in tables {
        let values: Vec<_> = places.into_iter().map(|place| all_places.index(place)).collect();
        networks.retain_mut(|(_, place)| {
            let value = values.get(*place as usize).copied().flatten();
            value.is_some_and(|value| {
                *place = value;
                true
            })
        });
        let n_ipv4 = networks.partition_point(|(prefix, _)| prefix.address().is_ipv4());
        let of_ipv6 = networks.split_off(n_ipv4);
        for (tables, table) in by_family.iter_mut().zip([networks, of_ipv6]) {
            tables.extend((!table.is_empty()).then_some(table));
        }
    }
    let [of_ipv4, of_ipv6] = by_family;
    let mut networks = merge_family(of_ipv4)?;
    networks.append(&mut merge_family(of_ipv6)?);
    Ok(CountryNetworks { networks, places: all_places.into_vec() })
}

/// Merges what tables have of one family, the preferred one first.
fn merge_family(
    mut tables: Vec<Vec<(Prefix, u32)>>,
) -> Result<Vec<(Prefix, u32)>, TooManyNetworks> {
    if tables.len() <= 1 {
        // It is in order and disjoint already. Vendors of large tables have one for each family, and sorting
        // them once more would take three times their memory.
        return Ok(tables.pop().unwrap_or_default());
    }
    let mut claims = Vec::with_capacity(tables.iter().map(Vec::len).sum());
    for (table, networks) in (0..).zip(tables) {
        for (line, (prefix, value)) in (0..).zip(networks) {
            claims.push(Claim { range: AddressRange::of(prefix), table, line, value });
        }
    }
    overlaps::networks(claims)
}

/// Merges tables of autonomous systems, the preferred one first.
pub fn merge_systems(tables: impl IntoIterator<Item = AsNetworks>) -> AsNetworks {
    let mut merged = SystemMerge::default();
    tables.into_iter().for_each(|table| merged.add(table));
    merged.finish()
}

fn read<T>(
    path: &Path,
    report: &mut Report,
    parse: fn(&str, &[u8], &mut Report) -> Result<T, BadTable>,
) -> Result<(T, Format), Error> {
    let bytes = read_file(path, MAX_TABLE)?;
    let broken = |error| Error::broken(path, error);
    let format = Format::of(&bytes).map_err(broken)?;
    Ok((parse(&file_name(path), &bytes, report).map_err(broken)?, format))
}

impl TableRead {
    fn of(path: &Path, format: Format, n_networks: usize) -> Self {
        Self { path: path.into(), format, n_networks }
    }
}

/// Tables of autonomous systems while they are merged.
#[derive(Default)]
struct SystemMerge {
    table: AsNetworks,
    /// The owners of several numbers, so that each is kept once.
    sets: FxHashMap<Vec<u32>, Owner>,
    /// The widest networks of the tables before, in order.
    known: Vec<Prefix>,
}

impl SystemMerge {
    fn add(&mut self, mut table: AsNetworks) {
        let mut networks = std::mem::take(&mut table.networks);
        // The sort is stable, so the last of equal networks is the last in the file.
        networks.sort_by_key(|(prefix, _)| *prefix);
        let mut networks = networks.into_iter().peekable();
        while let Some((prefix, owner)) = networks.next() {
            let is_last = networks.peek().is_none_or(|(next, _)| *next != prefix);
            if is_last && !self.is_known(prefix) {
                let owner = self.own(&table, owner);
                self.table.networks.push((prefix, owner));
            }
        }
        self.table.networks.sort_unstable_by_key(|(prefix, _)| *prefix);
        self.known.clear();
        for (prefix, _) in &self.table.networks {
            if self.known.last().is_none_or(|last| !last.covers(*prefix)) {
                self.known.push(*prefix);
            }
        }
    }

    /// Whether a table before has this network or a wider one.
    fn is_known(&self, prefix: Prefix) -> bool {
        let n_before = self.known.partition_point(|known| *known <= prefix);
        let before = n_before.checked_sub(1).and_then(|index| self.known.get(index));
        before.is_some_and(|known| known.covers(prefix))
    }

    /// An owner of another table as an owner of this one. Equal sets are equal owners.
    fn own(&mut self, table: &AsNetworks, owner: Owner) -> Owner {
        let Owner::Set(_) = owner else { return owner };
        let mut numbers = Vec::new();
        let _: Option<()> = table.find_map(owner, |number| {
            numbers.push(number);
            None
        });
        if let Some(owner) = self.sets.get(&numbers) {
            return *owner;
        }
        let owner = self.table.owner(&numbers).unwrap_or(Owner::Nobody);
        self.sets.insert(numbers, owner);
        owner
    }

    /// The table, without networks that say the same as what is around them.
    fn finish(mut self) -> AsNetworks {
        let mut around: Vec<(Prefix, Owner)> = Vec::new();
        self.table.networks.retain(|&(prefix, owner)| {
            while around.pop_if(|(outer, _)| !outer.covers(prefix)).is_some() {}
            let said = around.last().map_or(Owner::Nobody, |(_, owner)| *owner);
            let is_needed = owner != said || length_around(prefix).is_some();
            if is_needed {
                around.push((prefix, owner));
            }
            is_needed
        });
        self.table
    }
}

/// How many IPv4 addresses and how many IPv6 networks lie in these, which are in order.
pub fn extent(networks: impl IntoIterator<Item = Prefix>) -> (u64, usize) {
    let mut last: Option<Prefix> = None;
    let (mut n_ipv4, mut n_ipv6) = (0, 0);
    for prefix in networks {
        n_ipv6 += usize::from(prefix.address().is_ipv6());
        if last.is_none_or(|last| !last.covers(prefix)) {
            n_ipv4 += AddressRange::of(prefix).n_ipv4();
            last = Some(prefix);
        }
    }
    (n_ipv4, n_ipv6)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;
    use catalog::geography::NetworkPlace;
    use model::geo::Country;
    use model::point::Point;

    /// Networks of 192.0.2.0/24: the last byte, and the length.
    fn prefix(low: u8, length: u8) -> Prefix {
        Prefix::new(address(low), length).expect("a length of IPv4")
    }

    fn address(low: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, low).into()
    }

    fn systems(lines: &[(u8, u8, u32)]) -> AsNetworks {
        let mut table = AsNetworks::default();
        for &(low, length, number) in lines {
            let owner = match number {
                0 => Owner::Nobody,
                5 => table.owner(&[5, 6]).expect("there are numbers"),
                _ => Owner::As(number),
            };
            table.networks.push((prefix(low, length), owner));
        }
        table
    }

    /// The owner of an address by its longest prefix, of equal ones the last: a linear scan.
    fn owner(table: &AsNetworks, address: IpAddr) -> Option<Vec<u32>> {
        let around = table.networks.iter().filter(|(prefix, _)| prefix.contains(address));
        let (_, owner) = around.max_by_key(|(prefix, _)| prefix.len())?;
        let mut numbers = Vec::new();
        let _: Option<()> = table.find_map(*owner, |number| {
            numbers.push(number);
            None
        });
        Some(numbers)
    }

    fn lines() -> impl Strategy<Value = Vec<(u8, u8, u32)>> {
        prop::collection::vec((any::<u8>(), 24_u8..=32, 0_u32..7), 0..12)
    }

    proptest! {
        #[test]
        fn the_first_table_of_systems_that_knows_an_address_counts(
            tables in prop::collection::vec(lines(), 1..4),
        ) {
            let merged = merge_systems(tables.iter().map(|lines| systems(lines)));
            prop_assert!(merged.networks.is_sorted_by(|(one, _), (next, _)| one < next));
            for low in 0..=u8::MAX {
                let mut known = tables.iter().filter_map(|lines| owner(&systems(lines), address(low)));
                let expected = known.next().unwrap_or_default();
                prop_assert_eq!(owner(&merged, address(low)).unwrap_or_default(), expected);
            }
        }

        #[test]
        fn the_first_table_of_countries_that_knows_an_address_counts(
            tables in prop::collection::vec(lines(), 1..4),
        ) {
            let country = |value: u32| match value {
                0 => NetworkPlace { country: Country::parse("ZZ"), ..Default::default() },
                // Two of each country: one is somewhere in it.
                _ => NetworkPlace {
                    country: Country::parse(["DE", "FR", "JP"][value as usize % 3]),
                    point: Point::new(f64::from(value), 10.0).filter(|_| value > 3),
                    ..Default::default()
                },
            };
            // Tables of countries are disjoint and in order.
            let disjoint = |lines: &[(u8, u8, u32)]| {
                let places = (0..7).map(country).collect();
                let mut table = CountryNetworks { networks: Vec::new(), places };
                for &(low, length, value) in lines {
                    let prefix = prefix(low, length);
                    if !table.networks.iter().any(|(p, _)| p.covers(prefix) || prefix.covers(*p)) {
                        table.networks.push((prefix, value));
                    }
                }
                table.networks.sort_unstable();
                table
            };
            let find = |table: &CountryNetworks, low| {
                let found = table.networks.iter().find(|(prefix, _)| prefix.contains(address(low)));
                let place = found.map(|(_, index)| table.places[*index as usize]);
                let country = place.and_then(|place| place.country);
                country.filter(|country| !country.is_nowhere()).map(|_| place)
            };
            let merged = merge_countries(tables.iter().map(|lines| disjoint(lines)));
            let merged = merged.expect("few networks");
            for low in 0..=u8::MAX {
                let mut known = tables.iter().filter_map(|lines| find(&disjoint(lines), low));
                prop_assert_eq!(find(&merged, low), known.next());
            }
            let bytes = Tables { countries: Some(merged), systems: None }.encode().expect("small");
            let read = Tables::decode(&bytes).ok().and_then(|tables| tables.countries);
            let read = read.expect("an intact file");
            for low in 0..=u8::MAX {
                let mut known = tables.iter().filter_map(|lines| find(&disjoint(lines), low));
                prop_assert_eq!(find(&read, low), known.next());
            }
        }
    }

    #[test]
    fn networks_that_say_nothing_new_are_left_out_but_within_tunnels() {
        let text = b"10.0.0.0/8 1\n10.1.0.0/16 1\n10.2.0.0/16 2\n10.2.1.0/24 2\n10.3.0.0/16 None\n\
            11.0.0.0/8 None\n2002::/16 1\n2002:a00::/24 1\n2001:db8::/32 {1,2}\n2001:db8:1::/48 {1,2}\n";
        let table = table::systems("n.txt", text, &mut Report::default()).expect("a table");
        let shown: Vec<_> =
            merge_systems([table]).networks.iter().map(|(p, _)| p.to_string()).collect();
        assert_eq!(
            shown,
            [
                "10.0.0.0/8",
                "10.2.0.0/16",
                "10.3.0.0/16",
                "2001:db8::/32",
                "2002::/16",
                "2002:a00::/24"
            ]
        );
    }

    #[test]
    fn the_extent_counts_each_address_once() {
        let networks = ["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/24", "2001:db8::/32", "::/0"];
        let networks = networks.map(|text| Prefix::parse(text).expect("a valid literal").0);
        assert_eq!(extent(networks), ((1 << 24) + 256, 2));
        assert_eq!(extent([Prefix::parse("0.0.0.0/0").expect("a valid literal").0]), (1 << 32, 0));
    }
}

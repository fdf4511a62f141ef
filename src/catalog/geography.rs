//! The autonomous systems and countries of all networks, with or without mirrors.

use super::origin::Origin;
use model::geo::{Continent, Country};
use model::net::Prefix;
use model::point::Point;

/// Networks, countries and continents.
pub struct Geography {
    /// Networks and their autonomous systems.
    pub as_networks: AsNetworks,
    /// Countries and their continents; the last of equal countries counts.
    pub continents: Vec<(Country, Continent)>,
    /// Countries and their centres; the last of equal countries counts.
    pub centres: Vec<(Country, Point)>,
    /// Networks and their countries.
    pub countries: CountryNetworks,
    /// The origin of `countries`.
    pub countries_origin: Origin,
}

/// Networks, each with its autonomous systems.
#[derive(Default)]
pub struct AsNetworks {
    /// Networks; the last of equal ones counts.
    pub networks: Vec<(Prefix, Owner)>,
    sets: Vec<Box<[u32]>>,
}

/// The autonomous system to which a network belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// None, as the data state explicitly.
    Nobody,
    /// One, by its number.
    As(u32),
    /// One of several, by the index of their numbers in the table.
    Set(u32),
}

impl AsNetworks {
    /// The owner of a network that belongs to one of `asns`; `None` if there is none.
    pub fn owner(&mut self, asns: &[u32]) -> Option<Owner> {
        match *asns {
            [] => None,
            [asn] => Some(Owner::As(asn)),
            _ => {
                let index = u32::try_from(self.sets.len()).ok()?;
                self.sets.push(asns.into());
                Some(Owner::Set(index))
            }
        }
    }

    /// Calls `find` with each number of an owner, in order, and returns its first result.
    pub fn find_map<T>(&self, owner: Owner, mut find: impl FnMut(u32) -> Option<T>) -> Option<T> {
        match owner {
            Owner::Nobody => None,
            Owner::As(asn) => find(asn),
            Owner::Set(set) => self.sets.get(set as usize)?.iter().copied().find_map(find),
        }
    }

    /// The number of networks.
    pub fn len(&self) -> usize {
        self.networks.len()
    }

    /// Whether there is no network.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }
}

/// Networks, each with its place according to a country database.
#[derive(Default)]
pub struct CountryNetworks {
    /// Disjoint networks in order; the value indexes `places`.
    pub networks: Vec<(Prefix, u32)>,
    /// Distinct places; none is empty.
    pub places: Vec<NetworkPlace>,
}

/// The place of networks according to a country database, with the codes of the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct NetworkPlace {
    /// The country in which they are.
    pub country: Option<Country>,
    /// The country in which they are registered.
    pub registered: Option<Country>,
    /// The country that their users represent, such as that of a military base abroad.
    pub represented: Option<Country>,
    /// The continent on which they are.
    pub continent: Option<Continent>,
    /// Where they are.
    pub point: Option<Point>,
}

/// Appends a network, and merges it with its neighbour while both halves of a network have the same
/// value. The networks must be in order and must not overlap.
pub fn push_merged<T: Copy + PartialEq>(merged: &mut Vec<(Prefix, T)>, prefix: Prefix, value: T) {
    let mut upper = prefix;
    while let Some(&(lower, other)) = merged.last() {
        let parent = upper.len().checked_sub(1).and_then(|len| Prefix::new(upper.address(), len));
        match parent {
            Some(parent)
                if other == value
                    && lower.len() == upper.len()
                    && lower != upper
                    && lower.address() == parent.address()
                    && parent.covers(lower) =>
            {
                merged.pop();
                upper = parent;
            }
            _ => break,
        }
    }
    merged.push((upper, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_takes_as_much_memory_as_it_must() {
        // The size matters because there can be ten million of them.
        assert_eq!(size_of::<(Prefix, Owner)>(), 28);
    }

    #[test]
    fn neighbours_of_one_country_become_one_network() {
        let mut merged = Vec::new();
        let de = Country::parse("DE").expect("a valid literal");
        let fr = Country::parse("FR").expect("a valid literal");
        for (text, country) in [
            ("10.0.0.0/10", de),
            ("10.64.0.0/11", de),
            ("10.96.0.0/11", de),
            ("10.128.0.0/9", fr),
            ("11.0.0.0/8", fr),
            ("2001:db8::/33", de),
            ("2001:db8:8000::/33", de),
        ] {
            let (prefix, _) = Prefix::parse(text).expect("a valid literal");
            push_merged(&mut merged, prefix, country);
        }
        let shown: Vec<_> = merged.iter().map(|(p, c)| format!("{p} {c}")).collect();
        assert_eq!(
            shown,
            ["10.0.0.0/9 DE", "10.128.0.0/9 FR", "11.0.0.0/8 FR", "2001:db8::/32 DE"]
        );
    }
}

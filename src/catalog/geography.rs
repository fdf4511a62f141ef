//! What is known of all networks, whatever mirrors there are: their systems and countries.

use super::origin::Origin;
use model::geo::{Continent, Country};
use model::net::Prefix;

/// Stands for a system whose number has more than 16 bits, where somebody cannot write that.
pub const AS_TRANS: u32 = 23_456;

/// Networks, countries and continents.
pub struct Geography {
    /// Networks and their autonomous systems.
    pub systems: SystemNetworks,
    /// Countries and their continents; the last of equal countries counts.
    pub continents: Vec<(Country, Continent)>,
    /// In which countries networks are.
    pub countries: CountryNetworks,
    /// Where `countries` was read.
    pub countries_origin: Origin,
}

/// Networks, each with its autonomous systems.
#[derive(Default)]
pub struct SystemNetworks {
    /// Networks; the last of equal ones counts.
    pub networks: Vec<(Prefix, Owner)>,
    sets: Vec<Box<[u32]>>,
}

/// To which system a network belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// Said to be none.
    Nobody,
    /// Its number.
    System(u32),
    /// One of several: the index of their numbers in the table.
    Set(u32),
}

impl SystemNetworks {
    /// The owner of a network that belongs to one of `systems`; `None` if there is none.
    pub fn owner(&mut self, systems: &[u32]) -> Option<Owner> {
        match *systems {
            [] => None,
            [system] => Some(Owner::System(system)),
            _ => {
                let index = u32::try_from(self.sets.len()).ok()?;
                self.sets.push(systems.into());
                Some(Owner::Set(index))
            }
        }
    }

    /// What `find` makes of the systems of an owner, in their order, until it finds one.
    pub fn find_map<T>(&self, owner: Owner, mut find: impl FnMut(u32) -> Option<T>) -> Option<T> {
        match owner {
            Owner::Nobody => None,
            Owner::System(system) => find(system),
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

/// Networks, each with what a country database says of its place.
#[derive(Default)]
pub struct CountryNetworks {
    /// Disjoint networks in order; the value indexes `places`.
    pub networks: Vec<(Prefix, u32)>,
    /// Distinct places; none is empty.
    pub places: Vec<NetworkPlace>,
}

/// What a country database says of where networks are. Codes are as the file has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct NetworkPlace {
    /// Where they are.
    pub country: Option<Country>,
    /// Where their operator registered them.
    pub registered: Option<Country>,
    /// Whom their users represent, as a base abroad does.
    pub represented: Option<Country>,
    /// Where they are.
    pub continent: Option<Continent>,
}

/// Appends a network, and joins it with its neighbour as long as both halves of a network have the
/// same value. The networks come in order and do not overlap.
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
        // Ten million of them are a lot.
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

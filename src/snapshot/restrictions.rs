//! Sets of mirrors that refuse clients, by the client's country.
//!
//! A set is built for each country that any mirror names, so a request looks up one set.

use std::collections::BTreeMap;

use super::tables::{Restriction, Tables};
use model::geo::Country;
use model::host_set::{empty_set, insert, remove};

/// Sets of mirrors that refuse a client.
pub(super) struct RestrictionIndex {
    /// For clients of an unknown country, or of one that no mirror names: the mirrors that serve
    /// some countries only.
    others: Box<[u64]>,
    /// For each country that a mirror names; sorted by country.
    by_country: Vec<(Country, Box<[u64]>)>,
}

impl RestrictionIndex {
    pub(super) fn new(tables: &Tables) -> Self {
        let mut others = empty_set(tables.hosts.len());
        for (host, restriction) in &tables.restrictions {
            if let Restriction::Only(_) = restriction {
                insert(&mut others, *host);
            }
        }
        let mut by_country: BTreeMap<Country, Box<[u64]>> = BTreeMap::new();
        for (host, restriction) in &tables.restrictions {
            let countries = match restriction {
                Restriction::Only(countries) | Restriction::NotIn(countries) => countries,
            };
            for &country in countries {
                let refusing = by_country.entry(country).or_insert_with(|| others.clone());
                match restriction {
                    Restriction::Only(_) => remove(refusing, *host),
                    Restriction::NotIn(_) => insert(refusing, *host),
                }
            }
        }
        Self { others, by_country: by_country.into_iter().collect() }
    }

    /// The mirrors that refuse a client in `country`.
    pub(super) fn refusing(&self, country: Option<Country>) -> &[u64] {
        let find = |country| self.by_country.binary_search_by_key(&country, |&(known, _)| known);
        country
            .and_then(|country| find(country).ok())
            .and_then(|index| self.by_country.get(index))
            .map_or(&self.others, |(_, refusing)| refusing)
    }
}

//! The distinct places of a table of countries, each with its index.

use rustc_hash::FxHashMap;

use catalog::geography::NetworkPlace;

/// Distinct places, numbered in the order in which they are met.
#[derive(Default)]
pub(super) struct Places {
    list: Vec<NetworkPlace>,
    known: FxHashMap<NetworkPlace, u32>,
}

impl Places {
    /// The index of a place; `None` if it is nowhere.
    pub(super) fn index(&mut self, place: NetworkPlace) -> Option<u32> {
        let NetworkPlace { country, registered, represented, continent, .. } = place;
        let mut countries = [country, registered, represented].into_iter().flatten();
        if continent.is_none() && !countries.any(|country| !country.is_nowhere()) {
            return None;
        }
        let next = u32::try_from(self.list.len()).ok()?;
        Some(*self.known.entry(place).or_insert_with(|| {
            self.list.push(place);
            next
        }))
    }

    /// The places, by index.
    pub(super) fn into_vec(self) -> Vec<NetworkPlace> {
        self.list
    }
}

/// Whether a code is one of those that vendors write for networks without a country.
pub(super) fn is_nothing(code: &str) -> bool {
    matches!(code.trim(), "" | "-" | "--" | "None" | "N/A")
}

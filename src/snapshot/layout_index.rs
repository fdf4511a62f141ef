//! Indexes of layouts: how mirrors serve groups of directories, with the sets that selection intersects.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rustc_hash::FxHashSet;

use super::tables::{Layout, Slot, Tables};
use model::families::{IpVersion, Reach};
use model::geo::{Continent, Country};
use model::host_set::{empty_set, insert, words_for};
use model::ids::HostId;
use model::url::{Protocol, ProtocolSet};

/// A layout, with the sets of mirrors that selection intersects.
pub struct LayoutIndex {
    /// By mirror.
    slots: Vec<Option<Slot>>,
    public: Box<[u64]>,
    by_protocol: [Box<[u64]>; 4],
    /// By version of IP: mirrors of which a URL is known to work over it.
    working: [Box<[u64]>; 2],
    /// By version of IP: mirrors of which no URL works over it.
    failing: [Box<[u64]>; 2],
    /// Sorted by country.
    by_country: Vec<(Country, Box<[u64]>)>,
    /// Sorted by continent.
    by_continent: Vec<(Continent, Box<[u64]>)>,
}

impl LayoutIndex {
    /// How each mirror serves the directories, by [`HostId`]; `None` for those that carry none of
    /// them.
    pub fn slots(&self) -> &[Option<Slot>] {
        &self.slots
    }

    /// The mirrors that are listed for all clients.
    pub fn public(&self) -> &[u64] {
        &self.public
    }

    /// The mirrors that are listed in a country.
    pub fn in_country(&self, country: Country) -> &[u64] {
        match self.by_country.binary_search_by_key(&country, |&(country, _)| country) {
            Ok(index) => self.by_country.get(index).map_or(&[], |(_, hosts)| hosts),
            Err(_) => &[],
        }
    }

    /// The mirrors that are listed in any country of a continent.
    pub fn on_continent(&self, continent: Continent) -> &[u64] {
        match self.by_continent.binary_search_by_key(&continent, |&(continent, _)| continent) {
            Ok(index) => self.by_continent.get(index).map_or(&[], |(_, hosts)| hosts),
            Err(_) => &[],
        }
    }

    /// The mirrors with a URL of a protocol.
    pub fn speaking(&self, protocol: Protocol) -> &[u64] {
        self.by_protocol.get(protocol as usize).map_or(&[], |hosts| hosts)
    }

    /// The mirrors of which a URL is known to work over a version of IP, as bits; empty if there are none.
    pub fn working(&self, version: IpVersion) -> &[u64] {
        self.working.get(version as usize).map_or(&[], |hosts| hosts)
    }

    /// The mirrors that are known not to work over a version of IP, as bits; empty if there are none.
    pub fn failing(&self, version: IpVersion) -> &[u64] {
        self.failing.get(version as usize).map_or(&[], |hosts| hosts)
    }

    /// The `index`-th word of the set of mirrors with a URL of one of `protocols`.
    pub fn offering(&self, protocols: ProtocolSet, index: usize) -> u64 {
        let word = |protocol| self.speaking(protocol).get(index).copied().unwrap_or(0);
        protocols.iter().map(word).fold(0, |all, one| all | one)
    }
}

/// The most bytes of listed base URLs, which take 0.6 MB in Fedora's data. A forged file of 1 MB could
/// ask for terabytes: many mirrors that share one long list of URLs.
const MAX_LISTED: usize = 64 * 1024 * 1024;
/// The least bytes that are prepared for a URL besides its text.
const PER_URL: usize = 128;
/// The most bytes of sets by country and continent, which take 0.1 MB in Fedora's data. A forged file of
/// 1 MB could ask for gigabytes: many layouts that list a mirror in every country.
const MAX_SETS: usize = 64 * 1024 * 1024;
/// The most bytes that a set takes besides its words.
const PER_SET: usize = 64;

/// Builds the sets of all layouts. If the mirrors have implausibly many URLs or countries, fails with
/// the name of that table.
pub(super) fn build(tables: &Tables) -> Result<Vec<LayoutIndex>, &'static str> {
    let mut left = MAX_LISTED;
    let mut seen = FxHashSet::default();
    for layout in &tables.layouts {
        for (host, slot) in (0..).map(HostId).zip(&layout.slots) {
            let Some(slot) = slot.filter(|slot| seen.insert((host, slot.urls, slot.public))) else {
                continue;
            };
            for &url in tables.url_lists.get(slot.urls as usize) {
                let bytes = tables.urls.get(url as usize).len() + PER_URL;
                left = left.checked_sub(bytes).ok_or("layouts")?;
            }
        }
    }
    let spoken: Vec<ProtocolSet> = (0..tables.url_lists.len())
        .map(|list| protocols_of(tables, tables.url_lists.get(list)))
        .collect();
    let reached: Vec<[Reach; 2]> = (0..tables.url_lists.len())
        .map(|list| reach_of(tables, tables.url_lists.get(list)))
        .collect();
    let mut left = MAX_SETS;
    let index =
        |layout| LayoutIndex::new(tables, layout, &spoken, &reached, &mut left).ok_or("layouts");
    tables.layouts.iter().map(index).collect()
}

fn protocols_of(tables: &Tables, urls: &[u32]) -> ProtocolSet {
    let protocols = urls.iter().filter_map(|&url| Protocol::of_url(tables.urls.get(url as usize)));
    protocols.fold(ProtocolSet::EMPTY, ProtocolSet::with)
}

/// Whether any of some URLs works over each version of IP.
fn reach_of(tables: &Tables, urls: &[u32]) -> [Reach; 2] {
    let of_url = |&url: &u32| tables.url_families.get(url as usize).copied().unwrap_or_default();
    IpVersion::ALL.map(|version| {
        let any = |reach| urls.iter().any(|url| of_url(url).over(version) == reach);
        match () {
            () if any(Reach::Works) => Reach::Works,
            () if any(Reach::Unknown) || urls.is_empty() => Reach::Unknown,
            () => Reach::Fails,
        }
    })
}

impl LayoutIndex {
    /// Builds the index of one layout. `spoken` has the protocols of each URL list, and `reached`
    /// whether it works over each version of IP. `None` if the sets
    /// take more bytes than are `left`.
    fn new(
        tables: &Tables,
        layout: &Layout,
        spoken: &[ProtocolSet],
        reached: &[[Reach; 2]],
        left: &mut usize,
    ) -> Option<Self> {
        let n_hosts = tables.hosts.len();
        let set_bytes = words_for(n_hosts) * 8 + PER_SET;
        let mut take = || {
            *left = left.checked_sub(set_bytes)?;
            Some(empty_set(n_hosts))
        };
        let mut public = empty_set(n_hosts);
        let mut by_protocol: [Box<[u64]>; 4] = std::array::from_fn(|_| empty_set(n_hosts));
        let [mut working, mut failing]: [[Box<[u64]>; 2]; 2] =
            std::array::from_fn(|_| std::array::from_fn(|_| empty_set(n_hosts)));
        let mut by_country: BTreeMap<Country, Box<[u64]>> = BTreeMap::new();
        for (host, slot) in (0..).map(HostId).zip(&layout.slots) {
            let Some(slot) = slot else { continue };
            for protocol in spoken.get(slot.urls as usize)?.iter() {
                if let Some(set) = by_protocol.get_mut(protocol as usize) {
                    insert(set, host);
                }
            }
            let reached = reached.get(slot.urls as usize)?.iter();
            for ((reach, working), failing) in reached.zip(&mut working).zip(&mut failing) {
                match reach {
                    Reach::Works => insert(working, host),
                    Reach::Fails => insert(failing, host),
                    Reach::Unknown => {}
                }
            }
            if slot.public {
                insert(&mut public, host);
            }
            for &country in tables.country_sets.get(slot.countries as usize) {
                let hosts = match by_country.entry(country) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(take()?),
                };
                insert(hosts, host);
            }
        }
        let mut by_continent: BTreeMap<Continent, Box<[u64]>> = BTreeMap::new();
        for &(country, continent) in &tables.continents {
            let Some(hosts) = by_country.get(&country) else { continue };
            let all = match by_continent.entry(continent) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(take()?),
            };
            all.iter_mut().zip(hosts).for_each(|(all, hosts)| *all |= hosts);
        }
        Some(Self {
            slots: layout.slots.clone(),
            public,
            by_protocol,
            working: working.map(none_if_empty),
            failing: failing.map(none_if_empty),
            by_country: by_country.into_iter().collect(),
            by_continent: by_continent.into_iter().collect(),
        })
    }
}

/// A set without a word if it has no member, as most data say nothing of versions of IP.
fn none_if_empty(set: Box<[u64]>) -> Box<[u64]> {
    if set.iter().all(|&word| word == 0) { Box::default() } else { set }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{Host, HostSets};
    use model::families::Families;
    use model::mirror_key::MirrorKey;

    #[test]
    fn nobody_can_ask_for_terabytes() {
        let mut tables = Tables::default();
        tables.urls.push("https://m.example/pub").expect("room");
        tables.url_families.push(Families::default());
        tables.url_lists.push(vec![0; 10_000]).expect("room");
        tables.country_sets.push([]).expect("room");
        let slot = Slot { urls: 0, countries: 0, public: true };
        let host = |number| Host::new(MirrorKey::Number(number));
        tables.hosts = (0..10_000).map(host).collect();
        tables.carriers = HostSets::new(tables.hosts.len());
        tables.band_hosts = HostSets::new(tables.hosts.len());
        tables.layouts = vec![Layout { slots: vec![Some(slot); 10_000] }];
        assert_eq!(tables.validate(), Ok(()));
        assert_eq!(build(&tables).err(), Some("layouts"));
    }

    #[test]
    fn nobody_can_list_a_mirror_everywhere_in_every_layout() {
        let mut tables = Tables::default();
        tables.urls.push("https://m.example/pub").expect("room");
        tables.url_families.push(Families::default());
        tables.url_lists.push([0]).expect("room");
        let letters = || ('A'..='Z').chain('0'..='9');
        let codes = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
        let countries: Vec<_> = codes.filter_map(|code| Country::parse(&code)).collect();
        assert!(countries.len() > 600, "{}", countries.len());
        tables.country_sets.push(countries).expect("room");
        tables.hosts = vec![Host::new(MirrorKey::Number(1))];
        tables.carriers = HostSets::new(1);
        tables.band_hosts = HostSets::new(1);
        let slot = Slot { urls: 0, countries: 0, public: true };
        tables.layouts = vec![Layout { slots: vec![Some(slot)] }; 10_000];
        assert_eq!(tables.validate(), Ok(()));
        assert_eq!(build(&tables).err(), Some("layouts"));
        tables.layouts.truncate(100);
        assert!(build(&tables).is_ok(), "what somebody may mean is none of that");
    }
}

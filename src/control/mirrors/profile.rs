//! What a catalog says of the mirrors that are listed for everybody, for pages about them.
//!
//! Mirrors that are private everywhere are not here, and of the others only the URLs of what they serve to everybody.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Catalog;
use model::families::Families;
use model::geo::{Continent, Country};
use model::host_set;
use model::ids::{DirectoryId, HostId};
use model::mirror_key::MirrorKey;
use model::point::Point;
use model::url::Protocol;

/// The most URLs of a mirror that are shown.
const MAX_URLS: usize = 64;

/// What the catalog says of a mirror.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Profile {
    /// What people call it: its key if that is a name, else the host of its first URL.
    pub name: String,
    /// Its country; `None` if unknown.
    pub country: Option<Country>,
    /// The continent of its country; `None` if unknown.
    pub continent: Option<Continent>,
    /// Where it is; `None` if no more than the country is known.
    pub point: Option<Point>,
    /// Its bandwidth in Mbit/s, as its share of the load.
    pub bandwidth: u32,
    /// Whether its load is 0, so that it is in no answer.
    pub rests: bool,
    /// Its base URLs with their protocols, those that text lists prefer first.
    pub urls: Vec<(Protocol, String, Families)>,
    /// The categories that it carries as a whole, in ascending order.
    pub categories: Vec<String>,
}

/// The profiles of all mirrors with these lists of URLs, which they have for everybody; by key.
pub(super) fn profiles<'l>(
    catalog: &Catalog,
    lists: impl Iterator<Item = &'l (HostId, u32)>,
) -> BTreeMap<String, Profile> {
    let mut by_host: BTreeMap<HostId, BTreeSet<u32>> = BTreeMap::new();
    for (host, list) in lists {
        let urls = catalog.url_lists.get(*list as usize).into_iter().flatten();
        by_host.entry(*host).or_default().extend(urls);
    }
    let mut categories = categories(catalog);
    let profiles = by_host.into_iter().filter_map(|(host, urls)| {
        let mirror = catalog.mirrors.get(host.index())?;
        let mut urls: Vec<_> = urls
            .into_iter()
            .filter_map(|at| {
                let text = catalog.urls.get(at as usize)?;
                let families = catalog.url_families.get(at as usize).copied().unwrap_or_default();
                Some((Protocol::of_url(text)?, text.to_string(), families))
            })
            .collect();
        urls.sort_by(|(one, of_one, _), (other, of_other, _)| {
            (one, of_one).cmp(&(other, of_other))
        });
        urls.truncate(MAX_URLS);
        let name = match (&mirror.key, urls.first()) {
            (MirrorKey::Number(_), Some((_, url, _))) => host_of(url).to_owned(),
            (key, _) => key.to_string(),
        };
        let profile = Profile {
            name,
            country: mirror.country,
            continent: mirror.country.and_then(|country| continent(catalog, country)),
            point: mirror.point,
            bandwidth: mirror.weight,
            rests: mirror.load == 0,
            urls,
            categories: categories.remove(&host).unwrap_or_default(),
        };
        Some((mirror.key.to_string(), profile))
    });
    profiles.collect()
}

/// The host of a base URL, with its port if that is not the usual one.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn continent(catalog: &Catalog, country: Country) -> Option<Continent> {
    let at = catalog.continents.binary_search_by_key(&country, |(known, _)| *known).ok()?;
    catalog.continents.get(at).map(|(_, continent)| *continent)
}

/// The categories of which mirrors carry every directory for everybody.
fn categories(catalog: &Catalog) -> BTreeMap<HostId, Vec<String>> {
    let mut all: BTreeMap<HostId, Vec<String>> = BTreeMap::new();
    for (name, directories) in &catalog.categories {
        let mut carriers = directories.iter().map(|id| carriers(catalog, *id));
        let Some(first) = carriers.next() else { continue };
        let both = |one: BTreeSet<HostId>, other| one.intersection(&other).copied().collect();
        for host in carriers.fold(first, both) {
            all.entry(host).or_default().push(name.clone());
        }
    }
    all
}

/// The mirrors that carry a directory for everybody.
fn carriers(catalog: &Catalog, id: DirectoryId) -> BTreeSet<HostId> {
    let Some(directory) = catalog.directories.get(id.index()) else { return BTreeSet::new() };
    let layout = catalog.layouts.get(directory.layout as usize);
    let is_public = |host: &HostId| {
        let slot = layout.and_then(|layout| layout.slots.get(host.index()).copied().flatten());
        slot.is_some_and(|slot| slot.public)
    };
    let set = catalog.carriers.get(directory.carriers as usize);
    set.into_iter().flat_map(|set| host_set::members(set)).filter(is_public).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_names_a_mirror_without_a_name() {
        assert_eq!(host_of("https://mirror.example/pub"), "mirror.example");
        assert_eq!(host_of("http://mirror.example:8080"), "mirror.example:8080");
        assert_eq!(host_of("rsync://[2001:db8::1]/pub"), "[2001:db8::1]");
    }
}

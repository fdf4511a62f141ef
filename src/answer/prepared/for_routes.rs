//! What is prepared for the routes of a catalog, once for each snapshot: only what a route needs.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::joint::Joint;
use crate::shaping::Fallback;
use model::country_name;
use model::host_set::empty_set;
use model::ids::{DirectoryId, HostId};
use model::repository::split_key;
use routes::options::Order;
use routes::{RouteFormat, RouteUse};
use snapshot::{Snapshot, contains, insert};

/// What the answers of routes need; empty for a snapshot without routes.
#[derive(Default)]
pub struct ForRoutes {
    /// The fallback of each route, by its position in the catalog.
    fallbacks: Vec<Option<OwnFallback>>,
    /// Repositories for each of their architectures, by name; `None` for those whose directories are not
    /// the same but for the architecture.
    repositories: FxHashMap<Box<str>, Option<Joint>>,
    categories: FxHashMap<Box<str>, Joint>,
    /// Mirrors in the orders that are the same for all clients.
    by_key: Ordered,
    by_position: Ordered,
    /// The names of the mirrors' countries, by [`HostId`].
    country_names: Vec<Option<&'static str>>,
}

/// The fallback of a route, and the mirrors that are the same server.
struct OwnFallback {
    fallback: Fallback,
    twins: Box<[HostId]>,
}

/// The mirrors that serve every country, in an order, and the same with the mirrors of each country
/// together.
#[derive(Default)]
struct Ordered {
    plain: Vec<HostId>,
    by_country: Vec<HostId>,
}

impl ForRoutes {
    /// Prepares what the routes of a snapshot need.
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut prepared = Self::default();
        let uses: Vec<RouteUse<'_>> = snapshot.routes().uses().collect();
        let any = |needs: fn(&RouteUse<'_>) -> bool| uses.iter().any(needs);
        prepared.fallbacks.resize_with(uses.len(), || None);
        for route in &uses {
            let url = route.options.fallback.as_deref();
            if let Some(slot) = prepared.fallbacks.get_mut(route.position) {
                *slot = url.and_then(|url| OwnFallback::new(url, snapshot));
            }
        }
        if any(|route| route.each_arch) {
            prepared.repositories = join_arches(snapshot);
        }
        if any(|route| route.category) {
            prepared.categories = join_categories(snapshot);
        }
        let names_countries =
            |route: &RouteUse<'_>| matches!(route.format, RouteFormat::Pacman | RouteFormat::Urpmi);
        if any(names_countries) {
            let hosts = (0..).map(HostId).take(snapshot.hosts().len());
            let name = |host| snapshot.hosts().country(host).and_then(country_name::usual);
            prepared.country_names = hosts.map(name).collect();
        }
        if any(|route| route.options.has_order_for_all()) {
            let names = &prepared.country_names;
            let mut hosts = unrestricted(snapshot);
            prepared.by_position = Ordered::new(hosts.clone(), names);
            hosts.sort_by_key(|&host| snapshot.hosts().key(host));
            prepared.by_key = Ordered::new(hosts, names);
        }
        prepared
    }

    /// The fallback of a route of its own, with the mirrors that are the same server.
    pub fn fallback(&self, position: usize) -> Option<(&Fallback, &[HostId])> {
        let own = self.fallbacks.get(position)?.as_ref()?;
        Some((&own.fallback, &own.twins))
    }

    /// A repository for each of its architectures.
    pub fn repository(&self, name: &str) -> Option<&Joint> {
        self.repositories.get(name)?.as_ref()
    }

    /// Whether a repository has a directory for an architecture, even if it cannot be had for each of them.
    pub fn knows_repository(&self, name: &str) -> bool {
        self.repositories.contains_key(name)
    }

    /// A category.
    pub fn category(&self, name: &str) -> Option<&Joint> {
        self.categories.get(name)
    }

    /// The mirrors that serve every country, in an order that is the same for all clients, those of each
    /// country together if `by_country`; `None` for an order that depends on the client.
    pub fn order(&self, order: Order, by_country: bool) -> Option<&[HostId]> {
        let ordered = match order {
            Order::Name => &self.by_key,
            Order::Static => &self.by_position,
            Order::Tier | Order::Nearest | Order::Random => return None,
        };
        Some(if by_country { &ordered.by_country } else { &ordered.plain })
    }

    /// The English name of the country of a mirror, if known.
    pub fn country_name(&self, host: HostId) -> Option<&'static str> {
        self.country_names.get(host.index()).copied().flatten()
    }
}

impl OwnFallback {
    fn new(url: &str, snapshot: &Snapshot) -> Option<Self> {
        let fallback = Fallback::parse(url).ok()?;
        Some(Self { twins: fallback.twins(snapshot).into(), fallback })
    }
}

impl Ordered {
    fn new(plain: Vec<HostId>, names: &[Option<&'static str>]) -> Self {
        let mut by_country = plain.clone();
        // Mirrors without a country come first.
        by_country.sort_by_key(|host| names.get(host.index()).copied().flatten());
        Self { plain, by_country }
    }
}

/// The mirrors that serve every country, in the order of the catalog.
fn unrestricted(snapshot: &Snapshot) -> Vec<HostId> {
    let n_hosts = snapshot.hosts().len();
    let mut restricted = empty_set(n_hosts);
    snapshot.restricted().for_each(|host| insert(&mut restricted, host));
    let hosts = (0..).map(HostId).take(n_hosts);
    hosts.filter(|&host| !contains(&restricted, host)).collect()
}

/// Each repository for all architectures in which it can be had, without that of source packages.
fn join_arches(snapshot: &Snapshot) -> FxHashMap<Box<str>, Option<Joint>> {
    let mut repositories: BTreeMap<&str, Vec<(&str, DirectoryId)>> = BTreeMap::new();
    for key in snapshot.repository_names().iter() {
        let Some((name, arch)) = split_key(key).filter(|&(_, arch)| arch != "source") else {
            continue;
        };
        let repository = snapshot.find_repository(key).filter(|found| !found.is_disabled);
        if let Some(directory) = repository.and_then(|found| found.directory) {
            repositories.entry(name).or_default().push((arch, directory));
        }
    }
    let join = |(name, arches): (&str, Vec<_>)| {
        let template = snapshot.find_path_template(name);
        let joint = template.and_then(|path| Joint::of_arches(snapshot, path, &arches));
        (name.into(), joint)
    };
    repositories.into_iter().map(join).collect()
}

fn join_categories(snapshot: &Snapshot) -> FxHashMap<Box<str>, Joint> {
    let join = |(name, directories): (&str, &[DirectoryId])| {
        Some((name.into(), Joint::of_category(snapshot, directories)?))
    };
    snapshot.categories().filter_map(join).collect()
}

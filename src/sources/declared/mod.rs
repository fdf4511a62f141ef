//! A catalog as people write it: a distribution, its repositories, its mirrors and special networks.
//!
//! Readers of text formats (TOML catalogs, AlmaLinux's files) make a [`Declaration`] of canonical values,
//! each item with the place where it was read. What the values of one item must be is checked by the
//! readers; what must hold between items (keys that occur twice, groups that nobody defines) is checked
//! here, once for all formats. A checked declaration, together with what a scan has found in the primary
//! tree, goes to the catalog's builder; and it can be written as a TOML catalog, which is how other
//! formats are imported.

pub mod fault;
pub mod template;
pub mod check;
pub mod build;
pub mod from_catalog;
pub mod routing;
mod expand;
mod carriers;
mod listing;
mod placing;
mod share;

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use catalog::Origin;
use model::base_url::BaseUrl;
use model::embedded::Nat64Prefix;
use model::families::IpVersion;
use model::geo::Country;
use model::mirror_key::MirrorName;
use model::net::Prefix;
use routes::RouteFault;
use routes::written::{Map, WrittenRoute};

pub use share::{Load, MaxShare};

/// A whole catalog.
#[derive(Clone, Debug, Default)]
pub struct Declaration {
    /// The distribution.
    pub distribution: Distribution,
    /// Its repositories, in the order of the source.
    pub repositories: Vec<Repository>,
    /// Its mirrors, in the order of the source.
    pub mirrors: Vec<Mirror>,
    /// Networks with a place of their own.
    pub networks: Vec<Network>,
    /// Old names of repositories, each with the name that it has now, both as asked for in `repo=`.
    pub redirects: Vec<Redirect>,
    /// NAT64 prefixes besides the well-known one.
    pub nat64: Vec<Nat64Prefix>,
    /// Which requests get an answer besides those for the usual paths. Places of routes, maps and tests are
    /// positions in `route_places`.
    pub routes: Vec<WrittenRoute>,
    /// Tables in which templates of routes look values up.
    pub maps: Vec<Map>,
    /// Where routes, maps and tests are written.
    pub route_places: Vec<RoutePlace>,
    /// What works in the routes and is probably not meant, as their check has found.
    pub route_warnings: Vec<RouteFault>,
}

/// Where a route, a map or a test is written.
#[derive(Clone, Debug)]
pub struct RoutePlace {
    /// How it is called in front of its keys in messages, as in `route` and `map.versions`.
    pub name: String,
    /// Where it begins.
    pub origin: Origin,
    /// The keys that have a place of their own, as in `path` and `query.arch`.
    pub keys: BTreeMap<String, Origin>,
}

impl RoutePlace {
    /// A place without keys.
    pub fn new(name: String, origin: Origin) -> Self {
        Self { name, origin, keys: BTreeMap::new() }
    }

    /// The place of a key: its own, or that of the table that it stands in.
    pub fn find(&self, key: &str) -> &Origin {
        let table = || key.split_once('.').and_then(|(table, _)| self.keys.get(table));
        self.keys.get(key).or_else(table).unwrap_or(&self.origin)
    }
}

/// What is said of the distribution as a whole.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    /// Where it is described.
    pub origin: Option<Origin>,
    /// Its name, for pages and messages.
    pub name: String,
    /// Whom to ask about the catalog: an address or a URL.
    pub contact: Option<String>,
    /// The server that has everything, listed last.
    pub fallback: Option<BaseUrl>,
}

/// A repository: one directory for each version and architecture.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Where it is described.
    pub origin: Origin,
    /// Its name, for messages, and for what mirrors carry.
    pub name: String,
    /// How the name in `repo=` is made: `{name}` and `{version}` are replaced.
    pub name_template: String,
    /// Its versions; empty if it has none, and then no template names `{version}`.
    pub versions: Vec<String>,
    /// Its architectures.
    pub arches: Vec<String>,
    /// Its directory below a mirror's base URL: `{name}`, `{version}` and `{arch}` are replaced.
    pub path: String,
    /// Other names under which it can be asked for, by the same template.
    pub aliases: Vec<String>,
    /// Groups to which it belongs, for what mirrors carry.
    pub groups: Vec<String>,
    /// The architectures for which it is switched off.
    pub disabled: Disabled,
}

/// Whether a repository is switched off.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Disabled {
    /// It is not.
    #[default]
    No,
    /// It is for these architectures.
    Arches(Vec<String>),
    /// It is for all.
    Yes,
}

/// An old name of a repository.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// Where it is described.
    pub origin: Origin,
    /// The old name.
    pub from: String,
    /// The name now.
    pub to: String,
}

/// A mirror.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// Where it is described.
    pub origin: Origin,
    /// Its key, by which it is known in logs, pages and checks.
    pub key: MirrorName,
    /// Keys that it had before.
    pub formerly: Vec<MirrorName>,
    /// Who pays for it.
    pub sponsor: Option<Sponsor>,
    /// Where it serves the tree, in the order of preference, each once.
    pub urls: Vec<Url>,
    /// The versions of IP over which its URLs work, each once; they work over no other. Empty if that is not
    /// known.
    pub ip_versions: Vec<IpVersion>,
    /// Where it stands.
    pub place: Option<MirrorPlace>,
    /// Its bandwidth in Mbit/s as its share of the load, at least 1; `None` if not said, and then the
    /// median of those that are.
    pub bandwidth: Option<u32>,
    /// How much of its share of the load it gets at present.
    pub load: Load,
    /// The most of the clients near it that get it as their first mirror.
    pub max_share: MaxShare,
    /// Autonomous systems whose clients should use it.
    pub asns: Vec<u32>,
    /// Networks whose clients should use it.
    pub networks: Vec<Prefix>,
    /// Whether only clients of its networks and autonomous systems may use it.
    pub private: bool,
    /// Whether clients of its networks and autonomous systems get no other mirror.
    pub monopoly: bool,
    /// The countries whose clients it serves.
    pub audience: Audience,
    /// What it carries.
    pub carries: Carries,
    /// Why it is not listed at present; `None` if it is.
    pub disabled: Option<String>,
    /// Who runs it, for its page: an address or a URL.
    pub owner: Option<String>,
}

/// A base URL of a mirror.
#[derive(Clone, Debug)]
pub struct Url {
    /// Where it is written.
    pub origin: Origin,
    /// The URL.
    pub url: BaseUrl,
}

/// Who pays for a mirror.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sponsor {
    /// A name.
    pub name: String,
    /// A page of the sponsor (http or https).
    pub url: Option<String>,
}

/// Where a mirror stands.
#[derive(Clone, PartialEq, Debug)]
pub struct MirrorPlace {
    /// Its country.
    pub country: Country,
    /// A state or province by its name.
    pub state: Option<String>,
    /// A city by its name.
    pub city: Option<String>,
    /// Degrees north (−90 to 90) and east (−180 to 180).
    pub coordinates: Option<(f64, f64)>,
}

/// The countries whose clients a mirror serves.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Audience {
    /// All.
    #[default]
    Everybody,
    /// These only, and none whose country is unknown; not empty.
    Only(Vec<Country>),
    /// All but these; not empty.
    NotIn(Vec<Country>),
}

/// What a mirror carries.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Carries {
    /// Everything.
    #[default]
    Everything,
    /// Repositories that match any of these; not empty.
    Only(Vec<Carried>),
}

/// A part of the tree that a mirror carries: what matches all that is said. Two parts are equal if they say
/// the same, wherever they are written.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// Where it is written, if that is known.
    pub origin: Option<Origin>,
    /// A group or a repository by its name; `None` for all.
    pub what: Option<String>,
    /// Versions; empty for all.
    pub versions: Vec<String>,
    /// Architectures; empty for all.
    pub arches: Vec<String>,
}

impl Carried {
    /// What it says.
    fn said(&self) -> (Option<&str>, &[String], &[String]) {
        let Self { origin: _, what, versions, arches } = self;
        (what.as_deref(), versions, arches)
    }
}

impl PartialEq for Carried {
    fn eq(&self, other: &Self) -> bool {
        self.said() == other.said()
    }
}

impl Eq for Carried {}

impl Hash for Carried {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.said().hash(state);
    }
}

/// A network with a place or a name of its own.
#[derive(Clone, Debug)]
pub struct Network {
    /// Where it is described.
    pub origin: Origin,
    /// The network.
    pub prefix: Prefix,
    /// The country that its clients are in, whatever geography says.
    pub country: Option<Country>,
    /// What it is called on pages.
    pub name: Option<String>,
}

impl Declaration {
    /// Adds the place of a route, a map or a test, and returns its position.
    pub fn add_place(&mut self, place: RoutePlace) -> usize {
        self.route_places.push(place);
        self.route_places.len() - 1
    }

    /// Replaces all places by one, so that two declarations can be compared by what they say.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        let nowhere = Origin::table("", "");
        self.distribution.origin = None;
        self.route_places.clear();
        self.route_warnings.clear();
        for route in &mut self.routes {
            route.place = 0;
            route.tests.iter_mut().for_each(|test| test.place = 0);
        }
        self.maps.iter_mut().for_each(|map| map.place = 0);
        self.repositories.iter_mut().for_each(|repository| repository.origin = nowhere.clone());
        self.redirects.iter_mut().for_each(|redirect| redirect.origin = nowhere.clone());
        self.networks.iter_mut().for_each(|network| network.origin = nowhere.clone());
        for mirror in &mut self.mirrors {
            mirror.origin = nowhere.clone();
            mirror.urls.iter_mut().for_each(|url| url.origin = nowhere.clone());
            if let Carries::Only(carried) = &mut mirror.carries {
                carried.iter_mut().for_each(|carried| carried.origin = None);
            }
        }
        self
    }
}

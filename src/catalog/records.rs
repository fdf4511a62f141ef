//! The records of a finished catalog, which refer to one another by index.

use super::checked::Checked;
use super::geography::AsNetworks;
use super::origin::Origin;
use model::area::{Area, AreaId};
use model::base_url::BaseUrl;
use model::checksum::Checksums;
use model::embedded::Nat64Prefix;
use model::families::Families;
use model::geo::{Continent, Country};
use model::ids::{DirectoryId, HostId};
use model::mirror_key::MirrorKey;
use model::net::Prefix;
use model::point::Point;
use routes::written::Stored;

/// Mirrors, the directories that they carry, and the clients that they serve. Every reference is valid,
/// every name is canonical, and all records are in the order that a snapshot needs.
pub struct Catalog {
    /// The name of the source's main input, for messages.
    pub name: String,
    /// When the data were made, in seconds since 1970.
    pub created: u64,
    /// Whether the data themselves say so. Otherwise it is the time of their files, which also changes when the
    /// data do not.
    pub says_created: bool,
    /// When the primary tree was scanned, in seconds since 1970; `None` where files are not from a scan.
    pub scanned: Option<u64>,
    /// The server that has every directory under its full name and is listed last, if the source names
    /// one. What the operator configures takes precedence.
    pub fallback: Option<BaseUrl>,
    /// Prefixes behind which translators put IPv4 addresses, besides the well-known and the configured.
    pub nat64: Vec<Nat64Prefix>,
    /// Mirrors, by [`HostId`]: those that carry a directory, and those that occur only in skipped ones.
    pub mirrors: Vec<Mirror>,
    /// Base URLs in canonical form, each once.
    pub urls: Vec<Box<str>>,
    /// Over which versions of IP each of them works.
    pub url_families: Vec<Families>,
    /// Lists of indexes into `urls`, in the order in which a mirror's URLs are listed.
    pub url_lists: Vec<Vec<u32>>,
    /// Sets of countries in which a mirror is listed, in ascending order; the first is empty.
    pub country_sets: Vec<Box<[Country]>>,
    /// How mirrors serve a group of directories.
    pub layouts: Vec<Layout>,
    /// Sets of mirrors that carry a directory, as [bits](model::host_set); words without
    /// members may be missing at the end.
    pub carriers: Vec<Box<[u64]>>,
    /// Directories in ascending order of names.
    pub directories: Vec<Directory>,
    /// Repositories in ascending order of keys.
    pub repositories: Vec<Repository>,
    /// Old names of repositories in ascending order, each with the name that it has now.
    pub redirects: Vec<(String, String)>,
    /// Repositories that are switched off for all architectures, in ascending order.
    pub disabled: Vec<String>,
    /// Categories in ascending order, each with the directories that a mirror must carry to be listed for
    /// it, in ascending order.
    pub categories: Vec<(String, Vec<DirectoryId>)>,
    /// Names of repositories in ascending order, each with the directory of all of its architectures, in which
    /// [`ANY_ARCH`](model::repository::ANY_ARCH) stands for them.
    pub path_templates: Vec<(String, String)>,
    /// Which requests get an answer besides those for the usual paths.
    pub routes: Stored,
    /// The continent of each country, in ascending order of countries.
    pub continents: Vec<(Country, Continent)>,
    /// The audiences of mirrors that do not serve every country, in the order of their keys.
    pub audiences: Vec<(HostId, Audience)>,
    /// Mirrors that the clients of their networks and autonomous systems get alone, in ascending order.
    pub monopolies: Vec<HostId>,
    /// Preferred networks of mirrors, each once, in ascending order.
    pub netblocks: Vec<(Prefix, Vec<HostId>)>,
    /// Autonomous systems that host a mirror, in ascending order of their numbers.
    pub as_mirrors: Vec<AsMirrors>,
    /// Networks of all autonomous systems, in the order of the source.
    pub as_networks: AsNetworks,
    /// The locations of networks from a country database; disjoint and in order.
    pub locations: Vec<(Prefix, AreaId)>,
    /// Networks whose place is set by hand, in ascending order.
    pub locations_by_hand: Vec<(Prefix, AreaId)>,
    /// Where clients can be, by [`AreaId`], in ascending order; of each also the whole country.
    pub areas: Vec<Area>,
    /// The centre of each country, as far as known, in ascending order of countries.
    pub centres: Vec<(Country, Point)>,
    /// What checks have found out of mirrors, once that is applied.
    pub checked: Checked,
}

/// A mirror.
#[derive(Debug)]
pub struct Mirror {
    /// Its key in the source.
    pub key: MirrorKey,
    /// Its country; `None` if unknown.
    pub country: Option<Country>,
    /// Where it is; `None` if no more than the country is known.
    pub point: Option<Point>,
    /// Its bandwidth in Mbit/s as its share of the load; at least 1.
    pub weight: u32,
    /// How much of that share it gets at present, in percent; 0 if it rests.
    pub load: u8,
    /// The most of the clients near it that get it as their first mirror, in percent; 1 to 100.
    pub max_share: u8,
}

/// The clients that a mirror serves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Clients in these countries, in ascending order, and none whose country is unknown.
    Only(Vec<Country>),
    /// Clients in all other countries, and those whose country is unknown.
    NotIn(Vec<Country>),
}

/// How each mirror serves a group of directories. Each directory has the set of mirrors that carry it.
#[derive(Debug)]
pub struct Layout {
    /// Where the first directory of the group was read.
    pub origin: Origin,
    /// A slot for each mirror, by [`HostId`]; `None`, or missing at the end, for those that carry none
    /// of the directories.
    pub slots: Vec<Option<Slot>>,
}

/// How a mirror serves the directories of a layout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Index into [`Catalog::url_lists`].
    pub urls: u32,
    /// Index into [`Catalog::country_sets`].
    pub countries: u32,
    /// Whether it is listed for all clients; a private mirror is listed for its own networks only.
    pub public: bool,
}

/// A directory of the content tree.
#[derive(Debug)]
pub struct Directory {
    /// Where it was read.
    pub origin: Origin,
    /// Its full name.
    pub name: Box<str>,
    /// The path between a base URL and a file.
    pub subpath: Box<str>,
    /// Index into [`Catalog::layouts`].
    pub layout: u32,
    /// Index into [`Catalog::carriers`].
    pub carriers: u32,
    /// Files whose checksums are known, in ascending order of names.
    pub files: Vec<File>,
}

/// A file whose checksums are known.
#[derive(Debug)]
pub struct File {
    /// Its name within the directory.
    pub name: String,
    /// Its versions, the current one first.
    pub versions: Vec<Version>,
    /// Which of the versions is the current one, where the file is read.
    pub order: VersionOrder,
    /// When a scan found the current version in place of another one, in seconds since 1970; `None` if the source does
    /// not say it, or no other one is known any more.
    pub changed: Option<u64>,
}

/// How a source orders the versions of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VersionOrder {
    /// In no order: the version with the latest time is taken for the current one.
    ByTime,
    /// The current version first, then the others, the last replaced first. The current one may have an
    /// earlier time than another, because the primary went back to it.
    CurrentFirst,
}

/// One version of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// Seconds since 1970; 0 where unknown.
    pub timestamp: u64,
    /// Bytes; 0 where unknown.
    pub size: u64,
    /// The known checksums.
    pub checksums: Checksums,
}

/// The directories of a pair of `repo=` and `arch=`.
#[derive(Debug)]
pub struct Repository {
    /// Where it was read.
    pub origin: Origin,
    /// `repo+arch`.
    pub key: String,
    /// The directory as the source names it, for messages.
    pub path: String,
    /// The directory, by its position.
    pub directory: Option<DirectoryId>,
    /// The directory that holds `repomd.xml`.
    pub repodata: Option<DirectoryId>,
    /// Whether it is switched off for this architecture.
    pub is_disabled: bool,
}

/// An autonomous system that hosts mirrors.
#[derive(Debug)]
pub struct AsMirrors {
    /// Where it was read.
    pub origin: Origin,
    /// Its number.
    pub number: u32,
    /// Its mirrors in ascending order, at least one.
    pub mirrors: Vec<HostId>,
}

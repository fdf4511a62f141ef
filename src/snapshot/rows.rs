//! The rows of the tables of a snapshot file.

use serde::{Deserialize, Serialize};

use model::checksum::Checksums;
use model::geo::Country;
use model::ids::{DirectoryId, LayoutId};
use model::mirror_key::MirrorKey;
use model::point::Point;

/// A mirror.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Host {
    /// Its key in the source, unique in the snapshot.
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

impl Host {
    /// A mirror of which nothing is known but its key.
    pub fn new(key: MirrorKey) -> Self {
        Self { key, country: None, point: None, weight: 1, load: 100, max_share: 100 }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.weight >= 1
            && self.load <= 100
            && (1..=100).contains(&self.max_share)
            && self.country.is_none_or(Country::is_valid)
            && self.point.is_none_or(Point::is_valid)
            && self.key.is_valid()
    }
}

/// Mirrors that are about equally far from an area.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Band {
    /// Index into `Tables::band_hosts`.
    pub hosts: u32,
    /// The distances of the nearest and the farthest of them in km; 0 in the country of an area without a
    /// point.
    pub km: (u16, u16),
    /// Whether they are in the country of the area.
    pub is_own_country: bool,
}

/// The countries that a mirror serves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Restriction {
    /// Only clients in these countries, and none whose country is unknown. If all countries of a
    /// mirror are unreadable, the list is empty: listing it for all clients would be the worse mistake.
    Only(Vec<Country>),
    /// Clients in all other countries, and those whose country is unknown.
    NotIn(Vec<Country>),
}

/// How each mirror serves a group of directories. Each directory has the set of mirrors that carry it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Layout {
    /// A slot for each mirror, by [`HostId`](model::ids::HostId); `None` for those that carry none of the directories.
    pub slots: Vec<Option<Slot>>,
}

/// How a mirror serves the directories of a layout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// Index into `Tables::url_lists`.
    pub urls: u32,
    /// Index into `Tables::country_sets`.
    pub countries: u32,
    /// Whether it is listed for all clients; a private mirror is listed for its own networks only.
    pub public: bool,
}

/// A directory of the content tree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Directory {
    /// Its layout: how its mirrors serve it.
    pub layout: LayoutId,
    /// Index into `Tables::carriers`.
    pub carriers: u32,
    /// The path between a base URL and a file.
    pub subpath: Subpath,
    /// Its files in `Tables::files`, from and to (exclusive), in ascending order of names.
    pub files: (u32, u32),
}

/// A path below a mirror's base URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Subpath {
    /// The number of bytes at the end of the directory's name that form the path: the usual case.
    Suffix(u32),
    /// Index into `Tables::subpaths`.
    Other(u32),
}

/// A file whose checksums are known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct File {
    /// Its name within the directory.
    pub name: String,
    /// Its versions in `Tables::versions`, from and to (exclusive).
    pub versions: (u32, u32),
}

/// One version of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Version {
    /// Seconds since 1970; 0 where unknown.
    pub timestamp: u64,
    /// Bytes; 0 where unknown.
    pub size: u64,
    /// The known checksums.
    pub checksums: Checksums,
}

/// The directories of a pair of `repo=` and `arch=`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Repository {
    /// The directory as the data names it, for messages.
    pub path: String,
    /// The directory, for a text list.
    pub directory: Option<DirectoryId>,
    /// The directory that holds `repomd.xml`, for a metalink.
    pub repodata: Option<DirectoryId>,
    /// Whether it is switched off for this architecture.
    pub is_disabled: bool,
}

//! Records as sources find them, before anything of them has been checked.

use rustc_hash::FxHashMap;

use super::origin::Origin;
use super::records::File;
use model::ids::HostId;
use model::mirror_key::MirrorKey;

/// A record as it is written: nothing of it has been checked.
pub enum Record {
    /// When the data were made, in seconds since 1970; 0 where that is not known. The last one counts.
    Created(u64),
    /// A base URL, and the source's number of it, by which directories refer to it.
    Url(i64, String),
    /// The country in which a mirror stands.
    MirrorCountry(MirrorKey, String),
    /// The bandwidth of a mirror in Mbit/s.
    Bandwidth(MirrorKey, i64),
    /// The countries that a mirror serves (`DE`) or does not serve (`!CN`).
    AllowedCountries(MirrorKey, Vec<String>),
    /// A network or address, and the mirrors that its clients should use.
    Netblock(String, Vec<MirrorKey>),
    /// The number of an autonomous system, and the mirrors that it hosts.
    System(i64, Vec<MirrorKey>),
    /// `repo+arch`, and its directory or the one of its index.
    Repository(String, String),
    /// The old name of a repository, and its name now.
    Redirect(String, String),
    /// A repository, and whether it is switched off.
    Disabled(String, bool),
    /// A country, and the continent that it belongs to whatever geography says.
    Continent(String, String),
    /// A network, and the country that its clients are in whatever geography says.
    NetworkCountry(String, String),
    /// A directory, and its files with their versions.
    Files(String, Vec<File>),
}

/// A record with its key and its origin.
pub(super) struct Entry<K, V> {
    pub(super) origin: Origin,
    pub(super) key: K,
    pub(super) value: V,
}

/// How a source speaks of records that it does not have: they have no origin of their own.
pub struct Missing {
    /// The name of the main input, for errors.
    pub input: String,
    /// Where the countries of mirrors are.
    pub mirror_countries: Origin,
    /// Where their bandwidths are.
    pub bandwidths: Origin,
    /// What to say of a URL that a directory refers to and that is not there.
    pub url: &'static str,
}

/// Mirrors that carry something, by their keys.
pub(super) type HostIds = FxHashMap<MirrorKey, HostId>;

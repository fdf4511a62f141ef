//! Records as read from sources, not yet checked.

use rustc_hash::FxHashMap;

use super::origin::Origin;
use super::records::File;
use model::base_url::BaseUrl;
use model::embedded::Nat64Prefix;
use model::families::Families;
use model::ids::HostId;
use model::mirror_key::MirrorKey;
use model::point::Point;
use routes::written::Stored;

/// A record as written in the source, not yet checked.
pub enum Record {
    /// When the data were made, in seconds since 1970; 0 where that is not known. The last one counts.
    Created(u64),
    /// When the files of the data were modified last, where the data do not say when they were made; in
    /// seconds since 1970.
    Modified(u64),
    /// When the primary tree was scanned, in seconds since 1970, where its files are from a scan.
    Scanned(u64),
    /// A base URL, and the source's number of it, by which directories refer to it.
    Url(i64, String),
    /// The country in which a mirror stands.
    MirrorCountry(MirrorKey, String),
    /// The bandwidth of a mirror in Mbit/s.
    Bandwidth(MirrorKey, i64),
    /// Where a mirror is within its country.
    MirrorPoint(MirrorKey, Point),
    /// How much of its share of the load a mirror gets at present, in percent; 0 if it rests.
    Load(MirrorKey, u8),
    /// The most of the clients near a mirror that get it as their first one, in percent.
    MaxShare(MirrorKey, u8),
    /// The source's number of a URL, and over which versions of IP that works.
    UrlFamilies(i64, Families),
    /// The countries that a mirror serves (`DE`) or does not serve (`!CN`).
    AllowedCountries(MirrorKey, Vec<String>),
    /// A mirror that the clients of its networks and autonomous systems get alone.
    Monopoly(MirrorKey),
    /// A network or address, and the mirrors that its clients should use.
    Netblock(String, Vec<MirrorKey>),
    /// The number of an autonomous system, and the mirrors that it hosts.
    AsMirrors(i64, Vec<MirrorKey>),
    /// `repo+arch`, and its directory or the one of its index.
    Repository(String, String),
    /// The directory of a repository that is missing, or whose `repodata` is, for a reason that the source
    /// has reported itself.
    Lacking(String),
    /// The old name of a repository, and its name now.
    Redirect(String, String),
    /// A repository, and whether it is switched off.
    Disabled(String, bool),
    /// `repo+arch` of a repository that is switched off for this architecture.
    DisabledPair(String),
    /// A country, and the continent that it belongs to whatever geography says.
    Continent(String, String),
    /// A network, and the country that its clients are in whatever geography says.
    NetworkCountry(String, String),
    /// The server that has everything and is listed last. The last one counts.
    Fallback(BaseUrl),
    /// A prefix behind which a translator puts IPv4 addresses.
    Nat64(Nat64Prefix),
    /// A category, and `repo+arch` of each repository in it.
    Category(String, Vec<String>),
    /// The name of a repository, and its directory with [`ANY_ARCH`](model::repository::ANY_ARCH) in place of
    /// the architecture. Only names that are asked for without an architecture need it.
    PathTemplate(String, String),
    /// Which requests get an answer besides those for the usual paths. The last one counts.
    Routes(Stored),
    /// A directory, and its files with their versions.
    Files(String, Vec<File>),
}

/// A record with its key and its origin.
pub(super) struct Entry<K, V> {
    pub(super) origin: Origin,
    pub(super) key: K,
    pub(super) value: V,
}

/// How diagnostics refer to records that a source lacks, which have no origin of their own.
pub struct Missing {
    /// The name of the main input, for errors.
    pub input: String,
    /// Origin of the countries of mirrors.
    pub mirror_countries: Origin,
    /// Origin of the bandwidths of mirrors.
    pub bandwidths: Origin,
    /// The diagnostic for a URL that a directory refers to and that does not exist.
    pub url: &'static str,
}

/// Mirrors that carry something, by their keys.
pub(super) type HostIds = FxHashMap<MirrorKey, HostId>;

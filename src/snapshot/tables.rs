//! What a snapshot file holds: flat tables, interned texts, bit sets.
//!
//! Everything here is plain data with serde derives. [`super::Snapshot`] checks it once
//! ([`Tables::validate`]) and builds its indexes from it.

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use crate::model::base_url::BaseUrl;
use crate::model::checksum::Checksums;
use crate::model::geo::{Continent, Country, Location};
use crate::model::host_set::words_for;
use crate::model::ids::{DirectoryId, HostId, LayoutId};
use crate::model::mirror_key::MirrorKey;
use crate::model::net::Prefix;

/// Everything that is compiled from the inputs.
#[derive(Serialize, Deserialize, Default)]
pub struct Tables {
    /// When the source data was made, in seconds since 1970.
    pub created: u64,
    /// Mirrors, by [`HostId`].
    pub hosts: Vec<Host>,
    /// Base URLs in their one form ([`BaseUrl`]), each once; without the slash that listing adds.
    pub urls: Texts,
    /// Lists of indexes into `urls`, in the order in which a mirror's URLs are listed.
    pub url_lists: Lists<u32>,
    /// Sets of countries in which a mirror is listed; almost always one country or none.
    pub country_sets: Lists<Country>,
    /// How mirrors serve a group of directories, by [`LayoutId`].
    pub layouts: Vec<Layout>,
    /// Names of directories in ascending order; the rank is the [`DirectoryId`].
    pub directory_names: Names,
    /// Directories, by [`DirectoryId`].
    pub directories: Vec<Directory>,
    /// Sets of mirrors that carry a directory.
    pub carriers: HostSets,
    /// Subpaths that are no suffix of their directory's name.
    pub subpaths: Texts,
    /// Files with details, grouped by directory.
    pub files: Vec<File>,
    /// Versions of files, grouped by file, the current one first.
    pub versions: Vec<Version>,
    /// Keys `repo+arch` in ascending order.
    pub repository_names: Names,
    /// Repositories, by rank of their key.
    pub repositories: Vec<Repository>,
    /// Repositories that are asked for under an old name, in ascending order.
    pub redirect_names: Names,
    /// The names they have now, by rank of the old name.
    pub redirect_targets: Texts,
    /// Disabled repositories, in ascending order.
    pub disabled: Names,
    /// The continent of each country, in ascending order of countries.
    pub continents: Vec<(Country, Continent)>,
    /// Mirrors that do not serve every country, each once.
    pub restrictions: Vec<(HostId, Restriction)>,
    /// Preferred networks of mirrors; the value indexes `netblock_hosts`.
    pub netblocks: Prefixes<u32>,
    /// The mirrors of a preferred network.
    pub netblock_hosts: Lists<HostId>,
    /// Autonomous systems that host a mirror, by their number, in ascending order.
    pub asns: Vec<u32>,
    /// The mirrors of each of `asns`.
    pub asn_hosts: Lists<HostId>,
    /// Networks of those systems and the more specific networks of others under them; the value
    /// indexes `asns`, or is [`NO_ASN`].
    pub asn_prefixes: Prefixes<u32>,
    /// Where each network is, from the country database.
    pub location_prefixes: Prefixes<Location>,
    /// Networks whose place is set by hand; they beat the country database.
    pub location_overrides: Prefixes<Location>,
}

/// The value of networks in [`Tables::asn_prefixes`] whose system hosts no mirror.
pub const NO_ASN: u32 = u32::MAX;

/// A mirror.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Host {
    /// What its source calls it; no other mirror of the snapshot has the same.
    pub key: MirrorKey,
    /// Where it stands; absent where the data does not say.
    pub country: Option<Country>,
    /// Its bandwidth in Mbit/s as its share of the load; at least 1.
    pub weight: u32,
}

impl Host {
    fn is_sound(&self) -> bool {
        self.weight >= 1 && self.country.is_none_or(Country::is_valid) && self.key.is_valid()
    }
}

/// Which countries a mirror serves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Restriction {
    /// These only; nobody whose country is unknown. One whose countries are all unreadable serves
    /// none: it asked to be restricted, and listing it for everybody would be the worse mistake.
    Only(Vec<Country>),
    /// All others, and everybody whose country is unknown.
    NotIn(Vec<Country>),
}

/// How each mirror serves a group of directories; which of them carry one directory stands there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Layout {
    /// A slot for each mirror, by [`HostId`]; `None` for those that carry none of the directories.
    pub slots: Vec<Option<Slot>>,
}

/// How a mirror serves the directories of a layout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// Index into [`Tables::url_lists`].
    pub urls: u32,
    /// Index into [`Tables::country_sets`].
    pub countries: u32,
    /// Listed for everybody; a private mirror is listed for its own networks only.
    pub public: bool,
}

/// A directory of the content tree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Directory {
    /// How its mirrors serve it.
    pub layout: LayoutId,
    /// Index into [`Tables::carriers`].
    pub carriers: u32,
    /// What stands between a base URL and a file.
    pub subpath: Subpath,
    /// Its files in [`Tables::files`], from and to (exclusive), in ascending order of names.
    pub files: (u32, u32),
}

/// A path below a mirror's base URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Subpath {
    /// The last so many bytes of the directory's name: the usual case.
    Suffix(u32),
    /// Index into [`Tables::subpaths`].
    Other(u32),
}

/// A file whose checksums are known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct File {
    /// Its name within the directory.
    pub name: String,
    /// Its versions in [`Tables::versions`], from and to (exclusive).
    pub versions: (u32, u32),
}

/// One version of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Version {
    /// Seconds since 1970; 0 where unknown.
    pub timestamp: u64,
    /// Bytes; 0 where unknown.
    pub size: u64,
    /// What is known of its contents.
    pub checksums: Checksums,
}

/// What `repo=` and `arch=` lead to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Repository {
    /// The directory as the data names it, for messages.
    pub path: String,
    /// The directory, for a text list.
    pub directory: Option<DirectoryId>,
    /// The directory that holds `repomd.xml`, for a metalink.
    pub repodata: Option<DirectoryId>,
}

/// Texts in one piece of memory.
#[derive(Clone, Serialize, Deserialize, Default)]
pub struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    /// Appends a text and returns its index; `None` past 4 GiB.
    pub fn push(&mut self, text: &str) -> Option<u32> {
        let index = u32::try_from(self.ends.len()).ok()?;
        let end = u32::try_from(self.text.len() + text.len()).ok()?;
        self.text.push_str(text);
        self.ends.push(end);
        Some(index)
    }

    /// The text at `index`; empty where there is none.
    pub fn get(&self, index: usize) -> &str {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(u32::MAX),
            None => 0,
        };
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    /// The number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The texts in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    fn is_sound(&self) -> bool {
        self.ends.is_sorted()
            && self.ends.last().copied().unwrap_or(0) as usize == self.text.len()
            && self.ends.iter().all(|&end| self.text.is_char_boundary(end as usize))
    }
}

/// Distinct texts in ascending order, found by binary search.
#[derive(Clone, Serialize, Deserialize, Default)]
pub struct Names(Texts);

impl Names {
    /// Takes names that ascend strictly; `None` if they do not, or hold more than 4 GiB.
    pub fn from_sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut texts = Texts::default();
        for name in names {
            texts.push(name)?;
        }
        let names = Self(texts);
        names.ascends().then_some(names)
    }

    /// The rank of `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.0.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.0.get(middle).cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// The name of that rank; empty where there is none.
    pub fn get(&self, rank: usize) -> &str {
        self.0.get(rank)
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter()
    }

    fn ascends(&self) -> bool {
        self.iter().zip(self.iter().skip(1)).all(|(a, b)| a < b)
    }
}

/// Lists in one piece of memory.
#[derive(Clone, Serialize, Deserialize)]
pub struct Lists<T> {
    items: Vec<T>,
    ends: Vec<u32>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { items: Vec::new(), ends: Vec::new() }
    }
}

impl<T> Lists<T> {
    /// Appends a list and returns its index; `None` past 2^32 items.
    pub fn push(&mut self, items: impl IntoIterator<Item = T>) -> Option<u32> {
        let index = u32::try_from(self.ends.len()).ok()?;
        self.items.extend(items);
        self.ends.push(u32::try_from(self.items.len()).ok()?);
        Some(index)
    }

    /// The list at `index`; empty where there is none.
    pub fn get(&self, index: usize) -> &[T] {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(u32::MAX),
            None => 0,
        };
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.items.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// The number of lists.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn is_sound(&self, item_is_sound: impl Fn(&T) -> bool) -> bool {
        self.ends.is_sorted()
            && self.ends.last().copied().unwrap_or(0) as usize == self.items.len()
            && self.items.iter().all(item_is_sound)
    }
}

/// Sets of mirrors as bits, all of one width.
#[derive(Clone, Serialize, Deserialize, Default)]
pub struct HostSets {
    words_per_set: u32,
    words: Vec<u64>,
}

impl HostSets {
    /// No sets yet, for `n_hosts` mirrors.
    pub fn new(n_hosts: usize) -> Self {
        Self {
            words_per_set: u32::try_from(words_for(n_hosts)).unwrap_or(u32::MAX),
            words: Vec::new(),
        }
    }

    /// Appends a set, cut or filled to the common width, and returns its index.
    pub fn push(&mut self, set: &[u64]) -> Option<u32> {
        let index = u32::try_from(self.len()).ok()?;
        let width = self.words_per_set as usize;
        self.words.extend(set.iter().copied().chain(std::iter::repeat(0)).take(width));
        Some(index)
    }

    /// The set at `index`; empty where there is none.
    pub fn get(&self, index: usize) -> &[u64] {
        let width = self.words_per_set as usize;
        self.words.get(index * width..(index + 1) * width).unwrap_or(&[])
    }

    /// The number of sets.
    pub fn len(&self) -> usize {
        self.words.len().checked_div(self.words_per_set as usize).unwrap_or(0)
    }

    /// Whether there is no set.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    fn is_sound(&self, n_hosts: usize) -> bool {
        let width = self.words_per_set as usize;
        let last_bits = match n_hosts % 64 {
            0 => u64::MAX,
            bits => (1 << bits) - 1,
        };
        width == words_for(n_hosts)
            && (width == 0 || self.words.len().is_multiple_of(width))
            && (width == 0
                || self
                    .words
                    .chunks_exact(width)
                    .all(|set| set.last().is_none_or(|&last| last & !last_bits == 0)))
    }
}

/// Whether a base URL is in its one form.
fn is_canonical(url: &str) -> bool {
    BaseUrl::parse(url).is_ok_and(|parsed| parsed.as_str() == url)
}

/// Prefixes of both families with a value each, smaller in a file than [`Prefix`]es.
#[derive(Clone, Hash, Serialize, Deserialize)]
pub struct Prefixes<T> {
    v4: Vec<(u32, u8, T)>,
    v6: Vec<(u128, u8, T)>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self { v4: Vec::new(), v6: Vec::new() }
    }
}

impl<T: Copy> Prefixes<T> {
    /// Appends a prefix.
    pub fn push(&mut self, prefix: Prefix, value: T) {
        match prefix.address() {
            std::net::IpAddr::V4(v4) => self.v4.push((v4.to_bits(), prefix.len(), value)),
            std::net::IpAddr::V6(v6) => self.v6.push((v6.to_bits(), prefix.len(), value)),
        }
    }

    /// The prefixes of IPv4, then those of IPv6.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, T)> {
        let v4 = self.v4.iter().filter_map(|&(address, length, value)| {
            Some((Prefix::new(std::net::Ipv4Addr::from_bits(address).into(), length)?, value))
        });
        let v6 = self.v6.iter().filter_map(|&(address, length, value)| {
            Some((Prefix::new(std::net::Ipv6Addr::from_bits(address).into(), length)?, value))
        });
        v4.chain(v6)
    }

    /// The number of prefixes.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_sound(&self, value_is_sound: impl Fn(T) -> bool) -> bool {
        self.v4.iter().all(|&(_, length, value)| length <= 32 && value_is_sound(value))
            && self.v6.iter().all(|&(_, length, value)| length <= 128 && value_is_sound(value))
    }
}

impl Tables {
    /// Checks what decoding cannot: every index points to something, every list is whole. Returns
    /// the name of the first table that is broken.
    pub fn validate(&self) -> Result<(), &'static str> {
        let n_hosts = self.hosts.len();
        let host = |host: &HostId| host.index() < n_hosts;
        let country = |country: &Country| country.is_valid();
        let directory =
            |id: &Option<DirectoryId>| id.is_none_or(|id| id.index() < self.directories.len());
        let range = |&(from, to): &(u32, u32), len: usize| from <= to && to as usize <= len;
        let checks: [(&'static str, bool); 23] = [
            ("hosts", self.hosts.iter().all(Host::is_sound) && self.keys_differ()),
            ("urls", self.urls.is_sound() && self.urls.iter().all(is_canonical)),
            ("url_lists", self.url_lists.is_sound(|&url| (url as usize) < self.urls.len())),
            ("country_sets", self.country_sets.is_sound(country)),
            (
                "layouts",
                self.layouts.iter().all(|layout| {
                    layout.slots.len() == n_hosts
                        && layout.slots.iter().flatten().all(|slot| {
                            (slot.urls as usize) < self.url_lists.len()
                                && (slot.countries as usize) < self.country_sets.len()
                        })
                }),
            ),
            (
                "directory_names",
                self.directory_names.0.is_sound() && self.directory_names.ascends(),
            ),
            ("directories", self.directories.len() == self.directory_names.len()),
            (
                "directories",
                self.directories.iter().enumerate().all(|(rank, directory)| {
                    directory.layout.index() < self.layouts.len()
                        && (directory.carriers as usize) < self.carriers.len()
                        && range(&directory.files, self.files.len())
                        && self.files_ascend(directory.files)
                        && match directory.subpath {
                            Subpath::Suffix(length) => {
                                let name = self.directory_names.get(rank);
                                name.len()
                                    .checked_sub(length as usize)
                                    .is_some_and(|at| name.is_char_boundary(at))
                            }
                            Subpath::Other(index) => (index as usize) < self.subpaths.len(),
                        }
                }),
            ),
            ("carriers", self.carriers.is_sound(n_hosts)),
            ("subpaths", self.subpaths.is_sound()),
            ("files", self.files.iter().all(|file| range(&file.versions, self.versions.len()))),
            (
                "repository_names",
                self.repository_names.0.is_sound() && self.repository_names.ascends(),
            ),
            (
                "repositories",
                self.repositories.len() == self.repository_names.len()
                    && self
                        .repositories
                        .iter()
                        .all(|r| directory(&r.directory) && directory(&r.repodata)),
            ),
            (
                "redirects",
                self.redirect_names.0.is_sound()
                    && self.redirect_names.ascends()
                    && self.redirect_targets.is_sound()
                    && self.redirect_targets.len() == self.redirect_names.len(),
            ),
            ("disabled", self.disabled.0.is_sound() && self.disabled.ascends()),
            (
                "continents",
                self.continents.iter().all(|(c, k)| c.is_valid() && k.is_valid())
                    && self.continents.is_sorted_by(|a, b| a.0 < b.0),
            ),
            (
                "restrictions",
                self.restrictions.iter().all(|(h, restriction)| match restriction {
                    Restriction::Only(countries) | Restriction::NotIn(countries) => {
                        host(h) && countries.iter().all(country)
                    }
                }),
            ),
            (
                "netblocks",
                self.netblocks.is_sound(|list| (list as usize) < self.netblock_hosts.len()),
            ),
            ("netblock_hosts", self.netblock_hosts.is_sound(host)),
            (
                "asns",
                self.asns.is_sorted_by(|a, b| a < b)
                    && self.asns.len() == self.asn_hosts.len()
                    && self.asn_hosts.is_sound(host),
            ),
            (
                "asn_prefixes",
                self.asn_prefixes.is_sound(|asn| asn == NO_ASN || (asn as usize) < self.asns.len()),
            ),
            ("location_prefixes", self.location_prefixes.is_sound(Location::is_valid)),
            ("location_overrides", self.location_overrides.is_sound(Location::is_valid)),
        ];
        match checks.into_iter().find(|(_, sound)| !sound) {
            Some((table, _)) => Err(table),
            None => Ok(()),
        }
    }

    fn keys_differ(&self) -> bool {
        let keys: FxHashSet<_> = self.hosts.iter().map(|host| &host.key).collect();
        keys.len() == self.hosts.len()
    }

    fn files_ascend(&self, (from, to): (u32, u32)) -> bool {
        let files = self.files.get(from as usize..to as usize).unwrap_or(&[]);
        files.is_sorted_by(|a, b| a.name < b.name)
    }
}

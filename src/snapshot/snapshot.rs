//! The immutable compiled state: tables, their indexes, and the lookups.

use std::sync::Arc;

use model::area::{Area, AreaId};
use model::base_url::BaseUrl;
use model::embedded::{LookupAddresses, Nat64Prefix};
use model::families::Families;
use model::geo::{Continent, Country, Location};
use model::host_set::{empty_set, insert, words_for};
use model::ids::{DirectoryId, FileId, HostId, LayoutId};
use model::net::Prefix;
use model::point::Point;
use routes::RouteTable;

use super::bands::BandIndex;
use super::checked::{Checked, FaultView};
use super::generation::Generation;
use super::hosts::HostIndex;
use super::layout_index::{self, LayoutIndex};
use super::names::NameIndex;
use super::networks::Networks;
use super::provenance::{Found, NetworkTable};
use super::restrictions::RestrictionIndex;
use super::tables::{
    Directory, File, HostSets, Lists, NO_ASN, Names, Repository, Restriction, Slot, Subpath,
    Tables, Texts, Version,
};
use super::trie::{CoveringTable, SparseTable};

/// Numbers of records in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Stats {
    /// Mirrors.
    pub hosts: usize,
    /// Mirrors that are public in at least one layout.
    pub public_hosts: usize,
    /// Base URLs.
    pub urls: usize,
    /// Directories.
    pub directories: usize,
    /// Distinct sets of mirrors that carry a directory.
    pub mirror_sets: usize,
    /// Ways in which mirrors serve groups of directories.
    pub layouts: usize,
    /// `repo+arch` pairs.
    pub repositories: usize,
    /// Routes of a catalog.
    pub routes: usize,
    /// Files with checksums.
    pub files: usize,
    /// Preferred networks of mirrors.
    pub netblocks: usize,
    /// Autonomous systems that host a mirror.
    pub asns: usize,
    /// Networks kept to find their AS numbers.
    pub asn_prefixes: usize,
    /// Networks with a country or a continent.
    pub country_prefixes: usize,
    /// Networks whose country or continent is set by hand.
    pub country_overrides: usize,
    /// Areas in which clients can be: countries, continents, and with a table of cities points in countries.
    pub areas: usize,
    /// Countries whose continent is known.
    pub countries: usize,
    /// What checks have found to be wrong with mirrors, their URLs and their directories.
    pub faults: usize,
}

/// The immutable compiled state.
pub struct Snapshot {
    generation: Generation,
    created: u64,
    stats: Stats,
    fallback: Option<BaseUrl>,
    nat64: Vec<Nat64Prefix>,

    pub(super) hosts: HostIndex,
    pub(super) urls: Texts,
    url_families: Vec<Families>,
    pub(super) url_lists: Lists<u32>,
    pub(super) restriction_records: Vec<(HostId, Restriction)>,
    directory_names: NameIndex,
    pub(super) directories: Vec<Directory>,
    pub(super) carriers: HostSets,
    subpaths: Texts,
    files: Vec<File>,
    versions: Vec<Version>,
    repository_names: NameIndex,
    pub(super) repositories: Vec<Repository>,
    redirect_names: NameIndex,
    redirect_targets: Texts,
    disabled: NameIndex,
    category_names: Names,
    category_directories: Lists<DirectoryId>,
    path_template_names: Names,
    path_templates: Texts,
    routes: RouteTable,

    pub(super) netblocks: CoveringTable<u32>,
    pub(super) netblock_hosts: Lists<HostId>,
    pub(super) asns: Vec<u32>,
    pub(super) asn_hosts: Lists<HostId>,
    asn_prefixes: Arc<Networks<u32>>,
    pub(super) areas: Vec<Area>,
    pub(super) centres: Vec<(Country, Point)>,
    pub(super) bands: BandIndex,
    pub(super) location_prefixes: Arc<Networks<AreaId>>,
    location_overrides: SparseTable<AreaId>,

    /// Sorted by country.
    continents: Vec<(Country, Continent)>,
    /// Sorted by continent, then country.
    continent_members: Vec<(Continent, Country)>,
    restrictions: RestrictionIndex,
    /// As bits; without a word if there are none.
    monopolies: Box<[u64]>,
    checked: Checked,

    pub(super) layouts: Vec<LayoutIndex>,
}

/// Everything that an answer needs of a directory.
#[derive(Clone, Copy)]
pub struct DirectoryView<'a> {
    /// Its full name.
    pub name: &'a str,
    /// The path between a base URL and a file; may be empty.
    pub subpath: &'a str,
    /// The mirrors that carry it, private ones too, as bits by [`HostId`].
    pub carriers: &'a [u64],
    /// Those of them that are listed after the others, as they have older content, as bits; empty if there are
    /// none.
    pub behind: &'a [u64],
    /// How they serve it.
    pub layout: &'a LayoutIndex,
    /// The number of that layout.
    pub layout_id: LayoutId,
    id: DirectoryId,
    files: (u32, u32),
}

/// The details of a file.
#[derive(Clone, Copy)]
pub struct FileView<'a> {
    /// Its index in [`Snapshot::files`].
    pub id: FileId,
    /// Its versions, the current one first.
    pub versions: &'a [Version],
}

impl Snapshot {
    /// Checks `tables` and builds the indexes; shares those that are equal with `before`. Fails with
    /// the name of the inconsistent table. Only a forged file gets here with one: the checksum detects
    /// a damaged file before.
    pub fn new(
        mut tables: Tables,
        generation: Generation,
        before: Option<&Self>,
    ) -> Result<Self, &'static str> {
        tables.validate()?;
        let routes = RouteTable::load(std::mem::take(&mut tables.routes)).map_err(|_| "routes")?;
        let n_hosts = tables.hosts.len();
        let mut continent_members: Vec<_> =
            tables.continents.iter().map(|&(country, continent)| (continent, country)).collect();
        continent_members.sort();
        let restrictions = RestrictionIndex::new(&tables);
        let layouts = layout_index::build(&tables)?;
        let mut monopolies = match tables.monopolies.is_empty() {
            true => Box::default(),
            false => empty_set(n_hosts),
        };
        tables.monopolies.iter().for_each(|&host| insert(&mut monopolies, host));

        let mut public = empty_set(n_hosts);
        for layout in &layouts {
            public.iter_mut().zip(layout.public()).for_each(|(all, own)| *all |= own);
        }
        let asn_prefixes =
            Networks::new(&tables.asn_prefixes, before.map(|before| &before.asn_prefixes));
        let location_prefixes = Networks::new(
            &tables.location_prefixes,
            before.map(|before| &before.location_prefixes),
        );
        let location_overrides = SparseTable::new(tables.location_overrides.iter());
        let netblocks = CoveringTable::new(tables.netblocks.iter());
        let stats = Stats {
            hosts: n_hosts,
            public_hosts: public.iter().map(|word| word.count_ones() as usize).sum(),
            urls: tables.urls.len(),
            directories: tables.directories.len(),
            mirror_sets: tables.carriers.len(),
            layouts: layouts.len(),
            repositories: tables.repositories.len(),
            routes: routes.len(),
            files: tables.files.len(),
            netblocks: netblocks.len(),
            asns: tables.asns.len(),
            asn_prefixes: asn_prefixes.len(),
            country_prefixes: location_prefixes.len(),
            country_overrides: location_overrides.len(),
            areas: tables.areas.len(),
            countries: tables.continents.len(),
            faults: tables.checked.faults.len(),
        };
        Ok(Self {
            generation,
            created: tables.created,
            stats,
            // Both were checked above.
            fallback: tables.fallback.as_deref().and_then(|url| BaseUrl::parse(url).ok()),
            nat64: tables.nat64.iter().filter_map(|text| Nat64Prefix::parse(text).ok()).collect(),
            hosts: HostIndex::new(&tables),
            urls: tables.urls,
            url_families: tables.url_families,
            url_lists: tables.url_lists,
            restriction_records: tables.restrictions,
            directory_names: NameIndex::new(tables.directory_names),
            directories: tables.directories,
            carriers: tables.carriers,
            subpaths: tables.subpaths,
            files: tables.files,
            versions: tables.versions,
            repository_names: NameIndex::new(tables.repository_names),
            repositories: tables.repositories,
            redirect_names: NameIndex::new(tables.redirect_names),
            redirect_targets: tables.redirect_targets,
            disabled: NameIndex::new(tables.disabled),
            category_names: tables.category_names,
            category_directories: tables.category_directories,
            path_template_names: tables.path_template_names,
            path_templates: tables.path_templates,
            routes,
            netblocks,
            netblock_hosts: tables.netblock_hosts,
            asns: tables.asns,
            asn_hosts: tables.asn_hosts,
            asn_prefixes,
            areas: tables.areas,
            centres: tables.centres,
            bands: BandIndex { bands: tables.bands, hosts: tables.band_hosts },
            location_prefixes,
            location_overrides,
            continents: tables.continents,
            continent_members,
            restrictions,
            monopolies,
            checked: tables.checked,
            layouts,
        })
    }

    /// The identifier of this data.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// When the source data was made, in seconds since 1970.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// The server that has every directory under its full name and is listed last, if the data name one.
    pub fn fallback(&self) -> Option<&BaseUrl> {
        self.fallback.as_ref()
    }

    /// Prefixes behind which translators put IPv4 addresses, besides the well-known.
    pub fn nat64(&self) -> &[Nat64Prefix] {
        &self.nat64
    }

    /// Its numbers of records.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How many words a set of mirrors takes.
    pub fn words_per_set(&self) -> usize {
        words_for(self.hosts.len())
    }

    /// The data of single mirrors.
    pub fn hosts(&self) -> &HostIndex {
        &self.hosts
    }

    /// The id of the directory `name`.
    pub fn find_directory(&self, name: &str) -> Option<DirectoryId> {
        self.directory_names.find(name).and_then(DirectoryId::new)
    }

    /// Everything about a directory; `None` for an id of another snapshot.
    pub fn directory(&self, id: DirectoryId) -> Option<DirectoryView<'_>> {
        let directory = self.directories.get(id.index())?;
        let name = self.directory_names.names().get(id.index());
        let subpath = match directory.subpath {
            Subpath::Suffix(length) => {
                name.len().checked_sub(length as usize).and_then(|at| name.get(at..)).unwrap_or("")
            }
            Subpath::Other(index) => self.subpaths.get(index as usize),
        };
        Some(DirectoryView {
            name,
            subpath,
            carriers: self.carriers.get(directory.carriers as usize),
            behind: self.checked.behind(id),
            layout: self.layouts.get(directory.layout.index())?,
            layout_id: directory.layout,
            id,
            files: directory.files,
        })
    }

    /// What checks have found to be wrong with a mirror in a directory; `None` if nothing is.
    pub fn find_fault(&self, host: HostId, directory: &DirectoryView<'_>) -> Option<FaultView<'_>> {
        self.checked.find(host, directory.id, directory.name)
    }

    /// A file whose checksums are known; `None` for one that has no details.
    pub fn find_file(&self, directory: &DirectoryView<'_>, name: &str) -> Option<FileView<'_>> {
        let (from, to) = directory.files;
        let files = self.files.get(from as usize..to as usize)?;
        let place = files.binary_search_by(|file| file.name.as_str().cmp(name)).ok()?;
        let id = FileId::new(from as usize + place)?;
        Some(FileView { id, versions: self.versions_of(files.get(place)?) })
    }

    /// All files with checksums, by [`FileId`].
    pub fn files(&self) -> impl Iterator<Item = FileView<'_>> {
        let view = |(id, file)| FileView { id, versions: self.versions_of(file) };
        (0..).map(FileId).zip(&self.files).map(view)
    }

    fn versions_of(&self, file: &File) -> &[Version] {
        let (first, end) = file.versions;
        self.versions.get(first as usize..end as usize).unwrap_or(&[])
    }

    /// The ways in which mirrors serve directories, by [`LayoutId`].
    pub fn layouts(&self) -> &[LayoutIndex] {
        &self.layouts
    }

    /// The base URLs of a mirror in a layout, each with its unique index, in the order of the data.
    pub fn urls(&self, slot: Slot) -> impl Iterator<Item = (u32, &str)> {
        let list = self.url_lists.get(slot.urls as usize);
        list.iter().map(|&url| (url, self.urls.get(url as usize)))
    }

    /// Over which versions of IP a URL works, by its unique index.
    pub fn url_families(&self, url: u32) -> Families {
        self.url_families.get(url as usize).copied().unwrap_or_default()
    }

    /// The names of directories, in order.
    pub fn directory_names(&self) -> &Names {
        self.directory_names.names()
    }

    /// The repository of `key` (`repo+arch`).
    pub fn find_repository(&self, key: &str) -> Option<&Repository> {
        self.repositories.get(self.repository_names.find(key)?)
    }

    /// The keys `repo+arch` of all repositories, in order.
    pub fn repository_names(&self) -> &Names {
        self.repository_names.names()
    }

    /// The name that `repo` has now, if it is an old one.
    pub fn find_redirect(&self, repo: &str) -> Option<&str> {
        self.redirect_names.find(repo).map(|rank| self.redirect_targets.get(rank))
    }

    /// Which requests get an answer besides those for the usual paths.
    pub fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// The directory of a repository, with [`ANY_ARCH`](model::repository::ANY_ARCH) in place of the
    /// architecture, if it can be asked for without one.
    pub fn find_path_template(&self, repo: &str) -> Option<&str> {
        self.path_template_names.find(repo).map(|rank| self.path_templates.get(rank))
    }

    /// The categories, each with the directories that a mirror must carry to be listed for it.
    pub fn categories(&self) -> impl Iterator<Item = (&str, &[DirectoryId])> {
        let lists = (0..).map(|rank| self.category_directories.get(rank));
        self.category_names.iter().zip(lists)
    }

    /// Whether the repository is switched off for all architectures.
    pub fn is_disabled(&self, repo: &str) -> bool {
        self.disabled.find(repo).is_some()
    }

    /// The preferred networks that contain a client with their mirrors: those of its own address,
    /// then those of the IPv4 address in it, the most specific of each first.
    pub fn netblocks(&self, client: LookupAddresses) -> impl Iterator<Item = (Prefix, &[HostId])> {
        self.netblocks
            .covering_client(client)
            .map(|(prefix, &list)| (prefix, self.netblock_hosts.get(list as usize)))
    }

    /// The autonomous system of a client and its mirrors, if it hosts any.
    pub fn find_asn(&self, client: LookupAddresses) -> Option<(u32, &[HostId])> {
        let index = self.asn_prefixes.find_client(client)?;
        if index == NO_ASN {
            return None;
        }
        let asn = *self.asns.get(index as usize)?;
        Some((asn, self.asn_hosts.get(index as usize)))
    }

    /// The location of a client: that of its area.
    pub fn find_location(&self, client: LookupAddresses) -> Option<Location> {
        self.area(self.find_area(client)?).map(|area| area.location)
    }

    /// The area of a client: set by hand, or else from the country database.
    pub fn find_area(&self, client: LookupAddresses) -> Option<AreaId> {
        let by_hand = self.location_overrides.find_client(client).copied();
        by_hand.or_else(|| self.location_prefixes.find_client(client))
    }

    /// The same networks as [`Self::netblocks`], in the same order, with the prefix that matched.
    pub fn trace_netblocks(
        &self,
        client: LookupAddresses,
    ) -> impl Iterator<Item = Found<&[HostId]>> {
        let found =
            move |(prefix, hosts)| Found::new(hosts, NetworkTable::Netblocks, prefix, client);
        self.netblocks(client).map(found)
    }

    /// The network that decides about a client's autonomous system in [`Self::find_asn`]. Its value is
    /// `None` if that AS hosts no mirror.
    ///
    /// The compiler leaves out networks with the same value as the next wider one, so the prefix may
    /// be wider than the one in the data.
    pub fn trace_asn(&self, client: LookupAddresses) -> Option<Found<Option<u32>>> {
        let (prefix, index) = self.asn_prefixes.find_client_entry(client)?;
        let asn = (index != NO_ASN).then(|| self.asns.get(index as usize).copied()).flatten();
        Some(Found::new(asn, NetworkTable::AsnPrefixes, prefix, client))
    }

    /// The result of [`Self::find_area`], with the table and the network that give it.
    pub fn trace_area(&self, client: LookupAddresses) -> Option<Found<Area>> {
        let by_hand = self.location_overrides.find_client_entry(client);
        let by_hand = by_hand.map(|(prefix, &id)| (id, NetworkTable::LocationOverrides, prefix));
        let of_database = || {
            let (prefix, id) = self.location_prefixes.find_client_entry(client)?;
            Some((id, NetworkTable::CountryDatabase, prefix))
        };
        let (id, table, prefix) = by_hand.or_else(of_database)?;
        Some(Found::new(self.area(id)?, table, prefix, client))
    }

    /// The continent of `country`, if known.
    pub fn find_continent(&self, country: Country) -> Option<Continent> {
        let index = self.continents.binary_search_by_key(&country, |&(country, _)| country).ok()?;
        self.continents.get(index).map(|&(_, continent)| continent)
    }

    /// The countries on the continent of `country`, itself included, in order; empty where its
    /// continent is not known.
    pub fn continent_of(&self, country: Country) -> impl Iterator<Item = Country> {
        self.countries_on(self.find_continent(country))
    }

    /// The countries on a continent, in order.
    pub fn countries_on(&self, continent: Option<Continent>) -> impl Iterator<Item = Country> {
        let from = self.continent_members.partition_point(|&(other, _)| Some(other) < continent);
        let members = self.continent_members.get(from..).unwrap_or(&[]);
        members
            .iter()
            .take_while(move |&&(other, _)| Some(other) == continent)
            .map(|&(_, country)| country)
    }

    /// The mirrors that the clients of their networks and AS numbers get alone, as bits; empty if there are
    /// none.
    pub fn monopolies(&self) -> &[u64] {
        &self.monopolies
    }

    /// The mirrors that do not serve every country.
    pub fn restricted(&self) -> impl Iterator<Item = HostId> {
        self.restriction_records.iter().map(|&(host, _)| host)
    }

    /// The mirrors that do not serve clients of `country`. If it is `None`, those that serve some
    /// countries only.
    pub fn refusing(&self, country: Option<Country>) -> &[u64] {
        self.restrictions.refusing(country)
    }
}

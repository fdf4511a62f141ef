//! The content of a snapshot file: flat tables, interned texts, bit sets.
//!
//! Everything here is plain data with serde derives. [`super::Snapshot`] checks it once
//! ([`Tables::validate`]) and builds its indexes from it.

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use model::area::{Area, AreaId};
use model::base_url::BaseUrl;
use model::embedded::Nat64Prefix;
use model::families::Families;
use model::geo::{Continent, Country};
use model::host_set::empty_set;
use model::ids::{DirectoryId, HostId};
use model::path;
use model::point::Point;
use routes::written::Stored;

pub use super::checked::{Checked, CheckedDirectory, Fault, FaultScope};
pub use super::packed::{HostSets, Lists, Names, Prefixes, Texts};
pub use super::rows::{
    Band, Directory, File, Host, Layout, Repository, Restriction, Slot, Subpath, Version,
};

/// Everything that is compiled from the inputs.
#[derive(Serialize, Deserialize, Default)]
pub struct Tables {
    /// When the source data was made, in seconds since 1970.
    pub created: u64,
    /// The base URL that is listed last, in canonical form; `None` if the data name none.
    pub fallback: Option<String>,
    /// Prefixes behind which translators put IPv4 addresses ([`Nat64Prefix`]).
    pub nat64: Vec<String>,
    /// Mirrors, by [`HostId`].
    pub hosts: Vec<Host>,
    /// Base URLs in canonical form ([`BaseUrl`]), each once, without the trailing slash, which
    /// listings add.
    pub urls: Texts,
    /// Over which versions of IP each of them works.
    pub url_families: Vec<Families>,
    /// Lists of indexes into `urls`, in the order in which a mirror's URLs are listed.
    pub url_lists: Lists<u32>,
    /// Sets of countries in which a mirror is listed; almost always one country or none.
    pub country_sets: Lists<Country>,
    /// How mirrors serve a group of directories, by [`LayoutId`](model::ids::LayoutId).
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
    /// Repositories that are disabled for all architectures, in ascending order.
    pub disabled: Names,
    /// Categories in ascending order.
    pub category_names: Names,
    /// The directories that a mirror must carry to be listed for a category, in ascending order; at least
    /// one.
    pub category_directories: Lists<DirectoryId>,
    /// Repositories that can be asked for without an architecture, in ascending order.
    pub path_template_names: Names,
    /// Their directories in canonical form, by rank of the name, in which [`ANY_ARCH`] stands for the
    /// architecture.
    ///
    /// [`ANY_ARCH`]: model::repository::ANY_ARCH
    pub path_templates: Texts,
    /// Which requests get an answer besides those for the usual paths.
    pub routes: Stored,
    /// The continent of each country, in ascending order of countries.
    pub continents: Vec<(Country, Continent)>,
    /// Mirrors that do not serve every country, each once.
    pub restrictions: Vec<(HostId, Restriction)>,
    /// Mirrors that the clients of their networks and AS numbers get alone, in ascending order.
    pub monopolies: Vec<HostId>,
    /// Preferred networks of mirrors; the value indexes `netblock_hosts`.
    pub netblocks: Prefixes<u32>,
    /// The mirrors of a preferred network.
    pub netblock_hosts: Lists<HostId>,
    /// Autonomous systems that host a mirror, by their number, in ascending order.
    pub asns: Vec<u32>,
    /// The mirrors of each of `asns`.
    pub asn_hosts: Lists<HostId>,
    /// Networks of those numbers, and the more specific networks of other numbers within them; the
    /// value indexes `asns`, or is [`NO_ASN`].
    pub asn_prefixes: Prefixes<u32>,
    /// Where clients can be, by [`AreaId`], in ascending order.
    pub areas: Vec<Area>,
    /// The centre of each country, as far as known, in ascending order of countries.
    pub centres: Vec<(Country, Point)>,
    /// For each area, all mirrors of known places in bands, the nearest first.
    pub bands: Lists<Band>,
    /// The mirrors of bands.
    pub band_hosts: HostSets,
    /// Where each network is, from the country database.
    pub location_prefixes: Prefixes<AreaId>,
    /// Networks whose place is set by hand, which take precedence over the country database.
    pub location_overrides: Prefixes<AreaId>,
    /// What checks have found out of mirrors.
    pub checked: Checked,
}

/// The most versions of files; Fedora's data have some thousand. The prepared metalink text of all of
/// them, some 700 bytes for each, must stay well below 4 GiB.
const MAX_VERSIONS: usize = 1 << 20;
/// The most mirrors of all preferred networks together; Fedora's have some thousand. A forged file of
/// 1 MB could list billions: many networks that share one long list.
const MAX_MIRRORS_OF_NETWORKS: usize = 1 << 22;

/// The value of networks in [`Tables::asn_prefixes`] whose AS hosts no mirror.
pub const NO_ASN: u32 = u32::MAX;

/// Whether a base URL is in canonical form.
fn is_canonical(url: &str) -> bool {
    BaseUrl::parse(url).is_ok_and(|parsed| parsed.as_str() == url)
}

/// Whether a path can be that of a directory, in canonical form.
fn is_directory(path: &str) -> bool {
    path::canonical(path) == path && !path.chars().any(char::is_control)
}

impl Tables {
    /// Checks the consistency of the tables: every index is in range, every list is complete. Fails
    /// with the name of the first inconsistent table.
    pub fn validate(&self) -> Result<(), &'static str> {
        let n_hosts = self.hosts.len();
        let n_areas = self.areas.len();
        let host = |host: &HostId| host.index() < n_hosts;
        let country = |country: &Country| country.is_valid();
        let directory =
            |id: &Option<DirectoryId>| id.is_none_or(|id| id.index() < self.directories.len());
        let range = |&(from, to): &(u32, u32), len: usize| from <= to && to as usize <= len;
        let checks: [(&'static str, bool); 33] = [
            ("fallback", self.fallback.as_deref().is_none_or(is_canonical)),
            ("nat64", self.nat64.iter().all(|text| Nat64Prefix::parse(text).is_ok())),
            ("hosts", self.hosts.iter().all(Host::is_sound) && self.keys_differ()),
            ("urls", self.urls.is_sound() && self.urls.iter().all(is_canonical)),
            ("url_families", self.url_families.len() == self.urls.len()),
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
            ("directory_names", self.directory_names.is_sound()),
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
            (
                "files",
                self.files.iter().all(|file| range(&file.versions, self.versions.len()))
                    && self.versions.len() <= MAX_VERSIONS
                    && self.versions_are_not_shared(),
            ),
            ("repository_names", self.repository_names.is_sound()),
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
                self.redirect_names.is_sound()
                    && self.redirect_targets.is_sound()
                    && self.redirect_targets.len() == self.redirect_names.len(),
            ),
            ("disabled", self.disabled.is_sound()),
            (
                "categories",
                self.category_names.is_sound()
                    && self.category_directories.len() == self.category_names.len()
                    && self.category_directories.is_sound(|id| id.index() < self.directories.len())
                    && self.categories_ascend(),
            ),
            (
                "path_templates",
                self.path_template_names.is_sound()
                    && self.path_templates.is_sound()
                    && self.path_templates.len() == self.path_template_names.len()
                    && self.path_templates.iter().all(is_directory),
            ),
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
                "monopolies",
                self.monopolies.iter().all(host) && self.monopolies.is_sorted_by(|a, b| a < b),
            ),
            (
                "netblocks",
                self.netblocks.is_sound(|list| (list as usize) < self.netblock_hosts.len())
                    && self.mirrors_of_networks() <= MAX_MIRRORS_OF_NETWORKS,
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
            (
                "areas",
                self.areas.len() <= AreaId::MAX
                    && self.areas.is_sorted_by(|a, b| a < b)
                    && self.areas.iter().all(Area::is_valid),
            ),
            (
                "centres",
                self.centres.iter().all(|(c, point)| c.is_valid() && point.is_valid())
                    && self.centres.is_sorted_by(|a, b| a.0 < b.0),
            ),
            (
                "bands",
                self.bands.len() == self.areas.len()
                    && self.bands.is_sound(|band| (band.hosts as usize) < self.band_hosts.len())
                    && self.band_hosts.is_sound(n_hosts)
                    && (0..self.bands.len()).all(|area| self.bands_are_disjoint(area)),
            ),
            ("location_prefixes", self.location_prefixes.is_sound(|id| id.index() < n_areas)),
            ("location_overrides", self.location_overrides.is_sound(|id| id.index() < n_areas)),
            ("checked", self.checked.is_sound(n_hosts, self.directories.len())),
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

    /// Whether each mirror is in one band around an area at most, and none is empty. A forged file could
    /// make requests walk millions of them.
    fn bands_are_disjoint(&self, area: usize) -> bool {
        let mut seen = empty_set(self.hosts.len());
        self.bands.get(area).iter().all(|band| {
            let hosts = self.band_hosts.get(band.hosts as usize);
            let mut own = seen.iter_mut().zip(hosts);
            let is_disjoint = own.all(|(seen, &hosts)| {
                let is_new = *seen & hosts == 0;
                *seen |= hosts;
                is_new
            });
            is_disjoint && hosts.iter().any(|&word| word != 0) && band.km.0 <= band.km.1
        })
    }

    /// Whether each category has directories, each once.
    fn categories_ascend(&self) -> bool {
        let lists = (0..self.category_names.len()).map(|rank| self.category_directories.get(rank));
        lists.into_iter().all(|list| !list.is_empty() && list.is_sorted_by(|a, b| a < b))
    }

    /// How many mirrors all preferred networks have together.
    fn mirrors_of_networks(&self) -> usize {
        let lists = self.netblocks.iter().map(|(_, list)| self.netblock_hosts.get(list as usize));
        lists.map(<[HostId]>::len).fold(0, usize::saturating_add)
    }

    /// Whether the files list no more versions than there are. A forged file of 1 MB could ask for
    /// terabytes of details: many files that share all versions.
    fn versions_are_not_shared(&self) -> bool {
        let n_listed: u64 =
            self.files.iter().map(|file| u64::from(file.versions.1 - file.versions.0)).sum();
        n_listed <= self.versions.len() as u64
    }

    fn files_ascend(&self, (from, to): (u32, u32)) -> bool {
        let files = self.files.get(from as usize..to as usize).unwrap_or(&[]);
        files.is_sorted_by(|a, b| a.name < b.name)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use model::checksum::Checksums;
    use model::ids::LayoutId;
    use model::mirror_key::MirrorKey;
    use model::net::Prefix;

    #[test]
    fn nobody_can_ask_for_terabytes_of_details() {
        let version = Version { timestamp: 0, size: 1, checksums: Checksums::default() };
        let file = File { name: "repomd.xml".into(), versions: (0, 100) };
        let mut tables = Tables { versions: vec![version; 100], ..Tables::default() };
        tables.files = vec![file.clone()];
        assert_eq!(tables.validate(), Ok(()));
        tables.files = vec![file; 100];
        assert_eq!(tables.validate(), Err("files"));
    }

    #[test]
    fn categories_have_directories_and_each_once() {
        let tables = |lists: &[&[u32]]| {
            let names: Vec<_> = (0..lists.len()).map(|n| format!("c{n}")).collect();
            let directory = Directory {
                layout: LayoutId(0),
                carriers: 0,
                subpath: Subpath::Suffix(0),
                files: (0, 0),
            };
            let mut tables = Tables {
                hosts: vec![Host::new(MirrorKey::Number(1))],
                band_hosts: HostSets::new(1),
                layouts: vec![Layout { slots: vec![None] }],
                carriers: HostSets::new(1),
                directory_names: Names::from_sorted(["a", "b"]).expect("two names"),
                directories: vec![directory; 2],
                category_names: Names::from_sorted(names.iter().map(|name| &**name)).expect("few"),
                ..Tables::default()
            };
            tables.carriers.push(&[1]).expect("one set");
            for list in lists {
                let ids = list.iter().map(|&id| DirectoryId(id));
                tables.category_directories.push(ids).expect("few");
            }
            tables
        };
        assert_eq!(tables(&[&[0, 1], &[1]]).validate(), Ok(()));
        for lists in [&[&[0, 2][..]][..], &[&[]], &[&[1, 0]], &[&[0, 0]], &[&[0], &[]]] {
            assert_eq!(tables(lists).validate(), Err("categories"), "{lists:?}");
        }
        let mut without_list = tables(&[&[0]]);
        without_list.category_directories = Lists::default();
        assert_eq!(without_list.validate(), Err("categories"));
    }

    #[test]
    fn templates_of_paths_are_canonical_and_each_has_a_name() {
        let tables = |names: &[&str], paths: &[&str]| {
            let mut tables = Tables {
                path_template_names: Names::from_sorted(names.iter().copied()).expect("few"),
                ..Tables::default()
            };
            for path in paths {
                tables.path_templates.push(path).expect("few");
            }
            tables
        };
        assert_eq!(tables(&["a", "b"], &["x/{arch}/os", "y"]).validate(), Ok(()));
        for (names, paths) in [
            (&["a"][..], &["x", "y"][..]),
            (&["a"], &[]),
            (&["a"], &["x//{arch}"]),
            (&["a"], &["/x"]),
            (&["a"], &["x/\n"]),
        ] {
            assert_eq!(
                tables(names, paths).validate(),
                Err("path_templates"),
                "{names:?} {paths:?}"
            );
        }
    }

    #[test]
    fn networks_have_only_so_many_mirrors_together() {
        const N_HOSTS: usize = 1 << 11;
        const N_NETWORKS: usize = MAX_MIRRORS_OF_NETWORKS / N_HOSTS;
        let host = |number| Host::new(MirrorKey::Number(number));
        let mut tables = Tables {
            hosts: (0..).map(host).take(N_HOSTS).collect(),
            carriers: HostSets::new(N_HOSTS),
            band_hosts: HostSets::new(N_HOSTS),
            ..Tables::default()
        };
        // A forged file of a few kilobytes: all networks share one long list.
        let everyone =
            tables.netblock_hosts.push((0..).map(HostId).take(N_HOSTS)).expect("it fits");
        let mut networks = (0..)
            .filter_map(|number: u32| Prefix::new(Ipv4Addr::from_bits(number << 8).into(), 24));
        for network in networks.by_ref().take(N_NETWORKS) {
            tables.netblocks.push(network, everyone);
        }
        assert_eq!(tables.validate(), Ok(()));
        tables.netblocks.push(networks.next().expect("a network"), everyone);
        assert_eq!(tables.validate(), Err("netblocks"));
    }
}

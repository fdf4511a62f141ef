//! Lists the mirrors of a snapshot with everything that is known of each, for reports to people.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use model::families::Families;
use model::geo::Country;
use model::host_set::{contains, empty_set, members};
use model::ids::{HostId, LayoutId};
use model::mirror_key::MirrorKey;
use model::net::Prefix;
use model::point::Point;

use super::layout_index::LayoutIndex;
use super::snapshot::Snapshot;
use super::tables::{Host, Restriction};

/// Everything about a mirror.
#[derive(Clone, Debug)]
pub struct MirrorView<'a> {
    /// Its key in the source.
    pub key: &'a MirrorKey,
    /// Its country, if known.
    pub country: Option<Country>,
    /// Where it is, if known.
    pub place: Option<MirrorPosition>,
    /// Its bandwidth in Mbit/s as its share of the load; at least 1.
    pub weight: u32,
    /// How much of that share it gets at present, in percent; 0 if it rests.
    pub load: u8,
    /// The most of the clients near it that get it as their first mirror, in percent.
    pub max_share: u8,
    /// Its base URLs, each once, in the order of the data, and over which versions of IP each works.
    pub urls: Vec<(&'a str, Families)>,
    /// Its preferred networks, in ascending order.
    pub netblocks: Vec<Prefix>,
    /// Its autonomous systems, in ascending order.
    pub asns: Vec<u32>,
    /// The countries that it serves; `None` for all.
    pub restriction: Option<&'a Restriction>,
    /// Whether the clients of its networks and AS numbers get it alone.
    pub monopoly: bool,
    /// How many directories it carries.
    pub directories: usize,
    /// How many of them it offers to all clients, and not to its own networks only.
    pub public_directories: usize,
    /// How many repositories it carries: it has their directory or their index.
    pub repositories: usize,
}

/// Where a mirror is, and how exactly that is known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MirrorPosition {
    /// The mirror itself is there, or its city or state.
    Own(Point),
    /// No more than its country is known, whose centre is there.
    CentreOfCountry(Point),
}

impl MirrorPosition {
    /// The point, whatever it is of.
    pub fn point(self) -> Point {
        match self {
            Self::Own(point) | Self::CentreOfCountry(point) => point,
        }
    }
}

impl Snapshot {
    /// Every mirror, in the order of their keys. This takes milliseconds, because it reads every
    /// directory, so it is not for answers.
    pub fn mirrors(&self) -> Vec<MirrorView<'_>> {
        let mut mirrors: Vec<_> = self.hosts.table().iter().map(MirrorView::new).collect();
        self.add_centres(&mut mirrors);
        self.add_urls(&mut mirrors);
        self.add_networks(&mut mirrors);
        for (host, restriction) in &self.restriction_records {
            update(&mut mirrors, *host, |mirror| mirror.restriction = Some(restriction));
        }
        for host in members(self.monopolies()) {
            update(&mut mirrors, host, |mirror| mirror.monopoly = true);
        }
        self.count_directories(&mut mirrors);
        self.count_repositories(&mut mirrors);
        mirrors.sort_by_key(|mirror| mirror.key);
        mirrors
    }

    fn add_centres(&self, mirrors: &mut [MirrorView<'_>]) {
        for mirror in mirrors.iter_mut().filter(|mirror| mirror.place.is_none()) {
            let centre = mirror.country.and_then(|country| self.find_centre(country));
            mirror.place = centre.map(MirrorPosition::CentreOfCountry);
        }
    }

    fn add_urls<'a>(&'a self, mirrors: &mut [MirrorView<'a>]) {
        let (mut lists, mut listed) = (FxHashSet::default(), FxHashSet::default());
        for layout in &self.layouts {
            for (host, (slot, mirror)) in layout.slots().iter().zip(&mut *mirrors).enumerate() {
                let new = slot.filter(|slot| lists.insert((host, slot.urls)));
                for (number, url) in new.iter().flat_map(|&slot| self.urls(slot)) {
                    if listed.insert((host, number)) {
                        mirror.urls.push((url, self.url_families(number)));
                    }
                }
            }
        }
    }

    fn add_networks(&self, mirrors: &mut [MirrorView<'_>]) {
        for (prefix, &list) in self.netblocks.iter() {
            for &host in self.netblock_hosts.get(list as usize) {
                update(mirrors, host, |mirror| mirror.netblocks.push(prefix));
            }
        }
        for (index, &asn) in self.asns.iter().enumerate() {
            for &host in self.asn_hosts.get(index) {
                update(mirrors, host, |mirror| mirror.asns.push(asn));
            }
        }
    }

    fn count_directories(&self, mirrors: &mut [MirrorView<'_>]) {
        // Directories with equal mirrors are counted first, because many have the same.
        let mut alike: BTreeMap<(LayoutId, u32), usize> = BTreeMap::new();
        for directory in &self.directories {
            *alike.entry((directory.layout, directory.carriers)).or_default() += 1;
        }
        for ((layout, carriers), n) in alike {
            let public = self.layouts.get(layout.index()).map_or(&[][..], LayoutIndex::public);
            for host in members(self.carriers.get(carriers as usize)) {
                let is_public = contains(public, host);
                update(mirrors, host, |mirror| {
                    mirror.directories += n;
                    mirror.public_directories += if is_public { n } else { 0 };
                });
            }
        }
    }

    fn count_repositories(&self, mirrors: &mut [MirrorView<'_>]) {
        for repository in &self.repositories {
            let mut carriers = empty_set(self.hosts.len());
            for id in [repository.directory, repository.repodata].into_iter().flatten() {
                let Some(directory) = self.directories.get(id.index()) else { continue };
                let set = self.carriers.get(directory.carriers as usize);
                carriers.iter_mut().zip(set).for_each(|(all, own)| *all |= own);
            }
            for host in members(&carriers) {
                update(mirrors, host, |mirror| mirror.repositories += 1);
            }
        }
    }
}

impl<'a> MirrorView<'a> {
    fn new(host: &'a Host) -> Self {
        Self {
            key: &host.key,
            country: host.country,
            place: host.point.map(MirrorPosition::Own),
            weight: host.weight,
            load: host.load,
            max_share: host.max_share,
            urls: Vec::new(),
            netblocks: Vec::new(),
            asns: Vec::new(),
            restriction: None,
            monopoly: false,
            directories: 0,
            public_directories: 0,
            repositories: 0,
        }
    }
}

fn update<'a>(
    mirrors: &mut [MirrorView<'a>],
    host: HostId,
    change: impl FnOnce(&mut MirrorView<'a>),
) {
    if let Some(mirror) = mirrors.get_mut(host.index()) {
        change(mirror);
    }
}

//! Data of single mirrors: their share of the load, their country, their networks, and their names.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::tables::{Host, Tables};
use model::base_url::authority;
use model::geo::Country;
use model::host_set::{empty_set, insert};
use model::ids::HostId;
use model::mirror_key::MirrorKey;
use model::point::Point;

/// Mirrors, by their ids.
pub struct HostIndex {
    table: Vec<Host>,
    weights: Vec<Weight>,
    networks: HostNetworks,
    /// Mirrors by the host and port of their URLs, sorted.
    authorities: Vec<(Box<str>, Vec<HostId>)>,
    /// Mirrors that rest, as bits; without a word if there are none.
    resting: Box<[u64]>,
    /// Mirrors whose share of the first places is limited, as bits; without a word if there are none.
    capped: Box<[u64]>,
}

/// The share of the load that a mirror takes, stored as its reciprocal, which ordering needs.
#[derive(Clone, Copy, Debug)]
pub struct Weight(f32);

impl Weight {
    /// The weight of a share; 0 counts as 1.
    pub fn new(share: u32) -> Self {
        Self::scaled(share, 100)
    }

    /// The weight of so many percent of a share; 0 counts as 1.
    #[allow(clippy::cast_precision_loss, reason = "a weight needs no more than 24 bits")]
    fn scaled(share: u32, percent: u8) -> Self {
        Self(100.0 / (share.max(1) as f32 * f32::from(percent.max(1))))
    }

    /// The mean of an exponential variate with this weight as its rate.
    pub fn mean(self) -> f32 {
        self.0
    }
}

/// The most networks that are kept of a mirror; further ones hardly tell more about its location.
const MAX_NETWORKS: usize = 64;

/// The known networks of each mirror: its netblocks and its autonomous systems, in one numbering.
#[derive(Default)]
struct HostNetworks {
    /// Sorted network numbers of each mirror, by its id.
    of_host: Vec<Box<[u32]>>,
}

impl HostNetworks {
    fn new(tables: &Tables) -> Self {
        let mut of_host = vec![Vec::new(); tables.hosts.len()];
        let netblocks = (0..tables.netblock_hosts.len()).map(|n| tables.netblock_hosts.get(n));
        let asns = (0..tables.asn_hosts.len()).map(|n| tables.asn_hosts.get(n));
        // AS numbers come first: they are few, so the limit does not drop them.
        for (number, hosts) in (0_u32..).zip(asns.chain(netblocks)) {
            for host in hosts {
                if let Some(networks) = of_host.get_mut(host.index())
                    && networks.len() < MAX_NETWORKS
                {
                    networks.push(number);
                }
            }
        }
        Self { of_host: of_host.into_iter().map(Vec::into_boxed_slice).collect() }
    }

    fn of(&self, host: HostId) -> &[u32] {
        self.of_host.get(host.index()).map_or(&[], |networks| networks)
    }
}

impl HostIndex {
    pub(super) fn new(tables: &Tables) -> Self {
        Self {
            table: tables.hosts.clone(),
            weights: tables
                .hosts
                .iter()
                .map(|host| Weight::scaled(host.weight, host.load))
                .collect(),
            networks: HostNetworks::new(tables),
            authorities: index_authorities(tables),
            resting: set_of(tables, |host| host.load == 0),
            capped: set_of(tables, |host| host.max_share < 100),
        }
    }

    /// The number of mirrors.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there is no mirror.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// The mirrors as the file has them, by their ids.
    pub(super) fn table(&self) -> &[Host] {
        &self.table
    }

    /// The key of a mirror in its source; `None` for an id of another snapshot.
    pub fn key(&self, host: HostId) -> Option<&MirrorKey> {
        self.table.get(host.index()).map(|host| &host.key)
    }

    /// The share of the load that a mirror takes.
    pub fn weight(&self, host: HostId) -> Weight {
        self.weights.get(host.index()).copied().unwrap_or(Weight(1.0))
    }

    /// The bandwidth of a mirror in Mbit/s, as its share of the load while it takes all of it; at least 1.
    pub fn bandwidth(&self, host: HostId) -> u32 {
        self.table.get(host.index()).map_or(1, |host| host.weight.max(1))
    }

    /// The country of a mirror, if known.
    pub fn country(&self, host: HostId) -> Option<Country> {
        self.table.get(host.index()).and_then(|host| host.country)
    }

    /// Where a mirror is; `None` if no more than its country is known.
    pub fn point(&self, host: HostId) -> Option<Point> {
        self.table.get(host.index()).and_then(|host| host.point)
    }

    /// How much of its share of the load a mirror gets at present, in percent.
    pub fn load(&self, host: HostId) -> u8 {
        self.table.get(host.index()).map_or(100, |host| host.load)
    }

    /// The most of the clients near a mirror that get it as their first one, in percent.
    pub fn max_share(&self, host: HostId) -> u8 {
        self.table.get(host.index()).map_or(100, |host| host.max_share)
    }

    /// The mirrors that are known and in no answer at present, as bits; empty if there are none.
    pub fn resting(&self) -> &[u64] {
        &self.resting
    }

    /// The mirrors whose share of the first places is limited, as bits; empty if there are none.
    pub fn capped(&self) -> &[u64] {
        &self.capped
    }

    /// Whether two mirrors are known to share an autonomous system or a netblock, and so are likely
    /// to fail together. Mirrors of unknown networks share nothing.
    pub fn share_network(&self, one: HostId, other: HostId) -> bool {
        let (mut one, mut other) = (self.networks.of(one), self.networks.of(other));
        // Both are sorted and short.
        while let (Some((a, rest_of_one)), Some((b, rest_of_other))) =
            (one.split_first(), other.split_first())
        {
            match a.cmp(b) {
                Ordering::Equal => return true,
                Ordering::Less => one = rest_of_one,
                Ordering::Greater => other = rest_of_other,
            }
        }
        false
    }

    /// The mirrors with a URL at that host and port.
    pub fn at(&self, authority: &str) -> &[HostId] {
        match self.authorities.binary_search_by(|(known, _)| (**known).cmp(authority)) {
            Ok(index) => self.authorities.get(index).map_or(&[], |(_, hosts)| hosts),
            Err(_) => &[],
        }
    }

    /// The mirrors with a URL at a host, by each of its ports: `host` or `host:port`, with the mirrors.
    pub fn at_host(&self, host: &str) -> impl Iterator<Item = (&str, &[HostId])> {
        let known = self.authorities.binary_search_by(|(known, _)| (**known).cmp(host));
        let alone = known.ok().and_then(|index| self.authorities.get(index));
        // Other characters sort between a host and its ports, such as those of `host-2`.
        let ports = [host, ":"].concat();
        let from = self.authorities.partition_point(|(known, _)| **known < *ports);
        let with_port = self.authorities.get(from..).unwrap_or(&[]).iter();
        let with_port = with_port.take_while(move |(known, _)| known.starts_with(&ports));
        alone.into_iter().chain(with_port).map(|(authority, hosts)| (&**authority, &**hosts))
    }
}

/// The mirrors that are such, as bits; empty if there are none.
fn set_of(tables: &Tables, is_such: impl Fn(&Host) -> bool) -> Box<[u64]> {
    let mut set: Box<[u64]> = Box::default();
    for (host, _) in (0..).map(HostId).zip(&tables.hosts).filter(|(_, host)| is_such(host)) {
        if set.is_empty() {
            set = empty_set(tables.hosts.len());
        }
        insert(&mut set, host);
    }
    set
}

fn index_authorities(tables: &Tables) -> Vec<(Box<str>, Vec<HostId>)> {
    let mut authorities: BTreeMap<&str, Vec<HostId>> = BTreeMap::new();
    let mut seen = FxHashSet::default();
    for layout in &tables.layouts {
        for (host, slot) in (0..).map(HostId).zip(&layout.slots) {
            let Some(slot) = slot.filter(|slot| seen.insert((host, slot.urls))) else { continue };
            for &url in tables.url_lists.get(slot.urls as usize) {
                let hosts =
                    authorities.entry(authority(tables.urls.get(url as usize))).or_default();
                if !hosts.contains(&host) {
                    hosts.push(host);
                }
            }
        }
    }
    authorities.into_iter().map(|(authority, hosts)| (authority.into(), hosts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(n: i64) -> Vec<Host> {
        let host = |number| Host::new(MirrorKey::Number(number));
        (0..n).map(host).collect()
    }

    #[test]
    fn mirrors_share_any_of_their_netblocks_and_as_numbers() {
        let hosts = hosts(6);
        let mut tables = Tables { hosts, ..Tables::default() };
        // 0 is alone; 1 and 2 share an AS number, 2 and 3 the first netblock of 2, 2 and 4 the last.
        tables.asn_hosts.push([1, 2].map(HostId));
        for hosts in [[2, 3], [5, 5], [4, 2]] {
            tables.netblock_hosts.push(hosts.map(HostId));
        }
        let hosts = HostIndex::new(&tables);
        let mut sharing = Vec::new();
        for one in 0..6 {
            for other in one + 1..6 {
                let (a, b) = (HostId(one), HostId(other));
                assert_eq!(hosts.share_network(a, b), hosts.share_network(b, a));
                if hosts.share_network(a, b) {
                    sharing.push((one, other));
                }
            }
        }
        assert_eq!(sharing, [(1, 2), (2, 3), (2, 4)]);
    }

    #[test]
    fn the_networks_of_a_mirror_are_bounded() {
        let hosts = hosts(2);
        let mut tables = Tables { hosts, ..Tables::default() };
        for _ in 0..10 * MAX_NETWORKS {
            tables.netblock_hosts.push([HostId(0)]);
        }
        tables.netblock_hosts.push([0, 1].map(HostId));
        tables.asn_hosts.push([0, 1].map(HostId));
        let networks = HostNetworks::new(&tables);
        assert_eq!(networks.of(HostId(0)).len(), MAX_NETWORKS);
        assert!(HostIndex::new(&tables).share_network(HostId(0), HostId(1)), "AS numbers are kept");
    }
}

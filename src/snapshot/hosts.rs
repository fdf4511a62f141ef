//! What is known of single mirrors: their share of the load, their country, their networks, and
//! their names.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::tables::{Lists, Tables};
use crate::model::base_url::authority;
use crate::model::geo::Country;
use crate::model::ids::HostId;

/// Mirrors, by their ids.
pub struct HostIndex {
    weights: Vec<Weight>,
    countries: Vec<Option<Country>>,
    networks: Vec<Networks>,
    /// Mirrors by the host and port of their URLs, sorted.
    authorities: Vec<(Box<str>, Vec<HostId>)>,
}

/// The share of the load that a mirror takes, kept as what the order needs of it.
#[derive(Clone, Copy, Debug)]
pub struct Weight(f32);

impl Weight {
    /// A share; none at all counts as 1.
    #[allow(clippy::cast_precision_loss, reason = "a weight needs no more than 24 bits")]
    pub fn new(share: u32) -> Self {
        Self(1.0 / share.max(1) as f32)
    }

    /// The mean of an exponential variate with this weight as its rate.
    pub fn mean(self) -> f32 {
        self.0
    }
}

/// The networks in which a mirror stands, as far as the data says.
#[derive(Clone, Copy, Default)]
struct Networks {
    /// Index into the autonomous systems.
    asn: Option<u32>,
    /// Index into the lists of mirrors of a netblock.
    netblock: Option<u32>,
}

impl HostIndex {
    pub(super) fn new(tables: &Tables) -> Self {
        let mut networks = vec![Networks::default(); tables.hosts.len()];
        each_member(&tables.asn_hosts, &mut networks, |networks, asn| networks.asn = asn);
        each_member(&tables.netblock_hosts, &mut networks, |networks, netblock| {
            networks.netblock = netblock;
        });
        Self {
            weights: tables.hosts.iter().map(|host| Weight::new(host.weight)).collect(),
            countries: tables.hosts.iter().map(|host| host.country).collect(),
            networks,
            authorities: index_authorities(tables),
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

    /// The share of the load that a mirror takes.
    pub fn weight(&self, host: HostId) -> Weight {
        self.weights.get(host.index()).copied().unwrap_or(Weight(1.0))
    }

    /// Where a mirror stands, if known.
    pub fn country(&self, host: HostId) -> Option<Country> {
        self.countries.get(host.index()).copied().flatten()
    }

    /// Whether two mirrors are known to share an autonomous system or a netblock, and so are likely
    /// to fail together. Mirrors of unknown networks share nothing.
    pub fn share_network(&self, one: HostId, other: HostId) -> bool {
        match (self.networks.get(one.index()), self.networks.get(other.index())) {
            (Some(one), Some(other)) => {
                one.asn.is_some() && one.asn == other.asn
                    || one.netblock.is_some() && one.netblock == other.netblock
            }
            _ => false,
        }
    }

    /// The mirrors with a URL at that host and port.
    pub fn at(&self, authority: &str) -> &[HostId] {
        match self.authorities.binary_search_by(|(known, _)| (**known).cmp(authority)) {
            Ok(index) => self.authorities.get(index).map_or(&[], |(_, hosts)| hosts),
            Err(_) => &[],
        }
    }
}

fn each_member(
    lists: &Lists<HostId>,
    networks: &mut [Networks],
    set: impl Fn(&mut Networks, Option<u32>),
) {
    for (number, index) in (0_u32..).zip(0..lists.len()) {
        for host in lists.get(index) {
            if let Some(networks) = networks.get_mut(host.index()) {
                set(networks, Some(number));
            }
        }
    }
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

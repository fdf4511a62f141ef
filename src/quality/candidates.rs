//! The mirrors that clients of an area can use, and what that leads to: the nearest of them, and the fair
//! share of each.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::asking::{Asking, FRONT};
use super::clients::Client;
use answer::first_place::{Contender, FirstPlace};
use model::area::AreaId;
use model::families::IpVersion;
use model::geo::Country;
use model::ids::HostId;
use snapshot::bands::BandView;
use snapshot::{Snapshot, contains, members};

/// A mirror that clients of an area can use.
#[derive(Clone, Copy)]
pub(crate) struct Near {
    pub(crate) host: HostId,
    /// How far it is, if known.
    pub(crate) km: Option<f64>,
}

/// The mirrors that the clients of an area can use.
#[derive(Default)]
pub(crate) struct OfArea {
    /// The four nearest mirrors, whatever their load.
    pub(crate) nearest: Vec<Near>,
    /// Whether one of the usable mirrors is in the country of the area.
    pub(crate) has_own: bool,
    /// How far the nearest of these is, if known.
    pub(crate) own_km: Option<f64>,
    /// The mirrors that are equally near, with the part of first places that each should get. Empty if the
    /// place of the area is not known.
    pub(crate) fair: Vec<(HostId, f64)>,
}

/// The mirrors that clients can use, by their area and their version of IP.
pub(crate) struct Candidates(BTreeMap<(Option<AreaId>, IpVersion), OfArea>);

impl Candidates {
    /// Finds the mirrors for all areas of the clients. The options are those of a policy without a limit
    /// of mirrors.
    pub(crate) fn find(asking: &Asking<'_>, clients: &[Client]) -> Self {
        // Which mirrors serve a client depends on its country only, and which work for it on its version of
        // IP.
        let mut usable: BTreeMap<Option<Country>, Vec<HostId>> = BTreeMap::new();
        let mut areas = BTreeMap::new();
        for client in clients {
            let country = client.country();
            let hosts = usable.entry(country).or_insert_with(|| asking.usable(client.address));
            areas.entry(key(client)).or_insert_with(|| {
                let failing = asking.subject.directory.layout.failing(client.version());
                let working = hosts.iter().copied().filter(|&host| !contains(failing, host));
                let working: Vec<HostId> = working.collect();
                // What does not work comes where there is nothing else.
                of_area(asking, client, if working.is_empty() { hosts } else { &working })
            });
        }
        Self(areas)
    }

    /// The mirrors for a client.
    pub(crate) fn of(&self, client: &Client) -> Option<&OfArea> {
        self.0.get(&key(client))
    }
}

/// What decides which mirrors a client can use, and how far they are.
fn key(client: &Client) -> (Option<AreaId>, IpVersion) {
    (client.area_id, client.version())
}

fn of_area(asking: &Asking<'_>, client: &Client, usable: &[HostId]) -> OfArea {
    let snapshot = asking.edition.snapshot();
    let near = |&host: &HostId| Near { host, km: asking.distances.km(client, host) };
    let mut nearest: Vec<Near> = usable.iter().map(near).collect();
    let far = |near: &Near| near.km.unwrap_or(f64::INFINITY);
    nearest.sort_by(|one, other| far(one).total_cmp(&far(other)));
    let own = client.country();
    let is_own = |&host: &HostId| own.is_some() && snapshot.hosts().country(host) == own;
    let own_km = nearest.iter().find(|near| is_own(&near.host)).and_then(|near| near.km);
    nearest.truncate(FRONT);
    OfArea {
        nearest,
        has_own: usable.iter().any(is_own),
        own_km,
        fair: client.area_id.map(|id| fair_shares(snapshot, id, usable)).unwrap_or_default(),
    }
}

/// The part of first places that each mirror should get: that of its bandwidth among those that are equally
/// near, which are the usable mirrors of the first band that has any. If the share of one of them is limited,
/// the rest is divided as answers divide it.
fn fair_shares(snapshot: &Snapshot, area: AreaId, usable: &[HostId]) -> Vec<(HostId, f64)> {
    let hosts = snapshot.hosts();
    let usable: FxHashSet<HostId> = usable.iter().copied().collect();
    let of_band = |band: BandView<'_>| -> Vec<HostId> {
        members(band.hosts).filter(|host| usable.contains(host)).collect()
    };
    let bands: Vec<Vec<HostId>> =
        snapshot.bands(area).map(of_band).filter(|band| !band.is_empty()).collect();
    let first = bands.first().map(Vec::as_slice).unwrap_or_default();
    if first.iter().any(|&host| contains(hosts.capped(), host)) {
        let mut shares = FirstPlace::default();
        shares.clear();
        for band in &bands {
            shares.add_band(band.iter().map(|&host| Contender::new(hosts, host)));
        }
        return shares.chances().collect();
    }
    // A weight is stored as its reciprocal.
    let weight = |host: HostId| 1.0 / f64::from(hosts.weight(host).mean());
    let sum: f64 = first.iter().map(|&host| weight(host)).sum();
    first.iter().map(|&host| (host, weight(host) / sum)).collect()
}

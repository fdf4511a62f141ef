//! The mirrors in order of their distance from an area, in bands of about equal distance.

use super::tables::{Band, HostSets, Lists};
use model::area::AreaId;

/// The bands of all areas.
pub(super) struct BandIndex {
    pub(super) bands: Lists<Band>,
    pub(super) hosts: HostSets,
}

/// Mirrors that are about equally far from an area.
#[derive(Clone, Copy, Debug)]
pub struct BandView<'a> {
    /// The mirrors, as bits.
    pub hosts: &'a [u64],
    /// The distances of the nearest and the farthest of them in km; 0 in the country of an area without a
    /// point.
    pub km: (u16, u16),
    /// Whether they are in the country of the area.
    pub is_own_country: bool,
}

impl BandIndex {
    /// The bands around an area, the nearest first.
    pub(super) fn around(&self, area: AreaId) -> impl Iterator<Item = BandView<'_>> {
        let bands = self.bands.get(area.index());
        bands.iter().map(|&Band { hosts, km, is_own_country }| BandView {
            hosts: self.hosts.get(hosts as usize),
            km,
            is_own_country,
        })
    }
}

//! Where clients and mirrors are, and how far from one another.

use model::area::{Area, AreaId};
use model::geo::{Country, Location};
use model::ids::HostId;
use model::net::Prefix;
use model::point::Point;

use super::bands::BandView;
use super::snapshot::Snapshot;

impl Snapshot {
    /// An area; `None` for an id of another snapshot.
    pub fn area(&self, id: AreaId) -> Option<Area> {
        self.areas.get(id.index()).copied()
    }

    /// All areas, by [`AreaId`].
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// The area that is a whole country or continent; `None` if no client can be there.
    pub fn find_whole(&self, location: impl Into<Location>) -> Option<AreaId> {
        AreaId::new(self.areas.binary_search(&Area::whole(location)).ok()?)
    }

    /// The point from which distances to an area are measured: its own, or else the centre of its
    /// country; `None` if neither is known.
    pub fn centre(&self, area: Area) -> Option<Point> {
        area.point.or_else(|| self.find_centre(area.location.country()?))
    }

    /// The centre of a country, if known.
    pub fn find_centre(&self, country: Country) -> Option<Point> {
        let index = self.centres.binary_search_by_key(&country, |&(country, _)| country).ok()?;
        self.centres.get(index).map(|&(_, point)| point)
    }

    /// Where a mirror is: its own point, or else the centre of its country; `None` if neither is known.
    pub fn point_of(&self, host: HostId) -> Option<Point> {
        let hosts = self.hosts();
        hosts.point(host).or_else(|| self.find_centre(hosts.country(host)?))
    }

    /// All mirrors of known places in bands of distance from an area, the nearest first. None has mirrors
    /// that are in a band before it.
    pub fn bands(&self, area: AreaId) -> impl Iterator<Item = BandView<'_>> {
        self.bands.around(area)
    }

    /// The networks of the country database, each with its area: those of IPv4, then those of IPv6.
    pub fn located_networks(&self) -> impl Iterator<Item = (Prefix, AreaId)> {
        self.location_prefixes.iter()
    }
}

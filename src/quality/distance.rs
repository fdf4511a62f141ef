//! How far a mirror is from a client.

use super::clients::Client;
use model::geo::Country;
use model::ids::HostId;
use snapshot::Snapshot;

/// Measures distances.
#[derive(Clone, Copy)]
pub(crate) struct Distances<'s> {
    pub(crate) snapshot: &'s Snapshot,
    /// Whether points are used where both sides have one.
    pub(crate) is_exact: bool,
}

impl Distances<'_> {
    /// The distance in km: between the centres of the countries, and 0 within a country; or between points.
    /// `None` if a place is not known.
    pub(crate) fn km(self, client: &Client, host: HostId) -> Option<f64> {
        let area = client.area?;
        if self.is_exact
            && let (Some(own), Some(other)) = (area.point, self.snapshot.hosts().point(host))
        {
            return Some(own.km_to(other));
        }
        self.between(area.location.country()?, self.snapshot.hosts().country(host)?)
    }

    /// The distance between two countries.
    pub(crate) fn between(self, one: Country, other: Country) -> Option<f64> {
        if one == other {
            return Some(0.0);
        }
        Some(self.snapshot.find_centre(one)?.km_to(self.snapshot.find_centre(other)?))
    }
}

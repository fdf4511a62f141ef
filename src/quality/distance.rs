//! How far a mirror is from a client.

use super::clients::Client;
use model::geo::Country;
use model::ids::HostId;
use snapshot::Snapshot;

/// Measures distances.
#[derive(Clone, Copy)]
pub(crate) struct Distances<'s> {
    pub(crate) snapshot: &'s Snapshot,
    /// Whether points are used where they are known.
    pub(crate) is_exact: bool,
}

impl Distances<'_> {
    /// The distance in km: between the centres of the countries, and 0 within a country; or between points,
    /// of which the centre of the country takes the place where one is not known. A client of which no more
    /// than its country is known is 0 km from all mirrors of that, as when data are compiled. `None` if a
    /// place is not known.
    pub(crate) fn km(self, client: &Client, host: HostId) -> Option<f64> {
        let area = client.area?;
        let own = area.location.country();
        let of_mirror = self.snapshot.hosts().country(host);
        if !self.is_exact || (area.point.is_none() && own.is_some() && own == of_mirror) {
            return self.between(own?, of_mirror?);
        }
        let client = area.point.or_else(|| self.snapshot.find_centre(own?))?;
        Some(client.km_to(self.snapshot.point_of(host)?))
    }

    /// The distance between two countries.
    fn between(self, one: Country, other: Country) -> Option<f64> {
        if one == other {
            return Some(0.0);
        }
        Some(self.snapshot.find_centre(one)?.km_to(self.snapshot.find_centre(other)?))
    }
}

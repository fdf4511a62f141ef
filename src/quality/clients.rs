//! The clients of a measurement.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use fastrand::Rng;

use super::access_log::{self, LogSample};
use super::error::Error;
use super::territory::{self, Territory};
use answer::Options;
use model::area::{Area, AreaId};
use model::embedded::LookupAddresses;
use model::families::IpVersion;
use model::geo::{Country, Location};
use snapshot::Snapshot;

/// How clients are drawn.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// How many.
    pub n_clients: usize,
    /// The part of clients with IPv6, from 0 to 1, where they are drawn from networks.
    pub ipv6_share: f64,
    /// The seed of all random numbers.
    pub seed: u64,
    /// An access log from which they are drawn instead.
    pub log: Option<PathBuf>,
}

/// The greatest number of clients that a place gets whatever its size: small countries have some, so that
/// one can say how they are served. They count by their weight all the same.
const MIN_OF_PLACE: usize = 3;

/// A client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// The part of all clients for which it stands. All weights sum to 1.
    pub(crate) weight: f64,
    /// Where the server finds it.
    pub(crate) area_id: Option<AreaId>,
    /// That area.
    pub(crate) area: Option<Area>,
}

impl Client {
    /// Its country, if known.
    pub(crate) fn country(&self) -> Option<Country> {
        self.area.and_then(|area| area.location.country())
    }

    /// Its version of IP.
    pub(crate) fn version(&self) -> IpVersion {
        IpVersion::of(self.address)
    }
}

/// The clients, and what is known of the log they come from.
pub(crate) struct Drawn {
    pub(crate) clients: Vec<Client>,
    pub(crate) log: Option<LogSample>,
}

/// Draws clients, and places them as the server does.
pub(crate) fn draw(
    snapshot: &Snapshot,
    drawing: &Drawing,
    options: &Options,
) -> Result<Drawn, Error> {
    let mut rng = Rng::with_seed(drawing.seed);
    let (addresses, log) = match &drawing.log {
        Some(path) => {
            let log = access_log::read(path, drawing.n_clients, rng.u64(..))?;
            let addresses = log.addresses.iter().map(|&address| (address, 1.0)).collect();
            (addresses, Some(log))
        }
        None => (from_networks(snapshot, drawing, &mut rng), None),
    };
    let sum: f64 = addresses.iter().map(|(_, weight)| weight).sum();
    if addresses.is_empty() || sum <= 0.0 {
        return Err(Error::NoNetworks);
    }
    let place = |(address, weight)| {
        let lookup = LookupAddresses::of(address, options.nat64.iter().chain(snapshot.nat64()));
        let area_id = snapshot.find_area(lookup);
        let area = area_id.and_then(|id| snapshot.area(id));
        Client { address, weight: weight / sum, area_id, area }
    };
    Ok(Drawn { clients: addresses.into_iter().map(place).collect(), log })
}

/// Draws addresses with their weights.
fn from_networks(snapshot: &Snapshot, drawing: &Drawing, rng: &mut Rng) -> Vec<(IpAddr, f64)> {
    let share = drawing.ipv6_share.clamp(0.0, 1.0);
    let [v4, v6] = IpVersion::ALL.map(|version| territory::of_snapshot(snapshot, version));
    // Where only one version is known, all clients have that.
    let share = match (v4.is_empty(), v6.is_empty()) {
        (true, _) => 1.0,
        (_, true) => 0.0,
        _ => share,
    };
    let n_v6 = whole(drawing.n_clients as f64 * share);
    let mut addresses = Vec::with_capacity(drawing.n_clients);
    for (version, territories, n, share) in [
        (IpVersion::V4, v4, drawing.n_clients - n_v6.min(drawing.n_clients), 1.0 - share),
        (IpVersion::V6, v6, n_v6, share),
    ] {
        addresses.extend(of_version(version, &territories, n, share, rng));
    }
    addresses
}

/// Draws `n` addresses of a version of IP, which together have this weight.
fn of_version(
    version: IpVersion,
    territories: &BTreeMap<Location, Territory>,
    n: usize,
    weight: f64,
    rng: &mut Rng,
) -> Vec<(IpAddr, f64)> {
    let sizes: Vec<f64> = territories.values().map(Territory::size).collect();
    let counts = divide(n, &sizes);
    // Places without a client are not counted.
    let counted: f64 =
        sizes.iter().zip(&counts).filter(|(_, n)| **n > 0).map(|(size, _)| size).sum();
    let mut addresses = Vec::with_capacity(n);
    for (territory, n) in territories.values().zip(counts) {
        let each = weight * territory.size() / counted / n as f64;
        // Evenly over the place, from a beginning by chance: large networks are met as often as they should.
        let offset = rng.f64();
        for number in 0..n {
            let place = (number as f64 + offset) / n as f64;
            addresses.extend(territory.address(version, place, rng).map(|address| (address, each)));
        }
    }
    addresses
}

/// Divides `n` clients over places by their sizes, some for each if there are enough.
fn divide(n: usize, sizes: &[f64]) -> Vec<usize> {
    let sum: f64 = sizes.iter().sum();
    if sizes.is_empty() || sum <= 0.0 {
        return vec![0; sizes.len()];
    }
    let least = (n / (2 * sizes.len())).min(MIN_OF_PLACE);
    let left = n - least * sizes.len();
    let exact: Vec<f64> = sizes.iter().map(|size| left as f64 * size / sum).collect();
    let mut counts: Vec<usize> = exact.iter().map(|&exact| least + whole(exact.floor())).collect();
    // Those with the largest remainders get the rest.
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    let remainder = |index: &usize| exact.get(*index).map_or(0.0, |exact| exact.fract());
    order.sort_by(|one, other| remainder(other).total_cmp(&remainder(one)).then(one.cmp(other)));
    let rest = n.saturating_sub(counts.iter().sum());
    for index in order.into_iter().cycle().take(rest) {
        if let Some(count) = counts.get_mut(index) {
            *count += 1;
        }
    }
    counts
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of clients, which are positive and small"
)]
fn whole(number: f64) -> usize {
    number.round() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_places_have_clients_where_there_are_enough() {
        assert_eq!(divide(10, &[90.0, 9.0, 1.0]), [7, 2, 1]);
        assert_eq!(divide(100, &[9_999.0, 1.0]), [97, 3]);
        assert_eq!(divide(2, &[1.0, 1.0, 5.0]), [0, 0, 2]);
        assert_eq!(divide(5, &[]), [0; 0]);
        assert_eq!(divide(5, &[0.0]), [0]);
    }

    proptest! {
        #[test]
        fn no_client_is_lost_and_shares_sum_to_one(
            n in 0_usize..500,
            sizes in proptest::collection::vec(1_u32..1_000_000, 1..40),
        ) {
            let numbers = sizes;
            let sizes: Vec<f64> = numbers.iter().copied().map(f64::from).collect();
            let counts = divide(n, &sizes);
            prop_assert_eq!(counts.iter().sum::<usize>(), n);
            let least = counts.iter().min().copied().unwrap_or(0);
            prop_assert!(n < 2 * sizes.len() * MIN_OF_PLACE || least >= MIN_OF_PLACE);
            let mut territories = BTreeMap::new();
            for (index, &size) in numbers.iter().enumerate() {
                let code = format!("{}{}", index / 10, index % 10);
                let country = Country::parse(&code).expect("two digits");
                let first = (index as u128) << 24;
                let mut territory = Territory::default();
                territory.push(IpVersion::V4, first, first + u128::from(size) - 1);
                territories.insert(Location::from(country), territory);
            }
            let drawn = of_version(IpVersion::V4, &territories, n, 0.8, &mut fastrand::Rng::with_seed(7));
            prop_assert_eq!(drawn.len(), n);
            let sum: f64 = drawn.iter().map(|(_, weight)| weight).sum();
            prop_assert!(n == 0 || (sum - 0.8).abs() < 1e-9, "{}", sum);
        }
    }
}

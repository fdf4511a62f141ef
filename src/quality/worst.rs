//! The countries that are served worst, and why.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::asking::Outcome;
use super::candidates::{Candidates, Near, OfArea};
use super::clients::Client;
use super::distance::Distances;
use super::subject::Subject;
use super::weighted::Weighted;
use model::families::IpVersion;
use model::geo::Country;
use model::ids::HostId;
use snapshot::{Snapshot, contains};

/// How a country is served.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CountryReport {
    /// Its code.
    pub country: String,
    /// The part of all clients that is there.
    pub clients: f64,
    /// How far the first mirror is, in km.
    pub first_mean_km: f64,
    /// How far the first four mirrors are, in km.
    pub first_four_mean_km: f64,
    /// By how much the country raises the mean of all clients, in km.
    pub adds_km: f64,
    /// How many mirrors there are, whether clients can use them or not.
    pub mirrors: usize,
    /// Why its clients have no nearer mirror. Where there are several reasons, the one that causes most of the
    /// distance.
    pub reason: Reason,
    /// The nearest mirrors that the clients can use whom the reason concerns.
    pub nearest: Option<Nearest>,
}

/// Usable mirrors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearest {
    /// Where the nearest mirror of most of the clients is.
    pub country: String,
    /// How far the nearest mirror of each client is, on average, in km.
    pub km: f64,
}

/// Why clients have no mirror in their country, or not as the first one: what keeps the last of its mirrors
/// out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no mirror in the country.
    NoMirror,
    /// None of its mirrors carries the repository.
    NotCarried,
    /// All that carry it are private.
    Private,
    /// All others rest.
    Rest,
    /// All others do not serve clients of the country.
    Denied,
    /// All others do not work over the clients' version of IP.
    IpVersion,
    /// All others are left out by the options, such as for their protocols.
    LeftOut,
    /// There are usable mirrors, but not all clients get one of them first.
    NotFirst,
    /// There are usable mirrors, but none is nearer to its clients than the first one.
    Far,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMirror => "no mirror in the country",
            Self::NotCarried => "its mirrors do not carry the repository",
            Self::Private => "its mirrors are private",
            Self::Rest => "its mirrors rest",
            Self::Denied => "its mirrors do not serve it",
            Self::IpVersion => "its mirrors do not work over its version of IP",
            Self::LeftOut => "its mirrors have no usable URL",
            Self::NotFirst => "has mirrors, others come first",
            Self::Far => "has mirrors, none is nearer",
        })
    }
}

/// What is known of the clients of one country.
#[derive(Default)]
struct OfCountry {
    clients: f64,
    first: Weighted,
    four: Weighted,
    /// Those whose first mirror is at a distance, by what keeps them from a nearer one.
    far: BTreeMap<Obstacle, FarClients>,
}

/// Why a client has no nearer mirror first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Obstacle {
    /// It can use no mirror of its country over this version of IP.
    NoOwn(IpVersion),
    /// It can, and gets one that is farther.
    NotFirst,
    /// None of its country is nearer than the one that it gets.
    Far,
}

/// Clients with one obstacle.
#[derive(Default)]
struct FarClients {
    /// What they add to the mean of all clients.
    adds_km: f64,
    /// How far the nearest mirror is that each can use.
    nearest: Weighted,
    /// The countries of these mirrors, by the weight of the clients.
    countries: BTreeMap<Country, f64>,
}

/// The countries whose clients have their first mirror at a distance, by their code. Countries of unknown
/// place are left out.
pub(crate) fn find<'a>(
    distances: Distances<'_>,
    subject: &Subject<'_>,
    candidates: &Candidates,
    served: impl Iterator<Item = (&'a Client, &'a Outcome)>,
) -> Vec<CountryReport> {
    let snapshot = distances.snapshot;
    let mut countries: BTreeMap<Country, OfCountry> = BTreeMap::new();
    for (client, outcome) in served {
        let Some(country) = client.country() else { continue };
        let of_country = countries.entry(country).or_default();
        of_country.clients += client.weight;
        of_country.first.add(outcome.first_km, client.weight);
        of_country.four.add(outcome.four_km, client.weight);
        let Some(km) = outcome.first_km.filter(|&km| km > 0.0) else { continue };
        let of_area = candidates.of(client);
        let obstacle = match of_area.filter(|of_area| of_area.has_own) {
            None => Obstacle::NoOwn(client.version()),
            Some(OfArea { own_km: Some(own), .. }) if *own >= km => Obstacle::Far,
            Some(_) if outcome.is_first_in_own_country => Obstacle::Far,
            Some(_) => Obstacle::NotFirst,
        };
        let far = of_country.far.entry(obstacle).or_default();
        far.adds_km += client.weight * km;
        let nearest = of_area.and_then(|of_area| of_area.nearest.first());
        if let Some(Near { host, km: Some(km) }) = nearest
            && let Some(of_nearest) = snapshot.hosts().country(*host)
        {
            far.nearest.add(*km, client.weight);
            *far.countries.entry(of_nearest).or_default() += client.weight;
        }
    }
    let report = |(country, of_country): (Country, OfCountry)| {
        let OfCountry { clients, first, four, far } = of_country;
        let first_mean_km = first.mean()?;
        // What concerns most, by the distance that it causes.
        let most = far.iter().max_by(|(_, one), (_, other)| one.adds_km.total_cmp(&other.adds_km));
        let (&obstacle, far) = most?;
        let of_nearest = far.countries.iter().max_by(|(_, one), (_, other)| one.total_cmp(other));
        let nearest = of_nearest.and_then(|(country, _)| {
            Some(Nearest { country: country.to_string(), km: rounded(far.nearest.mean()?) })
        });
        let (reason, mirrors) = match obstacle {
            Obstacle::NoOwn(version) => find_reason(snapshot, subject, country, version),
            Obstacle::NotFirst => (Reason::NotFirst, count(snapshot, country)),
            Obstacle::Far => (Reason::Far, count(snapshot, country)),
        };
        Some(CountryReport {
            country: country.to_string(),
            // Clients of the smallest countries are a millionth of all.
            clients: (clients * 1e8).round() / 1e8,
            first_mean_km: rounded(first_mean_km),
            first_four_mean_km: rounded(four.mean().unwrap_or(first_mean_km)),
            adds_km: (clients * first_mean_km * 1_000.0).round() / 1_000.0,
            mirrors,
            reason,
            nearest,
        })
    };
    countries.into_iter().filter_map(report).collect()
}

/// The first `max` countries by a number, the greatest first. Equals stay in the order of their codes.
pub(crate) fn by(
    reports: &[CountryReport],
    number: impl Fn(&CountryReport) -> f64,
    max: usize,
) -> Vec<CountryReport> {
    let mut sorted = reports.to_vec();
    sorted.sort_by(|one, other| number(other).total_cmp(&number(one)));
    sorted.truncate(max);
    sorted
}

fn count(snapshot: &Snapshot, country: Country) -> usize {
    mirrors_in(snapshot, country).count()
}

fn mirrors_in(snapshot: &Snapshot, country: Country) -> impl Iterator<Item = HostId> {
    let hosts = (0..).map(HostId).take(snapshot.hosts().len());
    hosts.filter(move |&host| snapshot.hosts().country(host) == Some(country))
}

/// Finds what keeps the mirrors of a country from its clients of a version of IP, one rule after another.
fn find_reason(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    country: Country,
    version: IpVersion,
) -> (Reason, usize) {
    let mut left: Vec<_> = mirrors_in(snapshot, country).collect();
    let n_mirrors = left.len();
    let directory = &subject.directory;
    let hosts = snapshot.hosts();
    let refusing = snapshot.refusing(Some(country));
    let failing = directory.layout.failing(version);
    let rules: [(Reason, &dyn Fn(HostId) -> bool); 6] = [
        (Reason::NoMirror, &|_| true),
        (Reason::NotCarried, &|host| contains(directory.carriers, host)),
        (Reason::Private, &|host| contains(directory.layout.public(), host)),
        (Reason::Rest, &|host| !contains(hosts.resting(), host)),
        (Reason::Denied, &|host| !contains(refusing, host)),
        (Reason::IpVersion, &|host| !contains(failing, host)),
    ];
    for (reason, keeps) in rules {
        left.retain(|&host| keeps(host));
        if left.is_empty() {
            return (reason, n_mirrors);
        }
    }
    (Reason::LeftOut, n_mirrors)
}

fn rounded(km: f64) -> f64 {
    (km * 10.0).round() / 10.0
}

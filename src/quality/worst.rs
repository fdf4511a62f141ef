//! The countries that are served worst, and why.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::asking::Outcome;
use super::candidates::Candidates;
use super::clients::Client;
use super::distance::Distances;
use super::subject::Subject;
use super::weighted::Weighted;
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
    /// Why its clients have no nearer mirror.
    pub reason: Reason,
    /// The nearest mirror that its clients can use.
    pub nearest: Option<Nearest>,
}

/// A usable mirror.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearest {
    /// Its country.
    pub country: String,
    /// How far it is, in km.
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
    /// All others are left out by the options, such as for their protocols.
    LeftOut,
    /// There are usable mirrors, but not all clients get one of them first.
    NotFirst,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMirror => "no mirror in the country",
            Self::NotCarried => "its mirrors do not carry the repository",
            Self::Private => "its mirrors are private",
            Self::Rest => "its mirrors rest",
            Self::Denied => "its mirrors do not serve it",
            Self::LeftOut => "its mirrors have no usable URL",
            Self::NotFirst => "has mirrors, others come first",
        })
    }
}

/// The countries whose clients have their first mirror at a distance, by their code. Countries of unknown
/// place are left out.
pub(crate) fn find<'a>(
    distances: Distances<'_>,
    subject: &Subject<'_>,
    candidates: &Candidates,
    served: impl Iterator<Item = (&'a Client, &'a Outcome)>,
) -> Vec<CountryReport> {
    let mut countries: BTreeMap<Country, (f64, &Client, Weighted, Weighted)> = BTreeMap::new();
    for (client, outcome) in served {
        let Some(country) = client.country() else { continue };
        let (weight, _, first, four) = countries
            .entry(country)
            .or_insert_with(|| (0.0, client, Weighted::default(), Weighted::default()));
        *weight += client.weight;
        first.add(outcome.first_km, client.weight);
        four.add(outcome.four_km, client.weight);
    }
    let snapshot = distances.snapshot;
    let report = |(country, (clients, client, first, four)): (
        Country,
        (f64, &Client, Weighted, Weighted),
    )| {
        let first_mean_km = first.mean().filter(|&km| km > 0.0)?;
        let of_area = candidates.of(client);
        let nearest = of_area.and_then(|of_area| of_area.nearest.first());
        let nearest = nearest.and_then(|near| {
            Some(Nearest {
                country: snapshot.hosts().country(near.host)?.to_string(),
                km: rounded(near.km?),
            })
        });
        let (reason, mirrors) = match of_area {
            Some(of_area) if of_area.has_own => (Reason::NotFirst, count(snapshot, country)),
            _ => find_reason(snapshot, subject, country),
        };
        Some(CountryReport {
            country: country.to_string(),
            clients,
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

/// Finds what keeps the mirrors of a country out, one rule after another.
fn find_reason(snapshot: &Snapshot, subject: &Subject<'_>, country: Country) -> (Reason, usize) {
    let mut left: Vec<_> = mirrors_in(snapshot, country).collect();
    let n_mirrors = left.len();
    let directory = &subject.directory;
    let hosts = snapshot.hosts();
    let refusing = snapshot.refusing(Some(country));
    let rules: [(Reason, &dyn Fn(HostId) -> bool); 5] = [
        (Reason::NoMirror, &|_| true),
        (Reason::NotCarried, &|host| contains(directory.carriers, host)),
        (Reason::Private, &|host| contains(directory.layout.public(), host)),
        (Reason::Rest, &|host| !contains(hosts.resting(), host)),
        (Reason::Denied, &|host| !contains(refusing, host)),
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

//! From what all clients got to the figures of a policy.

use super::asking::{FRONT, Outcome, mean};
use super::candidates::{Candidates, Near, OfArea};
use super::clients::Client;
use super::fairness::{FirstPlaces, is_own_network};
use super::figures::{Figure, Figures};
use super::weighted::Weighted;
use model::families::IpVersion;
use model::ids::HostId;

/// The figures of answers to all clients. `knows` says of which versions of IP the data know anything.
pub(crate) fn of_answers(
    clients: &[Client],
    outcomes: &[Outcome],
    candidates: &Candidates,
    places: &FirstPlaces,
    knows: impl Fn(IpVersion) -> bool,
) -> Figures {
    let all = || clients.iter().zip(outcomes);
    let over = |value: &dyn Fn(&Client, &Outcome) -> Option<f64>| {
        let mut values = Weighted::default();
        for (client, outcome) in all() {
            values.add(value(client, outcome), client.weight);
        }
        values
    };
    let mut figures = Figures::default();
    let mut set = |figure, value| figures.set(figure, value);
    let first = over(&|_, outcome| outcome.first_km);
    set(Figure::FirstMeanKm, first.mean());
    set(Figure::FirstP90Km, first.quantile(0.9));
    set(Figure::FirstOwnCountry, over(&|_, outcome| share(outcome.is_first_in_own_country)).mean());
    let kept = over(&|client, outcome| {
        let has_own = candidates.of(client).is_some_and(|of_area| of_area.has_own);
        share(outcome.is_first_in_own_country).filter(|_| has_own)
    });
    set(Figure::OwnCountryKept, kept.mean());
    let is_own_network = |outcome: &Outcome| outcome.found.is_some_and(is_own_network);
    set(Figure::FirstOwnNetwork, over(&|_, outcome| share(is_own_network(outcome))).mean());
    let four = over(&|_, outcome| outcome.four_km);
    set(Figure::FirstFourMeanKm, four.mean());
    set(Figure::FirstFourP90Km, four.quantile(0.9));
    set(Figure::FirstFourOwnCountry, over(&|_, outcome| outcome.four_own_country).mean());
    set(Figure::FirstFourHosts, over(&|_, outcome| outcome.n_hosts).mean());
    set(Figure::FirstFourNetworks, over(&|_, outcome| outcome.n_networks).mean());
    set(Figure::SecondMeanKm, over(&|_, outcome| outcome.second_km).mean());
    set(
        Figure::LossMeanKm,
        over(&|_, outcome| Some(outcome.second_km? - outcome.first_km?)).mean(),
    );
    set(Figure::UrlsBeforeSecond, over(&|_, outcome| outcome.n_before_second).mean());
    set(Figure::LastMeanKm, over(&|_, outcome| outcome.last_km).mean());
    set(Figure::LastIsFallback, over(&|_, outcome| share(outcome.is_last_fallback)).mean());
    set(Figure::Mirrors, over(&|_, outcome| Some(outcome.n_mirrors as f64)).mean());
    set(Figure::Urls, over(&|_, outcome| Some(outcome.n_urls as f64)).mean());
    let bytes = over(&|_, outcome| Some(outcome.n_bytes as f64));
    set(Figure::BodyMeanBytes, bytes.mean());
    set(Figure::BodyMaxBytes, bytes.max());
    set(Figure::Empty, over(&|_, outcome| share(outcome.first.is_none())).mean());
    let compared = places.compared();
    set(Figure::FairnessWorst, compared.first().map(|most| most.ratio));
    set(Figure::FairnessLeast, compared.last().map(|fewest| fewest.ratio));
    set(Figure::FairnessMirrors, Some(compared.len() as f64));
    let covered: f64 = compared.iter().map(|of| of.expected).sum();
    set(Figure::FairnessCovered, Some(covered));
    set(Figure::Starving, Some(places.starving().len() as f64));
    let v6 =
        over(&|client, outcome| share(outcome.works).filter(|_| client.version() == IpVersion::V6));
    set(Figure::Ipv6Works, v6.mean().filter(|_| knows(IpVersion::V6)));
    let fails = over(&|_, outcome| share(outcome.fails));
    let knows_any = IpVersion::ALL.into_iter().any(&knows);
    set(Figure::FirstFails, fails.mean().filter(|_| knows_any));
    figures
}

/// The figures that clients would have with the nearest mirrors they can use, whatever their load.
pub(crate) fn of_limit(
    clients: &[Client],
    candidates: &Candidates,
    is_own: impl Fn(&Client, HostId) -> bool,
    count_networks: impl Fn(&[HostId]) -> usize,
) -> Figures {
    let none = OfArea::default();
    let over = |value: &dyn Fn(&Client, &[Near]) -> Option<f64>| {
        let mut values = Weighted::default();
        for client in clients {
            let of_area = candidates.of(client).unwrap_or(&none);
            values.add(value(client, &of_area.nearest), client.weight);
        }
        values
    };
    let mut figures = Figures::default();
    let mut set = |figure, value| figures.set(figure, value);
    let km = |nearest: &[Near], place: usize| nearest.get(place)?.km;
    let first = over(&|_, nearest| km(nearest, 0));
    set(Figure::FirstMeanKm, first.mean());
    set(Figure::FirstP90Km, first.quantile(0.9));
    let first_is_own = |client: &Client, nearest: &[Near]| {
        nearest.first().is_some_and(|near| is_own(client, near.host))
    };
    set(
        Figure::FirstOwnCountry,
        over(&|client, nearest| share(first_is_own(client, nearest))).mean(),
    );
    let kept = over(&|client, nearest| {
        let has_own = candidates.of(client).is_some_and(|of_area| of_area.has_own);
        share(first_is_own(client, nearest)).filter(|_| has_own)
    });
    set(Figure::OwnCountryKept, kept.mean());
    let four = over(&|_, nearest| mean(nearest.iter().filter_map(|near| near.km)));
    set(Figure::FirstFourMeanKm, four.mean());
    set(Figure::FirstFourP90Km, four.quantile(0.9));
    let own_share = |client: &Client, nearest: &[Near]| {
        mean(nearest.iter().map(|near| f64::from(u8::from(is_own(client, near.host)))))
    };
    set(Figure::FirstFourOwnCountry, over(&own_share).mean());
    let n_hosts = |nearest: &[Near]| (!nearest.is_empty()).then(|| nearest.len().min(FRONT) as f64);
    set(Figure::FirstFourHosts, over(&|_, nearest| n_hosts(nearest)).mean());
    let networks = over(&|_, nearest| {
        let hosts: Vec<_> = nearest.iter().map(|near| near.host).collect();
        (!hosts.is_empty()).then(|| count_networks(&hosts) as f64)
    });
    set(Figure::FirstFourNetworks, networks.mean());
    set(Figure::SecondMeanKm, over(&|_, nearest| km(nearest, 1)).mean());
    set(Figure::LossMeanKm, over(&|_, nearest| Some(km(nearest, 1)? - km(nearest, 0)?)).mean());
    set(Figure::Empty, over(&|_, nearest| share(nearest.is_empty())).mean());
    figures
}

/// What a client counts for in a share of clients.
fn share(is_such: bool) -> Option<f64> {
    Some(f64::from(u8::from(is_such)))
}

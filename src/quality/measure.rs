//! Runs a measurement: all clients, all policies.

use std::collections::BTreeSet;
use std::thread;

use fastrand::Rng;

use super::asking::{Asking, Buffers, Outcome};
use super::candidates::Candidates;
use super::clients::{self, Client, Drawing, Drawn};
use super::distance::Distances;
use super::error::Error;
use super::fairness::{Compared, FirstPlaces, answers_needed, is_own_network};
use super::report::{Clients, LIMIT, MirrorReport, PolicyReport, Question, Report};
use super::subject::{Choice, ListFormat, Subject};
use super::{summary, worst};
use answer::Edition;
use answer::policy::Policy as Order;
use answer::shaping::Shaping;
use model::families::IpVersion;
use model::geo::Country;
use model::ids::HostId;
use snapshot::{Snapshot, contains, members};

/// A policy to measure.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name in reports and conditions.
    pub name: &'static str,
    /// The options of its answers.
    pub options: answer::Options,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The clients.
    pub drawing: Drawing,
    /// What they ask for.
    pub choice: Choice,
    /// Whether distances are those of points where they are known.
    pub is_exact: bool,
    /// The policies, each with another name.
    pub policies: Vec<Policy>,
    /// The name of the one that is configured.
    pub configured: &'static str,
    /// How many of the worst-served countries are named.
    pub n_countries: usize,
    /// How many threads ask.
    pub n_threads: usize,
}

/// How many answers are asked for in all, at least, to compare first places with fair shares: each client for
/// as many of them.
const MIN_ANSWERS: usize = 30_000;
/// The most answers for one client of them.
const MAX_ROUNDS: usize = 30;
/// How many answers there are at most if that takes more, each client by its weight.
const MAX_ANSWERS: f64 = 110_000.0;
/// The clients that a thread asks for one after the other.
const CHUNK: usize = 128;
/// How many mirrors are named of those with most first places, and of those that have none.
const N_MOST: usize = 5;
const N_STARVING: usize = 20;

/// Measures all policies. `progress` is called with the number of clients that were asked for, by any thread.
pub fn measure(
    edition: &Edition,
    plan: &Plan,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Report, Error> {
    let snapshot = edition.snapshot();
    let subject = Subject::choose(snapshot, &plan.choice)?;
    let distances = Distances { snapshot, is_exact: plan.is_exact };
    let own = plan.policies.iter().find(|policy| policy.name == plan.configured);
    let own = own.map(|policy| policy.options.clone()).unwrap_or_default();
    let Drawn { clients, log } = clients::draw(snapshot, &plan.drawing, &own)?;
    let asking = |options| Asking { edition, subject: &subject, options, distances };
    if let Some(client) = clients.first()
        && let Some((status, message)) = asking(&own).find_refusal(client.address)
    {
        return Err(Error::Refused { question: subject.to_string(), status, message });
    }
    // All mirrors with a URL that today's clients read.
    let fallback = own.shaping.fallback.clone();
    let shaping = Shaping { max_mirrors: None, spread: false, fallback, ..Shaping::modern() };
    let unlimited = answer::Options { policy: Order::Nearest, shaping, ..own.clone() };
    let candidates = Candidates::find(&asking(&unlimited), &clients);
    let mut policies = Vec::new();
    let mut countries = Vec::new();
    for policy in &plan.policies {
        let asking = asking(&policy.options);
        let (outcomes, places) = ask_for_all(&asking, &clients, &candidates, plan, progress);
        let figures = summary::of_answers(&clients, &outcomes, &candidates, &places, |version| {
            asking.knows(version)
        });
        if policy.name == plan.configured {
            let served = clients.iter().zip(&outcomes);
            countries = worst::find(distances, &subject, &candidates, served);
        }
        let starving = places.starving().into_iter().take(N_STARVING);
        policies.push(PolicyReport {
            name: policy.name,
            figures,
            most_first_places: most_first_places(snapshot, &places),
            starving: starving.map(|host| key(snapshot, host)).collect(),
        });
    }
    let is_own = |client: &Client, host: HostId| {
        client.country().is_some() && client.country() == snapshot.hosts().country(host)
    };
    let limit = asking(&own);
    policies.push(PolicyReport {
        name: LIMIT,
        figures: summary::of_limit(&clients, &candidates, is_own, |front| {
            limit.count_networks(front)
        }),
        most_first_places: Vec::new(),
        starving: Vec::new(),
    });
    let public = subject.directory.layout.public();
    let listed = members(subject.directory.carriers).filter(|&host| contains(public, host));
    let (placed, unplaced): (Vec<_>, Vec<_>) =
        listed.partition(|&host| snapshot.point_of(host).is_some());
    Ok(Report {
        generation: snapshot.generation().to_string(),
        question: Question {
            repo: subject.repo.to_owned(),
            arch: subject.arch.to_owned(),
            format: match subject.format {
                ListFormat::Mirrorlist => "mirrorlist",
                ListFormat::Metalink => "metalink",
            },
            mirrors: placed.len() + unplaced.len(),
            mirrors_of_unknown_place: unplaced.len(),
        },
        clients: describe(&clients, plan, log.map(|log| (log.n_clients, log.n_others))),
        exact: plan.is_exact,
        configured: plan.configured,
        policies,
        worst_served: worst::by(&countries, |country| country.first_mean_km, plan.n_countries),
        most_needed: worst::by(&countries, |country| country.adds_km, plan.n_countries),
    })
}

fn describe(clients: &[Client], plan: &Plan, log: Option<(u64, u64)>) -> Clients {
    let weight = |is_such: &dyn Fn(&Client) -> bool| {
        let such = clients.iter().filter(|client| is_such(client));
        // The sum of nothing is a negative zero.
        let sum = such.map(|client| client.weight).sum::<f64>() + 0.0;
        (sum * 1_000.0).round() / 1_000.0
    };
    let countries: BTreeSet<Country> = clients.iter().filter_map(Client::country).collect();
    Clients {
        number: clients.len(),
        countries: countries.len(),
        ipv6: weight(&|client| client.version() == IpVersion::V6),
        unplaced: weight(&|client| client.country().is_none()),
        seed: plan.drawing.seed,
        log_lines: log.map(|(clients, _)| clients),
        log_lines_without_client: log.map(|(_, others)| others),
    }
}

/// Asks for all clients: once for all figures, then as often as it takes to compare first places.
fn ask_for_all(
    asking: &Asking<'_>,
    clients: &[Client],
    candidates: &Candidates,
    plan: &Plan,
    progress: &(dyn Fn(usize) + Sync),
) -> (Vec<Outcome>, FirstPlaces) {
    // The random numbers of a client are its own, whoever asks for it and in which order.
    let rng = |seed, index: usize| Rng::with_seed(mix(seed, index as u64));
    let outcomes = in_parallel(clients, plan.n_threads, |index, client, buffers| {
        asking.outcome(client, &mut rng(plan.drawing.seed, index), buffers)
    });
    let fair = |client| candidates.of(client).map_or(&[][..], |of_area| &of_area.fair);
    let is_shared = |outcome: &Outcome| outcome.found.is_some_and(|tier| !is_own_network(tier));
    let shared = clients.iter().zip(&outcomes).filter(|(_, outcome)| is_shared(outcome));
    let needed = answers_needed(shared.map(|(client, _)| (client.weight, fair(client))));
    let needed = needed.min(MAX_ANSWERS);
    let least = MIN_ANSWERS.div_ceil(clients.len().max(1)).clamp(1, MAX_ROUNDS);
    let seed = !plan.drawing.seed;
    let firsts_of = in_parallel(clients, plan.n_threads, |index, client, buffers| {
        let mut rng = rng(seed, index);
        let n_rounds = least.max(rounds(client.weight * needed));
        let firsts = (0..n_rounds).filter_map(|_| asking.first(client, &mut rng, buffers));
        let firsts: Vec<_> = firsts.collect();
        progress(1);
        (client.weight / n_rounds as f64, firsts)
    });
    let mut places = FirstPlaces::default();
    for (client, (weight, firsts)) in clients.iter().zip(firsts_of) {
        places.count(weight, fair(client), &firsts);
    }
    (outcomes, places)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of MAX_ANSWERS, which is positive and small"
)]
fn rounds(answers: f64) -> usize {
    answers.ceil() as usize
}

/// Asks for each client, with its index, on several threads; the results are in the order of the clients, since
/// sums of numbers with a point depend on their order.
fn in_parallel<T: Send>(
    clients: &[Client],
    n_threads: usize,
    ask: impl Fn(usize, &Client, &mut Buffers) -> T + Sync,
) -> Vec<T> {
    let chunks: Vec<&[Client]> = clients.chunks(CHUNK).collect();
    let n_threads = n_threads.clamp(1, chunks.len().max(1));
    let mut done: Vec<(usize, Vec<T>)> = thread::scope(|scope| {
        let ask_for_some = |first: usize| {
            let (chunks, ask) = (&chunks, &ask);
            move || {
                let mut buffers = Buffers::default();
                let own = chunks.iter().enumerate().skip(first).step_by(n_threads);
                own.map(|(number, chunk)| {
                    let clients = chunk.iter().zip(number * CHUNK..);
                    let asked = clients.map(|(client, index)| ask(index, client, &mut buffers));
                    (number, asked.collect())
                })
                .collect::<Vec<(usize, Vec<T>)>>()
            }
        };
        let threads: Vec<_> =
            (0..n_threads).map(|first| scope.spawn(ask_for_some(first))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Vec<_>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, of_chunk)| of_chunk).collect()
}

/// A seed for each client (SplitMix64).
fn mix(seed: u64, index: u64) -> u64 {
    let mut bits = seed.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn most_first_places(snapshot: &Snapshot, places: &FirstPlaces) -> Vec<MirrorReport> {
    let rounded = |share: f64| (share * 1_000_000.0).round() / 1_000_000.0;
    let report = |compared: Compared| MirrorReport {
        mirror: key(snapshot, compared.host),
        fair_share: rounded(compared.expected),
        share: rounded(compared.got),
        ratio: (compared.ratio * 1_000.0).round() / 1_000.0,
    };
    places.compared().into_iter().take(N_MOST).map(report).collect()
}

fn key(snapshot: &Snapshot, host: HostId) -> String {
    snapshot.hosts().key(host).map_or_else(|| host.0.to_string(), ToString::to_string)
}

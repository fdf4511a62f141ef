//! The report: everything that is shown as text, HTML and JSON, collected once for each request.

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};

use super::health::{Health, time};
use super::process::Process;
use super::rates::requests_of;
use super::state::AdminState;
use crate::metrics::PrivateClient;
use crate::metrics::{Label, Metrics, Phase, RequestKind, StatusClass};
use model::tier::Tier;
use runtime::supervise::Thread;

/// The complete report.
#[derive(Debug, Serialize)]
pub struct StatusReport {
    /// The version of this program.
    pub version: &'static str,
    /// When this was collected.
    pub now: String,
    /// Whether the server is ready, and which data it serves.
    #[serde(flatten)]
    pub health: Health,
    /// Lines about what was skipped or repaired in the data.
    pub diagnostics: Diagnostics,
    /// Requests by kind.
    pub requests: Vec<Requests>,
    /// Answers by how their first mirror was found.
    pub tiers: Vec<Share>,
    /// Requests of clients with a private address.
    pub private_clients: Map<String, Value>,
    /// How long answers take to make.
    pub latency: Latency,
    /// Open and closed connections.
    pub connections: Connections,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Lines written to and missing from the access log.
    pub access_log: Lines,
    /// Lines of the log that were dropped because stderr did not accept them.
    pub log_dropped: u64,
    /// Threads that panicked and were started again.
    pub thread_restarts: u64,
    /// Requests whose answer panicked.
    pub panics: u64,
    /// Resource usage, as the kernel reports it.
    pub process: Process,
}

/// Diagnostics of the data.
#[derive(Debug, Serialize)]
pub struct Diagnostics {
    /// The number of lines.
    pub count: usize,
    /// The first lines.
    pub lines: Vec<String>,
}

/// Requests of one kind.
#[derive(Debug, Serialize)]
pub struct Requests {
    /// The kind.
    pub kind: &'static str,
    /// The number by class of status.
    pub by_status: Map<String, Value>,
    /// The number of all.
    pub total: u64,
    /// The average of the last minute.
    pub per_second: f64,
}

/// Answers by one tier.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Share {
    pub tier: &'static str,
    pub total: u64,
    pub per_second: f64,
}

/// How long answers take to make, in microseconds; absent before the first answer.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub p50_micros: Option<f64>,
    pub p90_micros: Option<f64>,
    pub p99_micros: Option<f64>,
}

/// Connections of the public listener.
#[derive(Debug, Serialize)]
pub struct Connections {
    /// Connections that are open now.
    pub open: u64,
    /// Open connections, by what they wait for.
    pub waiting: Map<String, Value>,
    /// Connections that were closed because they waited too long, by what they waited for.
    pub overdue: Map<String, Value>,
    /// The limit of open connections.
    pub limit: u64,
    /// Connections that were closed to free their slot or memory, by what they waited for.
    pub evicted: Map<String, Value>,
    /// Bytes held for clients that do not read.
    pub unsent_bytes: u64,
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Failed calls of `accept`.
    pub accept_errors: u64,
    /// Requests whose answer is not finished.
    pub in_flight: u64,
}

/// Lines of the access log.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Lines {
    pub written: u64,
    pub dropped: u64,
}

impl StatusReport {
    /// Collects the whole report now.
    pub fn collect(state: &AdminState) -> Self {
        let metrics = &*state.metrics;
        let (now, instant) = (SystemTime::now(), Instant::now());
        let record = state.history.get();
        let (kind_rates, tier_rates) = state.rates().per_second(instant, metrics);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            now: time(now),
            health: Health::new(state, &record, now),
            diagnostics: Diagnostics { count: record.n_warnings, lines: record.warnings },
            requests: requests(metrics, &kind_rates),
            tiers: Tier::ALL
                .iter()
                .zip(tier_rates)
                .map(|(&tier, per_second)| Share {
                    tier: tier.as_str(),
                    total: metrics.answers_by(tier),
                    per_second,
                })
                .collect(),
            private_clients: by_label(|why: PrivateClient| metrics.private_clients(why)),
            latency: latency(metrics),
            connections: Connections {
                open: metrics.connections_open.get(),
                waiting: by_label(|phase: Phase| metrics.connections_in(phase)),
                overdue: by_label(|phase: Phase| metrics.connections_overdue(phase)),
                limit: metrics.connections_limit.get(),
                evicted: by_label(|phase: Phase| metrics.connections_evicted(phase)),
                unsent_bytes: metrics.unsent_bytes.get(),
                accepted: metrics.connections_accepted.get(),
                accept_errors: metrics.accept_errors.get(),
                in_flight: metrics.in_flight(),
            },
            sent_bytes: metrics.sent_bytes(),
            access_log: Lines {
                written: metrics.log_lines_written.get(),
                dropped: metrics.log_lines_dropped.get(),
            },
            log_dropped: state.log.n_dropped(),
            thread_restarts: Thread::ALL
                .iter()
                .map(|&name| state.supervisor.n_restarts(name))
                .sum(),
            panics: metrics.panics.get(),
            process: Process::read(),
        }
    }
}

fn requests(metrics: &Metrics, rates: &[f64]) -> Vec<Requests> {
    let kinds = RequestKind::ALL.iter().zip(rates);
    kinds
        .map(|(&kind, &per_second)| Requests {
            kind: kind.as_str(),
            by_status: by_label(|status: StatusClass| metrics.requests(kind, status)),
            total: requests_of(metrics, kind),
            per_second,
        })
        .collect()
}

fn latency(metrics: &Metrics) -> Latency {
    let totals = metrics.latency();
    let micros = |q| totals.quantile(q).map(|quantile: Duration| quantile.as_secs_f64() * 1e6);
    Latency { p50_micros: micros(0.5), p90_micros: micros(0.9), p99_micros: micros(0.99) }
}

fn by_label<L: Label>(value: impl Fn(L) -> u64) -> Map<String, Value> {
    L::ALL.iter().map(|&label| (label.as_str().to_owned(), value(label).into())).collect()
}

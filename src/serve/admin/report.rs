//! What there is to say, collected once for each request, as text, HTML and JSON say it.

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};

use super::health::{Health, time};
use super::process::Process;
use super::rates::requests_of;
use super::state::State;
use crate::metrics::PrivateClient;
use crate::metrics::{Label, Metrics, Phase, RequestKind, StatusClass};
use model::tier::Tier;
use runtime::supervise::Thread;

/// Everything.
#[derive(Debug, Serialize)]
pub struct StatusReport {
    /// This program's.
    pub version: &'static str,
    /// When this was collected.
    pub now: String,
    /// Whether it serves, and what.
    #[serde(flatten)]
    pub health: Health,
    /// What was skipped or repaired in the data.
    pub diagnostics: Diagnostics,
    /// Requests by kind.
    pub requests: Vec<Requests>,
    /// Answers by how their first mirror was found.
    pub tiers: Vec<Share>,
    /// Requests of clients with a private address.
    pub private_clients: Map<String, Value>,
    /// How long answers take to make.
    pub latency: Latency,
    /// Open connections.
    pub connections: Connections,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// The access log.
    pub access_log: Lines,
    /// Lines of the log that stderr did not take.
    pub log_dropped: u64,
    /// Threads that panicked and were started again.
    pub thread_restarts: u64,
    /// Answers that panicked.
    pub panics: u64,
    /// What the kernel says.
    pub process: Process,
}

/// Lines about the data.
#[derive(Debug, Serialize)]
pub struct Diagnostics {
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub lines: Vec<String>,
}

/// Requests of one kind.
#[derive(Debug, Serialize)]
pub struct Requests {
    /// Which.
    pub kind: &'static str,
    /// By class of status.
    pub by_status: Map<String, Value>,
    /// All.
    pub total: u64,
    /// In the last minute.
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

/// In microseconds; absent where nothing has been answered.
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
    /// Now.
    pub open: u64,
    /// What they wait for.
    pub waiting: Map<String, Value>,
    /// Closed because they waited too long for it.
    pub overdue: Map<String, Value>,
    /// How many may be open.
    pub limit: u64,
    /// Closed because others needed their place or their memory.
    pub evicted: Map<String, Value>,
    /// Bytes that wait for clients that do not read.
    pub unsent_bytes: u64,
    /// Since the start.
    pub accepted: u64,
    /// Failed calls of accept.
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
    /// Looks at everything now.
    pub fn collect(state: &State) -> Self {
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
            process: Process::look(),
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

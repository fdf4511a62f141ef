//! What there is to say, collected once for each request, as text, HTML and JSON say it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Map, Value};

use super::process::Process;
use super::rates::requests_of;
use super::state::State;
use crate::metrics::PrivateClient;
use crate::metrics::{
    Label, Metrics, Phase, ReloadOutcome, ReloadTrigger, RequestKind, StatusClass,
};
use crate::model::date::Timestamp;
use crate::model::tier::Tier;
use crate::reload::history::Attempt;
use crate::reload::source::StandIn;
use crate::supervise::Thread;

/// Whether requests should be sent here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Readiness {
    /// There are no data yet.
    Loading,
    /// Yes.
    Ready,
    /// The server is finishing what it has begun.
    Stopping,
}

impl Readiness {
    /// The state now.
    pub fn of(state: &State) -> Self {
        if state.drain.has_begun() {
            Self::Stopping
        } else if state.live.get().is_none() {
            Self::Loading
        } else {
            Self::Ready
        }
    }

    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
        }
    }
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    /// This program's.
    pub version: &'static str,
    /// When this was collected.
    pub now: String,
    /// Whether requests should be sent here.
    pub readiness: Readiness,
    /// Since the process started.
    pub uptime_seconds: u64,
    /// What is served; absent before the first load.
    pub data: Option<Data>,
    /// The last load that was tried.
    pub last_load: Option<Load>,
    /// How long the load that runs has been running; absent while none does.
    pub loading_seconds: Option<u64>,
    /// Threads that load; more than one when loads were given up that hang.
    pub loading_threads: usize,
    /// Reloads that were published and refused.
    pub reloads: Reloads,
    /// Whether changes of the data files are taken up without a signal; absent if not.
    pub watch: Option<Watch>,
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

/// A snapshot.
#[derive(Debug, Serialize)]
pub struct Data {
    /// Its name.
    pub generation: String,
    /// When the data were made, as they say themselves.
    pub created: String,
    /// Since then; below zero where they are from the future.
    pub age_seconds: i64,
    /// When it was published here.
    pub published: Option<String>,
    /// The length of its file, or of the file that `compile` would write.
    pub bytes: u64,
    /// Why these are not the newest data; absent if they are.
    pub previous: Option<Previous>,
    /// How much is in it.
    pub entries: Map<String, Value>,
}

/// The snapshot before is served, because the newest could not be at the start.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Previous {
    pub file: String,
    pub reason: String,
}

/// A load.
#[derive(Debug, Serialize)]
pub struct Load {
    /// When it ended.
    pub at: String,
    /// How long it took.
    pub seconds: f64,
    /// Why it was refused; absent if it was published.
    pub refused: Option<String>,
}

/// How many reloads there were.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Reloads {
    pub published: u64,
    pub refused: u64,
    /// Those of both kinds that were asked for by a change of the data files.
    pub by_watch: u64,
}

/// Data files that are watched.
#[derive(Debug, Serialize)]
pub struct Watch {
    /// How long they must be left alone before a change is taken up.
    pub quiet_seconds: u64,
    /// When a change was last seen; absent since the start.
    pub last_change: Option<String>,
    /// Whether a change waits for that time to end.
    pub waiting: bool,
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

impl Report {
    /// Looks at everything now.
    pub fn collect(state: &State) -> Self {
        let metrics = &*state.metrics;
        let (now, instant) = (SystemTime::now(), Instant::now());
        let record = state.history.get();
        let data = state.live.get().map(|live| {
            let snapshot = live.load();
            let created = snapshot.created();
            Data {
                generation: snapshot.generation().to_string(),
                created: Timestamp { seconds: created }.to_string(),
                age_seconds: age(created, seconds_of(now)),
                published: record.published.map(time),
                bytes: record.bytes,
                previous: record.stand_in.map(|StandIn { file, reason }| Previous {
                    file: file.display().to_string(),
                    reason,
                }),
                entries: match serde_json::to_value(snapshot.stats()) {
                    Ok(Value::Object(entries)) => entries,
                    _ => Map::new(),
                },
            }
        });
        let (kind_rates, tier_rates) = state.rates().per_second(instant, metrics);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            now: time(now),
            readiness: Readiness::of(state),
            uptime_seconds: instant.duration_since(state.started).as_secs(),
            data,
            last_load: record.last.map(|Attempt { at, took, refused, .. }| Load {
                at: time(at),
                seconds: took.as_secs_f64(),
                refused,
            }),
            loading_seconds: state.history.running().map(|running| running.as_secs()),
            loading_threads: state.history.n_loading(),
            reloads: reloads(metrics),
            watch: state.history.watched().map(|watched| Watch {
                quiet_seconds: watched.quiet.as_secs(),
                last_change: watched.last_change.map(time),
                waiting: watched.is_waiting,
            }),
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

fn reloads(metrics: &Metrics) -> Reloads {
    let count = |trigger| {
        let outcomes = [ReloadOutcome::Published, ReloadOutcome::Refused];
        outcomes.map(|outcome| metrics.reloads(trigger, outcome))
    };
    let [published, refused] = count(ReloadTrigger::Signal);
    let [published_by_watch, refused_by_watch] = count(ReloadTrigger::Watch);
    Reloads {
        published: published + published_by_watch,
        refused: refused + refused_by_watch,
        by_watch: published_by_watch + refused_by_watch,
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

/// Seconds from `created` to `now`: below zero where that is in the future, because a clock is wrong.
pub(super) fn age(created: u64, now: u64) -> i64 {
    let signed = |seconds| i64::try_from(seconds).unwrap_or(i64::MAX);
    signed(now) - signed(created)
}

/// Seconds since 1970.
pub(super) fn seconds_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn time(time: SystemTime) -> String {
    Timestamp { seconds: seconds_of(time) }.to_string()
}

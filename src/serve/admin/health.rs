//! The server's health: the body of `/readyz`, and the first part of the report.
//!
//! It is cheap to collect, because `/readyz` is answered on the listener's own task.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Map, Value};

use super::display::duration;
use super::state::{AdminState, Surface, one_line};
use crate::metrics::{Metrics, ReloadOutcome, ReloadTrigger};
use crate::reload::history::{Attempt, LoadRecord};
use crate::reload::load::StandIn;
use model::date::Timestamp;

/// Whether the server is ready, and which data it serves.
#[derive(Debug, Serialize)]
pub struct Health {
    /// Whether requests should be sent here.
    pub readiness: Readiness,
    /// Since the process started.
    pub uptime_seconds: u64,
    /// What is served; absent before the first load.
    pub data: Option<Data>,
    /// The last load that was tried.
    pub last_load: Option<LastLoad>,
    /// How long the current load has been running; absent if none is.
    pub loading_seconds: Option<u64>,
    /// Threads that load. More than one if loads that were given up still hang.
    pub loading_threads: usize,
    /// How many reloads were published, and how many refused.
    pub reloads: Reloads,
    /// The state of the file watch; absent if the data files are not watched.
    pub watch: Option<WatchHealth>,
    /// What keeps further parts of the process from working. A server answers all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<String>,
}

/// Whether requests should be sent here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Readiness {
    /// There are no data yet.
    Loading,
    /// Requests are answered.
    Ready,
    /// A process without a public listener cannot do its work now.
    Failing,
    /// The server is stopping and should get no new requests.
    Stopping,
}

impl Readiness {
    /// The state now.
    pub fn of(state: &AdminState) -> Self {
        if state.drain.has_begun() {
            Self::Stopping
        } else if state.surface != Surface::OperatorOfServer {
            if state.troubles().is_empty() { Self::Ready } else { Self::Failing }
        } else if state.live.get().is_none() {
            Self::Loading
        } else {
            Self::Ready
        }
    }

    /// Returns the state as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Failing => "failing",
            Self::Stopping => "stopping",
        }
    }
}

/// The snapshot that is served.
#[derive(Debug, Serialize)]
pub struct Data {
    /// The name of its generation.
    pub generation: String,
    /// When the data were made, according to the data.
    pub created: String,
    /// Seconds since `created`; negative if that is in the future.
    pub age_seconds: i64,
    /// When this process published it.
    pub published: Option<String>,
    /// The length of its file, or of the file that `compile` would write.
    pub bytes: u64,
    /// Why these are not the newest data; absent if they are.
    pub previous: Option<PreviousSnapshot>,
    /// The number of entries of each kind.
    pub entries: Map<String, Value>,
}

/// The previous snapshot, which is served because the newest could not be read at the start.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct PreviousSnapshot {
    pub file: String,
    pub reason: String,
}

/// A finished load.
#[derive(Debug, Serialize)]
pub struct LastLoad {
    /// When it ended.
    pub at: String,
    /// How long it took.
    pub seconds: f64,
    /// Why it was refused; absent if it was published.
    pub refused: Option<String>,
}

/// The number of reloads since the start, by outcome.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Reloads {
    pub published: u64,
    pub refused: u64,
    /// Reloads of either outcome that a change of the data files triggered.
    pub by_watch: u64,
}

/// Data files that are watched.
#[derive(Debug, Serialize)]
pub struct WatchHealth {
    /// How long they must stay unchanged before a reload.
    pub quiet_seconds: u64,
    /// When a change was last seen; absent if there was none since the start.
    pub last_change: Option<String>,
    /// Whether a change was seen and the quiet time has not ended yet.
    pub waiting: bool,
}

impl Health {
    /// Collects the health now.
    pub fn collect(state: &AdminState) -> Self {
        Self::new(state, &state.history.get(), SystemTime::now())
    }

    /// Computes the health at `now` from the state and from `record`, the outcome of the loads.
    pub(super) fn new(state: &AdminState, record: &LoadRecord, now: SystemTime) -> Self {
        let data = state.live.get().map(|live| {
            let edition = live.load();
            let snapshot = edition.snapshot();
            let created = snapshot.created();
            Data {
                generation: snapshot.generation().to_string(),
                created: Timestamp { seconds: created }.to_string(),
                age_seconds: age(created, seconds_of(now)),
                published: record.published.map(time),
                bytes: record.bytes,
                previous: record.stand_in.as_ref().map(|StandIn { file, reason }| {
                    PreviousSnapshot { file: file.display().to_string(), reason: reason.clone() }
                }),
                entries: match serde_json::to_value(snapshot.stats()) {
                    Ok(Value::Object(entries)) => entries,
                    _ => Map::new(),
                },
            }
        });
        Self {
            readiness: Readiness::of(state),
            uptime_seconds: Instant::now().duration_since(state.started).as_secs(),
            data,
            last_load: record.last.as_ref().map(|Attempt { at, took, refused, .. }| LastLoad {
                at: time(*at),
                seconds: took.as_secs_f64(),
                refused: refused.clone(),
            }),
            loading_seconds: state.history.running().map(|running| running.as_secs()),
            loading_threads: state.history.n_loading(),
            reloads: reloads(&state.metrics),
            watch: state.history.watch_state().map(|watched| WatchHealth {
                quiet_seconds: watched.quiet.as_secs(),
                last_change: watched.last_change.map(time),
                waiting: watched.is_waiting,
            }),
            troubles: state.troubles(),
        }
    }

    /// As lines of text: the body of `/readyz`.
    pub(super) fn to_text(&self) -> String {
        let mut lines = vec![self.readiness.as_str().to_owned()];
        if let Some(data) = &self.data {
            lines.push(format!("generation {}", data.generation));
            let age = duration(data.age_seconds.unsigned_abs());
            lines.push(match data.age_seconds {
                seconds @ 0.. => format!("data of {}, {seconds} s ({age}) old", data.created),
                _ => format!("data of {}, which is {age} in the future", data.created),
            });
            if let Some(previous) = &data.previous {
                let reason = one_line(&previous.reason);
                lines.push(format!("previous snapshot {}, because {reason}", previous.file));
            }
        }
        if let Some(load) = &self.last_load {
            lines.push(match &load.refused {
                None => format!("last load published at {} in {:.2} s", load.at, load.seconds),
                Some(reason) => format!("last load refused at {}: {}", load.at, one_line(reason)),
            });
        }
        lines.extend(self.loading());
        if self.watch.is_some() {
            lines.push(format!("data files {}", self.watching()));
        }
        lines.extend(self.troubles.iter().cloned());
        lines.join("\n") + "\n"
    }

    /// Describes the load that is running, and loads that were given up and hang.
    pub(super) fn loading(&self) -> Option<String> {
        let n_awaited = usize::from(self.loading_seconds.is_some());
        let n_hung = self.loading_threads.saturating_sub(n_awaited);
        let hung = (n_hung > 0).then(|| format!("{n_hung} loads that were given up still hang"));
        let running = self.loading_seconds.map(|s| format!("a load has been running for {s} s"));
        let parts: Vec<_> = running.into_iter().chain(hung).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Describes the watched files: whether changes are seen, and when the last one was.
    pub(super) fn watching(&self) -> String {
        let Some(watch) = &self.watch else { return "not watched".into() };
        match &watch.last_change {
            None => "watched, no change seen".into(),
            Some(at) if watch.waiting => {
                format!("watched, changed at {at}, waiting for {} s of quiet", watch.quiet_seconds)
            }
            Some(at) => format!("watched, last change at {at}"),
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

/// Returns the seconds from `created` to `now`; negative if `created` is in the future because a clock
/// is wrong.
pub(super) fn age(created: u64, now: u64) -> i64 {
    let signed = |seconds| i64::try_from(seconds).unwrap_or(i64::MAX);
    signed(now) - signed(created)
}

/// Seconds since 1970.
pub(super) fn seconds_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Formats a time as text.
pub(super) fn time(time: SystemTime) -> String {
    Timestamp { seconds: seconds_of(time) }.to_string()
}

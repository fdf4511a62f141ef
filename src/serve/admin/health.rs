//! Whether it serves, and what: what `/readyz` says, and the first part of the report.
//!
//! It is cheap to collect, because `/readyz` is answered on the listener's own task.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Map, Value};

use super::display::duration;
use super::state::State;
use crate::metrics::{Metrics, ReloadOutcome, ReloadTrigger};
use crate::reload::history::{Attempt, LoadRecord};
use crate::reload::source::StandIn;
use model::date::Timestamp;

/// Whether it serves, and what.
#[derive(Debug, Serialize)]
pub struct Health {
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
    pub watch: Option<WatchHealth>,
}

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
pub struct WatchHealth {
    /// How long they must be left alone before a change is taken up.
    pub quiet_seconds: u64,
    /// When a change was last seen; absent since the start.
    pub last_change: Option<String>,
    /// Whether a change waits for that time to end.
    pub waiting: bool,
}

impl Health {
    /// Looks now.
    pub fn collect(state: &State) -> Self {
        Self::new(state, &state.history.get(), SystemTime::now())
    }

    /// Puts together what is known at `now`, when `record` is what became of loads.
    pub(super) fn new(state: &State, record: &LoadRecord, now: SystemTime) -> Self {
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
                previous: record.stand_in.as_ref().map(|StandIn { file, reason }| Previous {
                    file: file.display().to_string(),
                    reason: reason.clone(),
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
            last_load: record.last.as_ref().map(|Attempt { at, took, refused, .. }| Load {
                at: time(*at),
                seconds: took.as_secs_f64(),
                refused: refused.clone(),
            }),
            loading_seconds: state.history.running().map(|running| running.as_secs()),
            loading_threads: state.history.n_loading(),
            reloads: reloads(&state.metrics),
            watch: state.history.watched().map(|watched| WatchHealth {
                quiet_seconds: watched.quiet.as_secs(),
                last_change: watched.last_change.map(time),
                waiting: watched.is_waiting,
            }),
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
        lines.join("\n") + "\n"
    }

    /// What to know of a load that runs, or that was given up and hangs.
    pub(super) fn loading(&self) -> Option<String> {
        let n_awaited = usize::from(self.loading_seconds.is_some());
        let n_hung = self.loading_threads.saturating_sub(n_awaited);
        let hung = (n_hung > 0).then(|| format!("{n_hung} loads that were given up still hang"));
        let running = self.loading_seconds.map(|s| format!("a load has been running for {s} s"));
        let parts: Vec<_> = running.into_iter().chain(hung).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Whether changes of the data files are seen, and when the last one was.
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

/// Seconds from `created` to `now`: below zero where that is in the future, because a clock is wrong.
pub(super) fn age(created: u64, now: u64) -> i64 {
    let signed = |seconds| i64::try_from(seconds).unwrap_or(i64::MAX);
    signed(now) - signed(created)
}

/// Seconds since 1970.
pub(super) fn seconds_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// As text.
pub(super) fn time(time: SystemTime) -> String {
    Timestamp { seconds: seconds_of(time) }.to_string()
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

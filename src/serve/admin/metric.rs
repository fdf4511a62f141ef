//! The type of a row in the table of metrics, and what its values are read from.

use std::sync::Arc;
use std::time::SystemTime;

use super::health::seconds_of;
use super::process::Process;
use super::state::AdminState;
use crate::metrics::histogram::Totals;
use crate::metrics::{Label, Metrics};
use crate::reload::history::{Attempt, LoadRecord, WatchState};
use answer::Edition;
use snapshot::Snapshot;

/// One metric: a name, and a value for each combination of its labels.
pub struct Metric {
    /// Its name, without the suffix that its kind adds (see [`Metric::full_name`]).
    pub name: &'static str,
    /// What it counts or measures: the text of its `# HELP` line.
    pub help: &'static str,
    /// What the handbook says besides; may be empty.
    pub note: &'static str,
    /// Its labels.
    pub labels: &'static [LabelKey],
    /// Its kind, and how its values are read.
    pub(super) values: Values,
}

/// A label: its key, and its possible values.
pub struct LabelKey {
    /// The key.
    pub key: &'static str,
    /// Lists the values; nothing if they come from the data.
    pub values: fn() -> Vec<&'static str>,
}

/// The kind of a metric, and how its values are read. A gauge of which there is no value is left out.
pub(super) enum Values {
    /// A counter.
    Counter(fn(&Scrape<'_>) -> u64),
    /// A counter of seconds.
    SecondsCounter(fn(&Scrape<'_>) -> Option<f64>),
    /// A counter with labels.
    Counters(fn(&Scrape<'_>, &mut AddValue<'_>)),
    /// A gauge.
    Gauge(fn(&Scrape<'_>) -> Option<u64>),
    /// A gauge that may be below zero.
    SignedGauge(fn(&Scrape<'_>) -> Option<i64>),
    /// A gauge of seconds and their fractions.
    SecondsGauge(fn(&Scrape<'_>) -> Option<f64>),
    /// A gauge with labels.
    Gauges(fn(&Scrape<'_>, &mut AddValue<'_>)),
    /// A histogram of seconds.
    Histogram(fn(&Scrape<'_>) -> Totals),
    /// A fact in the values of labels.
    Info(fn(&Scrape<'_>) -> Option<Vec<String>>),
}

/// Takes a value, after the values of its labels in the order of [`Metric::labels`].
pub(super) type AddValue<'a> = dyn FnMut(&[&str], u64) + 'a;

impl Metric {
    /// Its name as Prometheus shows it.
    pub fn full_name(&self) -> String {
        let suffix = match self.values {
            Values::Counter(_) | Values::SecondsCounter(_) | Values::Counters(_) => "_total",
            Values::Info(_) => "_info",
            _ => "",
        };
        format!("{}{suffix}", self.name)
    }

    /// Whether it is measured in a process without a public listener as well.
    pub(super) fn is_of_any_process(&self) -> bool {
        let ours = [
            "mirrorlistd_log_lines_dropped",
            "mirrorlistd_thread_restarts",
            "mirrorlistd_admin_connections_evicted",
            "mirrorlistd_ready",
        ];
        ours.contains(&self.name) || self.name.starts_with("process_")
    }

    /// The word for its kind.
    pub fn kind(&self) -> &'static str {
        match self.values {
            Values::Counter(_) | Values::SecondsCounter(_) | Values::Counters(_) => "counter",
            Values::Gauge(_)
            | Values::SignedGauge(_)
            | Values::SecondsGauge(_)
            | Values::Gauges(_) => "gauge",
            Values::Histogram(_) => "histogram",
            Values::Info(_) => "info",
        }
    }
}

impl LabelKey {
    /// A label whose values are those of an enum.
    pub(super) const fn of<L: Label>(key: &'static str) -> Self {
        Self { key, values: || L::ALL.iter().map(|label| label.as_str()).collect() }
    }

    /// A label whose values come from the data.
    pub(super) const fn of_data(key: &'static str) -> Self {
        Self { key, values: Vec::new }
    }
}

/// Everything that the values of one scrape are read from.
pub(super) struct Scrape<'a> {
    pub(super) state: &'a AdminState,
    pub(super) metrics: &'a Metrics,
    /// The outcomes of loads.
    pub(super) record: LoadRecord,
    /// The watched files; `None` if none are watched.
    pub(super) watch: Option<WatchState>,
    /// The resources that this process uses.
    pub(super) process: Process,
    edition: Option<Arc<Edition>>,
}

impl<'a> Scrape<'a> {
    /// Reads what several metrics need.
    pub(super) fn new(state: &'a AdminState) -> Self {
        Self {
            state,
            metrics: &state.metrics,
            record: state.history.get(),
            watch: state.history.watch_state(),
            process: Process::read(),
            edition: state.live.get().map(|live| Arc::clone(&live.load())),
        }
    }

    /// The last load that has ended; `None` before the first.
    pub(super) fn last_load(&self) -> Option<&Attempt> {
        self.record.last.as_ref()
    }

    /// The data that are served; `None` before the first load has been published.
    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.edition.as_ref().map(|edition| edition.snapshot())
    }
}

/// Adds a value for each label of an enum.
pub(super) fn add_each<L: Label>(add: &mut AddValue<'_>, value: impl Fn(L) -> u64) {
    for &label in L::ALL {
        add(&[label.as_str()], value(label));
    }
}

/// Adds a value for each pair of labels of two enums.
pub(super) fn add_pairs<K: Label, L: Label>(add: &mut AddValue<'_>, value: impl Fn(K, L) -> u64) {
    for &first in K::ALL {
        for &second in L::ALL {
            add(&[first.as_str(), second.as_str()], value(first, second));
        }
    }
}

/// Seconds since 1970, if there is a time.
pub(super) fn timestamp(time: Option<SystemTime>) -> Option<u64> {
    time.map(seconds_of)
}

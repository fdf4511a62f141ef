//! The table of metrics: one row for each, from which the exposition and the handbook are written.
//!
//! Names must not change; dashboards and alerts depend on them.

use std::time::SystemTime;

use serde_json::Value;

use super::health::{Readiness, age, seconds_of};
use super::metric::Values::{
    Counter, Counters, Gauge, Gauges, Histogram, Info, SecondsCounter, SecondsGauge, SignedGauge,
};
use super::metric::{LabelKey, Metric, add_each, add_pairs, timestamp};
use crate::metrics::{
    LogLineOutcome, Phase, PrivateClient, ReloadOutcome, ReloadTrigger, RequestKind, StatusClass,
};
use model::tier::Tier;
use runtime::supervise::Thread;

/// All metrics, in the order of the exposition.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "mirrorlistd_requests",
        help: "Answered requests",
        note: "",
        labels: &[LabelKey::of::<RequestKind>("kind"), LabelKey::of::<StatusClass>("status")],
        values: Counters(|s, add| add_pairs(add, |kind, status| s.metrics.requests(kind, status))),
    },
    Metric {
        name: "mirrorlistd_answers",
        help: "Answers by how their first mirror was found",
        note: "",
        labels: &[LabelKey::of::<Tier>("tier")],
        values: Counters(|s, add| add_each(add, |tier| s.metrics.answers_by(tier))),
    },
    Metric {
        name: "mirrorlistd_private_clients",
        help: "Requests of clients with a private address: seen as theirs, or because a trusted \
               proxy named nobody",
        note: "then the address of the proxy itself counts",
        labels: &[LabelKey::of::<PrivateClient>("why")],
        values: Counters(|s, add| add_each(add, |why| s.metrics.private_clients(why))),
    },
    Metric {
        name: "mirrorlistd_answer_seconds",
        help: "Time to make an answer, from the end of the header to the finished body",
        note: "",
        labels: &[LabelKey::of_data("le")],
        values: Histogram(|s| s.metrics.latency()),
    },
    Metric {
        name: "mirrorlistd_requests_in_flight",
        help: "Requests whose answer is being made or not yet taken by the client",
        note: "",
        labels: &[],
        values: Gauge(|s| Some(s.metrics.in_flight())),
    },
    Metric {
        name: "mirrorlistd_sent_bytes",
        help: "Bytes sent, headers included",
        note: "",
        labels: &[],
        values: Counter(|s| s.metrics.sent_bytes()),
    },
    Metric {
        name: "mirrorlistd_panics",
        help: "Answers that panicked and became a 500",
        note: "please report them",
        labels: &[],
        values: Counter(|s| s.metrics.panics.get()),
    },
    Metric {
        name: "mirrorlistd_access_log_lines",
        help: "Lines of the access log",
        note: "",
        labels: &[LabelKey::of::<LogLineOutcome>("outcome")],
        values: Counters(|s, add| {
            add_each(add, |outcome| match outcome {
                LogLineOutcome::Written => s.metrics.log_lines_written.get(),
                LogLineOutcome::Dropped => s.metrics.log_lines_dropped.get(),
            });
        }),
    },
    Metric {
        name: "mirrorlistd_log_lines_dropped",
        help: "Lines of the log that stderr did not take",
        note: "",
        labels: &[],
        values: Counter(|s| s.state.log.n_dropped()),
    },
    Metric {
        name: "mirrorlistd_thread_restarts",
        help: "Threads that panicked and were started again",
        note: "please report them",
        labels: &[LabelKey::of::<Thread>("thread")],
        values: Counters(|s, add| add_each(add, |thread| s.state.supervisor.n_restarts(thread))),
    },
    Metric {
        name: "mirrorlistd_connections_open",
        help: "Connections that are open",
        note: "",
        labels: &[],
        values: Gauge(|s| Some(s.metrics.connections_open.get())),
    },
    Metric {
        name: "mirrorlistd_connections_limit",
        help: "How many connections may be open",
        note: "",
        labels: &[],
        values: Gauge(|s| Some(s.metrics.connections_limit.get())),
    },
    Metric {
        name: "mirrorlistd_connections_evicted",
        help: "Connections closed because others needed their place or their memory",
        note: "`write` is for memory, the others are for a place",
        labels: &[LabelKey::of::<Phase>("for")],
        values: Counters(|s, add| add_each(add, |phase| s.metrics.connections_evicted(phase))),
    },
    Metric {
        name: "mirrorlistd_unsent_bytes",
        help: "Memory that waits for clients that do not read",
        note: "",
        labels: &[],
        values: Gauge(|s| Some(s.metrics.unsent_bytes.get())),
    },
    Metric {
        name: "mirrorlistd_unsent_limit_bytes",
        help: "How much of it there may be",
        note: "",
        labels: &[],
        values: Gauge(|s| Some(s.metrics.unsent_limit.get())),
    },
    Metric {
        name: "mirrorlistd_connections_waiting",
        help: "Open connections by what they wait for: the first byte, the rest of a header, the next \
               request, the client to read, the client to stop sending",
        note: "",
        labels: &[LabelKey::of::<Phase>("for")],
        values: Gauges(|s, add| add_each(add, |phase| s.metrics.connections_in(phase))),
    },
    Metric {
        name: "mirrorlistd_connections_overdue",
        help: "Connections closed because they waited too long",
        note: "",
        labels: &[LabelKey::of::<Phase>("for")],
        values: Counters(|s, add| add_each(add, |phase| s.metrics.connections_overdue(phase))),
    },
    Metric {
        name: "mirrorlistd_connections_accepted",
        help: "Connections accepted",
        note: "",
        labels: &[],
        values: Counter(|s| s.metrics.connections_accepted.get()),
    },
    Metric {
        name: "mirrorlistd_accept_errors",
        help: "Failed calls of accept",
        note: "",
        labels: &[],
        values: Counter(|s| s.metrics.accept_errors.get()),
    },
    Metric {
        name: "mirrorlistd_proxy_headers_refused",
        help: "Connections of trusted proxies closed for want of a valid PROXY header",
        note: "",
        labels: &[],
        values: Counter(|s| s.metrics.proxy_headers_refused.get()),
    },
    Metric {
        name: "mirrorlistd_admin_connections_evicted",
        help: "Connections of the admin listener that gave way to new ones",
        note: "",
        labels: &[],
        values: Counter(|s| s.metrics.admin_evicted.get()),
    },
    Metric {
        name: "mirrorlistd_ready",
        help: "1 when /readyz says 200",
        note: "",
        labels: &[],
        values: Gauge(|s| Some((Readiness::of(s.state) == Readiness::Ready).into())),
    },
    Metric {
        name: "mirrorlistd_reloads",
        help: "Reloads, without the first load",
        note: "",
        labels: &[
            LabelKey::of::<ReloadTrigger>("trigger"),
            LabelKey::of::<ReloadOutcome>("outcome"),
        ],
        values: Counters(|s, add| {
            add_pairs(add, |trigger, outcome| s.metrics.reloads(trigger, outcome))
        }),
    },
    Metric {
        name: "mirrorlistd_watch",
        help: "1 when changes of the data files are taken up without a signal",
        note: "",
        labels: &[],
        values: Gauge(|s| Some(s.watch.is_some().into())),
    },
    Metric {
        name: "mirrorlistd_watch_last_look_timestamp_seconds",
        help: "When the data files were last looked at",
        note: "only with `--watch`",
        labels: &[],
        values: Gauge(|s| timestamp(s.watch.as_ref().map(|watch| watch.last_check))),
    },
    Metric {
        name: "mirrorlistd_watch_last_change_timestamp_seconds",
        help: "When the data files were last seen to change",
        note: "only after a change",
        labels: &[],
        values: Gauge(|s| timestamp(s.watch.as_ref().and_then(|watch| watch.last_change))),
    },
    Metric {
        name: "mirrorlistd_reload_seconds",
        help: "Time spent on reloads",
        note: "published or refused",
        labels: &[],
        values: SecondsCounter(|s| {
            #[allow(
                clippy::cast_precision_loss,
                reason = "microseconds of reloads fit for centuries"
            )]
            let micros = s.metrics.reload_micros.get() as f64;
            Some(micros / 1e6)
        }),
    },
    Metric {
        name: "mirrorlistd_load_running_seconds",
        help: "How long the load that runs has been running; 0 when none does",
        note: "",
        labels: &[],
        values: SecondsGauge(|s| {
            Some(s.state.history.running().map_or(0.0, |running| running.as_secs_f64()))
        }),
    },
    Metric {
        name: "mirrorlistd_loads_running",
        help: "Threads that load data; more than one when loads were given up that hang",
        note: "",
        labels: &[],
        values: Gauge(|s| Some(s.state.history.n_loading() as u64)),
    },
    Metric {
        name: "mirrorlistd_last_load_success",
        help: "1 when the last load was published, 0 when it was refused",
        note: "the first load counts as well",
        labels: &[],
        values: Gauge(|s| s.last_load().map(|load| load.refused.is_none().into())),
    },
    Metric {
        name: "mirrorlistd_last_load_timestamp_seconds",
        help: "When the last load ended",
        note: "",
        labels: &[],
        values: Gauge(|s| timestamp(s.last_load().map(|load| load.at))),
    },
    Metric {
        name: "mirrorlistd_last_load_duration_seconds",
        help: "How long the last load took",
        note: "",
        labels: &[],
        values: SecondsGauge(|s| s.last_load().map(|load| load.took.as_secs_f64())),
    },
    Metric {
        name: "mirrorlistd_snapshot",
        help: "The snapshot that is served",
        note: "",
        labels: &[LabelKey::of_data("generation")],
        values: Info(|s| s.snapshot().map(|snapshot| vec![snapshot.generation().to_string()])),
    },
    Metric {
        name: "mirrorlistd_snapshot_bytes",
        help: "Length of the snapshot's file, or of the file that compile would write",
        note: "",
        labels: &[],
        values: Gauge(|s| s.snapshot().map(|_| s.record.bytes)),
    },
    Metric {
        name: "mirrorlistd_snapshot_is_previous",
        help: "1 when the snapshot before is served because the newest could not be at the start",
        note: "`FILE.previous` in place of a broken `FILE`",
        labels: &[],
        values: Gauge(|s| s.snapshot().map(|_| s.record.stand_in.is_some().into())),
    },
    Metric {
        name: "mirrorlistd_data_timestamp_seconds",
        help: "When the data were made, as they say themselves",
        note: "",
        labels: &[],
        values: Gauge(|s| s.snapshot().map(|snapshot| snapshot.created())),
    },
    Metric {
        name: "mirrorlistd_data_age_seconds",
        help: "Since the data were made; below zero when they are from the future",
        note: "",
        labels: &[],
        values: SignedGauge(|s| {
            s.snapshot().map(|snapshot| age(snapshot.created(), seconds_of(SystemTime::now())))
        }),
    },
    Metric {
        name: "mirrorlistd_published_timestamp_seconds",
        help: "When the data were published here",
        note: "",
        labels: &[],
        values: Gauge(|s| s.snapshot().and_then(|_| timestamp(s.record.published))),
    },
    Metric {
        name: "mirrorlistd_data_diagnostics",
        help: "Lines about what was skipped or repaired in the data",
        note: "",
        labels: &[],
        values: Gauge(|s| s.snapshot().map(|_| s.record.n_warnings as u64)),
    },
    Metric {
        name: "mirrorlistd_snapshot_entries",
        help: "How much the snapshot holds",
        note: "",
        labels: &[LabelKey::of_data("table")],
        values: Gauges(|s, add| {
            let Some(snapshot) = s.snapshot() else { return };
            // Field names of a struct: a set that is fixed at compile time.
            let stats = serde_json::to_value(snapshot.stats()).unwrap_or_default();
            for (table, n) in stats.as_object().into_iter().flatten() {
                Value::as_u64(n).into_iter().for_each(|n| add(&[table], n));
            }
        }),
    },
    Metric {
        name: "mirrorlistd_countme",
        help: "Requests with countme=, by repository and age of the installation",
        note: "repositories that are not in the data are counted together, as `other`",
        labels: &[
            LabelKey::of_data("repo"),
            LabelKey::of_data("arch"),
            LabelKey::of_data("bucket"),
        ],
        values: Counters(|s, add| {
            for series in s.metrics.countme.series() {
                let (repo, arch) = match &series.repository {
                    Some(key) => key.rsplit_once('+').unwrap_or((key, "")),
                    None => ("other", "other"),
                };
                series.buckets().for_each(|(bucket, n)| add(&[repo, arch, bucket], n));
            }
        }),
    },
    // The names of these are those of Prometheus's client libraries.
    Metric {
        name: "process_cpu_seconds",
        help: "Processor time, user and system",
        note: "",
        labels: &[],
        values: SecondsCounter(|s| s.process.cpu_seconds),
    },
    Metric {
        name: "process_resident_memory_bytes",
        help: "Resident memory",
        note: "",
        labels: &[],
        values: Gauge(|s| s.process.resident_bytes),
    },
    Metric {
        name: "process_virtual_memory_bytes",
        help: "Address space",
        note: "",
        labels: &[],
        values: Gauge(|s| s.process.virtual_bytes),
    },
    Metric {
        name: "process_open_fds",
        help: "Open files",
        note: "",
        labels: &[],
        values: Gauge(|s| s.process.open_files),
    },
    Metric {
        name: "process_max_fds",
        help: "Files that may be open",
        note: "",
        labels: &[],
        values: Gauge(|s| s.process.max_files),
    },
    Metric {
        name: "process_threads",
        help: "Threads",
        note: "",
        labels: &[],
        values: Gauge(|s| s.process.threads),
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_metric_has_a_name_of_its_own_and_a_text_of_one_line() {
        let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for Metric { name, help, note, .. } in METRICS {
            assert!(!help.is_empty() && !help.ends_with('.'), "{name}");
            assert!(!note.ends_with('.') && !note.contains('|'), "{name}");
            assert!(!help.contains(['\n', '|']) && !note.contains('\n'), "{name}");
        }
    }
}

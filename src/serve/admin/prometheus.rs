//! The counters in the text format of OpenMetrics, which Prometheus reads.
//!
//! No state is kept between two scrapes: a collector reads the counters that the server keeps anyway.
//! Names must not change; dashboards and alerts depend on them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use serde_json::Value;

use super::health::{Readiness, age, seconds_of};
use super::process::Process;
use super::state::AdminState;
use crate::metrics::PrivateClient;
use crate::metrics::{
    Label, Metrics, Phase, ReloadOutcome, ReloadTrigger, RequestKind, StatusClass,
};
use model::tier::Tier;
use runtime::supervise::Thread;

/// The media type.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes all metrics.
pub(super) fn render(state: &Arc<AdminState>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Reader(Arc::clone(state))));
    let mut out = String::with_capacity(16 * 1024);
    text::encode(&mut out, &registry)?;
    Ok(out)
}

/// Reads the counters when it is asked to.
struct Reader(Arc<AdminState>);

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl Collector for Reader {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer(encoder);
        let state = &*self.0;
        write_requests(&state.metrics, &mut writer)?;
        write_threads(state, &mut writer)?;
        write_connections(&state.metrics, &mut writer)?;
        write_data(state, &mut writer)?;
        write_countme(&state.metrics, &mut writer)?;
        write_process(&Process::read(), &mut writer)
    }
}

/// Writes metric families: a name, a description, and values by labels.
struct Writer<'e>(DescriptorEncoder<'e>);

impl Writer<'_> {
    fn counters<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: impl EncodeCounterValue) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
    }

    fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// A gauge that may be absent.
    fn known(
        &mut self,
        name: &str,
        help: &str,
        value: Option<impl EncodeGaugeValue>,
    ) -> fmt::Result {
        value.map_or(Ok(()), |value| self.gauge(name, help, value))
    }
}

fn write_requests(metrics: &Metrics, writer: &mut Writer<'_>) -> fmt::Result {
    let requests = RequestKind::ALL.iter().flat_map(|&kind| {
        StatusClass::ALL.iter().map(move |&status| {
            let labels = [("kind", kind.as_str()), ("status", status.as_str())];
            (labels, metrics.requests(kind, status))
        })
    });
    writer.counters("mirrorlistd_requests", "Answered requests", requests)?;
    writer.counters(
        "mirrorlistd_answers",
        "Answers by how their first mirror was found",
        by_label("tier", |tier: Tier| metrics.answers_by(tier)),
    )?;
    writer.counters(
        "mirrorlistd_private_clients",
        "Requests of clients with a private address: seen as theirs, or because a trusted proxy named \
         nobody",
        by_label("why", |why: PrivateClient| metrics.private_clients(why)),
    )?;
    let latency = metrics.latency();
    let buckets: Vec<(f64, u64)> = latency
        .powers()
        .map(|(end, n)| (end.map_or(f64::INFINITY, |end| end.as_secs_f64()), n))
        .collect();
    let name = "mirrorlistd_answer_seconds";
    let help = "Time to make an answer, from the end of the header to the finished body";
    writer
        .0
        .encode_descriptor(name, help, None, MetricType::Histogram)?
        .encode_histogram::<NoLabelSet>(
            latency.sum().as_secs_f64(),
            latency.count(),
            &buckets,
            None,
        )?;
    let help = "Requests whose answer is being made or not yet taken by the client";
    writer.gauge("mirrorlistd_requests_in_flight", help, metrics.in_flight())?;
    let help = "Bytes sent, headers included";
    writer.counter("mirrorlistd_sent_bytes", help, metrics.sent_bytes())?;
    let help = "Answers that panicked and became a 500";
    writer.counter("mirrorlistd_panics", help, metrics.panics.get())?;
    let lines = [
        ([("outcome", "written")], metrics.log_lines_written.get()),
        ([("outcome", "dropped")], metrics.log_lines_dropped.get()),
    ];
    writer.counters("mirrorlistd_access_log_lines", "Lines of the access log", lines)
}

fn write_threads(state: &AdminState, writer: &mut Writer<'_>) -> fmt::Result {
    let help = "Lines of the log that stderr did not take";
    writer.counter("mirrorlistd_log_lines_dropped", help, state.log.n_dropped())?;
    let restarts = Thread::ALL.map(|thread| {
        let labels = [("thread", thread.as_str())];
        (labels, state.supervisor.n_restarts(thread))
    });
    let help = "Threads that panicked and were started again";
    writer.counters("mirrorlistd_thread_restarts", help, restarts)
}

fn write_connections(metrics: &Metrics, writer: &mut Writer<'_>) -> fmt::Result {
    writer.gauge(
        "mirrorlistd_connections_open",
        "Connections that are open",
        metrics.connections_open.get(),
    )?;
    writer.gauge(
        "mirrorlistd_connections_limit",
        "How many connections may be open",
        metrics.connections_limit.get(),
    )?;
    writer.counters(
        "mirrorlistd_connections_evicted",
        "Connections closed because others needed their place or their memory",
        by_label("for", |phase: Phase| metrics.connections_evicted(phase)),
    )?;
    writer.gauge(
        "mirrorlistd_unsent_bytes",
        "Memory that waits for clients that do not read",
        metrics.unsent_bytes.get(),
    )?;
    writer.gauge(
        "mirrorlistd_unsent_limit_bytes",
        "How much of it there may be",
        metrics.unsent_limit.get(),
    )?;
    writer.gauges(
        "mirrorlistd_connections_waiting",
        "Open connections by what they wait for: the first byte, the rest of a header, the next \
         request, the client to read, the client to stop sending",
        by_label("for", |phase: Phase| metrics.connections_in(phase)),
    )?;
    writer.counters(
        "mirrorlistd_connections_overdue",
        "Connections closed because they waited too long",
        by_label("for", |phase: Phase| metrics.connections_overdue(phase)),
    )?;
    writer.counter(
        "mirrorlistd_connections_accepted",
        "Connections accepted",
        metrics.connections_accepted.get(),
    )?;
    writer.counter(
        "mirrorlistd_accept_errors",
        "Failed calls of accept",
        metrics.accept_errors.get(),
    )?;
    writer.counter(
        "mirrorlistd_proxy_headers_refused",
        "Connections of trusted proxies closed for want of a valid PROXY header",
        metrics.proxy_headers_refused.get(),
    )?;
    writer.counter(
        "mirrorlistd_admin_connections_evicted",
        "Connections of the admin listener that gave way to new ones",
        metrics.admin_evicted.get(),
    )
}

fn write_data(state: &AdminState, writer: &mut Writer<'_>) -> fmt::Result {
    let metrics = &*state.metrics;
    let is_ready = u32::from(Readiness::of(state) == Readiness::Ready);
    writer.gauge("mirrorlistd_ready", "1 when /readyz says 200", is_ready)?;
    let reloads = ReloadTrigger::ALL.iter().flat_map(|&trigger| {
        ReloadOutcome::ALL.iter().map(move |&outcome| {
            let labels = [("trigger", trigger.as_str()), ("outcome", outcome.as_str())];
            (labels, metrics.reloads(trigger, outcome))
        })
    });
    writer.counters("mirrorlistd_reloads", "Reloads, without the first load", reloads)?;
    let watched = state.history.watch_state();
    let help = "1 when changes of the data files are taken up without a signal";
    writer.gauge("mirrorlistd_watch", help, u32::from(watched.is_some()))?;
    let last_change = watched.as_ref().and_then(|watched| watched.last_change).map(seconds_of);
    let last_check = watched.as_ref().map(|watched| seconds_of(watched.last_check));
    let help = "When the data files were last looked at";
    writer.known("mirrorlistd_watch_last_look_timestamp_seconds", help, last_check)?;
    let help = "When the data files were last seen to change";
    writer.known("mirrorlistd_watch_last_change_timestamp_seconds", help, last_change)?;
    #[allow(clippy::cast_precision_loss, reason = "microseconds of reloads fit for centuries")]
    let seconds = metrics.reload_micros.get() as f64 / 1e6;
    writer.counter("mirrorlistd_reload_seconds", "Time spent on reloads", seconds)?;
    let running = state.history.running().map_or(0.0, |running| running.as_secs_f64());
    let help = "How long the load that runs has been running; 0 when none does";
    writer.gauge("mirrorlistd_load_running_seconds", help, running)?;
    let help = "Threads that load data; more than one when loads were given up that hang";
    writer.gauge("mirrorlistd_loads_running", help, state.history.n_loading() as u64)?;
    let record = state.history.get();
    if let Some(last) = &record.last {
        writer.gauge(
            "mirrorlistd_last_load_success",
            "1 when the last load was published, 0 when it was refused",
            u32::from(last.refused.is_none()),
        )?;
        let at = seconds_of(last.at);
        writer.gauge("mirrorlistd_last_load_timestamp_seconds", "When the last load ended", at)?;
        writer.gauge(
            "mirrorlistd_last_load_duration_seconds",
            "How long the last load took",
            last.took.as_secs_f64(),
        )?;
    }
    let Some(live) = state.live.get() else {
        return Ok(());
    };
    let edition = live.load();
    let snapshot = edition.snapshot();
    let help = "The snapshot that is served";
    let generation = snapshot.generation().to_string();
    writer
        .0
        .encode_descriptor("mirrorlistd_snapshot", help, None, MetricType::Info)?
        .encode_info(&[("generation", generation.as_str())])?;
    let help = "Length of the snapshot's file, or of the file that compile would write";
    writer.gauge("mirrorlistd_snapshot_bytes", help, record.bytes)?;
    let help = "1 when the snapshot before is served because the newest could not be at the start";
    writer.gauge("mirrorlistd_snapshot_is_previous", help, u32::from(record.stand_in.is_some()))?;
    let created = snapshot.created();
    let help = "When the data were made, as they say themselves";
    writer.gauge("mirrorlistd_data_timestamp_seconds", help, created)?;
    let help = "Since the data were made; below zero when they are from the future";
    let age = age(created, seconds_of(SystemTime::now()));
    writer.gauge("mirrorlistd_data_age_seconds", help, age)?;
    let published = record.published.map(seconds_of);
    let help = "When the data were published here";
    writer.known("mirrorlistd_published_timestamp_seconds", help, published)?;
    let help = "Lines about what was skipped or repaired in the data";
    writer.gauge("mirrorlistd_data_diagnostics", help, record.n_warnings)?;
    // Field names of a struct: a set that is fixed at compile time.
    let stats = serde_json::to_value(snapshot.stats()).unwrap_or_default();
    let entries = stats.as_object().into_iter().flatten();
    let entries =
        entries.filter_map(|(table, n)| Some(([("table", table.as_str())], Value::as_u64(n)?)));
    writer.gauges("mirrorlistd_snapshot_entries", "How much the snapshot holds", entries)
}

fn write_countme(metrics: &Metrics, writer: &mut Writer<'_>) -> fmt::Result {
    let series = metrics.countme.series();
    let values = series.iter().flat_map(|series| {
        let (repo, arch) = match &series.repository {
            Some(key) => key.rsplit_once('+').unwrap_or((key, "")),
            None => ("other", "other"),
        };
        series.buckets().map(move |(bucket, n)| {
            let labels = [("repo", repo), ("arch", arch), ("bucket", bucket)];
            (labels, n)
        })
    });
    let help = "Requests with countme=, by repository and age of the installation";
    writer.counters("mirrorlistd_countme", help, values)
}

fn write_process(process: &Process, writer: &mut Writer<'_>) -> fmt::Result {
    // The names are those of Prometheus's client libraries.
    if let Some(seconds) = process.cpu_seconds {
        writer.counter("process_cpu_seconds", "Processor time, user and system", seconds)?;
    }
    let memory = process.resident_bytes;
    writer.known("process_resident_memory_bytes", "Resident memory", memory)?;
    let space = process.virtual_bytes;
    writer.known("process_virtual_memory_bytes", "Address space", space)?;
    writer.known("process_open_fds", "Open files", process.open_files)?;
    writer.known("process_max_fds", "Files that may be open", process.max_files)?;
    writer.known("process_threads", "Threads", process.threads)
}

fn by_label<L: Label>(
    key: &'static str,
    value: impl Fn(L) -> u64,
) -> impl Iterator<Item = ([(&'static str, &'static str); 1], u64)> {
    L::ALL.iter().map(move |&label| ([(key, label.as_str())], value(label)))
}

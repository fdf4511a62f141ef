//! The status page: the report as HTML.

use askama::Template;

use super::display::{duration, number, rate};
use super::health::{Health, PreviousSnapshot};
use super::report::{Requests, Share, StatusReport};
use crate::pages::layout::PageLayout;

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'r> {
    layout: PageLayout,
    health: &'r Health,
    version: &'static str,
    uptime: String,
    now: &'r str,
    /// When the last load was refused, and why.
    refused_load: Option<(&'r str, &'r str)>,
    previous: Option<&'r PreviousSnapshot>,
    loading: Option<String>,
    faults: Vec<String>,
    data: Vec<Pair>,
    requests: Vec<[String; 6]>,
    tiers: Vec<[String; 4]>,
    serving: Vec<Pair>,
    entries: Option<Vec<(String, String)>>,
    /// Absent if there are no diagnostics.
    diagnostics_title: Option<String>,
    diagnostics: &'r [String],
}

type Pair = (&'static str, String);

/// The page of `/status`.
pub(super) fn render(report: &StatusReport, layout: PageLayout) -> askama::Result<String> {
    let health = &report.health;
    let refused_load = health.last_load.as_ref().and_then(|load| {
        let reason = load.refused.as_deref()?;
        Some((load.at.as_str(), reason))
    });
    let page = StatusPage {
        layout,
        health,
        version: report.version,
        uptime: duration(health.uptime_seconds),
        now: &report.now,
        refused_load,
        previous: health.data.as_ref().and_then(|data| data.previous.as_ref()),
        loading: health.loading(),
        faults: faults(report),
        data: data(health),
        requests: requests(report),
        tiers: tiers(report),
        serving: serving(report),
        entries: health.data.as_ref().map(|data| {
            let count = |count: &serde_json::Value| number(count.as_u64().unwrap_or(0));
            let entries = data.entries.iter();
            entries.map(|(name, n)| (name.replace('_', " "), count(n))).collect()
        }),
        diagnostics_title: diagnostics_title(report),
        diagnostics: &report.diagnostics.lines,
    };
    page.render()
}

fn faults(report: &StatusReport) -> Vec<String> {
    let restarts = (report.thread_restarts > 0).then(|| {
        let restarts = number(report.thread_restarts);
        format!("Threads panicked and were started again: {restarts}; see the log.")
    });
    let panics = (report.panics > 0)
        .then(|| format!("{} answers panicked; see the log.", number(report.panics)));
    let troubles = report.health.troubles.iter().cloned();
    restarts.into_iter().chain(panics).chain(troubles).collect()
}

fn data(health: &Health) -> Vec<Pair> {
    let mut pairs = Vec::new();
    match &health.data {
        Some(data) => {
            pairs.push(("Generation", data.generation.clone()));
            pairs.push(("Data made", data.created.clone()));
            let age = duration(data.age_seconds.unsigned_abs());
            pairs.push(("Age", if data.age_seconds < 0 { age + " in the future" } else { age }));
            pairs.push(("Snapshot", number(data.bytes.div_ceil(1_024)) + " KiB"));
            pairs.extend(data.published.clone().map(|at| ("Published here", at)));
        }
        None => pairs.push(("Data", "none yet".into())),
    }
    if let Some(load) = &health.last_load {
        let outcome = if load.refused.is_some() { "refused" } else { "published" };
        pairs.push(("Last load", format!("{outcome}, {:.2} s", load.seconds)));
    }
    let (published, refused) = (number(health.reloads.published), number(health.reloads.refused));
    pairs.push(("Reloads", format!("{published} published, {refused} refused")));
    pairs.push(("Data files", health.watching()));
    pairs
}

fn requests(report: &StatusReport) -> Vec<[String; 6]> {
    let row = |requests: &Requests| {
        let count = |class| {
            let count = requests.by_status.get(class).and_then(serde_json::Value::as_u64);
            number(count.unwrap_or(0))
        };
        let [success, redirect, client, server] = ["2xx", "3xx", "4xx", "5xx"].map(count);
        [requests.kind.into(), success, redirect, client, server, rate(requests.per_second)]
    };
    report.requests.iter().map(row).collect()
}

fn tiers(report: &StatusReport) -> Vec<[String; 4]> {
    let total: u64 = report.tiers.iter().map(|share| share.total).sum();
    let row = |share: &Share| {
        #[allow(clippy::cast_precision_loss, reason = "it is rounded for display")]
        let percent = share.total as f64 * 100.0 / total.max(1) as f64;
        let percent = format!("{percent:.1} %");
        [share.tier.into(), number(share.total), percent, rate(share.per_second)]
    };
    report.tiers.iter().map(row).collect()
}

fn serving(report: &StatusReport) -> Vec<Pair> {
    let micros = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.0} µs"));
    let mebibytes =
        |bytes: Option<u64>| bytes.map_or("–".into(), |bytes| number(bytes >> 20) + " MiB");
    let sum = |counts: &serde_json::Map<_, _>| {
        number(counts.values().filter_map(serde_json::Value::as_u64).sum())
    };
    let (latency, connections, log) = (&report.latency, &report.connections, &report.access_log);
    let quantiles = [latency.p50_micros, latency.p90_micros, latency.p99_micros].map(micros);
    let (open, limit) = (number(connections.open), number(connections.limit));
    let (written, dropped) = (number(log.written), number(log.dropped));
    let process = &report.process;
    let files = process.open_files.map_or("–".into(), number);
    let max_files = process.max_files.map_or("–".into(), number);
    vec![
        ("Answer p50 / p90 / p99", quantiles.join(" / ")),
        ("Connections open", format!("{open} of {limit}")),
        ("Requests in flight", number(connections.in_flight)),
        ("Closed at a time limit", sum(&connections.overdue)),
        ("Closed for others", sum(&connections.evicted)),
        ("Clients with private addresses", sum(&report.private_clients)),
        ("Failed accepts", number(connections.accept_errors)),
        ("Sent", mebibytes(Some(report.sent_bytes))),
        ("Access log lines", format!("{written} written, {dropped} dropped")),
        ("Log lines dropped", number(report.log_dropped)),
        ("Memory", mebibytes(process.resident_bytes)),
        ("Open files", format!("{files} of {max_files}")),
    ]
}

fn diagnostics_title(report: &StatusReport) -> Option<String> {
    let (shown, count) = (report.diagnostics.lines.len(), report.diagnostics.count);
    if count == 0 {
        None
    } else if shown == count {
        Some(format!("{count} lines"))
    } else {
        Some(format!("the first {shown} of {count} lines; the log has all"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admin::state::AdminState;

    #[test]
    fn what_is_not_ours_is_escaped() {
        let state = AdminState::for_tests();
        state.history.refuse(Duration::ZERO, "<script>'\"&".into());
        let layout = PageLayout::default();
        let page = render(&StatusReport::collect(&state), layout).expect("a page");
        assert!(page.contains("are served. &#60;script&#62;&#39;&#34;&#38;</div>"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
}

//! The report as people read it: an HTML page without anything from outside, and a few lines of text.

use super::display::{duration, number, rate};
use super::report::Report;
use crate::encode::xml;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--good:#1a7f37;--bad:#c62828;--wait:#9a6700}\
*{box-sizing:border-box}\
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:60rem}\
h1{font-size:1.3rem;margin:0 0 1rem;display:flex;flex-wrap:wrap;gap:.6rem;align-items:center}\
h2{font-size:1.05rem;margin:1.6rem 0 .4rem}\
.pill{font-size:.85rem;color:#fff;border-radius:1rem;padding:.1rem .7rem}\
.ready{background:var(--good)}.loading{background:var(--wait)}.stopping{background:var(--bad)}\
.bad{border-left:4px solid var(--bad);background:var(--soft);padding:.5rem .8rem;margin:.8rem 0;\
overflow-wrap:anywhere}\
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:0 2rem}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .4rem;border-bottom:1px solid var(--line);text-align:right}\
th{font-weight:600}\
th:first-child,td:first-child{text-align:left;padding-left:0}\
td:last-child,th:last-child{padding-right:0}\
section{overflow-x:auto}\
.counts{font-size:.875rem}.counts th,.counts td{white-space:nowrap}\
.pairs td:last-child{overflow-wrap:anywhere}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}\
footer{margin-top:2rem;font-size:.85rem;opacity:.75}";

/// The page of `/status`.
pub(super) fn render_status(report: &Report) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    page.raw("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    page.raw("<meta http-equiv=\"refresh\" content=\"10\"><title>");
    page.text(&format!("mirrorlistd: {}", report.health.readiness.as_str()));
    page.raw("</title><style>").raw(STYLE).raw("</style></head><body><h1>mirrorlistd ");
    // The class is one of three words of ours.
    page.raw("<span class=\"pill ").raw(report.health.readiness.as_str()).raw("\">");
    page.text(report.health.readiness.as_str()).raw("</span></h1>");
    push_data(report, &mut page);
    page.raw("<div class=\"columns\"><section>");
    push_requests(report, &mut page);
    page.raw("</section><section>");
    push_tiers(report, &mut page);
    page.raw("</section><section>");
    push_serving(report, &mut page);
    page.raw("</section><section>");
    push_entries(report, &mut page);
    page.raw("</section></div>");
    push_diagnostics(report, &mut page);
    page.raw("<footer>");
    page.text(&format!(
        "mirrorlistd {}, up {}, at {}. Rates are those of the last minute. ",
        report.version,
        duration(report.health.uptime_seconds),
        report.now
    ));
    page.raw("<a href=\"/status.json\">JSON</a> <a href=\"/metrics\">metrics</a></footer>");
    page.raw("</body></html>\n");
    page.0
}

fn push_data(report: &Report, page: &mut Page) {
    if let Some(load) = &report.health.last_load
        && let Some(reason) = &load.refused
    {
        page.raw("<div class=\"bad\"><b>The last load was refused</b>, ");
        page.text(&format!("at {}; the data before it are served. {reason}", load.at));
        page.raw("</div>");
    }
    if let Some(data) = &report.health.data
        && let Some(previous) = &data.previous
    {
        page.raw("<div class=\"bad\"><b>The previous snapshot is served</b>, ");
        page.text(&format!("{}, because the newest cannot be. {}", previous.file, previous.reason));
        page.raw("</div>");
    }
    if let Some(loading) = report.health.loading() {
        page.raw("<p>").text(&loading).raw("</p>");
    }
    if report.thread_restarts > 0 {
        page.raw("<div class=\"bad\">");
        let restarts = number(report.thread_restarts);
        page.text(&format!("Threads panicked and were started again: {restarts}; see the log."));
        page.raw("</div>");
    }
    if report.panics > 0 {
        page.raw("<div class=\"bad\">");
        page.text(&format!("{} answers panicked; see the log.", number(report.panics)));
        page.raw("</div>");
    }
    page.raw("<table class=\"pairs\">");
    match &report.health.data {
        Some(data) => {
            page.pair("Generation", &data.generation);
            page.pair("Data made", &data.created);
            let age = duration(data.age_seconds.unsigned_abs());
            page.pair("Age", &if data.age_seconds < 0 { age + " in the future" } else { age });
            page.pair("Snapshot", &(number(data.bytes.div_ceil(1_024)) + " KiB"));
            if let Some(published) = &data.published {
                page.pair("Published here", published);
            }
        }
        None => {
            page.pair("Data", "none yet");
        }
    }
    if let Some(load) = &report.health.last_load {
        let outcome = if load.refused.is_some() { "refused" } else { "published" };
        page.pair("Last load", &format!("{outcome}, {:.2} s", load.seconds));
    }
    let reloads = &report.health.reloads;
    let (published, refused) = (number(reloads.published), number(reloads.refused));
    page.pair("Reloads", &format!("{published} published, {refused} refused"));
    page.pair("Data files", &report.health.watching());
    page.raw("</table>");
}

fn push_requests(report: &Report, page: &mut Page) {
    page.raw("<h2>Requests</h2><table class=\"counts\">");
    page.row("th", &["", "2xx", "3xx", "4xx", "5xx", "per s"]);
    for requests in &report.requests {
        let count = |class| {
            let count = requests.by_status.get(class).and_then(serde_json::Value::as_u64);
            number(count.unwrap_or(0))
        };
        page.row(
            "td",
            &[
                requests.kind,
                &count("2xx"),
                &count("3xx"),
                &count("4xx"),
                &count("5xx"),
                &rate(requests.per_second),
            ],
        );
    }
    page.raw("</table>");
}

fn push_tiers(report: &Report, page: &mut Page) {
    page.raw("<h2>First mirror found by</h2><table>");
    page.row("th", &["", "answers", "share", "per s"]);
    let total: u64 = report.tiers.iter().map(|share| share.total).sum();
    for share in &report.tiers {
        #[allow(clippy::cast_precision_loss, reason = "it is rounded for display")]
        let percent = share.total as f64 * 100.0 / total.max(1) as f64;
        let percent = format!("{percent:.1} %");
        page.row("td", &[share.tier, &number(share.total), &percent, &rate(share.per_second)]);
    }
    page.raw("</table>");
}

fn push_serving(report: &Report, page: &mut Page) {
    let micros = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.0} µs"));
    let mebibytes =
        |bytes: Option<u64>| bytes.map_or("–".into(), |bytes| number(bytes >> 20) + " MiB");
    page.raw("<h2>Serving</h2><table class=\"pairs\">");
    let latency = &report.latency;
    let quantiles = [latency.p50_micros, latency.p90_micros, latency.p99_micros].map(micros);
    page.pair("Answer p50 / p90 / p99", &quantiles.join(" / "));
    let connections = &report.connections;
    let (open, limit) = (number(connections.open), number(connections.limit));
    page.pair("Connections open", &format!("{open} of {limit}"));
    page.pair("Requests in flight", &number(connections.in_flight));
    let sum = |counts: &serde_json::Map<_, _>| {
        number(counts.values().filter_map(serde_json::Value::as_u64).sum())
    };
    page.pair("Closed at a time limit", &sum(&connections.overdue));
    page.pair("Closed for others", &sum(&connections.evicted));
    page.pair("Clients with private addresses", &sum(&report.private_clients));
    page.pair("Failed accepts", &number(connections.accept_errors));
    page.pair("Sent", &mebibytes(Some(report.sent_bytes)));
    let log = &report.access_log;
    let (written, dropped) = (number(log.written), number(log.dropped));
    page.pair("Access log lines", &format!("{written} written, {dropped} dropped"));
    page.pair("Log lines dropped", &number(report.log_dropped));
    let process = &report.process;
    page.pair("Memory", &mebibytes(process.resident_bytes));
    let files = process.open_files.map_or("–".into(), number);
    let max_files = process.max_files.map_or("–".into(), number);
    page.pair("Open files", &format!("{files} of {max_files}"));
    page.raw("</table>");
}

fn push_entries(report: &Report, page: &mut Page) {
    let Some(data) = &report.health.data else { return };
    page.raw("<h2>Data</h2><table class=\"pairs\">");
    for (name, count) in &data.entries {
        page.pair(&name.replace('_', " "), &number(count.as_u64().unwrap_or(0)));
    }
    page.raw("</table>");
}

fn push_diagnostics(report: &Report, page: &mut Page) {
    let diagnostics = &report.diagnostics;
    page.raw("<h2>Diagnostics</h2>");
    if diagnostics.count == 0 {
        page.raw("<p>Nothing was skipped or repaired in the data.</p>");
        return;
    }
    page.raw("<details open><summary>");
    let (shown, count) = (diagnostics.lines.len(), diagnostics.count);
    page.text(&match shown == count {
        true => format!("{count} lines"),
        false => format!("the first {shown} of {count} lines; the log has all"),
    });
    page.raw("</summary><pre>");
    for line in &diagnostics.lines {
        page.text(line).raw("\n");
    }
    page.raw("</pre></details>");
}

/// HTML that is being written; what is not ours goes through [`Page::text`].
struct Page(String);

impl Page {
    fn raw(&mut self, html: &'static str) -> &mut Self {
        self.0.push_str(html);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        xml::escape_into(text, &mut self.0);
        self
    }

    fn pair(&mut self, name: &str, value: &str) -> &mut Self {
        self.row("td", &[name, value])
    }

    fn row(&mut self, cell: &'static str, cells: &[&str]) -> &mut Self {
        self.raw("<tr>");
        for text in cells {
            self.raw("<").raw(cell).raw(">").text(text).raw("</").raw(cell).raw(">");
        }
        self.raw("</tr>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_escaped() {
        let mut page = Page(String::new());
        page.pair("<script>", "\"&");
        assert_eq!(page.0, "<tr><td>&lt;script&gt;</td><td>&quot;&amp;</td></tr>");
    }
}

//! Metrics of background work, in the text format of OpenMetrics.
//!
//! [`table`] has a row for each metric, `scrape` what the rows read from, `exposition` the format. A scrape
//! reads the store once, with a time limit; without an answer, what comes from the store is left out, and
//! `mirrorlistd_store_up` is 0. Labels are names of kinds, queues, schedules and stages that this program or
//! its configuration has, never what a client sends.

mod exposition;
mod scrape;
mod sources;
pub mod table;

use std::time::Duration;

use exposition::Exposition;
use scrape::Scrape;
use table::METRICS;

pub use sources::{NodeSource, Sources};

/// How long the store may take to be read.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes all metrics, without the line that ends an exposition.
pub async fn write(sources: &Sources) -> String {
    let scrape = Scrape::read(sources, PATIENCE).await;
    let mut out = Exposition::default();
    for metric in METRICS {
        out.begin(metric.name, metric.kind.as_str(), metric.help);
        (metric.values)(&scrape, &mut out);
    }
    out.into_text()
}

#[cfg(test)]
mod tests;

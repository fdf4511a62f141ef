//! Metrics of background work, in the text format of OpenMetrics.
//!
//! [`table`] has a row for each metric of tasks, `of_mirrors` those of checks, `scrape` what the rows read from, `exposition` the format. A scrape
//! reads the store once, with a time limit; without an answer, what comes from the store is left out, and
//! `mirrorlistd_store_up` is 0. Labels are names of kinds, queues, schedules and stages that this program or
//! its configuration has, and words of closed sets, never what a client sends or what mirrors are called.

mod exposition;
mod scrape;
mod sources;
pub mod table;
mod of_mirrors;

use std::time::Duration;

use exposition::Exposition;
use of_mirrors::OF_MIRRORS;
use scrape::Scrape;
use table::{ControlMetric, OF_TASKS};

pub use sources::{NodeSource, Sources};

/// How long the store may take to be read.
const PATIENCE: Duration = Duration::from_secs(2);

/// All metrics, in the order of the exposition.
pub fn all() -> impl Iterator<Item = &'static ControlMetric> {
    OF_TASKS.iter().chain(OF_MIRRORS)
}

/// Writes all metrics, without the line that ends an exposition.
pub async fn write(sources: &Sources) -> String {
    let scrape = Scrape::read(sources, PATIENCE).await;
    let mut out = Exposition::default();
    for metric in all() {
        out.begin(metric.name, metric.kind.as_str(), metric.help);
        (metric.values)(&scrape, &mut out);
    }
    out.into_text()
}

#[cfg(test)]
mod tests;

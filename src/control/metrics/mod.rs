//! Metrics of background work, in the text format of OpenMetrics.
//!
//! [`table`] has a row for each metric, `scrape` what the rows read from, `exposition` the format. A scrape
//! reads the store once, with a time limit; without an answer, what comes from the store is left out, and
//! `mirrorlistd_store_up` is 0. Labels are names of kinds, queues, schedules and stages that this program or
//! its configuration has, never what a client sends.

mod exposition;
mod scrape;
pub mod table;

use std::sync::Arc;
use std::time::Duration;

use tasks::Tasks;
use tasks::node::NodeHandle;

use crate::freshness::PublishTimes;
use exposition::Exposition;
use scrape::Scrape;
use table::METRICS;

/// The node of this process; `None` while there is none.
pub type NodeSource = Arc<dyn Fn() -> Option<NodeHandle> + Send + Sync>;

/// What metrics are read from.
#[derive(Clone)]
pub struct Sources {
    /// The tasks.
    pub tasks: Tasks,
    /// The node of this process.
    pub node: NodeSource,
    /// How long it took from changes to what is published.
    pub publish_times: Arc<dyn Fn() -> PublishTimes + Send + Sync>,
}

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

//! What the metrics of one scrape are read from.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use store::operations::read::{Overview, ReadOverview};
use store::record::{Queue, Schedule};
use tasks::Tasks;
use tasks::node::NodeHandle;
use tasks::status::NodeStatus;
use tokio::time::timeout;

use super::sources::Sources;
use crate::freshness::PublishTimes;
use crate::mirrors::counts::{Summary, SweepNumbers};

/// The most queues and schedules that are shown.
const MAX_NAMES: usize = 100;

/// What is read once for each scrape.
pub(super) struct Scrape<'s> {
    pub(super) tasks: &'s Tasks,
    /// `None` if the store does not answer.
    pub(super) overview: Option<Overview>,
    /// The node of this process and what it does; `None` while there is none.
    pub(super) node: Option<(NodeHandle, NodeStatus)>,
    pub(super) publish_times: PublishTimes,
    /// What sweeps count; `None` if mirrors are not visited.
    pub(super) checks: Option<&'s SweepNumbers>,
    /// What was known of mirrors last; `None` if that was long ago.
    pub(super) mirrors: Option<Arc<Summary>>,
    /// `None` if the kernel does not say.
    pub(super) n_children: Option<u64>,
}

impl<'s> Scrape<'s> {
    /// Reads everything, of the store what it says within `patience`.
    pub(super) async fn read(sources: &'s Sources, patience: Duration) -> Self {
        let tasks = &sources.tasks;
        let read = timeout(patience, tasks.store().run(ReadOverview)).await;
        let node = (sources.node)().map(|node| {
            let status = node.status();
            (node, status)
        });
        Self {
            tasks,
            overview: read.ok().and_then(Result::ok),
            node,
            publish_times: (sources.publish_times)(),
            checks: sources.checks.as_deref(),
            mirrors: sources.checks.as_ref().and_then(|counts| counts.summary()),
            n_children: n_children(),
        }
    }

    /// The queues, if the store answers.
    pub(super) fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.overview.iter().flat_map(|overview| &overview.queues).take(MAX_NAMES)
    }

    /// The schedules, if the store answers.
    pub(super) fn schedules(&self) -> impl Iterator<Item = &Schedule> {
        self.overview.iter().flat_map(|overview| &overview.schedules).take(MAX_NAMES)
    }
}

/// How many processes this one has started that have not ended, or were not waited for.
fn n_children() -> Option<u64> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let mut n_children = 0;
    let mut is_known = false;
    for thread in threads.flatten() {
        // A thread may have ended meanwhile.
        if let Ok(children) = fs::read_to_string(thread.path().join("children")) {
            is_known = true;
            n_children += children.split_ascii_whitespace().count() as u64;
        }
    }
    is_known.then_some(n_children)
}

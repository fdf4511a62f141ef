//! Removes what ended long ago from the store.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use store::Store;
use store::operations::mirror::PurgeVisits;
use store::operations::purge::{Purge, PurgeNodes};
use store::record::OnLoss;
use tasks::kind::{Output, Plan, Policy, Work};
use tasks::{Args, Failure, Kind, Run};

use super::shared::told;
use crate::options::queue;

/// The name of the kind.
pub(crate) const NAME: &str = "retention.purge";
/// How many rows are removed at once, so that nobody waits long.
const BATCH: i64 = 500;
/// How long visits to mirrors are kept that were judged. What followed from them is in the states of mirrors.
const VISITS: Duration = Duration::from_secs(86_400);
/// How many of the last visits to each mirror stay.
const LAST_VISITS: i64 = 10;
/// How long a node may have been away before it is forgotten.
const NODES: Duration = Duration::from_secs(30 * 86_400);

/// `retention.purge`.
pub(crate) struct PurgeTasks {
    pub(crate) store: Store,
    /// How long ended tasks are kept, by kind.
    pub(crate) kinds: Vec<(&'static str, Duration)>,
    /// How long those of kinds are kept that are not known here, and those of this kind.
    pub(crate) keep: Duration,
}

impl Kind for PurgeTasks {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "remove tasks that ended long ago, old visits to mirrors, and nodes that have long been away"
    }

    fn policy(&self) -> Policy {
        Policy {
            queue: queue::DB,
            priority: 50,
            on_loss: OnLoss::Drop,
            max_failures: 1,
            stall_after: Duration::from_secs(300),
            keep: self.keep,
        }
    }

    fn plan(&self, _: &Args) -> Result<Plan, String> {
        let days = self.keep.as_secs() / 86_400;
        let summary = format!("what ended more than {days} days ago");
        Ok(Plan { summary, unique_key: Some(NAME.to_owned()) })
    }

    fn run(self: Arc<Self>, _: Args, run: Run) -> Work {
        Box::pin(async move { told(NAME, self.purge(&run).await) })
    }
}

impl PurgeTasks {
    async fn purge(&self, run: &Run) -> Result<Output, Failure> {
        run.stage("tasks");
        let mut n_tasks: i64 = 0;
        let known = self.kinds.iter().map(|(kind, keep)| (Some(*kind), *keep));
        for (kind, keep) in known.chain([(None, self.keep)]) {
            let purge = Purge {
                kind: kind.map(str::to_owned),
                except: match kind {
                    Some(_) => Vec::new(),
                    None => self.kinds.iter().map(|(kind, _)| (*kind).to_owned()).collect(),
                },
                keep: i64::try_from(keep.as_millis()).unwrap_or(i64::MAX),
                limit: BATCH,
            };
            loop {
                run.checkpoint()?;
                let n = self.store.run(purge.clone()).await.map_err(of_store)?;
                n_tasks = n_tasks.saturating_add(n);
                run.progress(u64::try_from(n_tasks).unwrap_or(0), None);
                if n < BATCH {
                    break;
                }
            }
        }
        run.stage("visits");
        let mut n_visits: i64 = 0;
        loop {
            run.checkpoint()?;
            let keep = i64::try_from(VISITS.as_millis()).unwrap_or(i64::MAX);
            let purge = PurgeVisits { keep, keep_last: LAST_VISITS, limit: BATCH };
            let n = self.store.run(purge).await.map_err(of_store)?;
            n_visits = n_visits.saturating_add(n);
            if n < BATCH {
                break;
            }
        }
        run.stage("nodes");
        let nodes = PurgeNodes(i64::try_from(NODES.as_millis()).unwrap_or(i64::MAX));
        let nodes = self.store.run(nodes).await.map_err(of_store)?;
        let result = json!({ "tasks": n_tasks, "visits": n_visits, "nodes": nodes });
        Ok(Output { result, then: Vec::new() })
    }
}

fn of_store(error: store::Error) -> Failure {
    Failure::may_pass("store", error.to_string())
}

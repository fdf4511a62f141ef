//! What metrics are read from.

use std::sync::Arc;

use tasks::Tasks;
use tasks::node::NodeHandle;

use crate::freshness::PublishTimes;
use crate::mirrors::counts::SweepNumbers;

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
    /// What sweeps count; `None` if mirrors are not visited.
    pub(crate) checks: Option<Arc<SweepNumbers>>,
}

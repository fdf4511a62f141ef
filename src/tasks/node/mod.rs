//! A node: takes tasks of a store and runs them, until it is told to stop.
//!
//! Reading order: [`NodeOptions`] says how; `shared` is what all parts know. `claims` takes tasks, `attempt`
//! runs one of them (its code is held by `work`, its end is written by `finish`), `heart` keeps them and
//! reaps what the dead have left, `schedules` makes tasks when it is time, `shutdown` ends the node.
//!
//! All of it is one future. It needs tokio's time, and no runtime of its own; what it waits for is bounded
//! by time, and its only randomness is seeded by its options.

mod options;
mod shared;
mod set;
mod work;
mod finish;
mod attempt;
mod claims;
mod heart;
mod schedules;
mod shutdown;

#[cfg(test)]
mod tests;

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use store::Error;
use store::operations::node::StartNode;
use tokio::time::Instant;

pub use options::NodeOptions;

use crate::numbers::{Numbers, ReapReason};
use crate::service::Tasks;
use crate::status::{NodeStatus, Phase};
use set::Entrance;
use shared::Shared;

/// The wait before another try to start, when the store does not answer.
const START_AGAIN: Duration = Duration::from_secs(2);
/// How long hints of other processes are not passed on after one, for each who waits.
const HINT_OF_ONE: Duration = Duration::from_millis(5);
/// How often it is measured how late the loop is.
const LAG_EVERY: Duration = Duration::from_secs(1);

/// A node that may run.
pub struct Node(Arc<Shared>);

/// What others see of a node. Clones see the same one.
#[derive(Clone)]
pub struct NodeHandle(Arc<Shared>);

impl NodeHandle {
    /// What the node does now.
    pub fn status(&self) -> NodeStatus {
        self.0.status()
    }

    /// What the node has counted.
    pub fn numbers(&self) -> &Numbers {
        &self.0.numbers
    }
}

/// Why a node has ended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NodeError {
    /// The store refused the start, or cannot be used.
    #[error("{0}")]
    Store(#[from] Error),
    /// Another process uses the name.
    #[error(
        "node {0}: another process has started under this name and has taken its tasks; give each node a \
         name of its own"
    )]
    Superseded(String),
}

impl Node {
    /// A node that does not run yet. Its random numbers, its boot id among them, are drawn here.
    pub fn new(tasks: Tasks, options: NodeOptions) -> Self {
        Self(Arc::new(Shared::new(tasks, options)))
    }

    /// What others see of it.
    pub fn handle(&self) -> NodeHandle {
        NodeHandle(Arc::clone(&self.0))
    }

    /// Runs tasks until `stop` returns, and then until they have stopped or the deadline is over.
    ///
    /// All work is done by this future, but for [`Run::on_thread`](crate::Run::on_thread): who drops it
    /// ends the node as a crash would.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), NodeError> {
        let shared = self.0;
        let mut stop = pin!(stop);
        let started = tokio::select! {
            biased;
            () = &mut stop => None,
            started = start(&shared) => Some(started),
        };
        let Some(started) = started else {
            // It may have been written all the same; nothing was claimed.
            shared.set_phase(Phase::Stopped);
            return Ok(());
        };
        let wait = started?;
        let attempts = Entrance::default();
        let mut heart = pin!(heart::run(&shared));
        let mut running = pin!(attempts.clone().run());
        let mut claims = pin!(claims::run(&shared, &attempts));
        let is_superseded = tokio::select! {
            biased;
            () = &mut stop => false,
            () = &mut heart => true,
            () = &mut claims => false,
            () = schedules::run(&shared, wait) => false,
            () = measure_lag(&shared) => false,
            () = pass_on_hints(&shared) => false,
            () = &mut running => false,
        };
        if is_superseded {
            // Its work ends with this future; it could publish nothing any more.
            return Err(NodeError::Superseded(shared.options.name.clone()));
        }
        tokio::select! {
            biased;
            () = shutdown::run(&shared) => Ok(()),
            // One that is under way is waited for; there are no more.
            () = &mut claims => Ok(()),
            () = &mut heart => Err(NodeError::Superseded(shared.options.name.clone())),
            () = &mut running => Ok(()),
        }
    }
}

/// Runs a node that nobody looks at.
pub async fn run(
    tasks: Tasks,
    options: NodeOptions,
    stop: impl Future<Output = ()>,
) -> Result<(), NodeError> {
    Node::new(tasks, options).run(stop).await
}

/// Takes the name of the node, and ends what its predecessor has left. While the store does not answer, it
/// tries again. Returns how long to wait for the next slot of a schedule.
async fn start(shared: &Shared) -> Result<Duration, Error> {
    let options = &shared.options;
    let queues = options.queues.iter().map(|(name, max)| (name.clone(), i64::from(*max)));
    let start = StartNode {
        node: options.name.clone(),
        boot: shared.boot.clone(),
        site: shared.tasks.kinds().site().map(str::to_owned),
        files: options.files.join("\n"),
        version: options.version.clone(),
        kinds: shared.tasks.kinds().iter().map(|kind| kind.name().to_owned()).collect(),
        queues: queues.collect(),
        schedules: options.schedules.clone(),
    };
    loop {
        let reply = shared.tasks.change(start.clone()).await;
        // What does not pass is told by who runs the node.
        if reply.as_ref().err().is_none_or(Error::is_transient) {
            shared.note_store("start", &reply);
        }
        match reply {
            Ok(started) => {
                shared.numbers.count_reaped(ReapReason::Predecessor, started.lost);
                if started.lost > 0 {
                    let (node, n) = (&options.name, started.lost);
                    tracing::warn!(node, n, "ended what an earlier process of this node has left");
                }
                // Before anything is claimed: the slot of a task that waits already is that task's, but one
                // that runs would be run again.
                let wait = schedules::tick(shared).await;
                shared.set_phase(Phase::Working);
                return Ok(wait);
            }
            Err(error) if error.is_transient() => {
                tokio::time::sleep(shared.about(START_AGAIN, 0.5)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Wakes who waits here when another process has changed something, for ever.
async fn pass_on_hints(shared: &Shared) {
    let changes = shared.tasks.changes();
    let Some(mut hints) = shared.tasks.store().hints() else { return pending().await };
    while hints.changed().await.is_ok() {
        changes.note_anything();
        // Everybody who waits looks now: however many they are, there are at most 200 looks in a second.
        let n_waiters = u32::try_from(changes.n_task_watches()).unwrap_or(u32::MAX);
        tokio::time::sleep(HINT_OF_ONE.saturating_mul(n_waiters)).await;
    }
    pending().await
}

/// Measures by how much this future is polled too late, for ever.
async fn measure_lag(shared: &Shared) {
    loop {
        let next = Instant::now() + LAG_EVERY;
        shared.lock().lag.note(Instant::now(), next);
        tokio::time::sleep_until(next).await;
    }
}

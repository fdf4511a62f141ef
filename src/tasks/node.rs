//! A node: takes tasks of a store and runs them, until it is told to stop.

use std::future::Future;
use std::time::Duration;

use store::Error;
use store::operations::claim::Claim;
use store::operations::finish::{End, Finish};
use store::operations::node::{StartNode, StopNode};
use store::operations::tick::Tick;
use store::record::{NewSchedule, Task};

use crate::failure::Failure;
use crate::request::Args;
use crate::run::Run;
use crate::service::Tasks;

/// How a node works.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Its name, which outlives its processes.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// Names of queues, and how many of their tasks may run at the same time on all nodes together.
    pub queues: Vec<(String, u32)>,
    /// All schedules.
    pub schedules: Vec<NewSchedule>,
    /// How long a heartbeat may be missing before a task counts as lost.
    pub time_to_live: Duration,
    /// How long tasks have to stop when the process does.
    pub stop_deadline: Duration,
    /// How many threads that do not stop may exist before no more tasks are taken.
    pub max_zombies: u32,
    /// How often it looks for what another process has enqueued.
    pub poll: Duration,
}

/// Runs tasks until `stop` returns, and then until they have stopped or the deadline is over.
pub async fn run(
    tasks: Tasks,
    options: NodeOptions,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let boot = format!("{:016x}", fastrand::u64(..));
    let kinds: Vec<String> = tasks.kinds().iter().map(|kind| kind.name().to_owned()).collect();
    let queues = options.queues.iter().map(|(name, max)| (name.clone(), i64::from(*max)));
    let start = StartNode {
        node: options.name.clone(),
        boot: boot.clone(),
        version: options.version.clone(),
        kinds: kinds.clone(),
        queues: queues.collect(),
        schedules: options.schedules.clone(),
    };
    tasks.store().run(start).await?;
    let mut watch = tasks.changes().watch();
    let mut stop = std::pin::pin!(stop);
    loop {
        tasks.store().run(Tick).await?;
        let room = options.queues.iter().map(|(name, max)| (name.clone(), *max as usize));
        let claim = Claim {
            node: options.name.clone(),
            boot: boot.clone(),
            kinds: kinds.clone(),
            room: room.collect(),
        };
        for task in tasks.store().run(claim).await? {
            tokio::spawn(run_one(tasks.clone(), options.name.clone(), boot.clone(), task));
        }
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = watch.changed() => {}
            () = tokio::time::sleep(options.poll) => {}
        }
    }
    tasks.store().run(StopNode { node: options.name, boot }).await
}

async fn run_one(tasks: Tasks, node: String, boot: String, task: Task) {
    let run = Run::new(tasks.store().clone(), boot.clone(), (task.id, task.claim));
    let args: Args = serde_json::from_str(&task.args).unwrap_or_default();
    let outcome = match tasks.kinds().find(&task.kind) {
        Some(kind) => std::sync::Arc::clone(kind).run(args, run).await,
        None => Err(Failure::lasting("unknown_kind", "this version has no such kind")),
    };
    let (end, then) = match outcome {
        Ok(output) => {
            let then = output.then.iter().filter_map(|next| tasks.kinds().plan(next).ok());
            (End::Completed { result: Some(output.result.to_string()) }, then.collect())
        }
        Err(Failure::Stopped(_)) => (End::Cancelled, Vec::new()),
        Err(Failure::Failed { code, message, may_pass }) => {
            let retry_after = may_pass.then_some(1_000);
            (End::Failed { code: code.to_owned(), error: message, retry_after }, Vec::new())
        }
    };
    let finish = Finish { id: task.id, claim: task.claim, node, boot, end, stages: None, then };
    if let Err(error) = tasks.change(finish).await {
        tracing::error!("{error}");
    }
}

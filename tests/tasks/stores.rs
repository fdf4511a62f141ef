//! Stores, and rows for them.

use std::future::Future;
use std::sync::Arc;

use runtime::supervise::Supervisor;
use store::operations::claim::Claim;
use store::operations::finish::{End, Finish};
use store::operations::node::StartNode;
use store::postgres::{Address, Postgres as Engine};
use store::record::{NewTask, OnLoss, Task};
use store::sqlite::{Inline, system_clock};
use store::{Error, Store};

/// The kind of all tasks here.
pub const KIND: &str = "test.sleep";
/// The queue of all tasks here.
pub const QUEUE: &str = "cpu";

/// A store in a database.
#[track_caller]
pub fn open(url: &str) -> Store {
    try_open(url).unwrap()
}

/// A store in a database, or the reason why not.
pub fn try_open(url: &str) -> Result<Store, Error> {
    Engine::open(&Address::parse(url)?, &Supervisor::default()).map(Store::from)
}

/// A store of SQLite in memory.
pub fn in_memory() -> Store {
    Inline::new(system_clock()).unwrap().into()
}

/// Runs it on a runtime of its own. A store has its own thread, so that this one may block.
pub fn block_on<R>(work: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}

/// Runs `work` for each number below `n`, on a thread each, and returns what they return.
pub fn on_threads<R: Send + 'static>(
    n: usize,
    work: impl Fn(usize) -> R + Send + Sync + 'static,
) -> Vec<R> {
    let work = Arc::new(work);
    let threads: Vec<_> = (0..n)
        .map(|n| {
            let work = Arc::clone(&work);
            std::thread::spawn(move || work(n))
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// A task that anybody may run at once.
pub fn task() -> NewTask {
    NewTask {
        site: None,
        kind: KIND.into(),
        queue: QUEUE.into(),
        priority: 0,
        args: "{}".into(),
        summary: "sleeps".into(),
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "me".into(),
        parent: None,
    }
}

/// The start of a node, with a budget for the queue of all tasks here.
pub fn node(name: &str, max_running: i64) -> StartNode {
    StartNode {
        site: None,
        files: String::new(),
        node: name.into(),
        boot: format!("{name}-1"),
        version: "0".into(),
        kinds: vec![KIND.into()],
        queues: vec![(QUEUE.into(), max_running)],
        schedules: vec![],
    }
}

/// The claim of a node that [`node`] has started.
pub fn claim(name: &str, room: usize) -> Claim {
    Claim {
        site: None,
        node: name.into(),
        boot: format!("{name}-1"),
        kinds: vec![KIND.into()],
        room: vec![(QUEUE.into(), room)],
    }
}

/// The good end of a task that such a node has claimed.
pub fn completed(task: &Task) -> Finish {
    Finish {
        id: task.id,
        claim: task.claim,
        node: task.node.clone().unwrap(),
        boot: task.boot.clone().unwrap(),
        end: End::Completed { result: Some("{}".into()) },
        stages: None,
        then: vec![],
    }
}

//! How many tasks a store takes in a second.

use std::time::{Duration, Instant};

use store::Store;
use store::operations::claim::Claim;
use store::operations::enqueue::Enqueue;
use store::operations::finish::{End, Finish};
use store::operations::node::StartNode;
use store::record::{NewTask, OnLoss};
use tokio::task::JoinSet;

use crate::random::block_on;

const NODE: &str = "a";
const BOOT: &str = "1";
const QUEUE: &str = "cpu";
const KIND: &str = "scan";

/// Asks for, claims and ends so many tasks, with so many callers at the same time. Returns how long it took.
///
/// # Panics
///
/// If the store fails.
pub fn live_and_end(store: &Store, n_tasks: usize, n_callers: usize) -> Duration {
    block_on(async {
        let start = StartNode {
            site: None,
            files: String::new(),
            node: NODE.to_owned(),
            boot: BOOT.to_owned(),
            version: String::new(),
            kinds: vec![KIND.to_owned()],
            queues: vec![(QUEUE.to_owned(), 1_000)],
            schedules: Vec::new(),
        };
        store.run(start).await.expect("a node starts");
        let begin = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..n_callers {
            callers.spawn(caller(store.clone(), n_tasks / n_callers));
        }
        while let Some(ended) = callers.join_next().await {
            ended.expect("no caller panics");
        }
        begin.elapsed()
    })
}

async fn caller(store: Store, n_tasks: usize) {
    let mut n_ended = 0;
    for _ in 0..n_tasks {
        store.run(Enqueue(task())).await.expect("a task is accepted");
        let claim = Claim {
            site: None,
            node: NODE.to_owned(),
            boot: BOOT.to_owned(),
            kinds: vec![KIND.to_owned()],
            room: vec![(QUEUE.to_owned(), 1)],
        };
        // A claim finds none if others have taken what there was when it began.
        for task in store.run(claim).await.expect("tasks are claimed") {
            let finish = Finish {
                id: task.id,
                claim: task.claim,
                node: NODE.to_owned(),
                boot: BOOT.to_owned(),
                end: End::Completed { result: None },
                stages: None,
                then: Vec::new(),
            };
            store.run(finish).await.expect("a task ends");
            n_ended += 1;
        }
    }
    assert!(n_ended > 0 || n_tasks == 0, "tasks are found");
}

fn task() -> NewTask {
    NewTask {
        site: None,
        kind: KIND.to_owned(),
        queue: QUEUE.to_owned(),
        priority: 0,
        args: "{}".to_owned(),
        summary: "scans".to_owned(),
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "ann".to_owned(),
        parent: None,
    }
}

#[cfg(test)]
mod tests {
    use runtime::supervise::Supervisor;
    use store::sqlite::{Sqlite, system_clock};

    use super::*;

    /// Prints only: the disk decides.
    #[test]
    fn tasks_on_sqlite_end_each_with_three_writes_to_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Sqlite::open(folder.path(), system_clock(), &Supervisor::default()).unwrap();
        let (store, n) = (Store::from(engine), 200);
        for n_callers in [1, 8] {
            let took = live_and_end(&store, n, n_callers);
            println!("SQLite, {n_callers} callers: {:.0} tasks/s", n as f64 / took.as_secs_f64());
        }
    }
}

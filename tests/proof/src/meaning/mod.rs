//! What tasks, queues and schedules mean, said one by one.

mod ends;
mod plans;
mod requests;
mod schedules;

use store::operation::{Row, Value};
use store::operations::claim::Claim;
use store::operations::enqueue::{Enqueue, Enqueued, MAX_REQUESTS, MAX_WAITING};
use store::operations::finish::{End, Finish, Finished};
use store::operations::lose::Reap;
use store::operations::node::{IS_LIVE, StartNode, StopNode};
use store::operations::people::{Cancel, Cancelled, Pausable, Pause, Resume, Retried, Retry};
use store::operations::purge::{Purge, PurgeNodes};
use store::operations::read::{Events, Find, Found, ReadOverview};
use store::operations::renew::{Heartbeat, Progress, Renew, Running};
use store::operations::tick::{Tick, Ticked};
use store::record::{
    CatchUp, NewSchedule, NewTask, OnLoss, Schedule, State, Task, TaskId, Timestamp, What, bounds,
};
use store::{Error, Operation, Store, Transaction};

use crate::lens::Through;
use crate::random::block_on;
use crate::tests::in_memory;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A store whose clock the test moves.
struct At {
    store: Store,
    now: Timestamp,
}

impl At {
    fn new() -> Self {
        let at = Self { store: in_memory(), now: Timestamp(1_800_000_000_000) };
        at.start(Vec::new());
        at
    }

    fn run<O: Operation>(&self, operation: O) -> O::Reply {
        self.try_run(operation).unwrap()
    }

    fn try_run<O: Operation>(&self, operation: O) -> Result<O::Reply, Error> {
        block_on(self.store.run(Through { operation, now: self.now, mutant: None }))
    }

    fn pass(&mut self, milliseconds: i64) {
        self.now = self.now.plus(milliseconds);
    }

    fn start(&self, schedules: Vec<NewSchedule>) {
        self.run(start("1", schedules));
    }

    fn ask(&self, new: NewTask) -> Enqueued {
        self.run(Enqueue(new))
    }

    fn claim(&self, room: usize) -> Vec<Task> {
        self.run(claim(room))
    }

    fn complete(&self, task: &Task) -> Finished {
        self.run(finish(task, End::Completed { result: None }))
    }

    fn task(&self, id: TaskId) -> Task {
        match self.run(Find(id)) {
            Found::Task(task) => *task,
            other => panic!("{id}: {other:?}"),
        }
    }

    fn tick(&self) -> Ticked {
        self.run(Tick)
    }

    fn schedule(&self) -> Schedule {
        self.run(ReadOverview).schedules.remove(0)
    }

    /// Claims all that waits, and completes it.
    fn work(&self) -> usize {
        let tasks = self.claim(3);
        tasks.iter().for_each(|task| drop(self.complete(task)));
        tasks.len()
    }
}

fn new() -> NewTask {
    NewTask {
        site: None,
        kind: "scan".into(),
        queue: "cpu".into(),
        priority: 0,
        args: "{}".into(),
        summary: "scans".into(),
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "ann".into(),
        parent: None,
    }
}

fn keyed(key: &str) -> NewTask {
    NewTask { unique_key: Some(key.into()), ..new() }
}

fn start(boot: &str, schedules: Vec<NewSchedule>) -> StartNode {
    StartNode {
        site: None,
        files: String::new(),
        node: "a".into(),
        boot: boot.into(),
        version: "1".into(),
        kinds: vec!["scan".into()],
        queues: vec![("cpu".into(), 3)],
        schedules,
    }
}

fn claim(room: usize) -> Claim {
    Claim {
        site: None,
        node: "a".into(),
        boot: "1".into(),
        kinds: vec!["scan".into()],
        room: vec![("cpu".into(), room)],
    }
}

fn finish(task: &Task, end: End) -> Finish {
    Finish {
        id: task.id,
        claim: task.claim,
        node: "a".into(),
        boot: "1".into(),
        end,
        stages: None,
        then: Vec::new(),
    }
}

fn every(period: i64, catch_up: CatchUp) -> NewSchedule {
    NewSchedule { id: "nightly".into(), period, phase: 7_000, catch_up, task: new() }
}

/// Makes as many tasks as may wait, of a queue with one statement.
#[derive(Clone)]
struct Fill {
    state: &'static str,
    n: i64,
}

impl Operation for Fill {
    type Reply = ();
    const NAME: &'static str = "fill";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        let now = tx.now().await?;
        let finished = if self.state == "completed" { "?1 - 1000000 + n" } else { "NULL" };
        let sql = format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
             INSERT INTO task(kind, queue, priority, args, summary, request_id, on_loss, max_failures,
                 run_after, created_at, actor, state, finished_at)
             SELECT 'scan', 'cpu', n % 7, '{{}}', 'scans', 'filled ' || n, 'requeue', 3, ?1, ?1, 'ann', ?3,
                 {finished}
             FROM numbers"
        );
        tx.query(&sql, &[now.into(), self.n.into(), self.state.into()]).await.map(drop)
    }
}

//! No two operations wait for each other in a circle in PostgreSQL: one of each pair is held in the middle
//! until the other one waits for it, and then both end at the first try.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use store::operation::{Dialect, Row, Value};
use store::operations::enqueue::Enqueue;
use store::operations::finish::Finish;
use store::operations::node::StartNode;
use store::operations::renew::{Progress, Renew};
use store::operations::tick::Tick;
use store::record::{CatchUp, NewSchedule, NewTask, Task, Timestamp};
use store::{Error, Operation, Store, Transaction};
use support::postgres::Postgres;

use crate::stores::{block_on, claim, completed, node, open, task};

tests! {
    a_start_and_a_heartbeat_of_the_predecessor,
    a_start_and_an_end_of_the_predecessor,
    a_look_at_schedules_and_an_end,
    a_look_at_two_schedules_and_a_heartbeat,
    an_end_with_something_to_follow_and_a_heartbeat,
}

/// An operation that is held after one of its statements, the first time.
#[derive(Clone)]
struct Held<O> {
    operation: O,
    /// What the text of the statement holds.
    after: &'static str,
    begun: mpsc::Sender<()>,
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
    n_runs: Arc<AtomicUsize>,
}

/// What such an operation uses.
struct Watched<'t, T> {
    tx: &'t mut T,
    after: &'static str,
    hold: Option<Box<dyn FnOnce() + Send + 't>>,
}

impl<O: Operation> Operation for Held<O> {
    type Reply = O::Reply;
    const NAME: &'static str = O::NAME;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<O::Reply, Error> {
        let is_first = self.n_runs.fetch_add(1, Ordering::SeqCst) == 0;
        let hold = || {
            self.begun.send(()).unwrap();
            self.go_on.lock().unwrap().recv().unwrap();
        };
        let hold = is_first.then(|| Box::new(hold) as Box<dyn FnOnce() + Send>);
        self.operation.run(&mut Watched { tx, after: self.after, hold }).await
    }
}

impl<T: Transaction> Transaction for Watched<'_, T> {
    fn dialect(&self) -> Dialect {
        self.tx.dialect()
    }

    async fn now(&mut self) -> Result<Timestamp, Error> {
        self.tx.now().await
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let rows = self.tx.query(sql, parameters).await?;
        if sql.contains(self.after)
            && let Some(hold) = self.hold.take()
        {
            hold();
        }
        Ok(rows)
    }
}

/// An operation that counts how often it is run.
#[derive(Clone)]
struct Counted<O>(O, Arc<AtomicUsize>);

impl<O: Operation> Operation for Counted<O> {
    type Reply = O::Reply;
    const NAME: &'static str = O::NAME;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<O::Reply, Error> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.run(tx).await
    }
}

/// Holds `one` after a statement until `other` waits for it, and lets both end. Each must be run once: one
/// that was taken back by the server to break a circle is run again.
#[track_caller]
fn meet<A: Operation, B: Operation>(
    (server, url): (&Postgres, &str),
    (one, after): (A, &'static str),
    other: B,
) -> (A::Reply, B::Reply) {
    let ((begun, has_begun), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
    let (runs_of_one, runs_of_other) =
        (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (one_store, other_store) = (open(url), open(url));
    let held = Held {
        operation: one,
        after,
        begun,
        go_on: Arc::new(Mutex::new(may_go_on)),
        n_runs: Arc::clone(&runs_of_one),
    };
    let one = thread::spawn(move || block_on(one_store.run(held)));
    has_begun.recv().expect("it has such a statement");
    let counted = Counted(other, Arc::clone(&runs_of_other));
    let other = thread::spawn(move || block_on(other_store.run(counted)));
    while server.query("a", "SELECT count(*) FROM pg_locks WHERE NOT granted") == "0" {
        assert!(!other.is_finished(), "it does not meet the other one");
        thread::sleep(Duration::from_millis(1));
    }
    go_on.send(()).unwrap();
    let replies = (one.join().unwrap().unwrap(), other.join().unwrap().unwrap());
    let n_runs = [runs_of_one, runs_of_other].map(|runs| runs.load(Ordering::SeqCst));
    assert_eq!(n_runs, [1, 1], "they waited for each other");
    replies
}

struct World {
    server: Postgres,
    url: String,
    store: Store,
}

impl World {
    fn new(schedules: Vec<NewSchedule>) -> Self {
        let server = Postgres::start();
        let url = server.create_database("a");
        let store = open(&url);
        block_on(store.run(StartNode { schedules, ..node("n0", 3) })).unwrap();
        Self { server, url, store }
    }

    fn at(&self) -> (&Postgres, &str) {
        (&self.server, &self.url)
    }

    /// Tasks of these keys, in this order, which n0 runs.
    fn running(&self, keys: &[&str]) -> Vec<Task> {
        for key in keys {
            block_on(self.store.run(Enqueue(keyed(key)))).unwrap();
        }
        let tasks = block_on(self.store.run(claim("n0", keys.len()))).unwrap();
        assert_eq!(tasks.len(), keys.len());
        tasks
    }
}

fn keyed(key: &str) -> NewTask {
    NewTask { unique_key: Some(key.into()), ..task() }
}

/// A schedule of tasks of a key, which is due at once.
fn schedule(id: &str, key: &str) -> NewSchedule {
    let catch_up = CatchUp::One;
    NewSchedule { id: id.into(), period: 3_600_000, phase: 0, catch_up, task: keyed(key) }
}

/// The heartbeat of n0 with these tasks.
fn renew(tasks: &[Task]) -> Renew {
    let progress = |task: &Task| {
        let (id, claim) = (task.id, task.claim);
        Progress { id, claim, stage: None, done: None, total: None }
    };
    Renew { node: "n0".into(), boot: "n0-1".into(), tasks: tasks.iter().map(progress).collect() }
}

fn a_start_and_a_heartbeat_of_the_predecessor() {
    let world = World::new(vec![]);
    let tasks = world.running(&["k"]);
    let start = StartNode { boot: "n0-2".into(), ..node("n0", 3) };
    let (renewed, started) =
        meet(world.at(), (renew(&tasks), "UPDATE task SET beat"), start.clone());
    assert!(renewed.is_current);
    assert_eq!(started.lost, 1);
    let tasks = block_on(
        world.store.run(store::operations::claim::Claim { boot: "n0-2".into(), ..claim("n0", 1) }),
    )
    .unwrap();
    let renew = Renew { boot: "n0-2".into(), ..renew(&tasks) };
    let start = StartNode { boot: "n0-3".into(), ..start };
    let (started, renewed) = meet(world.at(), (start, "INSERT INTO node"), renew);
    assert_eq!(started.lost, 1);
    assert!(!renewed.is_current && renewed.kept.is_empty());
}

fn a_start_and_an_end_of_the_predecessor() {
    let schedules = || vec![schedule("s", "k")];
    let world = World::new(schedules());
    let tasks = world.running(&["k"]);
    let start = StartNode { boot: "n0-2".into(), schedules: schedules(), ..node("n0", 3) };
    let (started, finished) =
        meet(world.at(), (start, "INSERT INTO schedule("), completed(&tasks[0]));
    assert_eq!(started.lost, 1);
    assert_eq!(finished, store::operations::finish::Finished::Stale);
}

fn a_look_at_schedules_and_an_end() {
    let world = World::new(vec![schedule("s", "k")]);
    let tasks = world.running(&["k"]);
    let end = (completed(&tasks[0]), "UPDATE task SET boot");
    let (_, ticked) = meet(world.at(), end, Tick);
    assert_eq!(ticked.made.len(), 1);
}

fn a_look_at_two_schedules_and_a_heartbeat() {
    // The first schedule is that of the later task.
    let world = World::new(vec![schedule("a", "later"), schedule("b", "earlier")]);
    let tasks = world.running(&["earlier", "later"]);
    let (ticked, renewed) = meet(world.at(), (Tick, "UPDATE task SET"), renew(&tasks));
    assert_eq!((ticked.made.len(), renewed.kept.len()), (2, 2));
}

fn an_end_with_something_to_follow_and_a_heartbeat() {
    let world = World::new(vec![]);
    let tasks = world.running(&["earlier", "later"]);
    let end = Finish { then: vec![keyed("earlier")], ..completed(&tasks[1]) };
    let (_, renewed) = meet(world.at(), (end, "UPDATE task SET boot"), renew(&tasks));
    assert_eq!(renewed.kept.len(), 1);
}

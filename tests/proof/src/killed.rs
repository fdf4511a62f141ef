//! A process that is killed between any two statements loses nothing that it was told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use runtime::supervise::Supervisor;
use store::operation::{Dialect, Row, Value};
use store::operations::claim::Claim;
use store::operations::enqueue::Enqueue;
use store::operations::finish::{End, Finish};
use store::operations::node::StartNode;
use store::operations::people::Cancel;
use store::operations::read::{Find, Found, List};
use store::record::{NewTask, OnLoss, State, TaskId, Timestamp};
use store::sqlite::{Sqlite, system_clock};
use store::{Error, Operation, Store, Transaction};
use tempfile::TempDir;

use crate::random::block_on;

/// The folder of the store, in the process that dies.
const FOLDER: &str = "PROOF_FOLDER";
/// Before which statement it dies.
const AT: &str = "PROOF_AT";
/// The test that is that process.
const CHILD: &str = "killed::the_process_that_dies";

/// An operation that kills its process before one of its statements.
#[derive(Clone)]
struct Deadly<O> {
    operation: O,
    left: Arc<AtomicI64>,
}

struct DeadlyTransaction<'t, T> {
    tx: &'t mut T,
    left: &'t AtomicI64,
}

/// Counts a statement, and dies if it is the one.
fn count(left: &AtomicI64) {
    if left.fetch_sub(1, Ordering::Relaxed) == 1 {
        let this = rustix::process::getpid();
        rustix::process::kill_process(this, rustix::process::Signal::KILL).unwrap();
        loop {
            std::thread::park();
        }
    }
}

impl<O: Operation> Operation for Deadly<O> {
    type Reply = O::Reply;
    const NAME: &'static str = O::NAME;
    const READS_ONLY: bool = O::READS_ONLY;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<O::Reply, Error> {
        let reply = self.operation.run(&mut DeadlyTransaction { tx, left: &self.left }).await?;
        // Before it is committed.
        count(&self.left);
        Ok(reply)
    }
}

impl<T: Transaction> Transaction for DeadlyTransaction<'_, T> {
    fn dialect(&self) -> Dialect {
        self.tx.dialect()
    }

    async fn now(&mut self) -> Result<Timestamp, Error> {
        self.tx.now().await
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        count(self.left);
        self.tx.query(sql, parameters).await
    }
}

fn open(folder: &Path) -> Store {
    Sqlite::open(folder, system_clock(), &Supervisor::default()).map(Store::from).unwrap()
}

fn start(boot: &str) -> StartNode {
    StartNode {
        site: None,
        files: String::new(),
        node: "a".into(),
        boot: boot.into(),
        version: "1".into(),
        kinds: vec!["scan".into()],
        queues: vec![("cpu".into(), 2)],
        schedules: Vec::new(),
    }
}

fn claim(boot: &str) -> Claim {
    Claim {
        site: None,
        node: "a".into(),
        boot: boot.into(),
        kinds: vec!["scan".into()],
        room: vec![("cpu".into(), 2)],
    }
}

fn finish(task: &store::record::Task, boot: &str) -> Finish {
    Finish {
        id: task.id,
        claim: task.claim,
        node: "a".into(),
        boot: boot.into(),
        end: End::Completed { result: None },
        stages: None,
        then: Vec::new(),
    }
}

fn new(key: &str) -> NewTask {
    NewTask {
        site: None,
        kind: "scan".into(),
        queue: "cpu".into(),
        priority: 0,
        args: "{}".into(),
        summary: "scans".into(),
        unique_key: Some(key.into()),
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 9,
        delay: 0,
        actor: "ann".into(),
        parent: None,
    }
}

/// Not a test of its own: does some work, says what it was told, and dies on the way.
#[test]
fn the_process_that_dies() {
    let (Some(folder), Ok(at)) = (std::env::var_os(FOLDER), std::env::var(AT)) else { return };
    let store = open(Path::new(&folder));
    let left = Arc::new(AtomicI64::new(at.parse().unwrap()));
    block_on(async {
        let all = [start("1")];
        for operation in all {
            store.run(Deadly { operation, left: Arc::clone(&left) }).await.unwrap();
        }
        for key in ["one", "two", "three"] {
            let operation = Enqueue(new(key));
            let made = store.run(Deadly { operation, left: Arc::clone(&left) }).await.unwrap();
            println!("told enqueued {}", made.id.0);
        }
        let operation = claim("1");
        let tasks = store.run(Deadly { operation, left: Arc::clone(&left) }).await.unwrap();
        for task in &tasks {
            println!("told claimed {}", task.id.0);
        }
        // While it runs: another run follows.
        let operation = Enqueue(new("one"));
        store.run(Deadly { operation, left: Arc::clone(&left) }).await.unwrap();
        println!("told rerun {}", tasks[0].id.0);
        let operation = Cancel { id: tasks[1].id, actor: "ann".into(), reason: String::new() };
        store.run(Deadly { operation, left: Arc::clone(&left) }).await.unwrap();
        println!("told cancelled {}", tasks[1].id.0);
        for task in &tasks {
            let operation = finish(task, "1");
            store.run(Deadly { operation, left: Arc::clone(&left) }).await.unwrap();
            println!("told finished {}", task.id.0);
        }
        println!("told survived 0");
    });
}

/// Runs the process that dies before that statement, and returns what it was told.
fn run_child(folder: &Path, at: i64) -> BTreeMap<String, BTreeSet<TaskId>> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([CHILD, "--exact", "--nocapture", "--test-threads=1"]);
    child.env(FOLDER, folder).env(AT, at.to_string()).stderr(Stdio::null());
    let output = child.output().unwrap();
    let mut told: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((_, words)) = line.split_once("told ") else { continue };
        let (what, id) = words.split_once(' ').unwrap();
        told.entry(what.to_owned()).or_default().insert(TaskId(id.parse().unwrap()));
    }
    told
}

#[test]
fn a_process_that_is_killed_between_any_two_statements_loses_nothing() {
    let mut n_killed = 0;
    for at in 1.. {
        assert!(at < 200, "it does not come to its end");
        let folder = TempDir::new().unwrap();
        let told = run_child(folder.path(), at);
        let of = |what: &str| told.get(what).into_iter().flatten().copied();
        let store = open(folder.path());
        let task = |id| match block_on(store.run(Find(id))).unwrap() {
            Found::Task(task) => task,
            other => panic!("killed at {at}: task {id} was accepted and is {other:?}"),
        };
        of("enqueued").for_each(|id| drop(task(id)));
        for id in of("finished") {
            let state = task(id).state;
            assert!(
                matches!(state, State::Completed | State::Cancelled),
                "killed at {at}: {state}"
            );
        }
        // The next process does what is left.
        block_on(store.run(start("2"))).unwrap();
        while let tasks = block_on(store.run(claim("2"))).unwrap()
            && !tasks.is_empty()
        {
            for task in tasks {
                block_on(store.run(finish(&task, "2"))).unwrap();
            }
        }
        of("enqueued").for_each(|id| assert!(task(id).state.is_terminal(), "killed at {at}"));
        of("cancelled").for_each(|id| assert_eq!(task(id).state, State::Cancelled));
        for id in of("rerun") {
            let all = block_on(store.run(List { limit: 100, ..List::default() })).unwrap();
            let follows = all.iter().any(|other| other.parent == Some(id));
            assert!(follows || task(id).claim.0 > 1, "killed at {at}: no run follows {id}");
        }
        if of("survived").count() > 0 {
            break;
        }
        n_killed += 1;
    }
    println!("killed {n_killed} times");
    assert!(n_killed >= 30, "{n_killed}");
}

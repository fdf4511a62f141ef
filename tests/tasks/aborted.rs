//! A process that aborts at a point that has a name, on both engines: what it was doing there is found again.
//!
//! The points are those of [`store::fail_at`]. Several lives of one node follow each other on one store, each
//! of which ends at a point, while clients ask for tasks and wait for their ends. The last life ends well.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use history::Rows;
use runtime::supervise::Supervisor;
use rustix::process::Signal;
use serde_json::json;
use store::record::What;
use store::sqlite::{Sqlite, system_clock};
use store::{Error, Operation, Store, Transaction};
use support::postgres::Postgres;

use crate::process::{Client, Node};
use crate::stores::{block_on, open};
use crate::watched::Watched;

tests! {
    nothing_is_lost_at_any_point_on_sqlite,
    nothing_is_lost_at_any_point_on_postgres,
    tables_that_are_half_made_are_made_at_the_next_start,
    a_store_that_is_half_brought_up_to_date_is_so_at_the_next_start,
}

/// Where lives end, and how often that is reached at most before. The first claim of a life always has
/// something to take: the compile that each start asks for.
const POINTS: [(&str, u64); 8] = [
    ("enqueue.committed", 9),
    ("claim.committed", 1),
    ("renew.committed", 4),
    ("finish.before", 5),
    ("finish.committed", 5),
    ("effect.renamed", 1),
    ("tick.committed", 2),
    ("start_node.committed", 1),
];
/// How often each point is the end of a life.
const ROUNDS: usize = 3;
/// How many clients ask at the same time.
const CLIENTS: usize = 4;
/// What the order of the points is drawn from.
const SEED: u64 = 12;

/// How a node works.
const MORE: &str = "cpu = 8\nheartbeat_seconds = 3";
/// Slots of a second each, so that every life that ends at a point makes the tasks of some.
const MORE_SLOTS: &str = "compile_every = 1";

/// Lets the process live until it aborts at a point.
fn live_until(node: &mut Node, point: &str) {
    node.start_through(&["env", &format!("FAIL_AT={point}")]);
    let status = node.wait();
    let signal = status.signal();
    assert_eq!(signal, Some(Signal::ABORT.as_raw()), "{point}: {status}\n{}", node.log());
}

/// Asks for tasks until it is told to stop, cancels some, and waits for all.
fn client(number: usize, api: &Client, mark: &Path, watched: &Watched, is_over: &AtomicBool) {
    let who = format!("client {number}");
    for n in 0.. {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let ids: Vec<i64> = (0..3)
            .map(|seconds| {
                let args = json!({ "seconds": seconds, "mark": mark.to_str() });
                watched.enqueue(&who, api, &format!("{number}.{n}.{seconds}"), &args)
            })
            .collect();
        if n % 4 == 0 {
            watched.cancel(&who, api, ids[1]);
        }
        for id in ids {
            watched.wait_for_end(&who, api, id);
        }
    }
}

/// Lives through all points, and checks what is there in the end.
fn live_through_all(folder: &Path, store: &str, open: impl FnOnce() -> Store) {
    let mark = folder.join("marks");
    let mut node = Node::new(folder, "one", store, &format!("{MORE}\n{MORE_SLOTS}"));
    let (watched, is_over) = (Watched::new(), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (watched, is_over) = (Arc::clone(&watched), Arc::clone(&is_over));
            let (api, mark) = (node.client(), mark.clone());
            thread::spawn(move || client(number, &api, &mark, &watched, &is_over))
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut points = [POINTS; ROUNDS].concat();
    random.shuffle(&mut points);
    for (point, most) in points {
        if point == "effect.renamed" {
            // What is published already is not published again. No life has published yet in the first.
            let _ = fs::remove_file(folder.join("mirrors.snapshot"));
        }
        live_until(&mut node, &format!("{point}:{}", random.u64(1..=most)));
    }
    let mut node = Node::new(folder, "one", store, MORE);
    node.start();
    is_over.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("no client panics");
    }
    node.client().wait_until_idle();
    node.stop();
    let rows = block_on(watched.check(&mark, &open(), |_| Vec::new()));
    check_coverage(&rows);
}

/// The points were reached in the middle of something.
fn check_coverage(rows: &Rows) {
    let n = |what| rows.attempts.values().filter(|attempt| attempt.outcome == Some(what)).count();
    // Each life that ends between a claim and an end leaves at least that claim.
    let n_lost = n(What::Lost);
    assert!(n_lost >= 4 * ROUNDS, "{n_lost} attempts were lost");
    assert!(n(What::Cancelled) > 0 && n(What::Completed) > 0);
    let n_slots = rows.tasks.values().filter(|task| task.slot.is_some()).count();
    assert!(n_slots > ROUNDS, "schedules have made {n_slots} tasks");
}

fn nothing_is_lost_at_any_point_on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join("state");
    live_through_all(folder.path(), &format!("state = \"{}\"", state.display()), || {
        let store = Sqlite::open(&state, system_clock(), &Supervisor::default());
        store.expect("nobody else has it").into()
    });
}

fn nothing_is_lost_at_any_point_on_postgres() {
    let server = Postgres::start();
    let url = server.create_database("a");
    let folder = tempfile::tempdir().expect("a temporary folder");
    live_through_all(folder.path(), &format!("store = \"{url}\""), || open(&url));
}

fn tables_that_are_half_made_are_made_at_the_next_start() {
    let server = Postgres::start();
    // Before the first of the statements that make them, the first of the second step, and the last.
    for n in [1, 14, 22] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("state");
        let url = server.create_database(&format!("a{n}"));
        for store in [format!("state = \"{}\"", state.display()), format!("store = \"{url}\"")] {
            let mut node = Node::new(folder.path(), "one", &store, "");
            live_until(&mut node, &format!("migrate.begun:{n}"));
            node.start();
            run_one(folder.path(), &node, "r");
            node.stop();
        }
    }
}

/// Runs a task. Returns its number.
fn run_one(folder: &Path, node: &Node, request: &str) -> i64 {
    let (watched, api) = (Watched::new(), node.client());
    let args = json!({ "seconds": 0, "mark": folder.join("marks").to_str() });
    let id = watched.enqueue("me", &api, request, &args);
    assert_eq!(watched.wait_for_end("me", &api, id), "completed");
    id
}

/// Makes a store one of the first schema.
#[derive(Clone, Debug)]
struct SetBack;

impl Operation for SetBack {
    type Reply = ();
    const NAME: &'static str = "set_back";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        for statement in [
            "DROP TABLE mirror",
            "DROP TABLE mirror_visit",
            "DROP TABLE check_fact",
            "DROP TABLE task_request",
            "DROP TABLE schedule_node",
            "ALTER TABLE task DROP COLUMN site",
            "ALTER TABLE schedule DROP COLUMN site",
            "ALTER TABLE node DROP COLUMN site",
            "ALTER TABLE node DROP COLUMN files",
            "UPDATE store_version SET version = 1",
        ] {
            tx.query(statement, &[]).await?;
        }
        Ok(())
    }
}

fn a_store_that_is_half_brought_up_to_date_is_so_at_the_next_start() {
    let server = Postgres::start();
    let url = server.create_database("a");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join("state");
    for store in [format!("state = \"{}\"", state.display()), format!("store = \"{url}\"")] {
        let mut node = Node::new(folder.path(), "one", &store, "");
        node.start();
        let id = run_one(folder.path(), &node, "r");
        node.stop();
        let opened: Store = match store.starts_with("state") {
            true => Sqlite::open(&state, system_clock(), &Supervisor::default())
                .expect("nobody else has it")
                .into(),
            false => open(&url),
        };
        block_on(opened.run(SetBack)).expect("it is changed");
        drop(opened);
        live_until(&mut node, "migrate.begun:7");
        node.start();
        // What there was is there, under its name, and work goes on.
        assert_eq!(run_one(folder.path(), &node, "r"), id);
        assert_ne!(run_one(folder.path(), &node, "another"), id);
        node.stop();
    }
}

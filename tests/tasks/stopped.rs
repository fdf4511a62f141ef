//! A process that is stopped for longer than its heartbeats may be missing: others take over, and it may
//! write nothing when it goes on.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use history::{Rows, check, check_all_ended, from_lines};
use runtime::supervise::Supervisor;
use rustix::process::Signal;
use serde_json::json;
use store::Store;
use store::operations::enqueue::Enqueue;
use store::record::{NewTask, OnLoss, State};
use store::sqlite::{Sqlite, system_clock};
use support::postgres::Postgres;
use support::server::{PATIENCE, wait_until};
use tempfile::TempDir;

use crate::process::{Client, Node};
use crate::stores::{block_on, open, task};

tests! {
    a_process_that_was_stopped_for_long_publishes_nothing,
    a_thread_that_blocks_does_not_keep_a_process_from_its_end,
    a_process_whose_name_another_one_takes_ends_for_good,
}

/// Returns the task when it is as `is_right` says.
fn wait_for(
    api: &Client,
    id: i64,
    is_right: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let task = api.ask_until_answered("GET", &format!("/api/v1/tasks/{id}"), "").body;
        if is_right(&task) {
            return task;
        }
        assert!(Instant::now() < deadline, "{task}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn a_process_that_was_stopped_for_long_publishes_nothing() {
    let server = Postgres::start();
    let url = server.create_database("tasks");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mark = folder.path().join("marks");
    let in_server = format!("store = \"{url}\"");
    let new = |name| Node::new(folder.path(), name, &in_server, "cpu = 8\nheartbeat_seconds = 3");
    let mut nodes = [new("one"), new("two")];
    nodes.iter_mut().for_each(Node::start);
    let apis = nodes.each_ref().map(Node::client);
    let ids: Vec<i64> = (0..6)
        .map(|_| {
            let args = json!({ "seconds": 10, "mark": mark.to_str() });
            let body = json!({ "kind": "test.sleep", "args": args }).to_string();
            let answer = apis[0].ask_until_answered("POST", "/api/v1/tasks", &body);
            assert_eq!(answer.status, 202, "{}", answer.body);
            answer.body["task"]["id"].as_i64().expect("a number")
        })
        .collect();
    // Whoever runs the first one is stopped, in the middle of whatever it runs.
    let running = wait_for(&apis[1], ids[0], |task| task["state"] != "enqueued");
    let at = usize::from(running["node"] == "two");
    let (stopped, other) = (&nodes[at], &apis[1 - at]);
    stopped.signal(Signal::STOP);
    // The other one takes over.
    wait_for(other, ids[0], |task| task["claim"].as_i64() > running["claim"].as_i64());
    stopped.signal(Signal::CONT);
    other.wait_until_idle();
    nodes.iter_mut().for_each(Node::stop);
    let rows = block_on(Rows::read(&open(&url))).expect("the rows");
    let history = from_lines(&fs::read_to_string(&mark).expect("the marks")).expect("whole lines");
    let mut violations = check(&history, &rows);
    violations.extend(check_all_ended(&rows, &[]));
    let explained = violations.iter().map(|one| one.explain(&history, &rows));
    let explained: Vec<String> = explained.collect();
    assert!(violations.is_empty(), "{}", explained.join("\n"));
    let lost =
        rows.attempts.values().filter(|attempt| attempt.outcome == Some(store::record::What::Lost));
    assert!(lost.count() > 0, "a process was stopped, and nothing was taken from it");
}

/// Each task says when it is lost what becomes of it: interrupted by a stop, one runs again, one never does.
fn a_thread_that_blocks_does_not_keep_a_process_from_its_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (state, mark) = (folder.path().join("state"), folder.path().join("marks"));
    let open = || {
        let store = Sqlite::open(&state, system_clock(), &Supervisor::default());
        Store::from(store.expect("nobody else has it"))
    };
    let ids = {
        let store = open();
        [OnLoss::Requeue, OnLoss::Drop].map(|on_loss| {
            let args = json!({ "seconds": 86_400, "block": true, "mark": mark.to_str() });
            let new = NewTask { args: args.to_string(), on_loss, ..task() };
            block_on(store.run(Enqueue(new))).expect("a task is accepted").id.0
        })
    };
    let in_folder = format!("state = \"{}\"", state.display());
    let mut node = Node::new(folder.path(), "one", &in_folder, "cpu = 8\nstop_seconds = 2");
    node.start();
    let n_begun = || fs::read_to_string(&mark).map_or(0, |marks| marks.lines().count());
    let deadline = Instant::now() + PATIENCE;
    while n_begun() < ids.len() {
        assert!(Instant::now() < deadline, "{}", node.log());
        thread::sleep(Duration::from_millis(10));
    }
    node.signal(Signal::TERM);
    node.signal(Signal::INT);
    // A day before its threads would end, and within the deadline of the supervisor.
    node.stop();
    let abandoned = node.log().matches("does not stop in time; it is abandoned").count();
    assert_eq!(abandoned, ids.len(), "{}", node.log());
    let rows = block_on(Rows::read(&open())).expect("the rows");
    let [again, never] = ids.map(|id| &rows.tasks[&id]);
    assert_eq!((again.state, again.failures, again.claim.0), (State::Enqueued, 0, 1));
    assert_eq!((never.state, never.claim.0), (State::Dropped, 1));
    let history = from_lines(&fs::read_to_string(&mark).expect("the marks")).expect("whole lines");
    assert_eq!(check(&history, &rows), []);
}

/// Status 2, with which systemd does not start it again: otherwise they would end each other for ever.
fn a_process_whose_name_another_one_takes_ends_for_good() {
    let server = Postgres::start();
    let in_server = format!("store = \"{}\"", server.create_database("tasks"));
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let new =
        |folder: &TempDir| Node::new(folder.path(), "one", &in_server, "heartbeat_seconds = 3");
    let [mut first, mut second] = folders.each_ref().map(new);
    first.start();
    // The one that starts later is the one that stays.
    let api = first.client();
    let has_started = || {
        let nodes = api.ask_until_answered("GET", "/api/v1/nodes", "").body;
        nodes["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty())
    };
    wait_until("the first one has started", has_started);
    second.start();
    assert_eq!(first.wait().code(), Some(2), "{}", first.log());
    let log = first.log();
    assert!(log.contains("another process has started under this name"), "{log}");
    second.client().wait_until_idle();
    second.stop();
}

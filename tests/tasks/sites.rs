//! Machines that share a store, with files of their own and with the same files.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::postgres::Postgres;
use support::server::PATIENCE;

use crate::process::{Client, Node};

tests! {
    each_site_publishes_its_own_files_whoever_is_asked,
    sites_with_other_catalogs_leave_each_other_alone,
    machines_of_one_site_take_over_for_each_other,
    a_machine_with_other_files_is_refused_by_the_site,
}

const COMPILE: &str = r#"{"kind": "snapshot.compile"}"#;

/// Asks for a task, and returns it once it has completed.
#[track_caller]
fn completed(asked: &Client, target: &str, body: &str) -> Value {
    let answer = asked.ask_until_answered("POST", target, body);
    assert_eq!(answer.status, 202, "{}", answer.body);
    until_completed(asked, &answer.body["task"]["id"])
}

#[track_caller]
fn until_completed(asked: &Client, id: &Value) -> Value {
    let task = asked.ask_until_answered("GET", &format!("/api/v1/tasks/{id}?wait=30s"), "").body;
    assert_eq!(task["state"], "completed", "{task}");
    task
}

fn started(folder: &Path, name: &str, store: &str, more: &str) -> Node {
    fs::create_dir_all(folder).expect("a folder");
    let mut node = Node::new(folder, name, store, more);
    node.start();
    completed(&node.client(), "/api/v1/tasks", COMPILE);
    node
}

/// The identifiers of all schedules, each with the nodes that declare it.
fn schedules(asked: &Client) -> Vec<(String, Value)> {
    let answer = asked.ask_until_answered("GET", "/api/v1/schedules", "");
    let schedules = answer.body["schedules"].as_array().expect("a list").clone();
    let schedule = |one: &Value| (one["id"].as_str().expect("a name").into(), one["nodes"].clone());
    schedules.iter().map(schedule).collect()
}

fn each_site_publishes_its_own_files_whoever_is_asked() {
    let server = Postgres::start();
    let store = format!("store = \"{}\"", server.create_database("tasks"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut nodes = ["one", "two"].map(|name| started(&folder.path().join(name), name, &store, ""));
    let apis = nodes.each_ref().map(Node::client);
    let file_of = |name: &str| folder.path().join(name).join("mirrors.snapshot");
    for (api, name) in apis.iter().zip(["one", "two"]) {
        let task = completed(api, "/api/v1/tasks", COMPILE);
        assert_eq!((&task["node"], &task["site"]), (&json!(name), &json!(name)));
        assert!(file_of(name).exists(), "{task}");
    }
    // Whoever is asked for the schedule of a site, a node of that site does it.
    let run = "/api/v1/schedules/snapshot.compile@two/run";
    let task = completed(&apis[0], run, "");
    assert_eq!(
        (&task["node"], &task["unique_key"]),
        (&json!("two"), &json!("snapshot.compile@two"))
    );
    let both = json!(["one", "two"]);
    let declared = [
        ("retention.purge".to_owned(), both),
        ("snapshot.compile@one".to_owned(), json!(["one"])),
        ("snapshot.compile@two".to_owned(), json!(["two"])),
    ];
    assert_eq!(schedules(&apis[0]), declared);
    // One that is down keeps its schedule, and nobody else does its work.
    nodes[1].stop();
    nodes[0].stop();
    nodes[0].start();
    completed(&apis[0], "/api/v1/tasks", COMPILE);
    assert_eq!(schedules(&apis[0]), declared);
    let answer = apis[0].ask("POST", run, "").expect("an answer");
    assert_eq!((answer.status, &answer.body["error"]["code"]), (503, &json!("no_node")));
    nodes[0].stop();
}

/// Longer than it takes until a published file is compared with what was compiled last, twice.
const UNTIL_COMPARED: Duration = Duration::from_secs(25);

/// A catalog with one mirror.
fn catalog(mirror: &str) -> String {
    format!(
        "[distribution]\nname = \"Example Linux\"\n\n[[repository]]\nname = \"example\"\n\
         versions = [\"9\"]\narches = [\"x86_64\"]\npath = \"{{version}}/{{arch}}\"\n\n\
         [[mirror]]\nkey = \"{mirror}\"\nurls = [\"https://{mirror}.example/pub\"]\n"
    )
}

fn sites_with_other_catalogs_leave_each_other_alone() {
    let server = Postgres::start();
    let store = format!("store = \"{}\"", server.create_database("tasks"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut nodes = ["one", "two"].map(|name| {
        let folder = folder.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("catalog.toml");
        fs::write(&file, catalog(name)).expect("a write");
        let inputs = format!("catalog = \"{}\"", file.display());
        Node::of_inputs(&folder, name, &inputs, &store, "")
    });
    nodes.iter_mut().for_each(Node::start);
    let apis = nodes.each_ref().map(Node::client);
    let generations = apis
        .each_ref()
        .map(|api| completed(api, "/api/v1/tasks", COMPILE)["result"]["generation"].clone());
    assert_ne!(generations[0], generations[1]);
    apis[0].wait_until_idle();
    let compiles = || {
        let answer = apis[0].ask_until_answered("GET", "/api/v1/tasks?kind=snapshot.compile", "");
        let tasks = answer.body["tasks"].as_array().expect("a list").clone();
        tasks.iter().map(|task| task["id"].clone()).collect::<Vec<_>>()
    };
    let before = compiles();
    thread::sleep(UNTIL_COMPARED);
    assert_eq!(compiles(), before);
    for node in &mut nodes {
        assert!(!node.log().contains("removed or replaced"), "{}", node.log());
        node.stop();
    }
}

fn machines_of_one_site_take_over_for_each_other() {
    let server = Postgres::start();
    let store = format!("store = \"{}\"", server.create_database("tasks"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut nodes = ["one", "two"]
        .map(|name| started(folder.path(), name, &store, "site = \"main\"\nheartbeat_seconds = 3"));
    let apis = nodes.each_ref().map(Node::client);
    let reason = r#"{"reason": "a test"}"#;
    assert_eq!(apis[0].ask_until_answered("POST", "/api/v1/queues/cpu/pause", reason).status, 200);
    let asked = apis[0].ask_until_answered("POST", "/api/v1/tasks", COMPILE);
    assert_eq!(asked.status, 202, "{}", asked.body);
    nodes[0].kill();
    assert_eq!(apis[1].ask_until_answered("POST", "/api/v1/queues/cpu/resume", "").status, 200);
    let task = until_completed(&apis[1], &asked.body["task"]["id"]);
    assert_eq!((&task["node"], &task["site"]), (&json!("two"), &json!("main")));
    nodes[1].stop();
}

fn a_machine_with_other_files_is_refused_by_the_site() {
    let server = Postgres::start();
    let store = format!("store = \"{}\"", server.create_database("tasks"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (of_one, of_two) = (folder.path().join("one"), folder.path().join("two"));
    let mut one = started(&of_one, "one", &store, "site = \"main\"");
    fs::create_dir_all(&of_two).expect("a folder");
    let mut two = Node::new(&of_two, "two", &store, "site = \"main\"");
    two.start();
    let reason = format!(
        "site main: node one, which runs, has snapshot {}, and this process snapshot {}: give it",
        of_one.join("mirrors.snapshot").display(),
        of_two.join("mirrors.snapshot").display()
    );
    let deadline = Instant::now() + PATIENCE;
    while !two.log().contains(&reason) {
        assert!(Instant::now() < deadline, "{}", two.log());
        thread::sleep(Duration::from_millis(20));
    }
    // When the one that has them stops, the site may get others.
    one.stop();
    let task = completed(&two.client(), "/api/v1/tasks", COMPILE);
    assert_eq!(task["node"], "two");
    two.stop();
}

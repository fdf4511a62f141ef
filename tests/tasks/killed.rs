//! Tasks survive whatever is killed: their processes, and the server that keeps them.
//!
//! Clients ask for ten thousand tasks and cancel some, while the processes that run them are killed a hundred
//! times, each time after a number of answers that the seed says. What clients and tasks have seen is checked
//! against the rows at the end ([`history`]).

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime::supervise::Supervisor;
use serde_json::json;
use store::Store;
use store::sqlite::{Sqlite, system_clock};
use support::postgres::Postgres;

use crate::process::{Client, Node};
use crate::stores::{block_on, open};
use crate::watched::Watched;

tests! {
    ten_thousand_tasks_survive_a_hundred_kills_of_their_process,
    ten_thousand_tasks_survive_kills_of_two_nodes_and_of_their_postgresql,
}

/// How many tasks clients ask for.
const TASKS: usize = 10_000;
/// How often something is killed.
const KILLS: usize = 100;
/// How many clients ask at the same time.
const CLIENTS: usize = 4;
/// What the numbers of answers between two kills are drawn from.
const SEED: u64 = 12;

/// Asks for its share of the tasks, and cancels every tenth.
fn client(number: usize, api: &Client, mark: &Path, watched: &Watched) {
    let who = format!("client {number}");
    for n in (number..TASKS).step_by(CLIENTS) {
        let mut args = json!({ "seconds": 0, "mark": mark.to_str() });
        if n % 7 == 3 {
            args["fail"] = true.into();
        }
        let task = watched.enqueue(&who, api, &format!("r{n}"), &args);
        if n % 10 == 0 {
            watched.cancel(&who, api, task);
        }
    }
}

/// Runs all clients while `kill` is called again and again. Returns what clients have seen.
fn run_clients(apis: &[Client], mark: &Path, mut kill: impl FnMut(usize)) -> Arc<Watched> {
    let watched = Watched::new();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (watched, mark) = (Arc::clone(&watched), mark.to_owned());
            let api = apis[number % apis.len()].clone();
            thread::spawn(move || client(number, &api, &mark, &watched))
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(SEED);
    // On the average, the kills are spread over all answers.
    let most = 2 * TASKS / (KILLS + 2);
    let mut n_answers = 0;
    for n in 0..KILLS {
        n_answers += random.usize(1..most);
        watched.wait_for(n_answers.min(TASKS));
        // Not only right after an answer.
        thread::sleep(Duration::from_micros(random.u64(0..20_000)));
        kill(n);
    }
    for client in clients {
        client.join().expect("no client panics");
    }
    watched
}

/// Checks what was seen against the rows of the store.
async fn check_all(watched: &Watched, mark: &Path, store: &Store) {
    let rows = watched.check(mark, store, |_| Vec::new()).await;
    let n_new = rows.tasks.values().filter(|task| task.kind == "test.sleep").count();
    assert_eq!(n_new, TASKS, "each request has made one task");
}

fn ten_thousand_tasks_survive_a_hundred_kills_of_their_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (state, mark) = (folder.path().join("state"), folder.path().join("marks"));
    let in_folder = format!("state = \"{}\"", state.display());
    let mut node = Node::new(folder.path(), "one", &in_folder, "cpu = 8");
    node.start();
    let api = node.client();
    let watched = run_clients(std::slice::from_ref(&api), &mark, |_| {
        node.kill();
        node.start();
    });
    api.wait_until_idle();
    node.stop();
    let store = Sqlite::open(&state, system_clock(), &Supervisor::default());
    block_on(check_all(&watched, &mark, &store.expect("nobody else has it").into()));
}

fn ten_thousand_tasks_survive_kills_of_two_nodes_and_of_their_postgresql() {
    let mut server = Postgres::start();
    let url = server.create_database("tasks");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mark = folder.path().join("marks");
    let in_server = format!("store = \"{url}\"");
    let new = |name| Node::new(folder.path(), name, &in_server, "cpu = 8\nheartbeat_seconds = 3");
    let mut nodes = [new("one"), new("two")];
    nodes.iter_mut().for_each(Node::start);
    let apis = nodes.each_ref().map(Node::client);
    let watched = run_clients(&apis, &mark, |n| match n % 5 {
        2 => drop(server.terminate_connections("tasks")),
        3 => {
            server.stop_immediately();
            server.start_again();
        }
        4 => {
            server.kill();
            server.start_again();
        }
        node => {
            nodes[node].kill();
            nodes[node].start();
        }
    });
    apis[0].wait_until_idle();
    nodes.iter_mut().for_each(Node::stop);
    block_on(check_all(&watched, &mark, &open(&url)));
}

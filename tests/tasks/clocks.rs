//! Clocks that jump by an hour, forth and back, while tasks run: nobody counts as dead for it, and no slot is
//! taken twice.
//!
//! The clock that people set is that of libfaketime; intervals are measured by another one, which nobody sets.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use history::{Rows, check_none_lost};
use runtime::supervise::Supervisor;
use serde_json::json;
use store::record::State;
use store::sqlite::{Sqlite, system_clock};
use support::debian::{Outcome, Packages};
use support::postgres::Postgres;

use crate::process::{Client, Node};
use crate::stores::{block_on, open};
use crate::watched::Watched;

tests! {
    a_node_whose_clock_jumps_keeps_its_tasks_and_lets_others_keep_theirs,
    a_store_whose_clock_jumps_loses_no_task_and_takes_no_slot_twice,
}

fn require() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    let needed = &[("faketime", "/usr/bin/faketime")];
    Packages { suite: "the suite of tasks", why_root: None, needed }.require(&OUTCOME);
}

/// A clock that can be set.
struct Clock(PathBuf);

impl Clock {
    /// A clock at `time`, as libfaketime reads it: an offset, or a moment at which it stands.
    fn new(folder: &Path, time: &str) -> Self {
        let clock = Self(folder.join("clock"));
        clock.set(time);
        clock
    }

    /// Another file takes the place of the one that is read whenever somebody asks for the time.
    fn set(&self, time: &str) {
        let new = self.0.with_extension("new");
        fs::write(&new, time).expect("a write");
        fs::rename(new, &self.0).expect("a rename");
    }

    /// Starts a process whose clock this is.
    fn start(&self, node: &mut Node) {
        let preload = format!("LD_PRELOAD=/usr/lib/{ARCH}-linux-gnu/faketime/libfaketimeMT.so.1");
        let file = format!("FAKETIME_TIMESTAMP_FILE={}", self.0.display());
        let rest = ["TZ=UTC", "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"];
        node.start_through(&[&["env", &file, &preload], &rest[..]].concat());
    }
}

/// Longer than a heartbeat may be missing, in seconds.
const LONG: u64 = 12;
/// Heartbeats may be missing for longer than in other tests: a busy machine delays them, and no jump may.
const MORE: &str = "cpu = 20\nheartbeat_seconds = 10\ncompile_every = 1";

/// Asks each node for a task of [`LONG`] and one of no time, and waits for their ends.
fn run_some(watched: &Watched, apis: &[Client], mark: &Path, round: usize) {
    let mut asked = Vec::new();
    for (at, api) in apis.iter().enumerate() {
        for seconds in [LONG, 0] {
            let args = json!({ "seconds": seconds, "mark": mark.to_str() });
            let request = format!("{round}.{at}.{seconds}");
            asked.push((api, watched.enqueue("me", api, &request, &args)));
        }
    }
    for (api, id) in asked {
        assert_eq!(watched.wait_for_end("me", api, id), "completed");
    }
}

/// What a node has warned of, for whoever must find out why it has lost a task.
fn print_warnings(node: &Node) {
    node.log().lines().filter(|line| line.contains(" WARN ")).for_each(|line| println!("{line}"));
}

/// The hour that a process believes it is.
fn hour(api: &Client) -> String {
    let answer = api.ask_until_answered("GET", "/api/v1/queues", "");
    let date = answer.header("date").expect("a date");
    // As in "Sat, 21 Nov 2026 11:01:29 GMT".
    date.split(' ').nth(4).and_then(|time| time.split(':').next()).expect("a time").to_owned()
}

fn a_node_whose_clock_jumps_keeps_its_tasks_and_lets_others_keep_theirs() {
    require();
    let server = Postgres::start();
    let url = server.create_database("a");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mark = folder.path().join("marks");
    // Of one site, as they have the same files: what is left of one of them is done by another.
    let in_server = format!("store = \"{url}\"\nsite = \"main\"");
    let mut nodes = ["one", "two"].map(|name| Node::new(folder.path(), name, &in_server, MORE));
    let clock = Clock::new(folder.path(), "+0");
    let watched = Watched::new();
    let apis = nodes.each_ref().map(Node::client);
    // Alone, so that it has tasks when the other one begins to look.
    clock.start(&mut nodes[1]);
    let args = json!({ "seconds": 6 * LONG, "mark": mark.to_str() });
    let first: Vec<i64> =
        (0..3).map(|n| watched.enqueue("me", &apis[1], &format!("first {n}"), &args)).collect();
    while server.query("a", "SELECT count(*) FROM mirrorlistd.task WHERE beat > 0") == "0" {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    nodes[0].start();
    for (round, time) in ["+1h", "+0", "-1h", "+1h"].into_iter().enumerate() {
        clock.set(time);
        if round == 0 {
            // Later the Date of answers says less: it never goes back.
            assert_ne!(hour(&apis[0]), hour(&apis[1]), "the clock is set");
        }
        run_some(&watched, &apis, &mark, round);
    }
    for id in first {
        assert_eq!(watched.wait_for_end("me", &apis[0], id), "completed");
    }
    nodes.iter_mut().for_each(Node::stop);
    // Does what they have left, and makes no slots of a second.
    let mut last = Node::new(folder.path(), "last", &in_server, "cpu = 20");
    last.start();
    let api = last.client();
    run_some(&watched, std::slice::from_ref(&api), &mark, 4);
    api.wait_until_idle();
    last.stop();
    nodes.iter().for_each(print_warnings);
    let rows = block_on(watched.check(&mark, &open(&url), check_none_lost));
    let of = |name| rows.attempts.values().filter(|attempt| attempt.node == name).count();
    assert!(of("one") > 0 && of("two") >= 3, "both have run tasks");
    // By the clock of the server, which has not jumped.
    let slots: Vec<i64> = slots(&rows);
    let (first, last) = (slots[0], slots[slots.len() - 1]);
    assert!(last - first < 3_600_000 && slots.len() > 10, "{slots:?}");
}

/// The slots that have made tasks, in their order.
fn slots(rows: &Rows) -> Vec<i64> {
    let compiles = rows.tasks.values().filter(|task| task.kind == "snapshot.compile");
    let mut slots: Vec<i64> = compiles.filter_map(|task| Some(task.slot?.0)).collect();
    slots.sort_unstable();
    slots
}

fn a_store_whose_clock_jumps_loses_no_task_and_takes_no_slot_twice() {
    require();
    // Moments at which the clock stands: each has one slot of a second, at which it is looked again and again.
    const EARLY: &str = "2026-11-27 10:00:00";
    const NOON: &str = "2026-11-27 11:00:00";
    const LATE: &str = "2026-11-27 12:00:00";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (state, mark) = (folder.path().join("state"), folder.path().join("marks"));
    let in_folder = format!("state = \"{}\"", state.display());
    let mut node = Node::new(folder.path(), "one", &in_folder, MORE);
    let clock = Clock::new(folder.path(), NOON);
    let watched = Watched::new();
    let api = node.client();
    clock.start(&mut node);
    let times = [LATE, NOON, EARLY, LATE, NOON];
    let args = json!({ "seconds": 8 * LONG, "mark": mark.to_str() });
    let first = watched.enqueue("me", &api, "first", &args);
    run_some(&watched, std::slice::from_ref(&api), &mark, times.len());
    for (round, time) in times.into_iter().enumerate() {
        clock.set(time);
        run_some(&watched, std::slice::from_ref(&api), &mark, round);
    }
    assert_eq!(watched.wait_for_end("me", &api, first), "completed");
    api.wait_until_idle();
    node.stop();
    let store = Sqlite::open(&state, system_clock(), &Supervisor::default());
    let store = store.expect("nobody else has it").into();
    print_warnings(&node);
    let rows = block_on(watched.check(&mark, &store, check_none_lost));
    let slots = slots(&rows);
    // One at each of the three, but where it was that of the compile that a start asks for.
    assert!((2..=3).contains(&slots.len()), "{slots:?}");
    assert!(slots.windows(2).all(|pair| pair[1] - pair[0] >= 3_600_000), "{slots:?}");
    let begun = rows.tasks.values().filter(|task| task.state == State::Completed).count();
    assert!(begun > 2 * (times.len() + 1), "{begun} tasks have completed");
}

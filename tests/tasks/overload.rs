//! A thousand tasks at once, on a disk that is slow: Socorro bug 1795017.
//!
//! There the disk was the limit, and the more there was to do, the less was done. Here what a task takes of the
//! disk is counted: how often something is synced for it must not grow with the number of tasks that wait.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use history::check_none_lost;
use runtime::supervise::Supervisor;
use serde_json::json;
use store::sqlite::{Sqlite, system_clock};
use support::debian::{Outcome, Packages};

use crate::process::{Client, Node};
use crate::stores::block_on;
use crate::watched::Watched;

tests! {
    a_thousand_tasks_at_once_take_no_more_of_a_slow_disk_for_each,
}

/// How many tasks are asked for at once.
const MANY: usize = 1_000;
/// How many are run one after the other, for comparison.
const FEW: usize = 50;
/// How many clients ask at the same time.
const CLIENTS: usize = 8;
/// How long each sync takes in addition, in microseconds: as on a disk that turns.
const SYNC_MICROSECONDS: u64 = 5_000;

fn require() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    let needed = &[("strace", "/usr/bin/strace")];
    Packages { suite: "the suite of tasks", why_root: None, needed }.require(&OUTCOME);
}

/// Counts what a process syncs, and makes it slow.
struct SlowDisk {
    trace: PathBuf,
}

impl SlowDisk {
    fn start(folder: &Path, node: &mut Node) -> Self {
        let disk = Self { trace: folder.join("syncs") };
        let inject = format!("inject=fsync,fdatasync:delay_enter={SYNC_MICROSECONDS}");
        let trace = disk.trace.to_str().expect("a path of letters");
        // -D: the program is the child, so that signals reach it.
        let strace = ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", trace];
        node.start_through(
            &[&strace[..], &["-e", "trace=fsync,fdatasync", "-e", &inject]].concat(),
        );
        disk
    }

    /// How often something was synced until now.
    fn n_syncs(&self) -> usize {
        // A call that others interrupt has a second line, without the parenthesis.
        let trace = fs::read_to_string(&self.trace).expect("a trace");
        trace.lines().filter(|line| line.contains("sync(")).count()
    }
}

/// Asks for tasks that take no time.
fn ask(
    who: &str,
    numbers: impl Iterator<Item = usize>,
    api: &Client,
    mark: &Path,
    watched: &Watched,
) -> Vec<i64> {
    let args = json!({ "seconds": 0, "mark": mark.to_str() });
    numbers.map(|n| watched.enqueue(who, api, &format!("{who} {n}"), &args)).collect()
}

/// The value of a series of `/metrics`.
fn metric(api: &Client, series: &str) -> f64 {
    find_metric(api, series).unwrap_or_else(|| panic!("{series} is not there"))
}

/// The same; `None` if nothing was counted yet.
fn find_metric(api: &Client, series: &str) -> Option<f64> {
    let text = api.read("/metrics");
    let mut values = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    values.next().map(|value| value.parse().expect("a number"))
}

fn change(api: &Client, target: &str) {
    let answer = api.ask_until_answered("POST", target, "{\"reason\":\"tried\"}");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn a_thousand_tasks_at_once_take_no_more_of_a_slow_disk_for_each() {
    require();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (state, mark) = (folder.path().join("state"), folder.path().join("marks"));
    let in_folder = format!("state = \"{}\"", state.display());
    // Heartbeats and schedules sync as time passes, and not for a task. The former are counted.
    let seldom = "heartbeat_seconds = 3600\ncompile_every = 31536000\npurge_every = 31536000";
    let heartbeats = "mirrorlistd_store_seconds_count{statement=\"renew\"}";
    let mut node = Node::new(folder.path(), "one", &in_folder, &format!("cpu = 8\n{seldom}"));
    let disk = SlowDisk::start(folder.path(), &mut node);
    let (watched, api) = (Watched::new(), node.client());
    api.wait_until_idle();

    // By that many it may be too low: a heartbeat may share a sync.
    let n_syncs_of_tasks =
        || disk.n_syncs() - find_metric(&api, heartbeats).unwrap_or_default() as usize;
    let begin = n_syncs_of_tasks();
    for n in 0..FEW {
        for id in ask("one by one", n..=n, &api, &mark, &watched) {
            assert_eq!(watched.wait_for_end("one by one", &api, id), "completed");
        }
    }
    let unloaded = n_syncs_of_tasks() - begin;

    let (queued, age) = (
        "mirrorlistd_tasks_queued{queue=\"cpu\"}",
        "mirrorlistd_task_oldest_queued_age_seconds{queue=\"cpu\"}",
    );
    change(&api, "/api/v1/queues/cpu/pause");
    assert_eq!((metric(&api, queued), metric(&api, age)), (0.0, 0.0));
    let (begin, begin_of_tasks) = (disk.n_syncs(), n_syncs_of_tasks());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (api, mark, watched) = (api.clone(), mark.clone(), watched.clone());
            thread::spawn(move || {
                let who = format!("client {client}");
                ask(&who, (client..MANY).step_by(CLIENTS), &api, &mark, &watched)
            })
        })
        .collect();
    for client in clients {
        client.join().expect("no client panics");
    }
    // All wait, and the operator sees since when: the first for all the syncs that came after it.
    let waited = metric(&api, age);
    assert_eq!(metric(&api, queued), MANY as f64);
    let least = (disk.n_syncs() - begin - CLIENTS) as f64 * SYNC_MICROSECONDS as f64 / 1e6;
    assert!(waited >= least, "the oldest has waited for {waited} s, at least {least}");
    change(&api, "/api/v1/queues/cpu/resume");
    api.wait_until_idle();
    let loaded = n_syncs_of_tasks() - begin_of_tasks;
    assert_eq!((metric(&api, queued), metric(&api, age)), (0.0, 0.0));
    node.stop();

    let [few, many] = [(unloaded, FEW), (loaded, MANY)].map(|(n, tasks)| n as f64 / tasks as f64);
    println!("{few:.2} syncs for each task alone, {many:.2} for each of {MANY} at once");
    assert!(many <= few, "{many:.2} syncs for each of {MANY} tasks, {few:.2} for one alone");
    let store = Sqlite::open(&state, system_clock(), &Supervisor::default());
    let store = store.expect("nobody else has it").into();
    let rows = block_on(watched.check(&mark, &store, check_none_lost));
    let n_asked = rows.tasks.values().filter(|task| task.kind == "test.sleep");
    assert_eq!(n_asked.count(), FEW + MANY);
}

//! Traps that only a real PostgreSQL sets: its planner, its administrators and its crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use store::operations::claim::Claim;
use store::operations::doctor::Examine;
use store::operations::enqueue::Enqueue;
use store::operations::finish::Finished;
use store::operations::read::ReadOverview;
use store::record::{NewTask, TaskId};
use store::{Error, Operation, Store};
use support::postgres::Postgres;

use crate::stores::{KIND, QUEUE, block_on, claim, completed, node, on_threads, open, task};

tests! {
    no_plan_of_the_server_makes_claimers_take_too_much,
    nothing_acknowledged_is_lost_when_connections_are_ended,
    nothing_acknowledged_is_lost_when_the_server_stops_at_once,
    nothing_acknowledged_is_lost_when_the_server_is_killed,
}

/// What the planner may be told not to do.
const SWITCHES: [&str; 10] = [
    "enable_nestloop",
    "enable_hashjoin",
    "enable_mergejoin",
    "enable_seqscan",
    "enable_indexscan",
    "enable_indexonlyscan",
    "enable_bitmapscan",
    "enable_sort",
    "enable_material",
    "enable_memoize",
];

/// An address whose connections have some switches off, the same for the same seed.
fn with_switches(url: &str, seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let off = SWITCHES.iter().filter(|_| random.bool());
    let options: Vec<_> = off.map(|switch| format!("-c%20{switch}%3Doff")).collect();
    format!("{url}?options={}", options.join("%20"))
}

/// Does it, however often others were in the way for too long: on a busy machine they are.
async fn again<O: Operation + Clone>(store: &Store, operation: O) -> O::Reply {
    loop {
        match store.run(operation.clone()).await {
            Err(Error::Collided(_)) => {}
            reply => return reply.unwrap(),
        }
    }
}

/// Oban #652: with a nested loop, a subquery with a limit was run again for each row, and more rows were
/// updated than the limit.
fn no_plan_of_the_server_makes_claimers_take_too_much() {
    const N_TASKS: usize = 1_000;
    const MAX_RUNNING: i64 = 5;
    let server = Postgres::start();
    let url = server.create_database("a");
    let store = open(&url);
    block_on(async {
        store.run(node("n0", MAX_RUNNING)).await.unwrap();
        for n in 0..N_TASKS {
            let priority = i64::try_from(n % 3).unwrap();
            store.run(Enqueue(NewTask { priority, ..task() })).await.unwrap();
        }
    });
    server.query("a", "ANALYZE");
    let stores: Vec<Store> =
        (0..8).map(|claimer| open(&with_switches(&url, 0xfeed + claimer))).collect();
    let (running, n_done) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicUsize::new(0)));
    let claimed = on_threads(8, move |claimer| {
        let store = &stores[claimer];
        let name = format!("n{claimer}");
        let mut mine = Vec::new();
        block_on(async {
            again(store, node(&name, MAX_RUNNING)).await;
            while n_done.load(Ordering::SeqCst) < N_TASKS {
                let room = 1 + mine.len() % 4;
                let tasks = again(store, claim(&name, room)).await;
                assert!(tasks.len() <= room, "{} tasks for a limit of {room}", tasks.len());
                let n = i64::try_from(tasks.len()).unwrap();
                // Counted after the claim and until before the end: never more than are running.
                let now = running.fetch_add(n, Ordering::SeqCst) + n;
                assert!(now <= MAX_RUNNING, "{now} run");
                let queues = again(store, ReadOverview).await.queues;
                assert!(queues[0].running <= MAX_RUNNING, "{queues:?}");
                for task in &tasks {
                    running.fetch_sub(1, Ordering::SeqCst);
                    again(store, completed(task)).await;
                    n_done.fetch_add(1, Ordering::SeqCst);
                    mine.push(task.id);
                }
            }
        });
        mine
    });
    let all: Vec<TaskId> = claimed.into_iter().flatten().collect();
    let different: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!((all.len(), different.len()), (N_TASKS, N_TASKS), "a task was claimed twice");
    assert_eq!(server.query("a", "SELECT max(claim) FROM mirrorlistd.task"), "1");
    assert_eq!(block_on(store.run(Examine::default())).unwrap(), []);
}

fn nothing_acknowledged_is_lost_when_connections_are_ended() {
    let disturb = |server: &mut Postgres| {
        server.terminate_connections("a");
    };
    nothing_is_lost(10, disturb);
}

fn nothing_acknowledged_is_lost_when_the_server_stops_at_once() {
    nothing_is_lost(3, |server| {
        server.stop_immediately();
        server.start_again();
    });
}

fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    nothing_is_lost(3, |server| {
        server.kill();
        server.start_again();
    });
}

/// What everybody who uses the store in [`nothing_is_lost`] knows.
#[derive(Default)]
struct Known {
    /// What was acknowledged, by the name of the request.
    accepted: Mutex<BTreeMap<String, TaskId>>,
    n_ended: AtomicUsize,
    all_accepted: AtomicBool,
}

/// Four ask for tasks and four run them, while the server is disturbed `n_times`.
fn nothing_is_lost(n_times: usize, disturb: impl Fn(&mut Postgres)) {
    const N_ASKERS: usize = 4;
    const N_EACH: usize = 100;
    const N_TASKS: usize = N_ASKERS * N_EACH;
    let mut server = Postgres::start();
    let url = server.create_database("a");
    drop(open(&url));
    let known = Arc::new(Known::default());
    let workers = thread::spawn({
        let known = Arc::clone(&known);
        move || {
            on_threads(2 * N_ASKERS, move |n| {
                let store = reach(|| crate::stores::try_open(&url));
                match n < N_ASKERS {
                    true => ask(&store, &known, n, N_EACH),
                    false => run(&store, &known, &format!("n{n}"), N_TASKS),
                }
            })
        }
    });
    for n in 1..=n_times {
        // Spread over the work, by what is done and not by time.
        let until = n * N_TASKS / (n_times + 1);
        while known.n_ended.load(Ordering::SeqCst) < until && !workers.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        disturb(&mut server);
    }
    workers.join().unwrap();
    let accepted = known.accepted.lock().unwrap().clone();
    assert_eq!(accepted.len(), N_TASKS);
    let rows = server.query("a", "SELECT request_id || '=' || id FROM mirrorlistd.task");
    let rows: BTreeSet<String> = rows.lines().map(str::to_owned).collect();
    let expected: BTreeSet<String> =
        accepted.iter().map(|(request, id)| format!("{request}={}", id.0)).collect();
    assert_eq!(rows, expected);
    let states = "SELECT DISTINCT state FROM mirrorlistd.task";
    assert_eq!(server.query("a", states), "completed");
    // Each ended once, however often its end was asked for.
    let ends = "SELECT count(*), count(DISTINCT task) FROM mirrorlistd.task_event WHERE what = 'completed'";
    assert_eq!(server.query("a", ends), format!("{N_TASKS}|{N_TASKS}"));
    let store = open(&server.url("a"));
    assert_eq!(block_on(store.run(Examine::default())).unwrap(), []);
}

/// Asks for tasks, each until it is acknowledged.
fn ask(store: &Store, known: &Known, asker: usize, n_each: usize) {
    for n in 0..n_each {
        let request = format!("{asker}.{n}");
        let new = NewTask { request_id: Some(request.clone()), max_failures: 1_000, ..task() };
        let id = insist(store, &Enqueue(new)).id;
        known.accepted.lock().unwrap().insert(request, id);
    }
    if known.accepted.lock().unwrap().len() == 4 * n_each {
        known.all_accepted.store(true, Ordering::SeqCst);
    }
}

/// Runs tasks. After a claim of which it does not know what became, it starts anew, as a process would
/// whose tasks have been lost.
fn run(store: &Store, known: &Known, name: &str, n_tasks: usize) {
    let mut n_starts = 0;
    'process: loop {
        n_starts += 1;
        let boot = format!("{name}-{n_starts}");
        insist(store, &store::operations::node::StartNode { boot: boot.clone(), ..node(name, 3) });
        loop {
            let room = vec![(QUEUE.into(), 2)];
            let claim = Claim {
                site: None,
                node: name.into(),
                boot: boot.clone(),
                kinds: vec![KIND.into()],
                room,
            };
            let tasks = match block_on(store.run(claim)) {
                Ok(tasks) => tasks,
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    thread::sleep(Duration::from_millis(5));
                    continue 'process;
                }
            };
            for task in &tasks {
                // One that was lost meanwhile is run again by somebody.
                if insist(store, &completed(task)) != Finished::Stale {
                    known.n_ended.fetch_add(1, Ordering::SeqCst);
                }
            }
            if known.all_accepted.load(Ordering::SeqCst)
                && known.n_ended.load(Ordering::SeqCst) >= n_tasks
            {
                return;
            }
        }
    }
}

/// Does it, until it is known to be done.
fn insist<O: Operation>(store: &Store, operation: &O) -> O::Reply {
    reach(|| block_on(store.run(operation.clone())))
}

/// What `ask` returns once the store can be reached.
#[track_caller]
fn reach<R>(ask: impl Fn() -> Result<R, Error>) -> R {
    for _ in 0..20_000 {
        match ask() {
            Err(error) if error.is_transient() => thread::sleep(Duration::from_millis(5)),
            reply => return reply.unwrap(),
        }
    }
    panic!("the store cannot be reached");
}

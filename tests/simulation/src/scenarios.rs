//! What went wrong in systems that others run, here.

use std::time::Duration;

use fastrand::Rng;
use history::{Rows, Seen};
use store::operations::enqueue::Enqueue;
use store::record::{NewTask, OnLoss, State, TaskId};
use store::sqlite::Inline;
use store::{Operation, Store};
use tasks::{Args, Request};
use tokio::runtime::Builder;

use crate::clock::WorldClock;
use crate::journal::Journal;
use crate::kinds::THREAD;
use crate::line::Weather;
use crate::process::Process;
use crate::shared::{Careless, Shared};

/// Some nodes without faults.
struct Site {
    shared: Shared,
    processes: Vec<Process>,
}

impl Site {
    fn new() -> Self {
        let clock = WorldClock::default();
        let store = Store::from(Inline::new(clock.of_store()).unwrap());
        let journal = Journal::new(clock.clone());
        Self { shared: Shared::new(store, clock, journal), processes: Vec::new() }
    }

    fn start(&mut self, name: &str) {
        let seed = self.processes.len() as u64;
        self.processes.push(Process::start(&self.shared, name, seed));
    }

    fn ask<O: Operation>(&self, operation: O) -> O::Reply {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.shared.store.run(operation)).unwrap()
    }

    fn rows(&self) -> Rows {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(Rows::read(&self.shared.store)).unwrap()
    }

    fn enqueue(&self, kind: &str, queue: &str, args: &str) -> TaskId {
        let new = NewTask {
            site: None,
            kind: kind.to_owned(),
            queue: queue.to_owned(),
            priority: 0,
            args: args.to_owned(),
            summary: String::new(),
            unique_key: None,
            request_id: None,
            on_loss: OnLoss::Requeue,
            max_failures: 3,
            delay: 0,
            actor: "me".to_owned(),
            parent: None,
        };
        self.ask(Enqueue(new)).id
    }

    /// Lets everybody live for so many milliseconds.
    fn pass(&mut self, milliseconds: i64) {
        let end = self.shared.clock.now() + milliseconds;
        while self.shared.clock.now() < end {
            self.step(50);
        }
    }

    /// Lets one after the other live for so many milliseconds.
    fn step(&mut self, milliseconds: i64) {
        let now = self.shared.clock.now();
        for process in &mut self.processes {
            process.drive(now, milliseconds);
        }
        self.shared.clock.pass(milliseconds);
    }

    /// When something was seen first.
    fn saw(&self, is_meant: impl Fn(&Seen) -> bool) -> Option<u64> {
        let records = self.shared.records();
        records.iter().find(|record| is_meant(&record.seen)).map(|record| record.at)
    }
}

fn is_accepted(seen: &Seen, id: TaskId) -> bool {
    matches!(seen, Seen::EndAccepted { task, .. } if *task == id.0)
}

#[test]
fn a_task_whose_thread_blocks_for_five_minutes_is_not_ended() {
    // Archivematica Storage Service #730: a watchdog that ran late ended what was alive.
    let mut site = Site::new();
    site.start("a");
    let id = site.enqueue(THREAD, "db", "{}");
    site.pass(10_000);
    site.start("b");
    site.pass(300_000);
    let rows = site.rows();
    assert_eq!(rows.tasks[&id.0].state, State::Running);
    assert_eq!(history::check_none_lost(&rows), []);
    site.shared.gate.open();
    // The thread goes on in real time, and simulated time runs ahead of it meanwhile.
    while site.saw(|seen| is_accepted(seen, id)).is_none() {
        std::thread::yield_now();
        site.pass(50);
    }
    let rows = site.rows();
    assert_eq!(rows.tasks[&id.0].state, State::Completed);
    assert_eq!(history::check_none_lost(&rows), []);
    assert!(rows.tasks.len() > 40, "schedules have made tasks meanwhile: {}", rows.tasks.len());
}

#[test]
fn a_wait_ends_with_its_task_and_on_any_node() {
    // CodeChecker PR #4326: steps of five seconds doubled the wait.
    let mut site = Site::new();
    site.start("a");
    site.start("b");
    let mut rng = Rng::with_seed(1);
    for _ in 0..20 {
        site.pass(5_000);
        let mut args = Args::new();
        args.insert("ms".to_owned(), rng.u32(100..4_000).into());
        let request = Request { kind: "sim.cpu".to_owned(), args, ..Request::default() };
        let [here, elsewhere] = [0, 1].map(|at| site.processes[at].tasks.clone());
        let journal = site.shared.journal.clone();
        site.processes[0].spawn(async move {
            let id = here.submit(&request).await.unwrap().id;
            for (who, tasks) in [("here", here), ("elsewhere", elsewhere)] {
                let journal = journal.clone();
                tokio::spawn(async move {
                    tasks.wait(id, Duration::from_secs(30)).await.unwrap();
                    journal.saw(who, Seen::EndSeen { task: id.0, state: "completed".into() });
                });
            }
        });
    }
    site.pass(10_000);
    let mut n_waits = 0;
    for record in site.shared.records() {
        let Seen::EndSeen { task, .. } = record.seen else { continue };
        let end = site.saw(|seen| is_accepted(seen, TaskId(task))).unwrap();
        let late = record.at - end;
        // Who waits in another process than that of the task looks each second.
        let most = if record.who == "here" { 200 } else { 1_100 };
        assert!(late <= most, "a wait {} for task {task} ended {late} ms after it", record.who);
        n_waits += 1;
    }
    assert_eq!(n_waits, 40);
}

#[test]
fn who_stops_between_fence_and_effect_is_late_only_without_the_lock() {
    for careless in [None, Some(Careless::Lock)] {
        let mut site = Site::new();
        site.shared.careless = careless;
        site.start("a");
        site.pass(3_000);
        site.processes[0].line.set_weather(Weather { delay: 800, ..Weather::default() });
        let id = site.enqueue("sim.cpu", "cpu", r#"{"ms":100}"#);
        while !site.processes[0].line.has_checked(id.0) {
            site.step(1);
        }
        let is_effect =
            |seen: &Seen| matches!(seen, Seen::EffectPublished { task, .. } if *task == id.0);
        assert_eq!(site.saw(is_effect), None, "the reply is on its way");
        let now = site.shared.clock.now();
        site.processes[0].stall(now + 20_000, true);
        site.start("b");
        site.pass(60_000);
        let rows = site.rows();
        assert_eq!((rows.tasks[&id.0].state, rows.tasks[&id.0].claim.0), (State::Completed, 2));
        let found = history::check(&site.shared.records(), &rows);
        assert_eq!(found.iter().any(|one| one.invariant == "I10"), careless.is_some(), "{found:?}");
    }
}

#[test]
fn a_backlog_is_worked_off_from_the_start() {
    // bugsink's snappea: what waits when the process starts.
    let mut site = Site::new();
    let ids: Vec<_> = (0..300).map(|_| site.enqueue("sim.net", "net", r#"{"ms":200}"#)).collect();
    site.start("a");
    // Three at a time take 20 s.
    site.pass(24_000);
    let rows = site.rows();
    let open = ids.iter().filter(|id| rows.tasks[&id.0].state != State::Completed);
    assert_eq!(open.count(), 0);
}

#[test]
fn a_task_that_cannot_be_decoded_fails_and_frees_its_place() {
    // bugsink's snappea: such a task kept its worker for ever.
    let mut site = Site::new();
    let bad = ["", "nothing", "[]", "{\"ms\":\"soon\"}", "{\"mss\":1}", "{\"ms\":1"];
    let bad = bad.map(|args| site.enqueue("sim.cpu", "cpu", args));
    let good = site.enqueue("sim.cpu", "cpu", "{}");
    site.start("a");
    site.pass(5_000);
    let rows = site.rows();
    for id in bad {
        let task = &rows.tasks[&id.0];
        assert_eq!(
            (task.state, task.error_code.as_deref()),
            (State::Failed, Some("bad_arguments"))
        );
        assert_eq!(task.claim.0, 1, "it is not tried again");
    }
    assert_eq!(rows.tasks[&good.0].state, State::Completed);
}

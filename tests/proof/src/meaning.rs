//! What tasks, queues and schedules mean, said one by one.

use store::operation::{Row, Value};
use store::operations::claim::Claim;
use store::operations::enqueue::{Enqueue, Enqueued, MAX_REQUESTS, MAX_WAITING};
use store::operations::finish::{End, Finish, Finished};
use store::operations::lose::Reap;
use store::operations::node::{IS_LIVE, StartNode, StopNode};
use store::operations::people::{Cancel, Cancelled, Pausable, Pause, Resume, Retried, Retry};
use store::operations::purge::{Purge, PurgeNodes};
use store::operations::read::{Events, Find, Found, ReadOverview};
use store::operations::renew::{Heartbeat, Progress, Renew, Running};
use store::operations::tick::{Tick, Ticked};
use store::record::{
    CatchUp, NewSchedule, NewTask, OnLoss, Schedule, State, Task, TaskId, Timestamp, bounds,
};
use store::{Error, Operation, Store, Transaction};

use crate::lens::Through;
use crate::random::block_on;
use crate::tests::in_memory;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A store whose clock the test moves.
struct At {
    store: Store,
    now: Timestamp,
}

impl At {
    fn new() -> Self {
        let at = Self { store: in_memory(), now: Timestamp(1_800_000_000_000) };
        at.start(Vec::new());
        at
    }

    fn run<O: Operation>(&self, operation: O) -> O::Reply {
        self.try_run(operation).unwrap()
    }

    fn try_run<O: Operation>(&self, operation: O) -> Result<O::Reply, Error> {
        block_on(self.store.run(Through { operation, now: self.now, mutant: None }))
    }

    fn pass(&mut self, milliseconds: i64) {
        self.now = self.now.plus(milliseconds);
    }

    fn start(&self, schedules: Vec<NewSchedule>) {
        self.run(start("1", schedules));
    }

    fn ask(&self, new: NewTask) -> Enqueued {
        self.run(Enqueue(new))
    }

    fn claim(&self, room: usize) -> Vec<Task> {
        self.run(claim(room))
    }

    fn complete(&self, task: &Task) -> Finished {
        self.run(finish(task, End::Completed { result: None }))
    }

    fn task(&self, id: TaskId) -> Task {
        match self.run(Find(id)) {
            Found::Task(task) => *task,
            other => panic!("{id}: {other:?}"),
        }
    }

    fn tick(&self) -> Ticked {
        self.run(Tick)
    }

    fn schedule(&self) -> Schedule {
        self.run(ReadOverview).schedules.remove(0)
    }

    /// Claims all that waits, and completes it.
    fn work(&self) -> usize {
        let tasks = self.claim(3);
        tasks.iter().for_each(|task| drop(self.complete(task)));
        tasks.len()
    }
}

fn new() -> NewTask {
    NewTask {
        site: None,
        kind: "scan".into(),
        queue: "cpu".into(),
        priority: 0,
        args: "{}".into(),
        summary: "scans".into(),
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "ann".into(),
        parent: None,
    }
}

fn keyed(key: &str) -> NewTask {
    NewTask { unique_key: Some(key.into()), ..new() }
}

fn start(boot: &str, schedules: Vec<NewSchedule>) -> StartNode {
    StartNode {
        site: None,
        files: String::new(),
        node: "a".into(),
        boot: boot.into(),
        version: "1".into(),
        kinds: vec!["scan".into()],
        queues: vec![("cpu".into(), 3)],
        schedules,
    }
}

fn claim(room: usize) -> Claim {
    Claim {
        site: None,
        node: "a".into(),
        boot: "1".into(),
        kinds: vec!["scan".into()],
        room: vec![("cpu".into(), room)],
    }
}

fn finish(task: &Task, end: End) -> Finish {
    Finish {
        id: task.id,
        claim: task.claim,
        node: "a".into(),
        boot: "1".into(),
        end,
        stages: None,
        then: Vec::new(),
    }
}

fn every(period: i64, catch_up: CatchUp) -> NewSchedule {
    NewSchedule { id: "nightly".into(), period, phase: 7_000, catch_up, task: new() }
}

#[test]
fn a_request_that_is_repeated_makes_one_task() {
    let at = At::new();
    let asked = NewTask { request_id: Some("r".into()), ..new() };
    let first = at.ask(asked.clone());
    assert!(first.is_new);
    let again = at.ask(asked.clone());
    assert_eq!((again.id, again.is_new), (first.id, false));
    at.work();
    let later = at.ask(asked);
    assert_eq!((later.id, later.state), (first.id, State::Completed));
}

#[test]
fn a_request_that_met_a_task_makes_no_second_one_when_it_is_repeated() {
    let at = At::new();
    let first = at.ask(keyed("k")).id;
    let asked = NewTask { request_id: Some("r".into()), ..keyed("k") };
    for _ in 0..2 {
        assert_eq!(at.ask(asked.clone()).id, first);
    }
    at.work();
    let later = at.ask(asked.clone());
    assert_eq!((later.id, later.state, later.is_new), (first, State::Completed, false));
    // While it runs, one promise is made for it and not one for each repetition.
    let other = NewTask { request_id: Some("s".into()), ..keyed("k") };
    let second = at.ask(keyed("k")).id;
    let running = at.claim(1).remove(0);
    for _ in 0..2 {
        assert_eq!(at.ask(other.clone()).id, second);
    }
    at.complete(&running);
    assert_eq!(at.ask(other).id, second);
    assert_eq!((at.work(), at.work()), (1, 0));
    // It is kept as long as the task.
    let purge = Purge { kind: None, except: Vec::new(), keep: -1, limit: 100 };
    let mut at = at;
    at.pass(1);
    assert_eq!(at.run(purge), 2);
    assert!(at.ask(asked).is_new);
}

#[test]
fn so_many_requests_and_no_more_are_remembered_of_a_task() {
    let at = At::new();
    let id = at.ask(keyed("k")).id;
    let asked = |n: i64| NewTask { request_id: Some(format!("r{n}")), ..keyed("k") };
    for n in 0..MAX_REQUESTS {
        assert_eq!(at.ask(asked(n)).id, id);
    }
    let refused = at.try_run(Enqueue(asked(MAX_REQUESTS))).unwrap_err();
    assert_eq!(refused.to_string(), "10000 requests wait for task 1 already");
    assert_eq!(at.ask(asked(7)).id, id, "what is known is no new one");
    assert_eq!(at.ask(keyed("k")).id, id, "nothing is remembered of those without a name");
}

#[test]
fn a_task_of_a_site_is_run_by_its_nodes_only() {
    let at = At::new();
    let of = |site: Option<&str>| NewTask { site: site.map(str::to_owned), ..new() };
    let (any, east, west) =
        (at.ask(of(None)).id, at.ask(of(Some("east"))).id, at.ask(of(Some("west"))).id);
    let claim_at = |site: Option<&str>| {
        let tasks = at.run(Claim { site: site.map(str::to_owned), ..claim(1) });
        tasks.first().map(|task| task.id)
    };
    assert_eq!(claim_at(Some("west")), Some(any));
    assert_eq!(claim_at(Some("west")), Some(west));
    assert_eq!(claim_at(Some("west")), None);
    assert_eq!(claim_at(None), Some(east), "who is of no site takes all");
}

#[test]
fn a_node_with_other_files_is_not_of_the_site_until_those_who_have_them_stop() {
    let mut at = At::new();
    let of = |node: &str, site: &str, files: &str| StartNode {
        node: node.into(),
        site: Some(site.into()),
        files: files.into(),
        ..start("1", vec![])
    };
    at.run(of("b", "main", "catalog c\nsnapshot /b"));
    at.run(of("c", "main", "catalog c\nsnapshot /b"));
    at.run(of("d", "other", "catalog c\nsnapshot /d"));
    let late = of("d", "main", "catalog c\nsnapshot /d");
    let refused = at.try_run(late.clone()).unwrap_err().to_string();
    assert_eq!(
        refused,
        "site main: node b, which runs, has snapshot /b, and this process snapshot /d: give it a site of \
         its own, or the same files"
    );
    let stop = |node: &str| StopNode { node: node.into(), boot: "1".into() };
    at.run(stop("b"));
    assert!(at.try_run(late.clone()).is_err(), "the other one goes on");
    // Its own name is no obstacle, and one that was killed is none for long.
    at.pass(IS_LIVE);
    at.run(late);
    at.run(of("d", "main", "catalog c\nsnapshot /e"));
}

#[test]
fn a_schedule_goes_with_the_last_node_that_declares_it() {
    let mut at = At::new();
    let other = |schedules| StartNode { node: "b".into(), ..start("1", schedules) };
    let names = |at: &At| -> Vec<_> {
        let schedules = at.run(ReadOverview).schedules;
        schedules.into_iter().map(|schedule| (schedule.id, schedule.nodes)).collect()
    };
    let nightly = |nodes: &[&str]| {
        vec![(
            "nightly".to_owned(),
            nodes.iter().map(|node| (*node).to_owned()).collect::<Vec<_>>(),
        )]
    };
    at.start(vec![every(HOUR, CatchUp::One)]);
    let paused = Pause {
        what: Pausable::Schedule,
        name: "nightly".into(),
        actor: "ann".into(),
        reason: "storm".into(),
    };
    assert!(at.run(paused));
    at.run(other(vec![]));
    assert_eq!(names(&at), nightly(&["a"]), "another node has nothing to say");
    at.run(other(vec![every(HOUR, CatchUp::One)]));
    assert_eq!(names(&at), nightly(&["a", "b"]));
    at.start(vec![]);
    assert_eq!(names(&at), nightly(&["b"]));
    assert!(at.schedule().paused_at.is_some(), "it is the same one");
    // A node that is away still declares it, until it is forgotten.
    at.pass(HOUR);
    at.start(vec![]);
    assert_eq!(names(&at), nightly(&["b"]));
    assert_eq!(at.run(PurgeNodes(MINUTE)), ["b"]);
    assert_eq!(names(&at), []);
}

#[test]
fn who_is_in_a_hurry_hastens_what_waits() {
    let at = At::new();
    let slow = NewTask { priority: 3, delay: HOUR, ..keyed("k") };
    let id = at.ask(slow.clone()).id;
    at.ask(NewTask { priority: 1, delay: MINUTE, ..slow.clone() });
    at.ask(slow);
    let task = at.task(id);
    assert_eq!((task.priority, task.run_after), (1, at.now.plus(MINUTE)));
}

#[test]
fn ten_minutes_of_waiting_count_as_a_step_of_priority() {
    let mut at = At::new();
    let patient = at.ask(NewTask { priority: 1, ..new() }).id;
    at.pass(10 * MINUTE - 1);
    let urgent = at.ask(new()).id;
    assert_eq!(at.claim(1)[0].id, urgent, "a millisecond less is not enough");
    at.pass(2);
    at.ask(new());
    assert_eq!(at.claim(1)[0].id, patient);
}

#[test]
fn an_attempt_that_failed_is_tried_again_as_often_as_it_may() {
    let mut at = At::new();
    let id = at.ask(NewTask { max_failures: 2, ..new() }).id;
    let failed = || End::Failed { code: "io".into(), error: "e".into(), retry_after: Some(MINUTE) };
    at.run(finish(&at.claim(1)[0], failed()));
    assert!(at.claim(1).is_empty(), "it waits");
    at.pass(MINUTE);
    at.run(finish(&at.claim(1)[0], failed()));
    let task = at.task(id);
    assert_eq!((task.state, task.failures, task.claim.0), (State::Failed, 2, 2));
}

#[test]
fn a_shutdown_is_no_failure_and_lowers_no_claim() {
    let at = At::new();
    let id = at.ask(NewTask { max_failures: 1, ..new() }).id;
    for claim in 1..=5 {
        at.run(finish(&at.claim(1)[0], End::Interrupted));
        let task = at.task(id);
        assert_eq!((task.state, task.failures, task.claim.0), (State::Enqueued, 0, claim));
    }
    at.complete(&at.claim(1)[0]);
    assert_eq!(at.task(id).state, State::Completed);
}

#[test]
fn who_has_died_is_replaced_and_comes_too_late() {
    let at = At::new();
    at.ask(new());
    let task = at.claim(1).remove(0);
    let seen = at.run(Running).remove(0);
    let progress =
        Progress { id: task.id, claim: task.claim, stage: None, done: None, total: None };
    let renew = Renew { node: "a".into(), boot: "1".into(), tasks: vec![progress] };
    at.run(renew.clone());
    assert_eq!(
        at.run(Reap { seen: seen.clone(), by: "b".into(), hung: None }),
        None,
        "it has moved"
    );
    let seen = Heartbeat { beat: 1, ..seen };
    assert_eq!(at.run(Reap { seen, by: "b".into(), hung: None }), Some(State::Enqueued));
    assert!(at.run(renew).kept.is_empty());
    let next = at.claim(1).remove(0);
    assert_eq!(at.complete(&task), Finished::Stale);
    assert!(matches!(at.complete(&next), Finished::Accepted { .. }));
    assert_eq!(at.complete(&next), Finished::Repeated);
}

#[test]
fn a_task_that_has_ended_is_run_again_as_another_one() {
    let at = At::new();
    let first = at.ask(keyed("k")).id;
    let retry = Retry { id: first, actor: "bob".into(), request_id: Some("again".into()) };
    assert_eq!(at.run(retry.clone()), Retried::NotEnded(State::Enqueued));
    at.work();
    let Retried::Enqueued(next) = at.run(retry.clone()) else { panic!("it has ended") };
    let Retried::Enqueued(same) = at.run(retry) else { panic!("it has ended") };
    assert_eq!(same.id, next.id);
    let task = at.task(next.id);
    assert_eq!((task.parent, task.actor.as_str()), (Some(first), "bob"));
    assert_eq!(at.task(first).state, State::Completed);
    let unknown = Retry { id: TaskId(99), actor: "bob".into(), request_id: None };
    assert_eq!(at.run(unknown), Retried::Unknown);
}

#[test]
fn what_is_too_long_is_refused_and_what_people_read_is_cut() {
    let at = At::new();
    let long = |n: usize| "x".repeat(n);
    let refused = [
        NewTask { args: long(bounds::ARGS + 1), ..new() },
        NewTask { args: "\0".into(), ..new() },
        NewTask { kind: long(bounds::LINE + 1), ..new() },
        NewTask { queue: "a\0b".into(), ..new() },
        NewTask { request_id: Some(long(bounds::LINE + 1)), ..new() },
        NewTask { unique_key: Some("\0".into()), ..new() },
    ];
    for new in refused {
        assert!(matches!(at.try_run(Enqueue(new)), Err(Error::Refused(_))));
    }
    let fits =
        NewTask { args: long(bounds::ARGS), summary: long(5_000), actor: long(5_000), ..new() };
    let id = at.ask(fits).id;
    let task = at.task(id);
    assert!(task.summary.len() <= bounds::LINE && task.actor.len() <= bounds::LINE);
    let task = at.claim(1).remove(0);
    let too_much = finish(&task, End::Completed { result: Some(long(bounds::RESULT + 1)) });
    assert!(matches!(at.try_run(too_much), Err(Error::Refused(_))));
    assert_eq!(at.task(id).state, State::Running, "its runner can still end it");
    let end = End::Failed { code: long(5_000), error: long(50_000), retry_after: None };
    at.run(finish(&task, end));
    assert!(at.task(id).error.unwrap().len() <= bounds::ERROR);
}

#[test]
fn purged_and_unknown_are_told_apart() {
    let mut at = At::new();
    for _ in 0..3 {
        at.ask(new());
        at.work();
        at.pass(1);
    }
    at.pass(1);
    let purge = Purge { kind: None, except: Vec::new(), keep: 0, limit: 100 };
    assert_eq!(at.run(purge), 2, "the last success stays");
    assert_eq!(at.run(Find(TaskId(1))), Found::Purged);
    assert_eq!(at.task(TaskId(3)).state, State::Completed);
    let cancel = |id| Cancel { id: TaskId(id), actor: "ann".into(), reason: String::new() };
    assert_eq!(at.run(cancel(1)), Cancelled::Purged);
    assert_eq!(at.run(cancel(3)), Cancelled::Ended(State::Completed));
    for id in [0, -1, 4, i64::MAX] {
        assert_eq!(at.run(Find(TaskId(id))), Found::Unknown);
        assert_eq!(at.run(cancel(id)), Cancelled::Unknown);
    }
    assert_eq!(at.ask(new()).id, TaskId(4), "no number is given twice");
}

#[test]
fn the_last_success_and_the_last_failure_of_each_kind_and_schedule_stay() {
    let mut at = At::new();
    at.start(vec![every(HOUR, CatchUp::One)]);
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.clear();
        at.tick();
        for end in [End::Completed { result: None }, End::Cancelled] {
            for by_schedule in [true, false] {
                if by_schedule {
                    at.pass(HOUR);
                    at.tick();
                } else {
                    at.ask(new());
                }
                for task in at.claim(1) {
                    at.run(finish(&task, end.clone()));
                    kept.push(task.id);
                }
            }
        }
        at.ask(new());
        let failed = End::Failed { code: "io".into(), error: "e".into(), retry_after: None };
        for task in at.claim(1) {
            kept.push(task.id);
            at.run(finish(&task, failed.clone()));
        }
        at.pass(MINUTE);
    }
    let purge = Purge { kind: Some("scan".into()), except: Vec::new(), keep: 0, limit: 100 };
    while at.run(purge.clone()) > 0 {}
    let states: Vec<_> = (1..100)
        .filter_map(|id| match at.run(Find(TaskId(id))) {
            Found::Task(task) => Some((task.schedule.is_some(), task.state)),
            _ => None,
        })
        .collect();
    for wanted in [State::Completed, State::Failed, State::Cancelled] {
        assert!(states.contains(&(false, wanted)), "{states:?}");
    }
    assert!(states.contains(&(true, State::Completed)), "{states:?}");
    assert!(states.len() <= 6, "{states:?}");
}

#[test]
fn a_slot_makes_one_task_whatever_the_clock_does() {
    let mut at = At::new();
    at.start(vec![every(10 * MINUTE, CatchUp::One)]);
    assert_eq!(at.tick().made.len(), 1, "a new schedule runs at once");
    at.work();
    assert!(at.tick().made.is_empty());
    at.pass(10 * MINUTE);
    assert_eq!(at.tick().made.len(), 1);
    at.work();
    // Back by less than two periods: the slots were made.
    at.pass(-15 * MINUTE);
    assert!(at.tick().made.is_empty());
    at.pass(15 * MINUTE);
    assert!(at.tick().made.is_empty());
    // Ahead by an hour: one run, five that were missed.
    at.pass(HOUR);
    let ticked = at.tick();
    assert_eq!((ticked.made.len(), ticked.missed), (1, vec![("nightly".to_owned(), 5)]));
    at.work();
    // Back by an hour: the schedule goes on with slots that nobody took, and takes none twice.
    at.pass(-HOUR);
    let mut n_made = 0;
    for _ in 0..12 {
        n_made += at.tick().made.len();
        at.work();
        at.pass(10 * MINUTE);
    }
    assert!((9..=12).contains(&n_made), "{n_made}");
    assert_eq!(at.schedule().missed, 5);
}

#[test]
fn a_schedule_that_does_not_catch_up_counts_what_it_missed() {
    let mut at = At::new();
    at.start(vec![every(10 * MINUTE, CatchUp::None)]);
    // In the first minute of a slot.
    at.now = Timestamp(at.now.0 / (10 * MINUTE) * 10 * MINUTE + 7_000);
    at.tick();
    at.work();
    at.pass(35 * MINUTE);
    let ticked = at.tick();
    assert_eq!((ticked.made.len(), ticked.missed), (0, vec![("nightly".to_owned(), 3)]));
    assert_eq!(ticked.next_in, Some(5 * MINUTE));
    at.pass(5 * MINUTE);
    assert_eq!(at.tick().made.len(), 1);
}

#[test]
fn slots_of_a_paused_schedule_pass_uncounted() {
    let mut at = At::new();
    at.start(vec![every(10 * MINUTE, CatchUp::One)]);
    at.tick();
    at.work();
    let name = || "nightly".to_owned();
    let what = Pausable::Schedule;
    at.run(Pause { what, name: name(), actor: "ann".into(), reason: "move".into() });
    at.pass(HOUR);
    assert!(at.tick().made.is_empty());
    assert!(at.run(Resume { what, name: name() }));
    assert!(at.tick().made.is_empty(), "the present slot passed as well");
    at.pass(10 * MINUTE);
    assert_eq!(at.tick().made.len(), 1);
    assert_eq!(at.schedule().missed, 0);
    assert!(!at.run(Resume { what, name: "other".into() }));
}

#[test]
fn a_changed_period_misses_nothing() {
    let mut at = At::new();
    at.start(vec![every(24 * HOUR, CatchUp::One)]);
    at.tick();
    at.work();
    at.pass(5 * HOUR);
    for period in [HOUR, 10 * MINUTE, 7 * MINUTE, 24 * HOUR, MINUTE] {
        at.start(vec![every(period, CatchUp::One)]);
        let ticked = at.tick();
        assert!(ticked.missed.is_empty() && ticked.made.len() <= 1, "{period}: {ticked:?}");
        at.work();
    }
    assert_eq!(at.schedule().missed, 0);
    at.start(Vec::new());
    assert!(at.tick().next_in.is_none());
}

/// Makes as many tasks as may wait, of a queue with one statement.
#[derive(Clone)]
struct Fill {
    state: &'static str,
    n: i64,
}

impl Operation for Fill {
    type Reply = ();
    const NAME: &'static str = "fill";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        let now = tx.now().await?;
        let finished = if self.state == "completed" { "?1 - 1000000 + n" } else { "NULL" };
        let sql = format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
             INSERT INTO task(kind, queue, priority, args, summary, request_id, on_loss, max_failures,
                 run_after, created_at, actor, state, finished_at)
             SELECT 'scan', 'cpu', n % 7, '{{}}', 'scans', 'filled ' || n, 'requeue', 3, ?1, ?1, 'ann', ?3,
                 {finished}
             FROM numbers"
        );
        tx.query(&sql, &[now.into(), self.n.into(), self.state.into()]).await.map(drop)
    }
}

#[test]
fn a_full_queue_refuses_what_is_new_and_nothing_else() {
    let at = At::new();
    at.ask(NewTask { priority: -9, ..keyed("k") });
    let running = at.claim(1).remove(0);
    at.run(Fill { state: "enqueued", n: MAX_WAITING });
    let refused = at.try_run(Enqueue(new()));
    assert!(
        matches!(&refused, Err(Error::Refused(reason)) if reason.contains("`cpu`")),
        "{refused:?}"
    );
    let merged = at.ask(keyed("k"));
    assert_eq!((merged.id, merged.is_new), (running.id, false));
    at.start(vec![every(HOUR, CatchUp::One)]);
    assert_eq!(at.tick().made.len(), 1, "a schedule makes its task");
    let end = Finish { then: vec![new()], ..finish(&running, End::Completed { result: None }) };
    let Finished::Accepted { followed_by, .. } = at.run(end) else { panic!("it is held") };
    assert_eq!(followed_by.len(), 2, "the follow-up, and what is next");
}

#[test]
fn who_asks_again_and_again_for_what_waits_is_noted_once() {
    let at = At::new();
    let by = |actor: &str| NewTask { actor: actor.into(), ..keyed("k") };
    let id = at.ask(by("ann")).id;
    let ask_often = || (0..9).for_each(|n| assert_eq!(at.ask(by(["tree", "bob"][n % 2])).id, id));
    let noted = || {
        let events = at.run(Events { task: id, after: 0, limit: 100 });
        let shown = events.iter().map(|event| format!("{} {}", event.what, event.actor));
        shown.collect::<Vec<_>>().join(", ")
    };
    ask_often();
    assert_eq!(noted(), "enqueued ann, merged tree, merged bob");
    at.ask(NewTask { request_id: Some("r".into()), ..by("bob") });
    assert_eq!(noted(), "enqueued ann, merged tree, merged bob, merged bob");
    // Another run is something else to be promised.
    let running = at.claim(1).remove(0);
    ask_often();
    let ends = noted();
    assert!(ends.ends_with(", merged bob, claimed a, merged tree, merged bob"), "{ends}");
    assert!(at.task(running.id).rerun);
}

/// The plans of the statements of an operation on tasks: what SQLite says about how it will run them.
#[derive(Clone)]
struct Plans<O>(O);

struct Planned<'t, T> {
    tx: &'t mut T,
    plans: Vec<String>,
}

impl<O: Operation> Operation for Plans<O> {
    type Reply = Vec<String>;
    const NAME: &'static str = "plans";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<String>, Error> {
        let mut planned = Planned { tx, plans: Vec::new() };
        self.0.run(&mut planned).await?;
        Ok(planned.plans)
    }
}

impl<T: Transaction> Transaction for Planned<'_, T> {
    fn dialect(&self) -> store::operation::Dialect {
        self.tx.dialect()
    }

    async fn now(&mut self) -> Result<Timestamp, Error> {
        self.tx.now().await
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let plan = self.tx.query(&format!("EXPLAIN QUERY PLAN {sql}"), parameters).await?;
        for row in &plan {
            self.plans.push(row.text(3)?);
        }
        self.tx.query(sql, parameters).await
    }
}

#[test]
fn statements_find_their_rows_by_an_index_however_many_there_are() {
    let at = At::new();
    at.run(Fill { state: "enqueued", n: 50_000 });
    at.start(vec![every(HOUR, CatchUp::One)]);
    let mut all = Vec::new();
    let enqueue = at.run(Plans(Enqueue(keyed("k"))));
    let claimed = at.run(Plans(claim(3)));
    assert!(claimed.iter().any(|plan| plan.contains("task_ready (queue=?")), "{claimed:#?}");
    let running = at.run(Running);
    all.extend(enqueue.into_iter().chain(claimed));
    let task = at.task(running[0].id);
    all.extend(at.run(Plans(finish(&task, End::Completed { result: None }))));
    all.extend(at.run(Plans(Reap { seen: running[1].clone(), by: "b".into(), hung: None })));
    let cancel = Cancel { id: running[2].id, actor: "ann".into(), reason: String::new() };
    all.extend(at.run(Plans(cancel)));
    all.extend(at.run(Plans(Tick)));
    all.extend(at.run(Plans(Running)));
    all.extend(at.run(Plans(ReadOverview)));
    all.extend(at.run(Plans(start("2", Vec::new()))));
    let renew = Renew { node: "a".into(), boot: "2".into(), tasks: Vec::new() };
    all.extend(at.run(Plans(renew)));
    for plan in &all {
        let reads_all = plan.starts_with("SCAN task") && !plan.contains("INDEX task_running");
        assert!(!reads_all && !plan.contains("ORDER BY"), "{plan}, of {all:#?}");
    }
}

#[test]
fn what_is_purged_is_found_in_order_and_not_by_comparing_all_with_all() {
    let mut at = At::new();
    at.run(Fill { state: "completed", n: 50_000 });
    at.pass(1);
    let purge = Purge { kind: Some("scan".into()), except: Vec::new(), keep: 0, limit: 500 };
    let plans = at.run(Plans(purge));
    for wanted in
        ["task_finished (kind=? AND finished_at<?)", "task_finished (kind=? AND finished_at>?)"]
    {
        assert!(plans.iter().any(|plan| plan.contains(wanted)), "{plans:#?}");
    }
    assert!(
        !plans.iter().any(|plan| plan.contains("ORDER BY") || plan == "SCAN task"),
        "{plans:#?}"
    );
}

#[test]
fn a_run_that_was_promised_follows_a_task_that_is_cancelled_while_it_waits_for_its_retry() {
    let at = At::new();
    let id = at.ask(keyed("k")).id;
    let running = at.claim(1).remove(0);
    assert_eq!(at.ask(keyed("k")).id, id);
    let (code, error) = (String::new(), String::new());
    at.run(finish(&running, End::Failed { code, error, retry_after: Some(HOUR) }));
    let cancel = Cancel { id, actor: "ann".into(), reason: String::new() };
    assert_eq!(at.run(cancel.clone()), Cancelled::AtOnce);
    let next = at.claim(1).remove(0);
    assert_eq!((next.parent, next.unique_key.as_deref()), (Some(id), Some("k")));
    // Nothing follows from asking twice, nor from a task that nobody asked for again.
    assert_eq!(at.run(cancel), Cancelled::Ended(State::Cancelled));
    assert_eq!(at.work(), 0);
}

//! Runs a history on the model and on a store, and compares all that can be seen after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use store::operation::{Row, Value};
use store::operations::read::{List, ReadOverview};
use store::record::{Attempt, ClaimNumber, NewTask, OnLoss, TaskId, Timestamp, What};
use store::{Error, Operation, Store, Transaction};

use crate::history::{Step, World};
use crate::invariants::Promises;
use crate::lens::Through;
use crate::model::Model;
use crate::mutant::Mutant;
use crate::op::{Op, Reply, map_task};

/// A step of a store that is not what it should be.
#[derive(Debug)]
pub struct Difference {
    /// Which step.
    pub at: usize,
    /// What was done.
    pub op: Op,
    /// The time of the clock.
    pub now: Timestamp,
    /// What is different, or which invariant does not hold.
    pub reason: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, op, now, reason } = self;
        write!(f, "step {at} at {}, {op:?}: {reason}", now.0)
    }
}

/// Runs a history on a store, which is emptied for it.
///
/// # Panics
///
/// If the store cannot be emptied.
pub async fn check(
    store: &Store,
    steps: &[Step],
    mutant: Option<Mutant>,
) -> Result<(), Box<Difference>> {
    run(store, Wipe, Timestamp(0), None).await.expect("a store can be emptied");
    let mut driver = Driver { store, mutant, ids: BTreeMap::new(), promises: Promises::default() };
    let mut world = World::default();
    let mut before = Model::default();
    for (at, step) in steps.iter().enumerate() {
        let Some(op) = world.concrete(step) else { continue };
        let outcome = driver.step(&mut world.model, world.now, &op, &before).await;
        let now = world.now;
        before = outcome.map_err(|reason| Box::new(Difference { at, op, now, reason }))?;
    }
    Ok(())
}

struct Driver<'s> {
    store: &'s Store,
    mutant: Option<Mutant>,
    /// Numbers of the model for those of the store, which may leave some out.
    ids: BTreeMap<TaskId, TaskId>,
    promises: Promises,
}

impl Driver<'_> {
    async fn step(
        &mut self,
        model: &mut Model,
        now: Timestamp,
        op: &Op,
        before: &Model,
    ) -> Result<Model, String> {
        let expected = model.step(now, op);
        let to_store: BTreeMap<_, _> =
            self.ids.iter().map(|(store, model)| (*model, *store)).collect();
        // A number that was never given stays so in a store that leaves some out.
        let unknown = |id: TaskId| TaskId(id.0 + 1_000_000_000);
        let there = |id: TaskId| to_store.get(&id).copied().unwrap_or_else(|| unknown(id));
        let got = self.run(op.clone().map_ids(&there), now).await;
        let mut seen = self.read(model).await?;
        seen.highest = model.highest;
        let back = |id: TaskId| self.ids.get(&id).copied().unwrap_or(id);
        let got = got.map(|reply| reply.map_ids(&back));
        self.promises.check(before, (op, got.as_ref().ok()), &seen)?;
        if matches!(op, Op::Purge(_)) {
            self.promises.forget_slots();
        }
        match (&expected, &got) {
            (Ok(expected), Ok(got)) if expected == got => {}
            (Err(Error::Refused(_)), Err(Error::Refused(_))) => {}
            _ => return Err(format!("replied {got:?} instead of {expected:?}")),
        }
        differences(model, &seen)?;
        Ok(seen)
    }

    async fn run(&self, op: Op, now: Timestamp) -> Result<Reply, Error> {
        let (store, mutant) = (self.store, self.mutant);
        Ok(match op {
            Op::Enqueue(op) => Reply::Enqueued(run(store, op, now, mutant).await?),
            Op::Claim(op) => Reply::Claimed(run(store, op, now, mutant).await?),
            Op::Renew(op) => Reply::Renewed(run(store, op, now, mutant).await?),
            Op::CheckFence(op) => Reply::Held(run(store, op, now, mutant).await?),
            Op::Finish(op) => Reply::Finished(run(store, op, now, mutant).await?),
            Op::Reap(op) => Reply::Reaped(run(store, op, now, mutant).await?),
            Op::GiveBack(op) => Reply::GivenBack(run(store, op, now, mutant).await?),
            Op::Cancel(op) => Reply::Cancelled(run(store, op, now, mutant).await?),
            Op::Retry(op) => Reply::Retried(run(store, op, now, mutant).await?),
            Op::Comment(op) => Reply::Found(run(store, op, now, mutant).await?),
            Op::Find(op) => Reply::Found(run(store, op, now, mutant).await?),
            Op::Pause(op) => Reply::Is(run(store, op, now, mutant).await?),
            Op::Resume(op) => Reply::Is(run(store, op, now, mutant).await?),
            Op::StartNode(op) => Reply::Started(run(store, op, now, mutant).await?),
            Op::StopNode(op) => Reply::Stopped(run(store, op, now, mutant).await?),
            Op::Tick(op) => Reply::Ticked(run(store, op, now, mutant).await?),
            Op::Purge(op) => Reply::Purged(run(store, op, now, mutant).await?),
            Op::PurgeNodes(op) => Reply::NodesPurged(run(store, op, now, mutant).await?),
        })
    }

    /// All that can be seen of the store, in the numbers of the model. New tasks get the numbers that are
    /// new there, in order.
    async fn read(&mut self, model: &Model) -> Result<Model, String> {
        let say = |error: Error| format!("the store cannot be read: {error}");
        let all = List { limit: 1_000, ..List::default() };
        let mut tasks = run(self.store, all, Timestamp(0), None).await.map_err(say)?;
        tasks.reverse();
        let known: BTreeSet<_> = self.ids.values().copied().collect();
        let new = model.tasks.keys().filter(|id| !known.contains(id)).copied();
        let mut new: Vec<_> = new.collect();
        new.reverse();
        for task in &tasks {
            let spare = TaskId(1_000_000 + task.id.0);
            self.ids.entry(task.id).or_insert_with(|| new.pop().unwrap_or(spare));
        }
        let rest = run(self.store, Rest, Timestamp(0), None).await.map_err(say)?;
        let back = |id: TaskId| self.ids.get(&id).copied().unwrap_or(id);
        let mut seen = Model::default();
        for mut task in tasks {
            map_task(&mut task, &back);
            seen.tasks.insert(task.id, task);
        }
        for mut attempt in rest.attempts {
            attempt.task = back(attempt.task);
            seen.attempts.insert((attempt.task, attempt.claim), attempt);
        }
        for (task, what, actor) in rest.events {
            let task = back(task);
            seen.events.entry(task).or_default().push(what);
            match what {
                What::Merged => drop(seen.askers.entry(task).or_default().insert(actor)),
                _ => drop(seen.askers.remove(&task)),
            }
        }
        seen.requests = rest.requests.into_iter().map(|(name, id)| (name, back(id))).collect();
        let overview = run(self.store, ReadOverview, Timestamp(0), None).await.map_err(say)?;
        for queue in overview.queues {
            let paused = queue.paused_at.map(|at| {
                (at, queue.paused_by.unwrap_or_default(), queue.reason.unwrap_or_default())
            });
            seen.queues.insert(queue.name, (queue.max_running, paused));
        }
        seen.nodes = overview.nodes.into_iter().map(|node| (node.id.clone(), node)).collect();
        for schedule in overview.schedules {
            let task = rest.schedules.get(&schedule.id).ok_or("a schedule has no task")?.clone();
            seen.schedules.insert(schedule.id.clone(), (schedule, task));
        }
        Ok(seen)
    }
}

async fn run<O: Operation>(
    store: &Store,
    operation: O,
    now: Timestamp,
    mutant: Option<Mutant>,
) -> Result<O::Reply, Error> {
    store.run(Through { operation, now, mutant }).await
}

/// Says where two states differ.
fn differences(expected: &Model, seen: &Model) -> Result<(), String> {
    if expected == seen {
        return Ok(());
    }
    same("tasks", &expected.tasks, &seen.tasks)?;
    same("events", &expected.events, &seen.events)?;
    same("askers", &expected.askers, &seen.askers)?;
    same("requests", &expected.requests, &seen.requests)?;
    same("attempts", &expected.attempts, &seen.attempts)?;
    same("queues", &expected.queues, &seen.queues)?;
    same("nodes", &expected.nodes, &seen.nodes)?;
    same("schedules", &expected.schedules, &seen.schedules)?;
    Err("the states differ".to_owned())
}

fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &BTreeMap<K, V>,
    seen: &BTreeMap<K, V>,
) -> Result<(), String> {
    for key in expected.keys().chain(seen.keys()) {
        let (expected, seen) = (expected.get(key), seen.get(key));
        if expected != seen {
            return Err(format!("{what} {key:?}: there is {seen:#?} instead of {expected:#?}"));
        }
    }
    Ok(())
}

/// Empties a store.
#[derive(Clone, Debug)]
pub struct Wipe;

impl Operation for Wipe {
    type Reply = ();
    const NAME: &'static str = "wipe";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        for table in [
            "task_event",
            "task_attempt",
            "task_request",
            "task",
            "queue",
            "schedule_node",
            "node",
            "schedule",
        ] {
            tx.query(&format!("DELETE FROM {table}"), &[]).await?;
        }
        Ok(())
    }
}

/// What no other operation reads as a whole.
#[derive(Clone, Debug)]
struct Rest;

struct RestOfStore {
    attempts: Vec<Attempt>,
    events: Vec<(TaskId, What, String)>,
    requests: BTreeMap<String, TaskId>,
    schedules: BTreeMap<String, NewTask>,
}

impl Operation for Rest {
    type Reply = RestOfStore;
    const NAME: &'static str = "rest";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<RestOfStore, Error> {
        let sql =
            "SELECT task, claim, node, boot, started, ended, outcome, stages FROM task_attempt";
        let attempts = tx.query(sql, &[]).await?;
        let events = tx.query("SELECT task, what, actor FROM task_event ORDER BY id", &[]).await?;
        let requests = tx.query("SELECT request_id, task FROM task_request", &[]).await?;
        let request = |row: &Row| Ok((row.text(0)?, TaskId(row.int(1)?)));
        let sql =
            "SELECT id, kind, queue, priority, args, summary, unique_key, on_loss, max_failures, site
                   FROM schedule";
        let schedules = tx.query(sql, &[]).await?;
        let event = |row: &Row| Ok((TaskId(row.int(0)?), row.word(1, What::find)?, row.text(2)?));
        Ok(RestOfStore {
            attempts: attempts.iter().map(attempt).collect::<Result<_, _>>()?,
            events: events.iter().map(event).collect::<Result<_, Error>>()?,
            requests: requests.iter().map(request).collect::<Result<_, Error>>()?,
            schedules: schedules.iter().map(schedule).collect::<Result<_, _>>()?,
        })
    }
}

fn attempt(row: &Row) -> Result<Attempt, Error> {
    Ok(Attempt {
        task: TaskId(row.int(0)?),
        claim: ClaimNumber(row.int(1)?),
        node: row.text(2)?,
        boot: row.text(3)?,
        started: row.time(4)?,
        ended: row.time_or_null(5)?,
        outcome: match row.0.get(6) {
            Some(Value::Text(word)) => What::find(word),
            _ => None,
        },
        stages: row.text_or_null(7)?,
    })
}

fn schedule(row: &Row) -> Result<(String, NewTask), Error> {
    let task = NewTask {
        site: row.text_or_null(9)?,
        kind: row.text(1)?,
        queue: row.text(2)?,
        priority: row.int(3)?,
        args: row.text(4)?,
        summary: row.text(5)?,
        unique_key: row.text_or_null(6)?,
        request_id: None,
        on_loss: row.word(7, OnLoss::find)?,
        max_failures: row.int(8)?,
        delay: 0,
        actor: String::new(),
        parent: None,
    };
    Ok((row.text(0)?, task))
}

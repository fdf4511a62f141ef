//! The specification of the store: every operation as a step on maps.
//!
//! It is written to be read, not to be fast, and shares nothing with the statements of the store but the
//! types of rows.

use std::collections::{BTreeMap, BTreeSet};

use store::Error;
use store::operations::claim::{Claim, SET_BACK};
use store::operations::enqueue::{Enqueued, MAX_REQUESTS, MAX_WAITING};
use store::operations::node::{IS_LIVE, StartNode, Started};
use store::operations::people::{Cancelled, Pausable, Retried};
use store::operations::purge::Purge;
use store::operations::read::Found;
use store::operations::renew::{Kept, Renew, Renewed};
use store::operations::tick::{MAX_LATE, Ticked};
use store::record::{
    Attempt, CatchUp, ClaimNumber, NewTask, Node, Schedule, State, Task, TaskId, Timestamp, What,
    bounded, bounds, slot_of,
};

use crate::op::{Op, Reply};

/// All that can be seen of a store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Model {
    /// Tasks.
    pub tasks: BTreeMap<TaskId, Task>,
    /// What has happened to them, in order.
    pub events: BTreeMap<TaskId, Vec<What>>,
    /// Who has asked for them again since anything else has happened to them.
    pub askers: BTreeMap<TaskId, BTreeSet<String>>,
    /// Names of requests that were merged into tasks.
    pub requests: BTreeMap<String, TaskId>,
    /// Attempts.
    pub attempts: BTreeMap<(TaskId, ClaimNumber), Attempt>,
    /// Queues: budget; when, by whom and why they are paused.
    pub queues: BTreeMap<String, (i64, Option<Paused>)>,
    /// Nodes.
    pub nodes: BTreeMap<String, Node>,
    /// Schedules, and the tasks that they make.
    pub schedules: BTreeMap<String, (Schedule, NewTask)>,
    /// The highest number that was given.
    pub highest: i64,
}

/// When, by whom and why something is paused.
pub type Paused = (Timestamp, String, String);

impl Model {
    /// What an operation does at a time of the clock, and what it returns. A refused one changes nothing.
    pub fn step(&mut self, now: Timestamp, op: &Op) -> Result<Reply, Error> {
        let mut next = self.clone();
        let reply = next.apply(now, op)?;
        *self = next;
        Ok(reply)
    }

    pub(crate) fn apply(&mut self, now: Timestamp, op: &Op) -> Result<Reply, Error> {
        Ok(match op {
            Op::Enqueue(op) => Reply::Enqueued(self.enqueue(now, &op.0, None, true)?),
            Op::Claim(op) => Reply::Claimed(self.claim(now, op)),
            Op::Renew(op) => Reply::Renewed(self.renew(now, op)),
            Op::CheckFence(op) => {
                let held = self.held(op.id, op.claim, &op.boot);
                Reply::Held(held.map(|task| task.beat += 1).is_some())
            }
            Op::Finish(op) => Reply::Finished(self.finish(now, op)?),
            Op::Reap(op) => Reply::Reaped(self.lose(now, &op.seen, "no heartbeat")?),
            Op::GiveBack(op) => Reply::GivenBack(self.give_back(now, op)?),
            Op::Cancel(op) => Reply::Cancelled(self.cancel(now, op.id, &op.actor)?),
            Op::Retry(op) => Reply::Retried(match self.find(op.id) {
                Found::Task(task) if task.state.is_terminal() => {
                    let request_id = op.request_id.clone();
                    let actor = op.actor.clone();
                    let again = NewTask { request_id, actor, ..again(&task) };
                    let is_repeated = self.find_request(&again).is_some();
                    let enqueued = self.enqueue(now, &again, None, true)?;
                    if !is_repeated {
                        self.happened(op.id, What::FollowUp);
                    }
                    Retried::Enqueued(enqueued)
                }
                Found::Task(task) => Retried::NotEnded(task.state),
                Found::Purged => Retried::Purged,
                Found::Unknown => Retried::Unknown,
            }),
            Op::Comment(op) => {
                let found = self.find(op.id);
                if let Found::Task(_) = &found {
                    self.happened(op.id, What::Comment);
                }
                Reply::Found(found)
            }
            Op::Find(op) => Reply::Found(self.find(op.0)),
            Op::Pause(op) => {
                let paused = (now, op.actor.clone(), op.reason.clone());
                Reply::Is(self.set_paused(op.what, &op.name, Some(paused)))
            }
            Op::Resume(op) => Reply::Is(self.set_paused(op.what, &op.name, None)),
            Op::StartNode(op) => Reply::Started(self.start(now, op)?),
            Op::StopNode(op) => {
                if let Some(node) = self.nodes.get_mut(&op.node).filter(|node| node.boot == op.boot)
                {
                    (node.stopping, node.seen_at) = (true, now);
                }
                Reply::Stopped(())
            }
            Op::Tick(_) => Reply::Ticked(self.tick(now)?),
            Op::Purge(op) => Reply::Purged(self.purge(now, op)),
            Op::PurgeNodes(op) => {
                let runs = |id: &String| self.running().any(|task| task.node.as_ref() == Some(id));
                let gone = self.nodes.values().filter(|node| node.seen_at < now.plus(-op.0));
                let gone: Vec<_> =
                    gone.map(|node| node.id.clone()).filter(|id| !runs(id)).collect();
                self.nodes.retain(|id, _| !gone.contains(id));
                for (row, _) in self.schedules.values_mut() {
                    row.nodes.retain(|node| !gone.contains(node));
                }
                if !gone.is_empty() {
                    self.schedules.retain(|_, (row, _)| !row.nodes.is_empty());
                }
                Reply::NodesPurged(gone)
            }
        })
    }

    /// The tasks that run.
    pub fn running(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().filter(|task| task.state == State::Running)
    }

    pub(crate) fn happened(&mut self, id: TaskId, what: What) {
        self.events.entry(id).or_default().push(what);
        self.askers.remove(&id);
    }

    fn find(&self, id: TaskId) -> Found {
        match self.tasks.get(&id) {
            Some(task) => Found::Task(Box::new(task.clone())),
            None if (1..=self.highest).contains(&id.0) => Found::Purged,
            None => Found::Unknown,
        }
    }

    /// A task that is held under this claim by this process.
    pub(crate) fn held(&mut self, id: TaskId, claim: ClaimNumber, boot: &str) -> Option<&mut Task> {
        let task = self.tasks.get_mut(&id)?;
        let is_held = task.state == State::Running
            && task.claim == claim
            && task.boot.as_deref() == Some(boot);
        is_held.then_some(task)
    }

    /// The task that was made for a request before, or that it was merged into.
    fn find_request(&self, new: &NewTask) -> Option<&Task> {
        let request = new.request_id.as_ref()?;
        let merged = self.requests.get(request);
        let is_of = |task: &&Task| merged == Some(&task.id) || *request == task.request_id;
        self.tasks.values().find(is_of)
    }

    /// Accepts a task. What the store asks for itself is not refused for want of room.
    pub(crate) fn enqueue(
        &mut self,
        now: Timestamp,
        new: &NewTask,
        slot: Option<(&str, Timestamp)>,
        is_bounded: bool,
    ) -> Result<Enqueued, Error> {
        let names = [
            Some(&new.kind),
            Some(&new.queue),
            new.site.as_ref(),
            new.unique_key.as_ref(),
            new.request_id.as_ref(),
        ];
        let is_bad = |name: &String| name.len() > bounds::LINE || name.contains('\0');
        if new.args.len() > bounds::ARGS
            || new.args.contains('\0')
            || new.request_id.as_deref() == Some("")
            || names.into_iter().flatten().any(is_bad)
        {
            return Err(Error::Refused(String::new()));
        }
        if let Some(Task { id, state, .. }) = self.find_request(new) {
            return Ok(Enqueued { id: *id, state: *state, is_new: false });
        }
        let (priority, run_after) =
            (bounds::priority(new.priority), now.plus(bounds::delay(new.delay)));
        let mut tasks = self.tasks.values_mut();
        let same = |task: &&mut Task| {
            new.unique_key.is_some()
                && task.unique_key == new.unique_key
                && !task.state.is_terminal()
        };
        if let Some(task) = tasks.find(same) {
            task.rerun |= task.state == State::Running;
            task.priority = task.priority.min(priority);
            if task.state == State::Enqueued {
                task.run_after = task.run_after.min(run_after);
            }
            let (id, state) = (task.id, task.state);
            if let Some(request) = &new.request_id {
                let of_task = self.requests.values().filter(|task| **task == id);
                if of_task.count() as i64 >= MAX_REQUESTS {
                    return Err(Error::Refused(String::new()));
                }
                self.requests.insert(request.clone(), id);
            }
            let is_noted =
                !self.askers.entry(id).or_default().insert(bounded(&new.actor, bounds::LINE));
            if new.request_id.is_some() || !is_noted {
                self.events.entry(id).or_default().push(What::Merged);
            }
            return Ok(Enqueued { id, state, is_new: false });
        }
        let waits = |task: &&Task| task.state == State::Enqueued && task.queue == new.queue;
        if is_bounded && self.tasks.values().filter(waits).count() as i64 >= MAX_WAITING {
            return Err(Error::Refused(String::new()));
        }
        self.highest += 1;
        let id = TaskId(self.highest);
        let task = Task {
            id,
            kind: new.kind.clone(),
            queue: new.queue.clone(),
            state: State::Enqueued,
            priority,
            args: new.args.clone(),
            summary: bounded(&new.summary, bounds::LINE),
            site: new.site.clone(),
            unique_key: new.unique_key.clone(),
            request_id: new.request_id.clone().unwrap_or_default(),
            rerun: false,
            on_loss: new.on_loss,
            failures: 0,
            max_failures: new.max_failures.max(1),
            run_after,
            created_at: now,
            actor: bounded(&new.actor, bounds::LINE),
            parent: new.parent,
            schedule: slot.map(|(schedule, _)| schedule.to_owned()),
            slot: slot.map(|(_, slot)| slot),
            claim: ClaimNumber(0),
            node: None,
            boot: None,
            beat: 0,
            beat_at: None,
            started_at: None,
            stage: None,
            done: None,
            total: None,
            cancel_at: None,
            cancel_by: None,
            finished_at: None,
            error_code: None,
            error: None,
            result: None,
        };
        self.tasks.insert(id, task);
        self.happened(id, What::Enqueued);
        Ok(Enqueued { id, state: State::Enqueued, is_new: true })
    }

    fn claim(&mut self, now: Timestamp, op: &Claim) -> Vec<Task> {
        let node = self.nodes.get(&op.node);
        if !node.is_some_and(|node| node.boot == op.boot && !node.stopping) {
            return Vec::new();
        }
        let mut claimed = Vec::new();
        for (name, (max_running, paused)) in &self.queues {
            let Some((_, own)) = op.room.iter().find(|(queue, _)| queue == name) else { continue };
            let running = self.tasks.values().filter(|task| task.state == State::Running);
            let running = running.filter(|task| task.queue == *name).count();
            let free = usize::try_from(*max_running).unwrap().saturating_sub(running).min(*own);
            if paused.is_some() || free == 0 {
                continue;
            }
            let may_run = |task: &&Task| {
                task.queue == *name
                    && task.state == State::Enqueued
                    && (task.run_after <= now
                        || task.beat_at.unwrap_or(task.created_at).0 > now.0 + SET_BACK)
                    && op.kinds.contains(&task.kind)
                    && (op.site.is_none() || task.site.is_none() || task.site == op.site)
            };
            let mut ready: Vec<_> = self.tasks.values().filter(may_run).collect();
            ready.sort_by_key(|task| (task.priority * 600_000 + task.run_after.0, task.id));
            claimed.extend(ready.into_iter().take(free).map(|task| task.id));
        }
        for id in &claimed {
            let task = self.tasks.get_mut(id).unwrap();
            task.state = State::Running;
            task.claim.0 += 1;
            (task.node, task.boot) = (Some(op.node.clone()), Some(op.boot.clone()));
            (task.beat, task.beat_at, task.started_at) = (0, Some(now), Some(now));
            task.rerun = false;
            (task.stage, task.done, task.total) = (None, None, None);
            let attempt = Attempt {
                task: *id,
                claim: task.claim,
                node: op.node.clone(),
                boot: op.boot.clone(),
                started: now,
                ended: None,
                outcome: None,
                stages: None,
            };
            self.attempts.insert((*id, task.claim), attempt);
            self.happened(*id, What::Claimed);
        }
        claimed.iter().map(|id| self.tasks[id].clone()).collect()
    }

    fn renew(&mut self, now: Timestamp, op: &Renew) -> Renewed {
        let node = self.nodes.get_mut(&op.node).filter(|node| node.boot == op.boot);
        let is_current = node.map(|node| node.seen_at = now).is_some();
        let mut tasks: Vec<_> = op.tasks.iter().collect();
        tasks.sort_by_key(|task| task.id);
        let mut kept = Vec::new();
        for progress in tasks {
            let Some(task) = self.held(progress.id, progress.claim, &op.boot) else { continue };
            task.beat += 1;
            task.beat_at = Some(now);
            task.stage = progress.stage.as_deref().map(|stage| bounded(stage, bounds::LINE));
            (task.done, task.total) = (progress.done, progress.total);
            let cancelled_by = task.cancel_by.clone();
            kept.push(Kept { id: task.id, claim: task.claim, cancelled_by });
        }
        Renewed { is_current, kept }
    }

    fn cancel(&mut self, now: Timestamp, id: TaskId, actor: &str) -> Result<Cancelled, Error> {
        let Some(task) = self.tasks.get_mut(&id) else {
            return Ok(match self.find(id) {
                Found::Purged => Cancelled::Purged,
                _ => Cancelled::Unknown,
            });
        };
        if task.state.is_terminal() {
            return Ok(Cancelled::Ended(task.state));
        }
        if task.cancel_at.is_some() {
            return Ok(Cancelled::AlreadyAsked);
        }
        (task.cancel_at, task.cancel_by) = (Some(now), Some(bounded(actor, bounds::LINE)));
        if task.state == State::Running {
            self.happened(id, What::CancelAsked);
            return Ok(Cancelled::Asked);
        }
        (task.state, task.finished_at) = (State::Cancelled, Some(now));
        self.happened(id, What::Cancelled);
        self.after_end(now, id)?;
        Ok(Cancelled::AtOnce)
    }

    fn set_paused(&mut self, what: Pausable, name: &str, to: Option<Paused>) -> bool {
        match what {
            Pausable::Queue => self.queues.get_mut(name).map(|(_, paused)| *paused = to).is_some(),
            Pausable::Schedule => {
                let Some((schedule, _)) = self.schedules.get_mut(name) else { return false };
                schedule.paused_at = to.as_ref().map(|(at, _, _)| *at);
                schedule.paused_by = to.as_ref().map(|(_, by, _)| by.clone());
                schedule.reason = to.map(|(_, _, reason)| reason);
                true
            }
        }
    }

    fn start(&mut self, now: Timestamp, op: &StartNode) -> Result<Started, Error> {
        let has_others = |node: &Node| {
            node.id != op.node
                && node.site == op.site
                && node.files != op.files
                && !node.stopping
                && node.seen_at > now.plus(-IS_LIVE)
        };
        if op.site.is_some() && self.nodes.values().any(has_others) {
            return Err(Error::Refused(String::new()));
        }
        let node = Node {
            site: op.site.clone(),
            files: op.files.clone(),
            id: op.node.clone(),
            boot: op.boot.clone(),
            version: op.version.clone(),
            kinds: op.kinds.clone(),
            started_at: now,
            seen_at: now,
            stopping: false,
        };
        self.nodes.insert(op.node.clone(), node);
        for (name, max_running) in &op.queues {
            self.queues.entry(name.clone()).or_default().0 = *max_running;
        }
        for (row, _) in self.schedules.values_mut() {
            row.nodes.retain(|node| *node != op.node);
        }
        for new in &op.schedules {
            // The slot before the present one: what is new runs at once, and has missed nothing.
            let before = slot_of(now, new.period, new.phase).plus(-new.period);
            let (row, task) = self.schedules.entry(new.id.clone()).or_insert_with(|| {
                let row = Schedule {
                    site: None,
                    nodes: Vec::new(),
                    id: new.id.clone(),
                    kind: String::new(),
                    args: String::new(),
                    period: new.period,
                    phase: new.phase,
                    catch_up: new.catch_up,
                    last_slot: before,
                    missed: 0,
                    paused_at: None,
                    paused_by: None,
                    reason: None,
                    last_success: None,
                };
                (row, new.task.clone())
            });
            row.nodes.push(op.node.clone());
            row.nodes.sort();
            row.site = new.task.site.clone();
            if (row.period, row.phase) != (new.period, new.phase) {
                row.last_slot = row.last_slot.max(before);
            }
            (row.kind, row.args) = (new.task.kind.clone(), new.task.args.clone());
            (row.period, row.phase, row.catch_up) = (new.period, new.phase, new.catch_up);
            *task = new.task.clone();
        }
        self.schedules.retain(|_, (row, _)| !row.nodes.is_empty());
        let of_predecessor = |task: &&Task| {
            task.node.as_ref() == Some(&op.node) && task.boot.as_ref() != Some(&op.boot)
        };
        let found: Vec<_> =
            self.running().filter(of_predecessor).map(crate::ends::heartbeat).collect();
        for seen in &found {
            self.lose(now, seen, "a new process took over")?;
        }
        Ok(Started { lost: found.len() })
    }

    fn tick(&mut self, now: Timestamp) -> Result<Ticked, Error> {
        let mut ticked = Ticked::default();
        for id in self.schedules.keys().cloned().collect::<Vec<_>>() {
            let (row, task) = self.schedules.get_mut(&id).unwrap();
            let slot = slot_of(now, row.period, row.phase);
            let next_in = slot.0 + row.period - now.0;
            ticked.next_in = Some(ticked.next_in.unwrap_or(i64::MAX).min(next_in));
            let ahead = row.last_slot.0 - slot.0;
            let is_from_future = ahead > 2 * row.period;
            if ahead >= 0 && !is_from_future {
                continue;
            }
            let (n_passed, is_paused) =
                ((-ahead + row.period - 1) / row.period, row.paused_at.is_some());
            let is_late = row.catch_up == CatchUp::None && now.since(slot) > MAX_LATE;
            let missed = match () {
                () if is_paused || is_from_future => 0,
                () if is_late => n_passed,
                () => n_passed - 1,
            };
            row.last_slot = slot;
            row.missed += missed;
            if missed > 0 {
                ticked.missed.push((id.clone(), missed));
            }
            let task = NewTask {
                unique_key: task.unique_key.clone().or(Some(format!("schedule:{id}"))),
                actor: format!("schedule {id}"),
                ..task.clone()
            };
            let of_slot =
                |task: &Task| task.schedule.as_ref() == Some(&id) && task.slot == Some(slot);
            if !is_paused && !is_late && !self.tasks.values().any(of_slot) {
                let made = self.enqueue(now, &task, Some((&id, slot)), false)?;
                ticked.made.push((id, made));
            }
        }
        Ok(ticked)
    }

    fn purge(&mut self, now: Timestamp, op: &Purge) -> i64 {
        let before = now.plus(-op.keep.max(0));
        let is_latest = |task: &Task| {
            let alike = |other: &&Task| {
                (&other.kind, &other.schedule, other.state)
                    == (&task.kind, &task.schedule, task.state)
            };
            let same = self.tasks.values().filter(alike);
            same.map(|other| (other.finished_at, other.id)).max()
                == Some((task.finished_at, task.id))
        };
        let is_old = |task: &&Task| {
            task.finished_at.is_some_and(|at| at < before)
                && op
                    .kind
                    .as_ref()
                    .map_or(!op.except.contains(&task.kind), |kind| task.kind == *kind)
                && !is_latest(task)
        };
        let mut old: Vec<_> = self.tasks.values().filter(is_old).collect();
        old.sort_by_key(|task| (task.finished_at, task.id));
        let gone: Vec<_> =
            old.iter().take(usize::try_from(op.limit).unwrap()).map(|task| task.id).collect();
        self.tasks.retain(|id, _| !gone.contains(id));
        self.events.retain(|id, _| !gone.contains(id));
        self.askers.retain(|id, _| !gone.contains(id));
        self.requests.retain(|_, id| !gone.contains(id));
        self.attempts.retain(|(id, _), _| !gone.contains(id));
        i64::try_from(gone.len()).unwrap()
    }
}

/// What runs a task once more.
pub(crate) fn again(task: &Task) -> NewTask {
    NewTask {
        site: task.site.clone(),
        kind: task.kind.clone(),
        queue: task.queue.clone(),
        priority: task.priority,
        args: task.args.clone(),
        summary: task.summary.clone(),
        unique_key: task.unique_key.clone(),
        request_id: None,
        on_loss: task.on_loss,
        max_failures: task.max_failures,
        delay: 0,
        actor: task.actor.clone(),
        parent: Some(task.id),
    }
}

//! What no step may break: the invariants of a store, of the model and of a real one alike.

use std::collections::BTreeSet;

use store::operations::enqueue::Enqueued;
use store::operations::finish::Finished;
use store::operations::people::{Cancelled, Retried};
use store::record::{State, TaskId, Timestamp};

use crate::model::Model;
use crate::op::{Op, Reply};

/// What must be remembered beyond what can be seen: rows are purged, promises stay.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Promises {
    /// Slots that have made a task.
    slots: BTreeSet<(String, Timestamp)>,
}

impl Promises {
    /// Checks a step that led from `before` to `after`. The message names the invariant.
    pub fn check(
        &mut self,
        before: &Model,
        (op, reply): (&Op, Option<&Reply>),
        after: &Model,
    ) -> Result<(), String> {
        accepted_is_kept(before, (op, reply), after)?;
        claims_grow(before, op, after)?;
        ends_are_final(before, (op, reply), after)?;
        budgets_hold(before, after)?;
        keys_are_unique(after)?;
        requests_stand(before, after)?;
        sites_are_kept((op, reply))?;
        self.slots_make_one_task(before, after)?;
        cancels_are_kept(reply, after)?;
        reruns_follow(before, (op, reply), after)?;
        the_living_are_not_reaped(before, (op, reply))
    }

    fn slots_make_one_task(&mut self, before: &Model, after: &Model) -> Result<(), String> {
        for (id, task) in &after.tasks {
            let Some((schedule, slot)) = task.schedule.clone().zip(task.slot) else { continue };
            if !before.tasks.contains_key(id) && !self.slots.insert((schedule, slot)) {
                return Err(format!("I6: task {id} is the second one of its slot"));
            }
        }
        Ok(())
    }

    /// Forgets slots whose tasks may have been purged: a clock that is set back takes them again.
    pub fn forget_slots(&mut self) {
        self.slots.clear();
    }
}

/// I1: what was accepted is there until it is purged after its end.
fn accepted_is_kept(
    before: &Model,
    (op, reply): (&Op, Option<&Reply>),
    after: &Model,
) -> Result<(), String> {
    for (id, task) in &before.tasks {
        let may_go = matches!(op, Op::Purge(_)) && task.state.is_terminal();
        if !may_go && !after.tasks.contains_key(id) {
            return Err(format!("I1: task {id} was {} and is gone", task.state));
        }
    }
    let accepted: Vec<TaskId> = match reply {
        Some(Reply::Enqueued(made)) => vec![made.id],
        Some(Reply::Retried(Retried::Enqueued(made))) => vec![made.id],
        Some(Reply::Finished(Finished::Accepted { followed_by, .. })) => followed_by.clone(),
        Some(Reply::Ticked(ticked)) => ticked.made.iter().map(|(_, made)| made.id).collect(),
        _ => Vec::new(),
    };
    match accepted.iter().find(|id| !after.tasks.contains_key(id)) {
        Some(id) => Err(format!("I1: task {id} was accepted and is not there")),
        None => Ok(()),
    }
}

/// I2: a claim grows by one when a task is claimed, and never otherwise.
fn claims_grow(before: &Model, op: &Op, after: &Model) -> Result<(), String> {
    for (id, old) in &before.tasks {
        let Some(new) = after.tasks.get(id) else { continue };
        let begins = matches!(op, Op::Claim(_))
            && old.state == State::Enqueued
            && new.state == State::Running;
        if new.claim.0 != old.claim.0 + i64::from(begins) {
            let (old, new) = (old.claim.0, new.claim.0);
            return Err(format!("I2: the claim of task {id} went from {old} to {new}"));
        }
    }
    Ok(())
}

/// I3: of a claim, one end is accepted; I7: what has ended does not change.
fn ends_are_final(
    before: &Model,
    (op, reply): (&Op, Option<&Reply>),
    after: &Model,
) -> Result<(), String> {
    for (key, old) in &before.attempts {
        let new = after.attempts.get(key);
        if old.outcome.is_some() && new.is_some_and(|new| new != old) {
            return Err(format!("I3: attempt {key:?} ended {:?} and then again", old.outcome));
        }
    }
    if let (Op::Finish(finish), Some(Reply::Finished(Finished::Accepted { .. }))) = (op, reply) {
        let held = before.tasks.get(&finish.id).is_some_and(|task| {
            task.state == State::Running
                && task.claim == finish.claim
                && task.boot.as_ref() == Some(&finish.boot)
        });
        if !held {
            return Err(format!("I3: an end of task {} was accepted without its claim", finish.id));
        }
    }
    for (id, old) in &before.tasks {
        if old.state.is_terminal() && after.tasks.get(id).is_some_and(|new| new != old) {
            return Err(format!("I7: task {id} was {} and has changed", old.state));
        }
    }
    Ok(())
}

/// I4: no more tasks of a queue run than may, unless its budget was lowered while they did.
fn budgets_hold(before: &Model, after: &Model) -> Result<(), String> {
    for (name, (max_running, _)) in &after.queues {
        let count = |model: &Model| model.running().filter(|task| task.queue == *name).count();
        let (was, is) = (count(before), count(after));
        if is > was && is > usize::try_from(*max_running).unwrap_or(0) {
            return Err(format!("I4: {is} tasks of queue {name} run, {max_running} may"));
        }
    }
    Ok(())
}

/// I5: of a key, one task waits or runs.
fn keys_are_unique(after: &Model) -> Result<(), String> {
    let mut keys = BTreeSet::new();
    for task in after.tasks.values().filter(|task| !task.state.is_terminal()) {
        if task.unique_key.as_ref().is_some_and(|key| !keys.insert(key)) {
            return Err(format!("I5: task {} is not the only one of its key", task.id));
        }
    }
    Ok(())
}

/// I5: a request stands for one task, until that is purged.
fn requests_stand(before: &Model, after: &Model) -> Result<(), String> {
    for (request, id) in &before.requests {
        let now = after.requests.get(request);
        if now != Some(id) && after.tasks.contains_key(id) {
            return Err(format!("I5: `{request}` stood for task {id}, and for {now:?} now"));
        }
    }
    for task in after.tasks.values() {
        if after.requests.get(&task.request_id).is_some_and(|other| *other != task.id) {
            return Err(format!("I5: `{}` stands for two tasks", task.request_id));
        }
    }
    Ok(())
}

/// What is about the files of a site is run by its nodes only.
fn sites_are_kept((op, reply): (&Op, Option<&Reply>)) -> Result<(), String> {
    let (Op::Claim(claim), Some(Reply::Claimed(tasks))) = (op, reply) else { return Ok(()) };
    let is_strange = |task: &&store::record::Task| {
        claim.site.is_some() && task.site.is_some() && task.site != claim.site
    };
    match tasks.iter().find(is_strange) {
        Some(task) => Err(format!("task {} was given to a node of another site", task.id)),
        None => Ok(()),
    }
}

/// I8: what was cancelled ends cancelled.
fn cancels_are_kept(reply: Option<&Reply>, after: &Model) -> Result<(), String> {
    for task in after.tasks.values() {
        let is_asked = task.cancel_at.is_some();
        if is_asked && !matches!(task.state, State::Running | State::Cancelled) {
            return Err(format!("I8: task {} was to be cancelled, and is {}", task.id, task.state));
        }
    }
    match reply {
        Some(Reply::Cancelled(Cancelled::AtOnce | Cancelled::Asked | Cancelled::AlreadyAsked))
            if !after.tasks.values().any(|task| task.cancel_at.is_some()) =>
        {
            Err("I8: a cancel was promised and nothing is to be cancelled".to_owned())
        }
        _ => Ok(()),
    }
}

/// I9: who asks for a task while it runs gets another run.
fn reruns_follow(
    before: &Model,
    (op, reply): (&Op, Option<&Reply>),
    after: &Model,
) -> Result<(), String> {
    let asked = match (op, reply) {
        (Op::Enqueue(_), Some(Reply::Enqueued(Enqueued { id, state: State::Running, is_new }))) => {
            // A repetition of a request that is known says only how that one stands.
            let count = |model: &Model| model.events.get(id).map_or(0, Vec::len);
            (!is_new && count(after) > count(before)).then_some(id)
        }
        _ => None,
    };
    if let Some(id) = asked
        && !after.tasks.get(id).is_some_and(|task| task.rerun)
    {
        return Err(format!("I9: task {id} was asked for while it ran, and does not note it"));
    }
    let promised = |task: &&store::record::Task| task.rerun && !task.state.is_terminal();
    for old in before.tasks.values().filter(promised) {
        let follows = match after.tasks.get(&old.id) {
            // The next attempt begins after whatever was asked for.
            Some(new) if new.state == State::Running => new.rerun || old.state == State::Enqueued,
            Some(new) if new.state == State::Enqueued => true,
            _ => {
                let waits = |task: &store::record::Task| {
                    task.state == State::Enqueued && task.unique_key == old.unique_key
                };
                after.tasks.values().any(waits)
            }
        };
        if !follows {
            return Err(format!("I9: no run follows task {}", old.id));
        }
    }
    Ok(())
}

/// I12, as far as the store can keep it: a beat that has moved is not reaped.
fn the_living_are_not_reaped(
    before: &Model,
    (op, reply): (&Op, Option<&Reply>),
) -> Result<(), String> {
    if let (Op::Reap(reap), Some(Reply::Reaped(Some(_)))) = (op, reply) {
        let is_seen = before
            .tasks
            .get(&reap.seen.id)
            .is_some_and(|task| (task.claim, task.beat) == (reap.seen.claim, reap.seen.beat));
        if !is_seen {
            return Err(format!("I12: task {} was reaped although it had moved", reap.seen.id));
        }
    }
    Ok(())
}

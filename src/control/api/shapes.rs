//! The JSON of records.

use serde_json::{Value, json};
use store::operations::doctor::Fault;
use store::operations::read::Overview;
use store::record::{Attempt, Node, Queue, Schedule, Task, TaskEvent, TaskId, Timestamp, slot_of};
use tasks::kind::{Kind, Parameter, Values};

use super::time;

/// The longest arguments and results in a list, in bytes.
const MAX_IN_LIST: usize = 1_024;
/// How many of the next slots of a schedule are shown.
const N_SLOTS: i64 = 5;

pub(super) fn task(task: &Task) -> Value {
    json!({
        "id": task.id.0,
        "number": task.id.to_string(),
        "kind": task.kind,
        "queue": task.queue,
        "state": task.state.as_str(),
        "priority": task.priority,
        "args": parsed(&task.args),
        "summary": task.summary,
        "actor": task.actor,
        "created_at": time::text(task.created_at),
        "run_after": time::text(task.run_after),
        "started_at": time_or_null(task.started_at),
        "finished_at": time_or_null(task.finished_at),
        "node": task.node,
        "site": task.site,
        "claim": task.claim.0,
        "beat_at": time_or_null(task.beat_at),
        "stage": task.stage,
        "done": task.done,
        "total": task.total,
        "failures": task.failures,
        "max_failures": task.max_failures,
        "on_loss": task.on_loss.as_str(),
        "rerun": task.rerun,
        "unique_key": task.unique_key,
        "request_id": task.request_id,
        "parent": task.parent.map(|TaskId(id)| id),
        "schedule": task.schedule,
        "slot": time_or_null(task.slot),
        "cancel_at": time_or_null(task.cancel_at),
        "cancel_by": task.cancel_by,
        "error_code": task.error_code,
        "error": task.error,
        "result": task.result.as_deref().map(parsed),
    })
}

/// A task in a list. Long arguments and results are left out, and named in `left_out`; the task by itself has
/// them.
pub(super) fn task_in_list(full: &Task) -> Value {
    let is_long = |text: &str| text.len() > MAX_IN_LIST;
    let (args, result) = (is_long(&full.args), full.result.as_deref().is_some_and(is_long));
    if !args && !result {
        return task(full);
    }
    let mut short = full.clone();
    let mut left_out = Vec::new();
    if args {
        "null".clone_into(&mut short.args);
        left_out.push("args");
    }
    if result {
        short.result = None;
        left_out.push("result");
    }
    let mut value = task(&short);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("left_out".to_owned(), left_out.into());
    }
    value
}

/// What must not be in the store. A fault that begins with `task NUMBER` is one of this task.
pub(super) fn finding(fault: &Fault) -> Value {
    let Fault { invariant, message } = fault;
    let number = message.strip_prefix("task ").and_then(|rest| rest.split([' ', ',', ':']).next());
    let task: Option<i64> = number.and_then(|number| number.replace('-', "").parse().ok());
    json!({"invariant": invariant.as_str(), "message": message, "task": task})
}

pub(super) fn event(event: &TaskEvent) -> Value {
    json!({
        "id": event.id,
        "task": event.task.0,
        "at": time::text(event.at),
        "actor": event.actor,
        "what": event.what.as_str(),
        "detail": event.detail,
    })
}

pub(super) fn attempt(attempt: &Attempt) -> Value {
    json!({
        "claim": attempt.claim.0,
        "node": attempt.node,
        "boot": attempt.boot,
        "started": time::text(attempt.started),
        "ended": time_or_null(attempt.ended),
        "outcome": attempt.outcome.map(|outcome| outcome.as_str()),
        "stages": attempt.stages.as_deref().map(parsed),
    })
}

pub(super) fn queues(overview: &Overview) -> Value {
    let queue = |queue: &Queue| {
        json!({
            "name": queue.name,
            "max_running": queue.max_running,
            "running": queue.running,
            "ready": queue.ready,
            "delayed": queue.delayed,
            "oldest_ready": time_or_null(queue.oldest_ready),
            "oldest_ready_seconds": queue.oldest_ready.map(|at| seconds(overview.now.since(at))),
            "paused_at": time_or_null(queue.paused_at),
            "paused_by": queue.paused_by,
            "reason": queue.reason,
        })
    };
    json!({
        "now": time::text(overview.now),
        "queues": overview.queues.iter().map(queue).collect::<Vec<_>>(),
    })
}

pub(super) fn nodes(overview: &Overview) -> Value {
    let node = |node: &Node| {
        json!({
            "id": node.id,
            "boot": node.boot,
            "site": node.site,
            "files": node.files.lines().collect::<Vec<_>>(),
            "version": node.version,
            "kinds": node.kinds,
            "started_at": time::text(node.started_at),
            "seen_at": time::text(node.seen_at),
            "seen_seconds_ago": seconds(overview.now.since(node.seen_at)),
            "stopping": node.stopping,
        })
    };
    json!({
        "now": time::text(overview.now),
        "nodes": overview.nodes.iter().map(node).collect::<Vec<_>>(),
    })
}

pub(super) fn schedules(overview: &Overview) -> Value {
    let schedule = |schedule: &Schedule| {
        json!({
            "id": schedule.id,
            "kind": schedule.kind,
            "args": parsed(&schedule.args),
            "site": schedule.site,
            "nodes": schedule.nodes,
            "period_seconds": schedule.period / 1_000,
            "catch_up": schedule.catch_up.as_str(),
            "last_slot": time::text(schedule.last_slot),
            "next": next_slots(schedule, overview.now),
            "missed": schedule.missed,
            "last_success": time_or_null(schedule.last_success),
            "paused_at": time_or_null(schedule.paused_at),
            "paused_by": schedule.paused_by,
            "reason": schedule.reason,
        })
    };
    json!({
        "now": time::text(overview.now),
        "schedules": overview.schedules.iter().map(schedule).collect::<Vec<_>>(),
    })
}

pub(super) fn kind(kind: &dyn Kind) -> Value {
    let policy = kind.policy();
    json!({
        "name": kind.name(),
        "about": kind.about(),
        "queue": policy.queue,
        "priority": policy.priority,
        "on_loss": policy.on_loss.as_str(),
        "max_failures": policy.max_failures,
        "stall_after_seconds": policy.stall_after.as_secs(),
        "keep_seconds": policy.keep.as_secs(),
        "parameters": kind.parameters().iter().map(parameter).collect::<Vec<_>>(),
    })
}

fn parameter(parameter: &Parameter) -> Value {
    let (values, bounds) = match parameter.values {
        Values::Text => ("text", None),
        Values::Switch => ("switch", None),
        Values::Number { min, max } => ("number", Some((min, max))),
    };
    json!({
        "name": parameter.name,
        "about": parameter.about,
        "type": values,
        "min": bounds.map(|(min, _)| min),
        "max": bounds.map(|(_, max)| max),
        "required": parameter.is_required,
    })
}

/// The slots that begin next, as if nothing were paused.
fn next_slots(schedule: &Schedule, now: Timestamp) -> Vec<String> {
    let present = slot_of(now, schedule.period, schedule.phase);
    let slot = |n: i64| present.plus(schedule.period.saturating_mul(n));
    (1..=N_SLOTS).map(|n| time::text(slot(n))).collect()
}

fn time_or_null(at: Option<Timestamp>) -> Option<String> {
    at.map(time::text)
}

#[allow(clippy::cast_precision_loss, reason = "it is shown to the millisecond")]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

/// The JSON in a row. What is none, because the store was written by other means, stays a text.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

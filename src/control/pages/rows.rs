//! Tasks as rows of tables, on several pages.

use store::record::{State, Task, TaskId, Timestamp};

use super::display::{Shown, When, number, percent};

/// A task as a row of a table.
pub(super) struct TaskRow {
    /// Its path.
    pub(super) path: String,
    /// Its number, in groups.
    pub(super) id: String,
    /// What it does; its kind, if that is empty.
    pub(super) summary: Shown,
    /// Its kind.
    pub(super) kind: Shown,
    /// The site whose files it is about; empty if any node may run it.
    pub(super) site: Shown,
    /// Its state.
    pub(super) state: State,
    /// More about its state.
    pub(super) note: Shown,
    /// How long it has waited or run, or when it ended, in words.
    pub(super) told: String,
    /// When it was asked for, began or ended.
    pub(super) when: When,
    /// The node that runs it, or has run it last.
    pub(super) node: Shown,
    /// How far it is, if it runs.
    pub(super) progress: Option<ProgressView>,
    /// Why it failed.
    pub(super) error: Shown,
}

/// How far a task is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ProgressView {
    /// What it is doing.
    pub(super) stage: Shown,
    /// How much of it is done, of hundred, if that is known.
    pub(super) percent: Option<i64>,
    /// The numbers; empty if there are none.
    pub(super) text: String,
}

/// The path of a task's page.
pub(super) fn path_of(id: TaskId) -> String {
    format!("/tasks/{id}")
}

impl TaskRow {
    /// A task, seen from `now`.
    pub(super) fn new(task: &Task, now: Timestamp) -> Self {
        let (verb, at) = match (task.state, task.started_at, task.finished_at) {
            (State::Enqueued, _, _) if task.run_after > now => ("begins", task.run_after),
            (State::Enqueued, _, _) => ("waits", task.run_after),
            (State::Running, Some(at), _) => ("runs", at),
            (_, _, Some(at)) => ("ended", at),
            _ => ("asked for", task.created_at),
        };
        let when = When::new(at, now);
        let told = match verb {
            "waits" | "runs" => format!("{verb} {}", when.since),
            _ => format!("{verb} {}", when.relative),
        };
        let summary = if task.summary.trim().is_empty() { &task.kind } else { &task.summary };
        let error = match (&task.error_code, &task.error) {
            (Some(code), Some(error)) => format!("{code}: {error}"),
            (one, other) => one.clone().or_else(|| other.clone()).unwrap_or_default(),
        };
        Self {
            path: path_of(task.id),
            id: task.id.to_string(),
            summary: Shown::short(summary),
            kind: Shown::short(&task.kind),
            site: Shown::short(task.site.as_deref().unwrap_or("")),
            state: task.state,
            note: Shown::short(&note(task)),
            told,
            when,
            node: Shown::short(task.node.as_deref().unwrap_or("")),
            progress: (task.state == State::Running).then(|| ProgressView::new(task)),
            error: Shown::short(&error),
        }
    }
}

impl ProgressView {
    /// How far a running task is.
    pub(super) fn new(task: &Task) -> Self {
        let (percent, text) = match (task.done, task.total) {
            (Some(done), Some(total)) if total > 0 => {
                let percent = percent(done, total);
                let (done, total) = (number(done), number(total));
                (Some(percent), format!("{done} of {total}, {percent}\u{a0}%"))
            }
            (Some(done), _) => (None, format!("{} done", number(done))),
            (None, _) => (None, String::new()),
        };
        Self { stage: Shown::short(task.stage.as_deref().unwrap_or("begins")), percent, text }
    }
}

/// What there is to say about a state.
fn note(task: &Task) -> String {
    let mut notes = Vec::new();
    if let Some(by) = task.cancel_by.as_deref().filter(|_| task.state == State::Running) {
        notes.push(format!("asked to stop by {by}"));
    }
    if task.failures > 0 {
        notes.push(format!("{} of {} attempts failed", task.failures, task.max_failures));
    }
    if task.rerun {
        notes.push("another run follows".to_owned());
    }
    notes.join("; ")
}

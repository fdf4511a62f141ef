//! Lives through the events of a store once more, in their order.

use std::collections::{BTreeMap, BTreeSet};

use store::record::{Attempt, State, Task, TaskEvent, What};

use crate::check::Violation;
use crate::rows::Rows;

/// What there is after some events.
pub(crate) struct Replay<'r> {
    rows: &'r Rows,
    lives: BTreeMap<i64, Life>,
    running: BTreeMap<&'r str, BTreeSet<i64>>,
    /// The task of a unique key that is enqueued or runs.
    living: BTreeMap<&'r str, i64>,
    /// Unique keys that were asked for while their task ran, and have not run since: the event.
    reruns: BTreeMap<&'r str, &'r TaskEvent>,
    violations: Vec<Violation>,
}

/// A task at a point of its life.
struct Life {
    state: State,
    claim: i64,
}

/// The violations that the events prove.
pub(crate) fn replay(rows: &Rows) -> Vec<Violation> {
    let mut replay = Replay {
        rows,
        lives: BTreeMap::new(),
        running: BTreeMap::new(),
        living: BTreeMap::new(),
        reruns: BTreeMap::new(),
        violations: Vec::new(),
    };
    for event in rows.events.values() {
        match rows.tasks.get(&event.task.0) {
            Some(task) => replay.apply(task, event),
            None => replay.found("I1", event, "tells of a task that has no row"),
        }
    }
    replay.compare();
    replay.violations
}

impl<'r> Replay<'r> {
    fn found(&mut self, invariant: &'static str, event: &TaskEvent, what: &str) {
        let TaskEvent { id, task, what: happened, detail, .. } = event;
        let message = format!("event {id} (task {}, {happened}, `{detail}`) {what}", task.0);
        self.violations.push(Violation { invariant, task: Some(task.0), message });
    }

    fn apply(&mut self, task: &'r Task, event: &'r TaskEvent) {
        let before = self.lives.get(&task.id.0).map(|life| life.state);
        let key = task.unique_key.as_deref();
        match event.what {
            What::Comment | What::FollowUp | What::StaleWrite => return,
            What::Enqueued => {
                if before.is_some() {
                    self.found("I7", event, "makes a task that is there already");
                }
                self.lives.insert(task.id.0, Life { state: State::Enqueued, claim: 0 });
                self.enter(task, event, State::Enqueued);
                return;
            }
            _ => {}
        }
        let Some(before) = before else {
            return self.found("I7", event, "comes before the task was accepted");
        };
        if before.is_terminal() {
            return self.found("I7", event, &format!("changes a task that is {before}"));
        }
        match (event.what, before) {
            (What::Merged, State::Running) => {
                if let Some(key) = key {
                    self.reruns.entry(key).or_insert(event);
                }
            }
            (What::Merged, _) | (What::CancelAsked, State::Running) => {}
            (What::Claimed, State::Enqueued) => {
                if let Some(life) = self.lives.get_mut(&task.id.0) {
                    life.claim += 1;
                }
                self.forget_rerun(key);
                self.enter(task, event, State::Running);
            }
            (What::Claimed, _) => self.found("I2", event, "claims a task that is claimed"),
            (What::Cancelled, State::Enqueued) => {
                self.forget_rerun(key);
                self.enter(task, event, State::Cancelled);
            }
            (what, State::Running) => self.enter(task, event, after(what, &event.detail)),
            _ => self.found("I3", event, "ends a claim that nobody holds"),
        }
    }

    fn forget_rerun(&mut self, key: Option<&str>) {
        if let Some(key) = key {
            self.reruns.remove(key);
        }
    }

    fn enter(&mut self, task: &'r Task, event: &'r TaskEvent, state: State) {
        let id = task.id.0;
        if let Some(life) = self.lives.get_mut(&id) {
            life.state = state;
        }
        let running = self.running.entry(&task.queue).or_default();
        match state {
            State::Running => running.insert(id),
            _ => running.remove(&id),
        };
        let (n, budget) = (running.len(), self.rows.budgets.get(&task.queue).copied());
        if state == State::Running && budget.is_some_and(|budget| n as i64 > budget) {
            let all: Vec<_> = running.iter().map(i64::to_string).collect();
            let what =
                format!("makes {n} tasks of `{}` run at once: {}", task.queue, all.join(", "));
            self.found("I4", event, &what);
        }
        let Some(key) = task.unique_key.as_deref() else { return };
        if state.is_terminal() {
            if self.living.get(key) == Some(&id) {
                self.living.remove(key);
            }
        } else if let Some(other) = self.living.insert(key, id).filter(|&other| other != id) {
            let what = format!("is the second living one of the key `{key}` beside {other}");
            self.found("I5", event, &what);
        }
    }

    /// Compares the end with the rows.
    fn compare(&mut self) {
        let rows = self.rows;
        for (&id, task) in &rows.tasks {
            let mut found = |invariant, message| {
                self.violations.push(Violation { invariant, task: Some(id), message });
            };
            let Some(life) = self.lives.get(&id) else {
                found("I1", format!("task {id} has a row, and no event"));
                continue;
            };
            if life.state != task.state {
                let message =
                    format!("task {id} is {}, its events leave it {}", task.state, life.state);
                found("I7", message);
            }
            let claims: Vec<i64> = rows
                .attempts
                .range((id, i64::MIN)..=(id, i64::MAX))
                .map(|(key, _)| key.1)
                .collect();
            if life.claim != task.claim.0 || claims != (1..=task.claim.0).collect::<Vec<_>>() {
                let message = format!(
                    "task {id} has claim {}, {} events of claims, and the attempts {claims:?}",
                    task.claim.0, life.claim
                );
                found("I2", message);
            }
            // The end of one that is to be cancelled may be a failure.
            let is_failure = |attempt: &Attempt| {
                let outcome = attempt.outcome;
                matches!(outcome, Some(What::Failed | What::Retried | What::Lost | What::Cancelled))
            };
            let attempts = rows.attempts.range((id, i64::MIN)..=(id, i64::MAX));
            let n_failed = attempts.filter(|(_, attempt)| is_failure(attempt)).count();
            if task.failures > n_failed as i64 {
                let message = format!(
                    "task {id} has {} failures, and {n_failed} of its attempts failed or were lost",
                    task.failures
                );
                found("I3", message);
            }
        }
        for event in std::mem::take(&mut self.reruns).into_values() {
            let key = rows.tasks.get(&event.task.0).and_then(|task| task.unique_key.as_deref());
            // What has a task that waits will run.
            let waits = key.and_then(|key| self.living.get(key)).is_some_and(|id| {
                self.lives.get(id).is_some_and(|life| life.state == State::Enqueued)
                    || (*id == event.task.0)
            });
            if !waits {
                self.found("I9", event, "promises another run, and nothing has run since");
            }
        }
    }
}

/// Where an end leads to.
fn after(what: What, detail: &str) -> State {
    match what {
        What::Completed => State::Completed,
        What::Failed => State::Failed,
        What::Cancelled => State::Cancelled,
        What::Dropped => State::Dropped,
        What::Lost if detail.ends_with("it is cancelled") => State::Cancelled,
        What::Lost if detail.ends_with("it is dropped") => State::Dropped,
        _ => State::Enqueued,
    }
}

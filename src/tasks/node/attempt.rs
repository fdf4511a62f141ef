//! One attempt: from the claim to the end that the store accepts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use store::operations::finish::End;
use store::operations::read::{Find, Found};
use store::record::{State, Task, bounds};
use tokio::time::Instant;

use super::finish::{self, Ended};
use super::shared::{Entry, Key, Shared, Step};
use super::work::Attempted;
use crate::failure::{Failure, Stop};
use crate::kind::Output;
use crate::run::Run;
use crate::status::Phase;

/// How long a task of a kind that this process does not know may stand still: it is ended at once.
const NO_KIND_STALLS_AFTER: Duration = Duration::from_secs(60);

/// Notes that a claimed task runs here. To be called before anything waits, so that it is renewed.
pub(super) fn begin(shared: &Shared, task: &Task, asked: Instant) -> Run {
    let run = Run::new(shared.tasks.store().clone(), shared.boot.clone(), (task.id, task.claim));
    let kind = shared.tasks.kinds().find(&task.kind);
    let stall_after = kind.map_or(NO_KIND_STALLS_AFTER, |kind| kind.policy().stall_after);
    let mut state = shared.lock();
    if state.phase == Phase::Stopping {
        run.tell(Stop::ShuttingDown);
    }
    let entry = Entry::new(task, run.clone(), stall_after, asked);
    state.begun.insert((task.id, task.claim));
    state.entries.insert((task.id, task.claim), entry);
    drop(state);
    if let (Some(numbers), Some(began)) = (shared.numbers.kind(&task.kind), task.started_at) {
        let waited = u64::try_from(began.since(task.run_after)).unwrap_or(0);
        numbers.wait.record(Duration::from_millis(waited));
    }
    run
}

/// Runs the attempt to its end, and holds its place until no thread of it is left.
pub(super) async fn run(shared: Arc<Shared>, task: Task, run: Run) {
    let key = (task.id, task.claim);
    let begin = Instant::now();
    let outcome = work(&shared, &task, &run).await;
    let end = judge(&shared, &task, &run, outcome);
    if let Some(ended) = end {
        set_step(&shared, key, Step::Finishing);
        if let Some(state) = finish::write(&shared, &task, &run, ended).await {
            count(&shared, &task, &run, begin, state);
        }
    }
    if run.n_threads() > 0 {
        run.abandon();
        set_step(&shared, key, Step::Zombie(Instant::now()));
        shared.ended.notify_one();
        let (node, id, kind) = (&shared.options.name, task.id, &task.kind);
        tracing::warn!(node, %id, kind, "a thread of a task does not end, and keeps its place");
        run.until_no_thread().await;
    }
    shared.lock().entries.remove(&key);
    shared.freed.notify_one();
    shared.ended.notify_one();
}

fn set_step(shared: &Shared, key: Key, step: Step) {
    if let Some(entry) = shared.lock().entries.get_mut(&key) {
        entry.step = step;
    }
}

/// Does the work. `None`: nobody waits for it any more.
async fn work(shared: &Shared, task: &Task, run: &Run) -> Option<Result<Output, Failure>> {
    if let Some(told) = run.stopped() {
        // It was claimed while the node began to stop.
        return Some(Err(Failure::Stopped(told)));
    }
    let mut work = match start(shared, task, run) {
        Ok(work) => work,
        Err(failure) => return Some(Err(failure)),
    };
    tokio::select! {
        biased;
        () = run.until_abandoned() => None,
        () = watch_for_cancel(shared, task, run) => None,
        outcome = work.outcome() => Some(outcome),
    }
}

fn start(shared: &Shared, task: &Task, run: &Run) -> Result<Attempted, Failure> {
    let kinds = shared.tasks.kinds();
    let kind = kinds.find(&task.kind).ok_or_else(|| {
        Failure::lasting("unknown_kind", format!("this version has no kind `{}`", task.kind))
    })?;
    let bad = |reason| Failure::lasting("bad_arguments", format!("the arguments: {reason}"));
    let args = match serde_json::from_str(&task.args) {
        Ok(Value::Object(args)) => args,
        Ok(_) => return Err(bad("they are no object".to_owned())),
        Err(error) => return Err(bad(error.to_string())),
    };
    kinds.check(kind, &args).map_err(bad)?;
    Attempted::new(kind, args, run.clone())
}

/// Looks for a cancel whenever something is said to have happened to the task. Never returns.
async fn watch_for_cancel(shared: &Shared, task: &Task, run: &Run) {
    let mut changes = shared.tasks.changes().watch_task(task.id);
    loop {
        changes.changed().await;
        // If the store fails, the next renewal tells.
        let Ok(Found::Task(found)) = shared.tasks.store().run(Find(task.id)).await else {
            continue;
        };
        if let (true, Some(by)) = (found.claim == task.claim, found.cancel_by) {
            run.tell(Stop::Cancelled { by });
        }
    }
}

/// What is to be written; `None` if nothing is, because the task may be somebody else's.
fn judge(
    shared: &Shared,
    task: &Task,
    run: &Run,
    outcome: Option<Result<Output, Failure>>,
) -> Option<Ended> {
    let told = run.stopped();
    if told == Some(Stop::Lost) {
        return None;
    }
    let stopped = |told| match told {
        Some(Stop::Cancelled { .. }) => End::Cancelled,
        Some(Stop::ShuttingDown | Stop::Lost) => End::Interrupted,
        None => End::Failed {
            code: "stopped".to_owned(),
            error: "it stopped although nobody asked for it".to_owned(),
            retry_after: Some(backoff(shared, task)),
        },
    };
    Some(match outcome {
        // Nobody waits for it any more, and it is not lost: the process stops.
        None => Ended::new(match told {
            Some(Stop::Cancelled { .. }) => End::Cancelled,
            _ => End::Interrupted,
        }),
        Some(Err(Failure::Stopped(_))) => Ended::new(stopped(told)),
        Some(Err(Failure::Failed { code, message, may_pass })) => Ended::new(End::Failed {
            code: code.to_owned(),
            error: message,
            retry_after: may_pass.then(|| backoff(shared, task)),
        }),
        Some(Ok(output)) => completed(shared, task, output),
    })
}

fn completed(shared: &Shared, task: &Task, output: Output) -> Ended {
    let result = (!output.result.is_null()).then(|| output.result.to_string());
    if let Some(n) = result.as_ref().map(String::len).filter(|&n| n > bounds::RESULT) {
        let error = format!("the result has {n} bytes, at most {} are kept", bounds::RESULT);
        return Ended::new(End::Failed {
            code: "result_too_long".into(),
            error,
            retry_after: None,
        });
    }
    let mut ended = Ended::new(End::Completed { result });
    for mut next in output.then {
        next.parent = Some(task.id);
        if next.actor.is_empty() {
            next.actor.clone_from(&task.actor);
        }
        let planned = catch_unwind(AssertUnwindSafe(|| shared.tasks.kinds().plan(&next)));
        match planned.unwrap_or_else(|_| Err("its plan panicked; see the log".to_owned())) {
            Ok(next) => ended.then.push(next),
            Err(reason) => ended.notes.push(finish::not_followed(&next.kind, &reason)),
        }
    }
    ended
}

/// How long to wait before the next attempt, in milliseconds: two seconds after the first failure, twice as
/// long after each further one, at most ten minutes; give or take a fifth, so that many do not come together.
fn backoff(shared: &Shared, task: &Task) -> i64 {
    const MOST: Duration = Duration::from_secs(600);
    let power = u32::try_from(task.failures.clamp(0, 20)).unwrap_or(20) + 1;
    let wait = Duration::from_secs(1 << power).min(MOST);
    i64::try_from(shared.about(wait, 0.2).min(MOST).as_millis()).unwrap_or(i64::MAX)
}

fn count(shared: &Shared, task: &Task, run: &Run, begin: Instant, state: State) {
    let Some(numbers) = shared.numbers.kind(&task.kind) else { return };
    numbers.count_end(state);
    numbers.run.record(Instant::now().saturating_duration_since(begin));
    for (stage, took) in run.stage_times() {
        numbers.record_stage(&stage, took);
    }
}

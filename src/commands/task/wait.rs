//! Asks for a task, and waits for its end.
//!
//! A wait is a question that is answered when the task has ended, or after a while; then it is asked again.
//! So the end is known at once, and nothing sleeps meanwhile. A process that restarts does not end a wait.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api::{Api, ApiError, target};
use super::outcome::{Trouble, print_json};
use super::record::{TaskRecord, check_id, items};
use super::screen::Screen;
use super::{arguments, times};
use crate::cli::{AwaitArgs, RetryArgs, RunArgs, WaitArgs};
use crate::commands::output::{as_text, fail, finish};
use serve::signal;

/// How long one question may wait where progress is shown.
const WITH_PROGRESS: Duration = Duration::from_secs(1);
/// How long it may wait elsewhere.
const WITHOUT_PROGRESS: Duration = Duration::from_secs(30);
/// How long nobody may answer, or the store may be in trouble, before a wait is given up: a restart takes less.
const PATIENCE: Duration = Duration::from_secs(90);
/// The pause before somebody who did not answer is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a task is asked for again when it is refused for the moment.
const MAX_REFUSED: u32 = 6;
/// The parts of that pause, between which Ctrl-C is noticed.
const N_PARTS: u32 = 10;

/// `task run`.
pub(super) fn run(api: &Api, args: &RunArgs, as_json: bool) -> Result<ExitCode, Trouble> {
    let kinds = api.get("/api/v1/kinds")?;
    let kinds = items(&kinds, "kinds").map_err(|reason| api.other_version(reason))?;
    let typed = arguments::typed(kinds, &args.kind, &args.arguments).map_err(Trouble::usage)?;
    let request_id = args.request_id.clone().unwrap_or_else(new_request_id);
    let mut body = json!({"kind": args.kind, "args": typed, "request_id": request_id});
    if let Some(fields) = body.as_object_mut() {
        fields.extend(args.priority.map(|priority| ("priority".to_owned(), priority.into())));
        fields.extend(args.delay.map(|delay| ("delay_seconds".to_owned(), delay.into())));
    }
    let accepted = ask(api, "/api/v1/tasks", &body, args.wait.quiet)?;
    wait_unless(api, &accepted, &request_id, (args.detach, args.wait), as_json)
}

/// `task retry`.
pub(super) fn retry(api: &Api, args: &RetryArgs, as_json: bool) -> Result<ExitCode, Trouble> {
    let id = check_id(&args.id.task).map_err(Trouble::usage)?;
    let path = format!("/api/v1/tasks/{id}/retry");
    submit(api, &path, (args.detach, args.wait), as_json, Trouble::from)
}

/// `task await`.
pub(super) fn wait_for(api: &Api, args: &AwaitArgs, as_json: bool) -> Result<ExitCode, Trouble> {
    let id = check_id(&args.id.task).map_err(Trouble::usage)?;
    Wait::begin(api, args.wait, false)?.finish(id, false, as_json)
}

/// Asks for a task at `path`, and waits for it unless `detach` says otherwise. `told` says why there is none.
pub(in crate::commands) fn submit(
    api: &Api,
    path: &str,
    (detach, wait): (bool, WaitArgs),
    as_json: bool,
    told: impl FnOnce(ApiError) -> Trouble,
) -> Result<ExitCode, Trouble> {
    let request_id = new_request_id();
    let body = json!({"request_id": request_id});
    let accepted = ask(api, path, &body, wait.quiet).map_err(told)?;
    wait_unless(api, &accepted, &request_id, (detach, wait), as_json)
}

/// Waits for a task that was accepted, unless `detach` says otherwise.
fn wait_unless(
    api: &Api,
    accepted: &Value,
    request_id: &str,
    (detach, wait): (bool, WaitArgs),
    as_json: bool,
) -> Result<ExitCode, Trouble> {
    let task = TaskRecord::read(accepted).map_err(|reason| api.other_version(reason))?;
    if detach {
        return Ok(match (as_json, wait.quiet) {
            (true, _) => print_json(accepted),
            (false, true) => finish(format_args!("{}\n", task.id)),
            (false, false) => {
                let short = task.short();
                finish(format_args!(
                    "{short} {}\nWait for it with `mirrorlistd task await {short}`.\n",
                    task.state
                ))
            }
        });
    }
    // It was there before, and may have read what has changed since: another run of it follows.
    let is_other = task.request_id.as_deref().is_some_and(|id| id != request_id)
        || accepted.get("is_new").and_then(Value::as_bool) == Some(false);
    // It may have ended since it was asked for.
    let ran =
        accepted.get("state_then").and_then(Value::as_str).unwrap_or(&task.state) == "running";
    let follow = is_other && ran;
    Wait::begin(api, wait, true)?.finish(&task.id.to_string(), follow, as_json)
}

/// Asks for a task, patiently: a process that has just started has no node yet. If the answer is lost, the
/// task is asked for once more by the same name, which makes no second one.
fn ask(api: &Api, path: &str, body: &Value, quiet: bool) -> Result<Value, ApiError> {
    let mut screen = Screen::of_stderr(quiet);
    let mut n_refused = 0;
    loop {
        match api.post(path, body) {
            Err(error)
                if error.may_pass()
                    && !error.is_not_there()
                    && !error.is_too_early()
                    && n_refused < MAX_REFUSED =>
            {
                if n_refused > 0 {
                    screen.note(&format!("{error}; trying again"));
                    thread::sleep(PAUSE);
                }
                n_refused += 1;
            }
            outcome => return outcome,
        }
    }
}

/// A name that no other request has.
fn new_request_id() -> String {
    // The keys of a hasher are random.
    let random = || RandomState::new().build_hasher().finish();
    format!("cli-{}-{:016x}{:016x}", process::id(), random(), random())
}

/// A wait for a task.
struct Wait {
    api: Api,
    screen: Screen,
    deadline: Option<Instant>,
    interrupted: Arc<AtomicBool>,
    /// Whether the process has answered before, so that it will again.
    has_answered: bool,
}

/// How a wait has ended.
#[derive(Debug)]
enum Waited {
    /// The task has ended: its record, and what the API has said of it.
    Ended(Box<TaskRecord>, Value),
    /// The user does not want to wait any longer.
    Interrupted,
    /// The time is over; what is said of the task.
    TimedOut(String),
}

impl Wait {
    fn begin(api: &Api, args: WaitArgs, has_answered: bool) -> Result<Self, Trouble> {
        let interrupted = signal::note_interrupt()
            .map_err(|error| Trouble::failure(format!("cannot catch SIGINT: {error}")))?;
        let timeout = args.timeout.map(|seconds| Duration::from_secs(seconds.into()));
        Ok(Self {
            api: api.interruptible(Arc::clone(&interrupted)),
            screen: Screen::of_stderr(args.quiet),
            deadline: timeout.map(|timeout| Instant::now() + timeout),
            interrupted,
            has_answered,
        })
    }

    /// Waits for a task, and with `follow` for the run that follows it, and says how it has ended.
    fn finish(mut self, id: &str, follow: bool, as_json: bool) -> Result<ExitCode, Trouble> {
        let mut id = id.to_owned();
        let mut outcome = self.until_end(&id)?;
        if follow
            && let Waited::Ended(task, _) = &outcome
            && let Some(next) = self.follow_up(task)?
        {
            let text = format!("{} had begun before; {} follows it", task.short(), next.short());
            self.screen.note(&text);
            id = next.id.to_string();
            outcome = self.until_end(&id)?;
        }
        self.screen.end();
        Ok(match outcome {
            Waited::Ended(task, value) => show_end(&task, &value, as_json),
            Waited::Interrupted => {
                let status = u8::try_from(signal::INTERRUPTED).unwrap_or(u8::MAX);
                fail(
                    status,
                    format_args!(
                        "task {id} goes on; wait for it with `mirrorlistd task await {id}`, end it with \
                         `mirrorlistd task cancel {id}`"
                    ),
                )
            }
            Waited::TimedOut(reason) => return Err(Trouble::failure(reason)),
        })
    }

    fn until_end(&mut self, id: &str) -> Result<Waited, Trouble> {
        let mut silent_since = None;
        let mut troubled_since = None;
        let mut seen: Option<TaskRecord> = None;
        loop {
            let left = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero())
                && let Some(task) = &seen
            {
                return Ok(Waited::TimedOut(unfinished(id, task)));
            }
            let usual = if self.screen.shows_progress() { WITH_PROGRESS } else { WITHOUT_PROGRESS };
            let wait = left.map_or(usual, |left| left.min(usual)).as_secs().max(1);
            // At first without a wait, so that something is shown at once.
            let wait = if seen.is_none() { 0 } else { wait };
            let question = match wait {
                0 => format!("/api/v1/tasks/{id}"),
                wait => format!("/api/v1/tasks/{id}?wait={wait}s"),
            };
            let asked = Instant::now();
            match self.api.get_after(&question, Duration::from_secs(wait)) {
                Ok(value) => {
                    silent_since = None;
                    self.has_answered = true;
                    let task = TaskRecord::read(&value)
                        .map_err(|reason| self.api.other_version(reason))?;
                    if task.has_ended() {
                        return Ok(Waited::Ended(Box::new(task), value));
                    }
                    match &task.store_trouble {
                        Some(trouble) => {
                            self.screen.note(&format!("{} waits: {trouble}", task.short()));
                            let since = *troubled_since.get_or_insert_with(Instant::now);
                            if since.elapsed() >= PATIENCE {
                                return Ok(Waited::TimedOut(unfinished(id, &task)));
                            }
                        }
                        None => {
                            troubled_since = None;
                            self.screen.update(&task);
                        }
                    }
                    seen = Some(task);
                    // Where too many wait, it is answered at once.
                    let is_early = asked.elapsed().saturating_mul(2) < Duration::from_secs(wait);
                    if is_early && self.pause() {
                        return Ok(Waited::Interrupted);
                    }
                }
                Err(error) if error.is_interrupted() => return Ok(Waited::Interrupted),
                Err(error) if error.may_pass() && self.has_answered => {
                    let since = *silent_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= PATIENCE || left.is_some_and(|left| left.is_zero()) {
                        return Err(error.into());
                    }
                    self.screen.note(&format!("{error}; trying again"));
                    if self.pause() {
                        return Ok(Waited::Interrupted);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits before somebody who did not answer is asked again. Returns whether the user asks to stop.
    fn pause(&self) -> bool {
        let is_stopped = || self.interrupted.load(Ordering::Relaxed);
        for _ in 0..N_PARTS {
            if is_stopped() {
                break;
            }
            thread::sleep(PAUSE / N_PARTS);
        }
        is_stopped()
    }

    /// The run that was promised when a task was asked for while it ran.
    fn follow_up(&self, task: &TaskRecord) -> Result<Option<TaskRecord>, Trouble> {
        let filter = [("parent", task.id.to_string()), ("kind", task.kind.clone())];
        let list = self.api.get(&target("/api/v1/tasks", &filter))?;
        let tasks = items(&list, "tasks").map_err(|reason| self.api.other_version(reason))?;
        let latest = tasks.first().map(TaskRecord::read).transpose();
        Ok(latest.map_err(|reason| self.api.other_version(reason))?)
    }
}

/// What is said of a task that is waited for no longer.
fn unfinished(id: &str, task: &TaskRecord) -> String {
    let state = &task.state;
    let trouble = task.store_trouble.as_ref().map(|trouble| format!(" ({trouble})"));
    let trouble = trouble.unwrap_or_default();
    format!(
        "task {id} is {state}{trouble}, and goes on; wait for it with `mirrorlistd task await {id}`"
    )
}

/// How long a task took until it ended. Where several attempts have failed, the last one says little of that.
fn when_ended(task: &TaskRecord) -> String {
    let until_end = |from: &Option<String>| {
        times::between(from.as_deref(), task.finished_at.as_deref()).map(times::length)
    };
    if task.state == "failed" && task.failures > 1 {
        let after = until_end(&task.created_at);
        let after = after.map(|after| format!(", {after} after it was asked for"));
        let (n, of) = (task.failures, task.max_failures);
        return format!(" at attempt {n} of {of}{}", after.unwrap_or_default());
    }
    until_end(&task.started_at).map(|took| format!(" after {took}")).unwrap_or_default()
}

/// Prints how a task has ended; the exit status says it as well.
fn show_end(task: &TaskRecord, value: &Value, as_json: bool) -> ExitCode {
    let status = task.exit_status().unwrap_or(0);
    if as_json {
        return match print_json(value) {
            code if code != ExitCode::SUCCESS => code,
            _ => ExitCode::from(status),
        };
    }
    let took = when_ended(task);
    let short = task.short();
    match task.state.as_str() {
        "completed" => {
            let text =
                format!("{short} {} has completed{took}\n{}", task.kind, as_text(&task.result));
            finish(
                text.lines()
                    .map(encode::terminal::printable)
                    .map(|line| line + "\n")
                    .collect::<String>(),
            )
        }
        state => {
            let by = task.cancel_by.as_deref().filter(|_| state == "cancelled");
            let why = match (&task.error, by) {
                (Some(error), _) => format!(": {error}"),
                (None, Some(by)) => format!(" by {by}"),
                (None, None) => String::new(),
            };
            let verb = if state == "failed" { "has" } else { "was" };
            let text = format!("task {short} ({}) {verb} {state}{took}{why}", task.kind);
            fail(status, encode::terminal::printable(&text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_after_several_attempts_is_told_from_the_begin() {
        let task = |state: &str, failures| TaskRecord {
            state: state.to_owned(),
            failures,
            max_failures: 3,
            created_at: Some("2026-11-26T11:59:48.500Z".into()),
            started_at: Some("2026-11-26T12:00:00.000Z".into()),
            finished_at: Some("2026-11-26T12:00:00.900Z".into()),
            ..TaskRecord::default()
        };
        assert_eq!(when_ended(&task("failed", 1)), " after 0 s");
        assert_eq!(
            when_ended(&task("failed", 3)),
            " at attempt 3 of 3, 12 s after it was asked for"
        );
        assert_eq!(when_ended(&task("completed", 2)), " after 0 s");
        let without_times = TaskRecord { created_at: None, ..task("failed", 3) };
        assert_eq!(when_ended(&without_times), " at attempt 3 of 3");
        assert_eq!(when_ended(&TaskRecord::default()), "");
    }
}

//! The page of one task: its state, what came of it, its attempts and events, and what can be done with it.

use askama::Template;
use serve::pages::layout::PageLayout;
use store::operations::read::Overview;
use store::record::{Attempt, State, Task, TaskEvent, Timestamp, What};

use super::display::{Shown, When, count, duration, number};
use super::frame::{Frame, new_request_id};
use super::json_view::{JsonView, ValueView};
use super::overview::{NodeRow, PauseView};
use super::rows::{ProgressView, TaskRow, path_of};
use super::timings::{self, StageRow};
use crate::requests::takes_tasks_of;

/// The most attempts that are shown: the last ones.
const MAX_ATTEMPTS: usize = 20;
/// The most events that are shown.
pub(super) const MAX_EVENTS: usize = 200;
/// The most followers that are shown.
pub(super) const MAX_FOLLOWERS: usize = 20;

/// What the page is made of.
pub(super) struct TaskData {
    /// The task.
    pub(super) task: Task,
    /// Its events, the first ones first.
    pub(super) events: Vec<TaskEvent>,
    /// Its attempts, the first one first.
    pub(super) attempts: Vec<Attempt>,
    /// Tasks that follow it, the latest first.
    pub(super) followers: Vec<Task>,
    /// What is going on around it.
    pub(super) overview: Overview,
    /// Why a change was not made.
    pub(super) refused: Option<String>,
}

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage {
    layout: PageLayout,
    frame: Frame,
    refused: Option<Shown>,
    row: TaskRow,
    told: String,
    /// What else there is to say about its state; empty if `told` says all.
    note: Shown,
    waits_for: Vec<String>,
    pause: Option<PauseView>,
    progress: Option<ProgressView>,
    error: Option<(Shown, Shown)>,
    is_ended: bool,
    can_cancel: bool,
    facts: Vec<(&'static str, Shown)>,
    times: Vec<(&'static str, When)>,
    parent: Option<(String, String)>,
    schedule: Option<(Shown, Option<When>)>,
    followers: Vec<TaskRow>,
    args: Option<JsonView>,
    result: Option<JsonView>,
    attempts: Vec<AttemptView>,
    n_more_attempts: usize,
    events: Vec<EventRow>,
    more_events: Option<String>,
    request_id: String,
}

/// An attempt.
struct AttemptView {
    number: i64,
    node: Shown,
    outcome: &'static str,
    started: When,
    took: String,
    stages: Vec<StageRow>,
    is_last: bool,
}

/// An event as a row.
struct EventRow {
    when: When,
    what: &'static str,
    actor: Shown,
    detail: Shown,
}

/// Renders the page.
pub(super) fn render(data: &TaskData, frame: Frame, layout: PageLayout) -> askama::Result<String> {
    let (task, now) = (&data.task, data.overview.now);
    let n_attempts = data.attempts.len();
    let queue = data.overview.queues.iter().find(|queue| queue.name == task.queue);
    let is_waiting = task.state == State::Enqueued;
    let pause = queue.filter(|_| is_waiting).and_then(|queue| {
        PauseView::new(queue.paused_at, queue.paused_by.as_deref(), queue.reason.as_deref(), now)
    });
    let error =
        task.error.as_deref().or(task.error_code.as_deref()).map(|error| {
            (Shown::line(task.error_code.as_deref().unwrap_or("")), Shown::block(error))
        });
    let row = TaskRow::new(task, now);
    let last_event = data.events.last().filter(|_| data.events.len() >= MAX_EVENTS);
    let page = TaskPage {
        layout,
        frame,
        refused: data.refused.as_deref().map(Shown::line),
        note: if failed_often(task) { Shown::default() } else { row.note.clone() },
        row,
        told: told(data, now),
        waits_for: if is_waiting { waits_for(task, &data.overview) } else { Vec::new() },
        pause,
        progress: (task.state == State::Running).then(|| ProgressView::new(task)),
        error,
        is_ended: task.state.is_terminal(),
        can_cancel: !task.state.is_terminal() && task.cancel_at.is_none(),
        facts: facts(task),
        times: times(task, now),
        parent: task.parent.map(|parent| (path_of(parent), parent.to_string())),
        schedule: task
            .schedule
            .as_deref()
            .map(|schedule| (Shown::short(schedule), task.slot.map(|slot| When::new(slot, now)))),
        followers: data
            .followers
            .iter()
            .take(MAX_FOLLOWERS)
            .map(|task| TaskRow::new(task, now))
            .collect(),
        args: JsonView::read(&task.args),
        result: task.result.as_deref().and_then(JsonView::read),
        attempts: data
            .attempts
            .iter()
            .enumerate()
            .rev()
            .take(MAX_ATTEMPTS)
            .map(|(place, attempt)| attempt_view(attempt, place + 1 == n_attempts, now))
            .collect(),
        n_more_attempts: n_attempts.saturating_sub(MAX_ATTEMPTS),
        events: data.events.iter().take(MAX_EVENTS).map(|event| event_row(event, now)).collect(),
        more_events: last_event.map(|event| format!("{}?after={}", path_of(task.id), event.id)),
        request_id: new_request_id(),
    };
    page.render()
}

/// Whether a task has failed after several attempts.
fn failed_often(task: &Task) -> bool {
    task.state == State::Failed && task.failures > 1
}

/// The life of a task in a sentence.
fn told(data: &TaskData, now: Timestamp) -> String {
    let task = &data.task;
    let until = |from: Option<Timestamp>, to: Option<Timestamp>| {
        let (from, to) = (from?, to.unwrap_or(now));
        Some(duration(to.since(from)))
    };
    let ran = until(task.started_at, task.finished_at);
    let waited = until(Some(task.run_after), task.started_at);
    match (task.state, ran, waited) {
        (State::Enqueued, ..) if task.run_after > now => "It waits for its time.".to_owned(),
        (State::Enqueued, _, Some(waited)) => format!("It has waited for {waited}."),
        (State::Running, Some(ran), _) => format!("It has run for {ran}."),
        (State::Failed, Some(ran), _) if failed_often(task) => {
            let first = data.attempts.first().map(|attempt| attempt.started);
            let all = until(first, task.finished_at).unwrap_or_else(|| ran.clone());
            let (n, of) = (number(task.failures), number(task.max_failures));
            format!(
                "It failed at attempt {n} of {of}, {all} after the first one began; the last one took {ran}."
            )
        }
        (_, Some(ran), Some(waited)) => {
            format!("It waited {waited}, and its last attempt took {ran}.")
        }
        _ => "It has never run.".to_owned(),
    }
}

/// What a waiting task waits for.
fn waits_for(task: &Task, overview: &Overview) -> Vec<String> {
    let mut waits_for = Vec::new();
    let now = overview.now;
    let alive = overview.nodes.iter().filter(|node| NodeRow::new(node, now).state == "alive");
    let mut of_site = alive.clone().filter(|node| takes_tasks_of(node, task.site.as_deref()));
    if let Some(site) = task.site.as_deref()
        && of_site.clone().next().is_none()
    {
        let site = Shown::short(site);
        waits_for.push(format!(
            "No node of the site {site} is alive, and others do not have its files: start the machine of that \
             site."
        ));
    } else if !of_site.any(|node| node.kinds.contains(&task.kind)) {
        waits_for.push(match alive.count() {
            0 => "No node is alive: start `mirrorlistd control`.".to_owned(),
            n => {
                let nodes = count(i64::try_from(n).unwrap_or(i64::MAX), "node");
                format!("None of {nodes} that are alive runs tasks of its kind: is the version the right one?")
            }
        });
    }
    match overview.queues.iter().find(|queue| queue.name == task.queue) {
        Some(queue) if queue.running >= queue.max_running && queue.paused_at.is_none() => {
            let (running, ready) = (number(queue.running), count(queue.ready, "task"));
            waits_for.push(format!("Its queue is full: {running} run there, and {ready} may run."));
        }
        _ => {}
    }
    waits_for
}

fn facts(task: &Task) -> Vec<(&'static str, Shown)> {
    let mut facts = vec![
        ("Kind", task.kind.clone()),
        ("Queue", format!("{}, priority {}", task.queue, task.priority)),
        ("Asked for by", task.actor.clone()),
    ];
    facts.extend(task.site.clone().map(|site| ("Site", site)));
    facts.extend(task.node.clone().map(|node| match task.state {
        State::Running => ("Runs on", node),
        _ => ("Ran last on", node),
    }));
    let attempts = format!(
        "{} so far; {} failed, of {} that may",
        number(task.claim.0),
        number(task.failures),
        number(task.max_failures)
    );
    facts.push(("Attempts", attempts));
    let on_loss = match task.on_loss {
        store::record::OnLoss::Requeue => "is run again",
        store::record::OnLoss::Drop => "is dropped: it runs at most once",
    };
    facts.push(("If its node is lost, it", on_loss.to_owned()));
    if task.rerun {
        facts.push(("Another run", "follows, because it was asked for while it ran".to_owned()));
    }
    facts.extend(task.cancel_by.clone().map(|by| ("Asked to stop by", by)));
    facts.into_iter().map(|(name, value)| (name, Shown::line(&value))).collect()
}

fn times(task: &Task, now: Timestamp) -> Vec<(&'static str, When)> {
    let times = [
        ("Asked for", Some(task.created_at)),
        ("Not before", Some(task.run_after).filter(|at| *at > task.created_at)),
        ("Began", task.started_at),
        ("Seen alive", task.beat_at.filter(|_| task.state == State::Running)),
        ("Asked to stop", task.cancel_at),
        ("Ended", task.finished_at),
    ];
    let known = times.into_iter().filter_map(|(name, at)| Some((name, at?)));
    known.map(|(name, at)| (name, When::new(at, now))).collect()
}

fn attempt_view(attempt: &Attempt, is_last: bool, now: Timestamp) -> AttemptView {
    AttemptView {
        number: attempt.claim.0,
        node: Shown::short(&attempt.node),
        outcome: attempt.outcome.map_or("runs", words),
        started: When::new(attempt.started, now),
        took: duration(attempt.ended.unwrap_or(now).since(attempt.started)),
        stages: timings::read(attempt.stages.as_deref().unwrap_or("")),
        is_last,
    }
}

fn event_row(event: &TaskEvent, now: Timestamp) -> EventRow {
    EventRow {
        when: When::new(event.at, now),
        what: words(event.what),
        actor: Shown::short(&event.actor),
        detail: Shown::line(&event.detail),
    }
}

/// What has happened, in words.
fn words(what: What) -> &'static str {
    match what {
        What::Enqueued => "accepted",
        What::Merged => "asked for again",
        What::Claimed => "begun",
        What::Completed => "completed",
        What::Retried => "failed, and is tried again",
        What::Failed => "failed",
        What::CancelAsked => "asked to stop",
        What::Cancelled => "cancelled",
        What::Lost => "lost: its node was found dead",
        What::Returned => "given back: its node was not told that it had it",
        What::Interrupted => "interrupted: its node shut down",
        What::Dropped => "dropped",
        What::StaleWrite => "a write was refused: the node had lost it",
        What::FollowUp => "followed by another task",
        What::Comment => "note",
    }
}

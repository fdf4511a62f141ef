//! The overview: what runs, what waits, what failed, what comes next.

use askama::Template;
use serve::pages::layout::PageLayout;
use store::operations::read::Overview;
use store::record::{Node, Queue, Schedule, Task, Timestamp, slot_of};

use super::display::{Shown, When, coarse, number};
use super::frame::Frame;
use super::rows::TaskRow;

/// The most rows of a table of the overview.
pub(super) const MAX_ROWS: usize = 10;
/// A node that has not written for so long is shown as silent, in milliseconds.
pub(super) const SILENT_AFTER: i64 = 90_000;

/// What the overview is made of.
pub(super) struct OverviewData {
    /// Queues, nodes, schedules.
    pub(super) overview: Overview,
    /// What runs, the latest first.
    pub(super) running: Vec<Task>,
    /// What failed or was dropped, the latest first.
    pub(super) failed: Vec<Task>,
    /// What has completed, the latest first.
    pub(super) completed: Vec<Task>,
}

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    layout: PageLayout,
    frame: Frame,
    troubles: Vec<String>,
    is_new: bool,
    /// How many more run than are shown.
    n_more_running: i64,
    running: Vec<TaskRow>,
    queues: Vec<QueueRow>,
    failed: Vec<TaskRow>,
    completed: Vec<TaskRow>,
    next: Vec<NextRow>,
    nodes: Vec<NodeRow>,
    n_more_nodes: usize,
}

/// A queue as a row.
struct QueueRow {
    /// The name, for forms.
    key: String,
    name: Shown,
    running: String,
    ready: String,
    delayed: Option<String>,
    oldest: Option<When>,
    pause: Option<PauseView>,
}

/// Since when, by whom and why something is paused.
pub(super) struct PauseView {
    pub(super) when: When,
    pub(super) by: Shown,
    pub(super) reason: Shown,
}

impl PauseView {
    /// What rows of queues and schedules say of a pause.
    pub(super) fn new(
        at: Option<Timestamp>,
        by: Option<&str>,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Option<Self> {
        let when = When::new(at?, now);
        Some(Self {
            when,
            by: Shown::short(by.unwrap_or("")),
            reason: Shown::line(reason.unwrap_or("")),
        })
    }
}

/// The next slot of a schedule.
struct NextRow {
    name: Shown,
    kind: Shown,
    next: When,
    last_success: Option<When>,
}

/// A node as a row.
pub(super) struct NodeRow {
    pub(super) name: Shown,
    pub(super) version: Shown,
    /// The site whose files it has; empty if it takes tasks of all sites.
    pub(super) site: Shown,
    pub(super) kinds: Vec<Shown>,
    /// A word for a class and for people.
    pub(super) state: &'static str,
    pub(super) started: When,
    pub(super) seen: When,
}

impl NodeRow {
    /// A node, seen from `now`.
    pub(super) fn new(node: &Node, now: Timestamp) -> Self {
        let state = match (node.stopping, is_silent(node, now)) {
            (true, _) => "stopped",
            (false, true) => "silent",
            (false, false) => "alive",
        };
        Self {
            name: Shown::short(&node.id),
            version: Shown::short(&node.version),
            site: Shown::short(node.site.as_deref().unwrap_or("")),
            kinds: node.kinds.iter().take(50).map(|kind| Shown::short(kind)).collect(),
            state,
            started: When::new(node.started_at, now),
            seen: When::new(node.seen_at, now),
        }
    }
}

fn is_silent(node: &Node, now: Timestamp) -> bool {
    now.since(node.seen_at) > SILENT_AFTER
}

/// Renders the page.
pub(super) fn render(
    data: &OverviewData,
    frame: Frame,
    layout: PageLayout,
) -> askama::Result<String> {
    let Overview { now, queues, nodes, schedules } = &data.overview;
    let rows =
        |tasks: &[Task]| tasks.iter().take(MAX_ROWS).map(|task| TaskRow::new(task, *now)).collect();
    let n_running: i64 = queues.iter().map(|queue| queue.running).sum();
    let n_shown = i64::try_from(data.running.len().min(MAX_ROWS)).unwrap_or(0);
    let page = OverviewPage {
        layout,
        frame,
        troubles: troubles(data),
        is_new: data.running.is_empty()
            && data.failed.is_empty()
            && data.completed.is_empty()
            && queues.iter().all(|queue| queue.ready == 0 && queue.delayed == 0),
        n_more_running: n_running.saturating_sub(n_shown),
        running: rows(&data.running),
        queues: queues.iter().take(50).map(|queue| queue_row(queue, *now)).collect(),
        failed: rows(&data.failed),
        completed: rows(&data.completed),
        next: next(schedules, *now),
        nodes: nodes.iter().take(MAX_ROWS).map(|node| NodeRow::new(node, *now)).collect(),
        n_more_nodes: nodes.len().saturating_sub(MAX_ROWS),
    };
    page.render()
}

fn queue_row(queue: &Queue, now: Timestamp) -> QueueRow {
    QueueRow {
        key: queue.name.clone(),
        name: Shown::short(&queue.name),
        running: format!("{} of {}", number(queue.running), number(queue.max_running)),
        ready: number(queue.ready),
        delayed: (queue.delayed > 0).then(|| number(queue.delayed)),
        oldest: queue.oldest_ready.map(|at| When::new(at, now)),
        pause: PauseView::new(
            queue.paused_at,
            queue.paused_by.as_deref(),
            queue.reason.as_deref(),
            now,
        ),
    }
}

fn next(schedules: &[Schedule], now: Timestamp) -> Vec<NextRow> {
    let going = schedules.iter().filter(|schedule| schedule.paused_at.is_none());
    let mut next: Vec<_> = going
        .map(|schedule| {
            (slot_of(now, schedule.period, schedule.phase).plus(schedule.period), schedule)
        })
        .collect();
    next.sort_by_key(|(at, schedule)| (*at, &schedule.id));
    next.truncate(MAX_ROWS);
    let row = |(at, schedule): (Timestamp, &Schedule)| NextRow {
        name: Shown::short(&schedule.id),
        kind: Shown::short(&schedule.kind),
        next: When::new(at, now),
        last_success: schedule.last_success.map(|at| When::new(at, now)),
    };
    next.into_iter().map(row).collect()
}

/// What keeps tasks from being run, with what to do about it.
fn troubles(data: &OverviewData) -> Vec<String> {
    let Overview { now, queues, nodes, .. } = &data.overview;
    let mut troubles = Vec::new();
    let is_working = |node: &Node| !node.stopping && !is_silent(node, *now);
    if nodes.is_empty() {
        troubles.push(
            "No node has started yet, so nothing is run. Start `mirrorlistd control`.".to_owned(),
        );
    } else if !nodes.iter().any(is_working) {
        troubles.push(
            "No node is alive, so nothing is run. Start `mirrorlistd control`, or look into its log."
                .to_owned(),
        );
    }
    for queue in queues.iter().take(50) {
        let waits = queue.oldest_ready.map_or(0, |at| now.since(at));
        if queue.paused_at.is_none() && waits > 10 * 60_000 {
            let name = Shown::short(&queue.name);
            troubles.push(format!(
                "The queue {name} is behind: its oldest task has waited for {}. Its budget is {}; look at what \
                 runs in it.",
                coarse(waits),
                number(queue.max_running)
            ));
        }
    }
    troubles
}

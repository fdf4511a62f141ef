//! The list of tasks, with a filter.

use askama::Template;
use serve::pages::layout::PageLayout;
use store::record::{State, Task, TaskId, Timestamp};

use super::display::{Shown, number};
use super::fields::Fields;
use super::filter::PAGE;
use super::frame::Frame;
use super::rows::TaskRow;

/// What the list is made of.
pub(super) struct ListData {
    /// The time of the store's clock.
    pub(super) now: Timestamp,
    /// The tasks, one more than are shown if there are more; or why the filter was not understood.
    pub(super) tasks: Result<Vec<Task>, String>,
    /// The tasks that were looked at, if not all were.
    pub(super) searched: Option<Searched>,
    /// The kinds to choose from.
    pub(super) kinds: Vec<String>,
    /// The queues to choose from.
    pub(super) queues: Vec<String>,
}

/// The tasks that a search has looked at: it reads their texts, which no index helps with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Searched {
    /// The lowest number.
    pub(super) from: TaskId,
    /// The highest number.
    to: TaskId,
}

impl Searched {
    /// Those that a search looks at when it begins below the number `end`; `None` if these are all.
    pub(super) fn before(end: TaskId) -> Option<Self> {
        let from = TaskId(end.0.saturating_sub(MAX_SEARCHED));
        (from.0 > 1).then(|| Self { from, to: TaskId(end.0.saturating_sub(1)) })
    }
}

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "list.html")]
struct ListPage<'d> {
    layout: PageLayout,
    frame: Frame,
    bad: Option<Shown>,
    is_filtered: bool,
    is_detailed: bool,
    states: Vec<(&'static str, bool)>,
    kinds: Vec<(&'d str, bool)>,
    queues: Vec<(&'d str, bool)>,
    fields: &'d Fields,
    /// The filter in words, where there is no form.
    told: Vec<(Shown, Shown)>,
    rows: Vec<TaskRow>,
    newest: Option<String>,
    older: Option<String>,
    /// What a search has looked at, if there is more.
    searched: Option<SearchedView>,
}

/// What a search has looked at, in words.
struct SearchedView {
    /// How many it looks at.
    max: String,
    /// The lowest and the highest number.
    from: String,
    to: String,
    /// The path of the same search in older ones.
    older: String,
}

/// How many tasks a search looks at.
const MAX_SEARCHED: i64 = 10_000;

/// Fields that are below "more".
const DETAILS: [&str; 7] = ["queue", "actor", "node", "schedule", "parent", "since", "until"];

/// Renders the page.
pub(super) fn render(
    data: &ListData,
    fields: &Fields,
    frame: Frame,
    layout: PageLayout,
) -> askama::Result<String> {
    let (tasks, bad) = match &data.tasks {
        Ok(tasks) => (tasks.as_slice(), None),
        Err(reason) => (&[][..], Some(Shown::line(reason))),
    };
    let shown = tasks.get(..PAGE).unwrap_or(tasks);
    let last = shown.last().filter(|_| tasks.len() > PAGE).map(|task| task.id);
    let filter = fields.without(&["before", "done"]);
    let before = |TaskId(id): TaskId| {
        format!("/tasks/list{}", filter.clone().with("before", id.to_string()).to_query())
    };
    let told = fields.without(&["before", "done", "refresh"]);
    let page = ListPage {
        layout,
        frame,
        bad,
        is_filtered: told.iter().next().is_some(),
        is_detailed: DETAILS.iter().any(|name| !fields.get(name).is_empty()),
        states: State::ALL
            .iter()
            .map(|state| (state.as_str(), fields.all("state").any(|word| word == state.as_str())))
            .collect(),
        kinds: choices(&data.kinds, fields.get("kind")),
        queues: choices(&data.queues, fields.get("queue")),
        fields,
        told: told.iter().map(|(name, value)| (Shown::short(name), Shown::short(value))).collect(),
        rows: shown.iter().map(|task| TaskRow::new(task, data.now)).collect(),
        newest: (!fields.get("before").is_empty())
            .then(|| format!("/tasks/list{}", filter.to_query())),
        older: last.map(before),
        // Of what it has looked at, the next page shows more.
        searched: data.searched.filter(|_| last.is_none()).map(|Searched { from, to }| {
            let (max, older) = (number(MAX_SEARCHED), before(from));
            SearchedView { max, from: from.to_string(), to: to.to_string(), older }
        }),
    };
    page.render()
}

/// What can be chosen, with what is chosen, whether it is known or not.
fn choices<'d>(known: &'d [String], chosen: &'d str) -> Vec<(&'d str, bool)> {
    let mut choices: Vec<_> =
        known.iter().take(100).map(|one| (one.as_str(), one == chosen)).collect();
    if !chosen.is_empty() && !choices.iter().any(|(_, is_chosen)| *is_chosen) {
        choices.push((chosen, true));
    }
    choices
}

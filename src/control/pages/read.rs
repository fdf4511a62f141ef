//! Reads from the store what a page shows.

use store::operations::read::{Attempts, Events, Find, Found, List, Overview, ReadOverview};
use store::record::{State, TaskId};
use store::{Error, Store};
use tasks::Tasks;

use super::fields::Fields;
use super::filter;
use super::list::{ListData, Searched};
use super::nodes::NodesData;
use super::overview::{MAX_ROWS, OverviewData};
use super::task::{MAX_EVENTS, MAX_FOLLOWERS, TaskData};

/// The most running tasks that the page of nodes reads.
const MAX_RUNNING: usize = 500;

/// What runs, what failed, what comes.
pub(super) async fn overview(tasks: &Tasks) -> Result<OverviewData, Error> {
    let store = tasks.store();
    let latest = async |states: &[State]| store.run(of_states(states, MAX_ROWS)).await;
    Ok(OverviewData {
        running: latest(&[State::Running]).await?,
        failed: latest(&[State::Failed, State::Dropped]).await?,
        completed: latest(&[State::Completed]).await?,
        overview: look(store).await?,
    })
}

/// The tasks that a filter lets through. A search looks at a bounded number of them.
pub(super) async fn list(tasks: &Tasks, fields: &Fields) -> Result<ListData, Error> {
    let mut searched = None;
    let found = match filter::read(fields) {
        Ok(mut filter) => {
            if filter.text.is_some() || filter.suffix.is_some() {
                searched = Searched::before(end_of(tasks.store(), filter.before).await?);
                filter.from = searched.map(|searched| searched.from);
            }
            Ok(tasks.store().run(filter).await?)
        }
        Err(reason) => Err(reason),
    };
    let Overview { now, queues, .. } = look(tasks.store()).await?;
    Ok(ListData {
        now,
        tasks: found,
        searched,
        kinds: tasks.kinds().iter().map(|kind| kind.name().to_owned()).collect(),
        queues: queues.into_iter().map(|queue| queue.name).collect(),
    })
}

/// The number after that of the latest task before `before`, or of all.
async fn end_of(store: &Store, before: Option<TaskId>) -> Result<TaskId, Error> {
    let latest = store.run(List { before, limit: 1, ..List::default() }).await?;
    Ok(TaskId(latest.first().map_or(0, |task| task.id.0).saturating_add(1)))
}

/// Nodes, and what runs on them.
pub(super) async fn nodes(tasks: &Tasks) -> Result<NodesData, Error> {
    let running = tasks.store().run(of_states(&[State::Running], MAX_RUNNING)).await?;
    Ok(NodesData { running, overview: look(tasks.store()).await? })
}

/// A task with everything around it; or what there is in its place.
pub(super) async fn task(
    tasks: &Tasks,
    id: TaskId,
    fields: &Fields,
) -> Result<Result<TaskData, Found>, Error> {
    let store = tasks.store();
    let task = match store.run(Find(id)).await? {
        Found::Task(task) => *task,
        missing => return Ok(Err(missing)),
    };
    let after = fields.get("after").parse().unwrap_or(0);
    let followers = List { parents: vec![id], limit: limit(MAX_FOLLOWERS), ..List::default() };
    Ok(Ok(TaskData {
        task,
        events: store.run(Events { task: id, after, limit: limit(MAX_EVENTS) }).await?,
        attempts: store.run(Attempts(id)).await?,
        followers: store.run(followers).await?,
        overview: look(store).await?,
        refused: None,
    }))
}

/// Queues, nodes, schedules, and the time.
pub(super) async fn look(store: &Store) -> Result<Overview, Error> {
    store.run(ReadOverview).await
}

fn of_states(states: &[State], max: usize) -> List {
    List { states: states.to_vec(), limit: limit(max), ..List::default() }
}

fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

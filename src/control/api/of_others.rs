//! Queues, schedules, nodes and kinds.

use serde_json::json;
use serve::admin::part::{PartReply, PartRequest};
use store::operations::doctor::Examine;
use store::operations::people::{Pausable, Pause, Resume};
use store::operations::read::ReadOverview;
use store::operations::run_schedule::RunSchedule;
use tasks::Tasks;

use super::limits::Limits;
use super::reply::{ApiError, ok};
use super::route::{Route, Verb};
use super::{body, of_tasks, query, shapes};
use crate::requests::{NotAccepted, Requests};

/// Reads a list.
pub(super) async fn read(tasks: &Tasks, route: &Route, query: &str) -> Result<PartReply, ApiError> {
    query::refuse_any(query)?;
    if *route == Route::Kinds {
        let kinds: Vec<_> = tasks.kinds().iter().map(|kind| shapes::kind(&**kind)).collect();
        return Ok(ok(&json!({"kinds": kinds})));
    }
    let overview = tasks.store().run(ReadOverview).await?;
    Ok(ok(&match route {
        Route::Queues => shapes::queues(&overview),
        Route::Schedules => shapes::schedules(&overview),
        _ => shapes::nodes(&overview),
    }))
}

/// Looks for what must not be in the store.
pub(super) async fn examine(
    tasks: &Tasks,
    limits: &Limits,
    query: &str,
) -> Result<PartReply, ApiError> {
    query::refuse_any(query)?;
    let _permit = limits.examine()?;
    let kinds = tasks.kinds().iter().map(|kind| kind.name().to_owned()).collect();
    let found = tasks.store().run(Examine { kinds }).await?;
    let found: Vec<_> = found.iter().map(shapes::finding).collect();
    Ok(ok(&json!({"findings": found})))
}

/// Pauses or resumes a queue or a schedule, or runs a schedule now.
pub(super) async fn change(
    requests: &Requests<'_>,
    route: &Route,
    actor: String,
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
    let (what, name, verb) = match route {
        Route::Queue(name, verb) => (Pausable::Queue, name, *verb),
        Route::Schedule(name, verb) => (Pausable::Schedule, name, *verb),
        // Their methods are others.
        _ => return Err(ApiError::no_such_path()),
    };
    let tasks = requests.tasks();
    let is_known = match verb {
        Verb::Run => {
            let (schedule, request_id) = (name.clone(), body::request_id(request)?);
            let run = RunSchedule { schedule, actor, request_id };
            let accepted = requests.run_schedule(run).await.map_err(|refused| match refused {
                NotAccepted::NoSchedule => ApiError::not_found("schedule", name),
                refused => refused.into(),
            })?;
            return Ok(of_tasks::accepted(&accepted));
        }
        Verb::Pause => {
            let reason = body::needed_reason(request)?;
            tasks.change(Pause { what, name: name.clone(), actor, reason }).await?
        }
        Verb::Resume => {
            body::nothing(request)?;
            tasks.change(Resume { what, name: name.clone() }).await?
        }
    };
    let overview = tasks.store().run(ReadOverview).await?;
    let (all, one) = match what {
        Pausable::Queue => (shapes::queues(&overview), "queue"),
        Pausable::Schedule => (shapes::schedules(&overview), "schedule"),
    };
    let key = if what == Pausable::Queue { ("queues", "name") } else { ("schedules", "id") };
    let found = all.get(key.0).and_then(|list| list.as_array()).and_then(|list| {
        list.iter().find(|row| row.get(key.1).and_then(|id| id.as_str()) == Some(name.as_str()))
    });
    match found.filter(|_| is_known) {
        Some(row) => Ok(ok(&json!({ one: row }))),
        None => Err(ApiError::not_found(one, name)),
    }
}

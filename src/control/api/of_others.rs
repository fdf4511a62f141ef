//! Queues, schedules, nodes and kinds.

use serde_json::json;
use serve::admin::part::{PartReply, PartRequest};
use store::operations::doctor::Examine;
use store::operations::people::{Pausable, Pause, Resume};
use store::operations::read::{Overview, ReadOverview};
use tasks::{Request, Tasks};

use super::limits::Limits;
use super::reply::{ApiError, ok};
use super::route::{Route, Verb};
use super::{body, of_tasks, query, shapes};

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
    tasks: &Tasks,
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
    let is_known = match verb {
        Verb::Run => return run_now(tasks, name, actor, request).await,
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

/// Asks for the task of a schedule, besides its slots.
async fn run_now(
    tasks: &Tasks,
    name: &str,
    actor: String,
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
    let request_id = body::request_id(request)?;
    let Overview { schedules, .. } = tasks.store().run(ReadOverview).await?;
    let schedule = schedules.iter().find(|schedule| schedule.id == name);
    let schedule = schedule.ok_or_else(|| ApiError::not_found("schedule", name))?;
    let request = Request {
        kind: schedule.kind.clone(),
        args: serde_json::from_str(&schedule.args).unwrap_or_default(),
        site: schedule.site.clone(),
        actor,
        request_id,
        ..Request::default()
    };
    of_tasks::submit_request(tasks, &request).await
}

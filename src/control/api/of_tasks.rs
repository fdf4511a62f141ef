//! Tasks: list, read, wait, ask for, cancel, retry, comment.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use serde_json::json;
use serve::admin::part::{PartReply, PartRequest};
use store::operations::people::{Cancel, Cancelled, Comment, Retry};
use store::operations::read::{Attempts, Events, Find, Found};
use store::record::{Task, TaskId};
use tasks::Tasks;
use tasks::node::NodeHandle;

use super::limits::Limits;
use super::query::Query;
use super::reply::{ApiError, json_reply, ok};
use super::route::TaskRoute;
use super::{body, ids, query, shapes, stream};
use crate::requests::{Accepted, Again, Requests};

/// The most bytes of the tasks in a list; what does not fit comes with the next page.
const MAX_LIST: usize = 512 * 1024;
/// How many rows of a list are read at once.
const BATCH: i64 = 100;

/// The list that a query asks for, or as much of it as has at most [`MAX_LIST`] bytes.
pub(super) async fn list(
    tasks: &Tasks,
    limits: &Limits,
    query: &str,
) -> Result<PartReply, ApiError> {
    let mut list = query::list(query)?;
    let is_search = list.text.is_some() || list.suffix.is_some();
    let _search = is_search.then(|| limits.search()).transpose()?;
    let _list = limits.list().await;
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let (mut rows, mut n_bytes, mut next) = (Vec::new(), 0, None);
    'read: loop {
        // Rows come in batches, so that only few long ones are held. One more shows whether there are more.
        list.limit = BATCH;
        let batch = tasks.store().run(list.clone()).await?;
        for task in &batch {
            let row = shapes::task_in_list(task).to_string();
            n_bytes += row.len();
            if rows.len() >= limit || (n_bytes > MAX_LIST && !rows.is_empty()) {
                next = list.before.map(|id| id.0.to_string());
                break 'read;
            }
            list.before = Some(task.id);
            rows.push(row);
        }
        if i64::try_from(batch.len()).is_ok_and(|n| n < BATCH) {
            break;
        }
    }
    let next = json!(next);
    Ok(ok(&format_args!("{{\"tasks\":[{}],\"next\":{next}}}", rows.join(","))))
}

/// Reads what belongs to a task.
pub(super) async fn read(
    tasks: &Tasks,
    id: &str,
    part: TaskRoute,
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
    match part {
        TaskRoute::Events if stream::is_wanted(&request.headers) => {
            let query = Query::read(&request.query, &["after"])?;
            let after = stream::last_event(&request.headers)?.or(query.after("after")?);
            let task = ids::find(tasks, id).await?;
            stream::reply(tasks, &task, after.unwrap_or(0)).await
        }
        TaskRoute::Events => {
            let query = Query::read(&request.query, &["after", "limit"])?;
            let (after, limit) = (query.after("after")?.unwrap_or(0), query.limit()?);
            let task = ids::find(tasks, id).await?.id;
            let found = tasks.store().run(Events { task, after, limit }).await?;
            let is_full = i64::try_from(found.len()).is_ok_and(|n| n == limit);
            let next = found.last().filter(|_| is_full).map(|event| event.id.to_string());
            let found: Vec<_> = found.iter().map(shapes::event).collect();
            Ok(ok(&json!({"events": found, "next": next})))
        }
        _ => {
            query::refuse_any(&request.query)?;
            let task = ids::find(tasks, id).await?.id;
            let found = tasks.store().run(Attempts(task)).await?;
            let found: Vec<_> = found.iter().map(shapes::attempt).collect();
            Ok(ok(&json!({"attempts": found})))
        }
    }
}

/// Reads a task. With one that has not ended it says what keeps the store from being used.
pub(super) async fn whole(
    tasks: &Tasks,
    id: &str,
    request: &PartRequest,
    own: Option<&NodeHandle>,
) -> Result<PartReply, ApiError> {
    let wait = Query::read(&request.query, &["wait"])?.wait()?;
    let wait = if request.may_wait { wait } else { Duration::ZERO };
    let id = ids::resolve(tasks, id).await?;
    match tasks.wait(id, wait).await? {
        Found::Task(task) => {
            let mut value = shapes::task(&task);
            let trouble = own.filter(|_| !task.state.is_terminal());
            let trouble = trouble.and_then(|node| node.status().store_error);
            if let (Some(fields), Some(trouble)) = (value.as_object_mut(), trouble) {
                fields.insert("store_trouble".to_owned(), trouble.into());
            }
            Ok(ok(&value))
        }
        missing => Err(ids::missing_task(tasks, id, &missing).await),
    }
}

/// The answer to who has asked for a task.
pub(super) fn accepted(Accepted { task, enqueued }: &Accepted) -> PartReply {
    let body = json!({
        "task": shapes::task(task),
        "is_new": enqueued.is_new,
        // It may have gone on since.
        "state_then": enqueued.state.as_str(),
    });
    let mut reply = json_reply(StatusCode::ACCEPTED, &body);
    // Digits are valid in a header.
    if let Ok(location) = HeaderValue::try_from(format!("/api/v1/tasks/{}", task.id.0)) {
        reply.headers_mut().insert(LOCATION, location);
    }
    reply
}

/// Changes a task.
pub(super) async fn change(
    requests: &Requests<'_>,
    id: &str,
    part: TaskRoute,
    actor: String,
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
    let tasks = requests.tasks();
    match part {
        TaskRoute::Cancel => {
            let reason = body::reason(request)?;
            let id = ids::resolve(tasks, id).await?;
            let outcome = match tasks.cancel(Cancel { id, actor, reason }).await? {
                Cancelled::AtOnce => "cancelled",
                Cancelled::Asked => "asked",
                Cancelled::AlreadyAsked => "already_asked",
                Cancelled::Ended(_) => "ended",
                Cancelled::Purged => return Err(ids::missing_task(tasks, id, &Found::Purged).await),
                Cancelled::Unknown => {
                    return Err(ids::missing_task(tasks, id, &Found::Unknown).await);
                }
            };
            let task = existing(tasks, id).await?;
            Ok(ok(&json!({"task": shapes::task(&task), "outcome": outcome})))
        }
        TaskRoute::Retry => {
            let request_id = body::request_id(request)?;
            let id = ids::resolve(tasks, id).await?;
            match requests.retry(Retry { id, actor, request_id }).await? {
                Again::Accepted(again) => Ok(accepted(&again)),
                Again::NotEnded(state) => Err(ApiError::new(
                    StatusCode::CONFLICT,
                    "not_ended",
                    format!("task {id} is {state}; only one that has ended can be run again"),
                )),
                Again::Purged => Err(ids::missing_task(tasks, id, &Found::Purged).await),
                Again::Unknown => Err(ids::missing_task(tasks, id, &Found::Unknown).await),
            }
        }
        TaskRoute::Comment => {
            let text = body::comment(request)?;
            let id = ids::resolve(tasks, id).await?;
            match tasks.change(Comment { id, actor, text }).await? {
                Found::Task(task) => Ok(ok(&json!({"task": shapes::task(&task)}))),
                missing => Err(ids::missing_task(tasks, id, &missing).await),
            }
        }
        // Their only method is GET.
        TaskRoute::Whole | TaskRoute::Events | TaskRoute::Attempts => Err(ApiError::no_such_path()),
    }
}

/// The task of a number that was just given or found.
async fn existing(tasks: &Tasks, id: TaskId) -> Result<Task, ApiError> {
    match tasks.store().run(Find(id)).await? {
        Found::Task(task) => Ok(*task),
        Found::Purged | Found::Unknown => Err(ApiError::purged(id)),
    }
}

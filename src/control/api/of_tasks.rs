//! Tasks: list, read, wait, ask for, cancel, retry, comment.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use serde_json::json;
use serve::admin::part::{PartReply, PartRequest};
use store::Error;
use store::operations::enqueue::Enqueued;
use store::operations::people::{Cancel, Cancelled, Comment, Retried, Retry};
use store::operations::read::{Attempts, Events, Find, Found, Overview, ReadOverview};
use store::record::{Node, Task, TaskId, bounded};
use tasks::{Request, SubmitError, Tasks};

use super::limits::Limits;
use super::query::Query;
use super::reply::{ApiError, json_reply, ok};
use super::route::TaskRoute;
use super::{body, ids, query, shapes, stream};

/// How long a node may not have been seen before no tasks are accepted for it, in milliseconds. It is twice
/// what it takes until its tasks are given to others.
const NODE_PATIENCE: i64 = 150_000;

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
    store_trouble: &(dyn Fn() -> Option<String> + Send + Sync),
) -> Result<PartReply, ApiError> {
    let wait = Query::read(&request.query, &["wait"])?.wait()?;
    let wait = if request.may_wait { wait } else { Duration::ZERO };
    let id = ids::resolve(tasks, id).await?;
    match tasks.wait(id, wait).await? {
        Found::Task(task) => {
            let mut value = shapes::task(&task);
            let trouble = (!task.state.is_terminal()).then(store_trouble).flatten();
            if let (Some(fields), Some(trouble)) = (value.as_object_mut(), trouble) {
                fields.insert("store_trouble".to_owned(), trouble.into());
            }
            Ok(ok(&value))
        }
        missing => Err(ids::missing_task(tasks, id, &missing).await),
    }
}

/// Asks for a task.
pub(super) async fn submit(
    tasks: &Tasks,
    actor: String,
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
    submit_request(tasks, &body::new_task(request, actor)?).await
}

/// Asks for a task that was read already.
pub(super) async fn submit_request(
    tasks: &Tasks,
    request: &Request,
) -> Result<PartReply, ApiError> {
    // What makes no sense is told first, whoever runs.
    let plan = tasks.kinds().plan(request).map_err(ApiError::invalid)?;
    let overview = tasks.store().run(ReadOverview).await?;
    if let Some(reason) = nobody_runs(&overview, &request.kind, plan.site.as_deref()) {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_node", reason));
    }
    let enqueued = tasks.submit(request).await.map_err(|error| match error {
        // The request itself was checked, so the store is full: that may pass.
        SubmitError::Store(Error::Refused(reason)) => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "refused_by_store", reason)
        }
        other => other.into(),
    })?;
    let task = existing(tasks, enqueued.id).await?;
    if task.kind != request.kind {
        let message = format!("this `request_id` was used for task {}, of another kind", task.id);
        return Err(ApiError::new(StatusCode::CONFLICT, "request_id_used", message));
    }
    let is_by_name = request.request_id.as_ref() == Some(&task.request_id);
    if !enqueued.is_new && is_by_name && task.args != plan.args {
        let message =
            format!("this `request_id` was used for task {}, with other arguments", task.id);
        return Err(ApiError::new(StatusCode::CONFLICT, "request_id_used", message));
    }
    Ok(accepted(&task, enqueued))
}

/// Why no node would run a task of this kind, and of this site if it is bound to one; `None` if one would.
fn nobody_runs(overview: &Overview, kind: &str, site: Option<&str>) -> Option<String> {
    let kind = bounded(kind, 60);
    let is_of_site =
        |node: &&Node| site.is_none() || node.site.is_none() || node.site.as_deref() == site;
    let knowing = overview.nodes.iter().filter(|node| node.kinds.contains(&kind));
    let mut knowing = knowing.filter(is_of_site).peekable();
    if knowing.peek().is_none() {
        let of_site = site.map(|site| format!(" of the site `{site}`")).unwrap_or_default();
        return Some(format!("no node{of_site} runs tasks of kind `{kind}`: none has started yet"));
    }
    let mut working = knowing.filter(|node| !node.stopping).peekable();
    if working.peek().is_none() {
        return Some(format!("the nodes that run tasks of kind `{kind}` are shutting down"));
    }
    let is_seen = working.any(|node| overview.now.since(node.seen_at) <= NODE_PATIENCE);
    (!is_seen).then(|| {
        format!("the nodes that run tasks of kind `{kind}` have not been seen for minutes")
    })
}

fn accepted(task: &Task, enqueued: Enqueued) -> PartReply {
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
    tasks: &Tasks,
    id: &str,
    part: TaskRoute,
    actor: String,
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
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
            match tasks.retry(Retry { id, actor, request_id }).await? {
                Retried::Enqueued(enqueued) => {
                    let task = existing(tasks, enqueued.id).await?;
                    Ok(accepted(&task, enqueued))
                }
                Retried::NotEnded(state) => Err(ApiError::new(
                    StatusCode::CONFLICT,
                    "not_ended",
                    format!("task {id} is {state}; only one that has ended can be run again"),
                )),
                Retried::Purged => Err(ids::missing_task(tasks, id, &Found::Purged).await),
                Retried::Unknown => Err(ids::missing_task(tasks, id, &Found::Unknown).await),
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

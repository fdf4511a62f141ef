//! Accepts tasks.

use super::event;
use crate::error::Error;
use crate::operation::{Dialect, Hint, Operation, Transaction, Value};
use crate::record::{NewTask, State, TaskId, Timestamp, What, bounded, bounds};

/// How many tasks of a queue may wait. With the bounds of a row, this bounds the store.
pub const MAX_WAITING: i64 = 100_000;
/// How many requests with names may be merged into one task. Each name is kept as long as the task.
pub const MAX_REQUESTS: i64 = 10_000;

/// Accepts a task. Who asks for one that is there already (by its `unique_key`) gets that one's number: if
/// it runs, another run follows, because it may have read its inputs before they changed.
#[derive(Clone, Debug)]
pub struct Enqueue(pub NewTask);

/// A task that was accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enqueued {
    /// Its number.
    pub id: TaskId,
    /// Where it is now.
    pub state: State,
    /// Whether it was made for this.
    pub is_new: bool,
}

impl Operation for Enqueue {
    type Reply = Enqueued;
    const NAME: &'static str = "enqueue";

    fn hint(&self, enqueued: &Enqueued) -> Option<Hint> {
        enqueued.is_new.then_some(Hint::Queue)
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Enqueued, Error> {
        enqueue(tx, &self.0).await
    }
}

/// Accepts a task that somebody asks for, unless its queue is full.
pub(super) async fn enqueue<T: Transaction>(tx: &mut T, new: &NewTask) -> Result<Enqueued, Error> {
    if let Some(known) = find_repeated(tx, new).await? {
        return Ok(known);
    }
    refuse_full(tx, new).await?;
    insert(tx, new, None).await
}

/// The task of a request that was made before, by its name.
pub(super) async fn find_repeated<T: Transaction>(
    tx: &mut T,
    new: &NewTask,
) -> Result<Option<Enqueued>, Error> {
    check(new)?;
    find_request(tx, new).await
}

/// Accepts a task that follows from one that was accepted, or is made for `slot` of a schedule. It is not
/// refused when its queue is full: a task that cannot be followed could not end. There is at most a few for
/// each that runs, and one for each schedule.
pub(super) async fn follow<T: Transaction>(
    tx: &mut T,
    new: &NewTask,
    slot: Option<(&str, Timestamp)>,
) -> Result<Enqueued, Error> {
    match find_repeated(tx, new).await? {
        Some(known) => Ok(known),
        None => insert(tx, new, slot).await,
    }
}

/// The task that was made when this was asked for before, or that it was merged into.
async fn find_request<T: Transaction>(
    tx: &mut T,
    new: &NewTask,
) -> Result<Option<Enqueued>, Error> {
    let Some(request) = &new.request_id else { return Ok(None) };
    let rows = tx
        .query(
            "SELECT id, state FROM task WHERE request_id = ?1
             UNION ALL
             SELECT task.id, task.state FROM task_request
             JOIN task ON task.id = task_request.task WHERE task_request.request_id = ?1",
            &[request.into()],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (id, state) = (TaskId(row.int(0)?), row.word(1, State::find)?);
    Ok(Some(Enqueued { id, state, is_new: false }))
}

async fn insert<T: Transaction>(
    tx: &mut T,
    new: &NewTask,
    slot: Option<(&str, Timestamp)>,
) -> Result<Enqueued, Error> {
    let now = tx.now().await?;
    if let Some(merged) = merge(tx, new, now).await? {
        return Ok(merged);
    }
    // It also tells below whether the row was made for this request.
    let request = match &new.request_id {
        Some(request) => request.clone(),
        None => format!("{:032x}", fastrand::u128(..)),
    };
    let parameters: [Value; 18] = [
        (&new.kind).into(),
        (&new.queue).into(),
        bounds::priority(new.priority).into(),
        (&new.args).into(),
        bounded(&new.summary, bounds::LINE).into(),
        new.unique_key.clone().into(),
        (&request).into(),
        new.on_loss.as_str().into(),
        new.max_failures.max(1).into(),
        now.plus(bounds::delay(new.delay)).into(),
        now.into(),
        bounded(&new.actor, bounds::LINE).into(),
        new.parent.map(|TaskId(id)| id).into(),
        slot.map(|(schedule, _)| schedule).into(),
        slot.map(|(_, slot)| slot).into(),
        State::Enqueued.as_str().into(),
        State::Running.as_str().into(),
        new.site.clone().into(),
    ];
    // On PostgreSQL, another one of the key may have been inserted since, and for this very request.
    let is_inserted = match tx.dialect() {
        Dialect::Sqlite => "request_id = ?7",
        Dialect::Postgres => "CAST(CASE WHEN task.xmax = 0 THEN 1 ELSE 0 END AS BIGINT)",
    };
    let rows = tx
        .query(
            &format!(
                "INSERT INTO task(kind, queue, priority, args, summary, unique_key, request_id, on_loss,
                     max_failures, run_after, created_at, actor, parent, schedule, slot, state, site)
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?18)
                 ON CONFLICT(unique_key) WHERE unique_key IS NOT NULL AND state IN('enqueued','running')
                 DO UPDATE SET
                     rerun = CASE WHEN task.state = ?17 AND task.request_id <> excluded.request_id
                         THEN 1 ELSE task.rerun END,
                     priority = CASE WHEN excluded.priority < task.priority
                         THEN excluded.priority ELSE task.priority END,
                     run_after = CASE WHEN task.state = 'enqueued' AND excluded.run_after < task.run_after
                         THEN excluded.run_after ELSE task.run_after END
                 RETURNING id, state, request_id, {is_inserted}"
            ),
            &parameters,
        )
        .await?;
    let row = rows.first().ok_or_else(|| Error::Broken("a task was not inserted".to_owned()))?;
    let (id, state) = (TaskId(row.int(0)?), row.word(1, State::find)?);
    let (is_same, is_new) = (row.text(2)? == request, row.int(3)? != 0);
    let enqueued = Enqueued { id, state, is_new };
    if is_new {
        event::record(tx, id, now, &new.actor, What::Enqueued, "").await?;
    } else if !is_same {
        merged(tx, new, now, enqueued).await?;
    }
    Ok(enqueued)
}

/// Asks once more for the task of this key that has not ended, if there is one. An insert that collides
/// with it would do the same, but PostgreSQL uses up a number for that, and a number that was used and has no
/// row is taken for one that was purged.
async fn merge<T: Transaction>(
    tx: &mut T,
    new: &NewTask,
    now: Timestamp,
) -> Result<Option<Enqueued>, Error> {
    let Some(key) = &new.unique_key else { return Ok(None) };
    let rows = tx
        .query(
            "UPDATE task SET
                 rerun = CASE WHEN task.state = 'running' AND task.request_id <> ?4
                     THEN 1 ELSE task.rerun END,
                 priority = CASE WHEN ?2 < task.priority THEN ?2 ELSE task.priority END,
                 run_after = CASE WHEN task.state = 'enqueued' AND ?3 < task.run_after
                     THEN ?3 ELSE task.run_after END
             WHERE unique_key = ?1 AND state IN('enqueued','running')
             RETURNING id, state, request_id",
            &[
                key.into(),
                bounds::priority(new.priority).into(),
                now.plus(bounds::delay(new.delay)).into(),
                new.request_id.clone().unwrap_or_default().into(),
            ],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (id, state) = (TaskId(row.int(0)?), row.word(1, State::find)?);
    let enqueued = Enqueued { id, state, is_new: false };
    // On PostgreSQL, it may have been made for this very request a moment ago.
    if new.request_id.as_deref() != Some(row.text(2)?.as_str()) {
        merged(tx, new, now, enqueued).await?;
    }
    Ok(Some(enqueued))
}

/// Notes that a request was merged into a task.
async fn merged<T: Transaction>(
    tx: &mut T,
    new: &NewTask,
    now: Timestamp,
    Enqueued { id, state, .. }: Enqueued,
) -> Result<(), Error> {
    if new.request_id.is_some() {
        remember_request(tx, new, now, id).await?;
    } else if is_noted(tx, new, id).await? {
        return Ok(());
    }
    let detail = match state {
        State::Running => "it runs; another run follows",
        _ => "it waits already",
    };
    event::record(tx, id, now, &new.actor, What::Merged, detail).await
}

/// Whether nothing but merges has happened to a task since a request of this actor was merged into it. Who
/// asks every few seconds for what waits for hours would fill the store otherwise. Requests with names are
/// noted one by one: they have a bound of their own.
async fn is_noted<T: Transaction>(tx: &mut T, new: &NewTask, id: TaskId) -> Result<bool, Error> {
    let rows = tx
        .query(
            "SELECT id FROM task_event WHERE task = ?1 AND what = 'merged' AND actor = ?2
                 AND id > (SELECT COALESCE(max(id), 0) FROM task_event
                     WHERE task = ?1 AND what <> 'merged')
             LIMIT 1",
            &[id.0.into(), bounded(&new.actor, bounds::LINE).into()],
        )
        .await?;
    Ok(!rows.is_empty())
}

/// Remembers that a request was merged into a task, so that the same request gets the same answer when the
/// task has ended, and another one of its key could be made.
async fn remember_request<T: Transaction>(
    tx: &mut T,
    new: &NewTask,
    now: Timestamp,
    id: TaskId,
) -> Result<(), Error> {
    let Some(request) = &new.request_id else { return Ok(()) };
    let rows = tx
        .query(
            "SELECT 1 FROM task_request WHERE task = ?1 LIMIT 1 OFFSET ?2",
            &[id.0.into(), (MAX_REQUESTS - 1).into()],
        )
        .await?;
    if !rows.is_empty() {
        return Err(Error::Refused(format!("{MAX_REQUESTS} requests wait for task {id} already")));
    }
    tx.query(
        "INSERT INTO task_request(request_id, task, at) VALUES(?1, ?2, ?3)",
        &[request.into(), id.0.into(), now.into()],
    )
    .await
    .map(drop)
}

fn check(new: &NewTask) -> Result<(), Error> {
    if new.args.len() > bounds::ARGS {
        let (n, max) = (new.args.len(), bounds::ARGS);
        return Err(Error::Refused(format!(
            "the arguments have {n} bytes, at most {max} are taken"
        )));
    }
    if new.request_id.as_ref().is_some_and(String::is_empty) {
        return Err(Error::Refused("the name of a request is empty".to_owned()));
    }
    let keys = [
        Some(&new.kind),
        Some(&new.queue),
        new.site.as_ref(),
        new.unique_key.as_ref(),
        new.request_id.as_ref(),
    ];
    match keys.into_iter().flatten().find(|key| key.len() > bounds::LINE || key.contains('\0')) {
        Some(key) => Err(Error::Refused(format!("`{}` is too long for a name", bounded(key, 60)))),
        None if new.args.contains('\0') => {
            Err(Error::Refused("the arguments hold a NUL".to_owned()))
        }
        None => Ok(()),
    }
}

/// Refuses what would make a full queue longer. What is there already, by its key, is asked for once more.
async fn refuse_full<T: Transaction>(tx: &mut T, new: &NewTask) -> Result<(), Error> {
    let queue = &new.queue;
    let rows = tx
        .query(
            "SELECT id FROM task WHERE queue = ?1 AND state = 'enqueued'
                 AND NOT EXISTS(SELECT 1 FROM task same
                     WHERE same.unique_key = ?3 AND same.state IN('enqueued','running'))
             ORDER BY priority * 600000 + run_after, id LIMIT 1 OFFSET ?2",
            &[queue.into(), (MAX_WAITING - 1).into(), new.unique_key.clone().into()],
        )
        .await?;
    match rows.is_empty() {
        true => Ok(()),
        false => {
            Err(Error::Refused(format!("{MAX_WAITING} tasks wait in the queue `{queue}` already")))
        }
    }
}

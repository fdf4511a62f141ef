//! Schedules: makes the task of a slot, once.

use super::enqueue::{self, Enqueued};
use super::lock;
use crate::error::Error;
use crate::operation::{Hint, Operation, Row, Transaction};
use crate::record::{CatchUp, NewTask, OnLoss, Timestamp, slot_of};

/// How late a slot may be taken by a schedule that does not catch up, in milliseconds.
pub const MAX_LATE: i64 = 60_000;

/// Takes the present slots of all schedules that nobody has taken yet. Every node may ask at any time.
#[derive(Clone, Debug)]
pub struct Tick;

/// What a look at the schedules did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ticked {
    /// The schedules that have made a task.
    pub made: Vec<(String, Enqueued)>,
    /// How many slots were found to have passed without a task, by schedule.
    pub missed: Vec<(String, i64)>,
    /// When the next slot begins, in milliseconds from now.
    pub next_in: Option<i64>,
}

impl Operation for Tick {
    type Reply = Ticked;
    const NAME: &'static str = "tick";

    fn hint(&self, ticked: &Ticked) -> Option<Hint> {
        (!ticked.made.is_empty()).then_some(Hint::Queue)
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Ticked, Error> {
        let now = tx.now().await?;
        let mut ticked = Ticked::default();
        // Without a lock: mostly none is due, and the ends of their tasks change these rows too.
        let sql = "SELECT id, period, phase, last_slot FROM schedule";
        let mut due = Vec::new();
        for row in tx.query(sql, &[]).await? {
            let (id, period, phase) = (row.text(0)?, row.int(1)?, row.int(2)?);
            let slot = slot_of(now, period, phase);
            let next_in = slot.plus(period).since(now);
            ticked.next_in = Some(ticked.next_in.map_or(next_in, |other| other.min(next_in)));
            if is_due(row.time(3)?, slot, period) {
                due.push(id);
            }
        }
        for row in lock_due(tx, due).await? {
            let (id, period, phase) = (row.text(0)?, row.int(1)?, row.int(2)?);
            let slot = slot_of(now, period, phase);
            let last = row.time(4)?;
            // Another node may have taken it since.
            if !is_due(last, slot, period) {
                continue;
            }
            let is_from_future = is_from_future(last, slot, period);
            // The last one may have been of other slots, if the configuration has changed.
            let passed = slot.since(last).saturating_add(period - 1) / period;
            let is_paused = row.time_or_null(5)?.is_some();
            let catch_up = row.word(3, CatchUp::find)?;
            let is_late = catch_up == CatchUp::None && now.since(slot) > MAX_LATE;
            let missed = match (is_paused || is_from_future, is_late) {
                (true, _) => 0,
                (false, true) => passed,
                (false, false) => passed - 1,
            };
            tx.query(
                "UPDATE schedule SET last_slot = ?2, missed = missed + ?3 WHERE id = ?1",
                &[(&id).into(), slot.into(), missed.into()],
            )
            .await?;
            if missed > 0 {
                ticked.missed.push((id.clone(), missed));
            }
            if is_paused || is_late {
                continue;
            }
            if let Some(made) = make(tx, &id, slot, &row).await? {
                ticked.made.push((id, made));
            }
        }
        Ok(ticked)
    }
}

/// The columns of a schedule, as [`task_of`] reads them.
pub(super) const COLUMNS: &str = "id, period, phase, catch_up, last_slot, paused_at, kind, queue, priority, \
     args, summary, unique_key, on_loss, max_failures, site";

/// Locks these schedules and the tasks of their keys, and returns the schedules by name.
async fn lock_due<T: Transaction>(tx: &mut T, mut due: Vec<String>) -> Result<Vec<Row>, Error> {
    // Sorted here: a server may sort text by other rules.
    due.sort();
    let lock = tx.dialect().for_no_key_update();
    let sql = format!("SELECT {COLUMNS} FROM schedule WHERE id = ?1{lock}");
    let mut rows = Vec::new();
    for id in due {
        rows.extend(tx.query(&sql, &[id.into()]).await?.into_iter().take(1));
    }
    let keys = rows.iter().map(key).collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    lock::tasks(tx, None, &keys).await?;
    Ok(rows)
}

/// The key of the tasks of a schedule.
fn key(row: &Row) -> Result<String, Error> {
    let id = row.text(0)?;
    Ok(row.text_or_null(11)?.unwrap_or_else(|| format!("schedule:{id}")))
}

/// Whether nobody has taken the present slot.
fn is_due(last: Timestamp, slot: Timestamp, period: i64) -> bool {
    last < slot || is_from_future(last, slot, period)
}

/// Whether the clock was far ahead when the last slot was taken: waiting for it would take for ever.
fn is_from_future(last: Timestamp, slot: Timestamp, period: i64) -> bool {
    last.since(slot) > period.saturating_mul(2)
}

/// Makes the task of a slot, unless there is one.
async fn make<T: Transaction>(
    tx: &mut T,
    id: &str,
    slot: Timestamp,
    row: &Row,
) -> Result<Option<Enqueued>, Error> {
    let taken = tx
        .query("SELECT id FROM task WHERE schedule = ?1 AND slot = ?2", &[id.into(), slot.into()])
        .await?;
    if !taken.is_empty() {
        return Ok(None);
    }
    enqueue::follow(tx, &task_of(row)?, Some((id, slot))).await.map(Some)
}

/// The task that a schedule makes.
pub(super) fn task_of(row: &Row) -> Result<NewTask, Error> {
    let id = row.text(0)?;
    Ok(NewTask {
        kind: row.text(6)?,
        queue: row.text(7)?,
        priority: row.int(8)?,
        args: row.text(9)?,
        summary: row.text(10)?,
        site: row.text_or_null(14)?,
        unique_key: Some(key(row)?),
        request_id: None,
        on_loss: row.word(12, OnLoss::find)?,
        max_failures: row.int(13)?,
        delay: 0,
        actor: format!("schedule {id}"),
        parent: None,
    })
}

//! The columns of a task, in one order.

use crate::error::Error;
use crate::operation::Row;
use crate::record::{ClaimNumber, OnLoss, State, Task, TaskId};

/// The columns, as [`task`] reads them.
pub(super) const COLUMNS: &str = "task.id, task.kind, task.queue, task.state, task.priority, task.args, \
     task.summary, task.unique_key, task.request_id, task.rerun, task.on_loss, task.failures, \
     task.max_failures, task.run_after, task.created_at, task.actor, task.parent, task.schedule, task.slot, \
     task.claim, task.node, task.boot, task.beat, task.beat_at, task.started_at, task.stage, task.done, \
     task.total, task.cancel_at, task.cancel_by, task.finished_at, task.error_code, task.error, task.result, \
     task.site";

/// Reads a row of [`COLUMNS`].
pub(super) fn task(row: &Row) -> Result<Task, Error> {
    Ok(Task {
        id: TaskId(row.int(0)?),
        kind: row.text(1)?,
        queue: row.text(2)?,
        state: row.word(3, State::find)?,
        priority: row.int(4)?,
        args: row.text(5)?,
        summary: row.text(6)?,
        site: row.text_or_null(34)?,
        unique_key: row.text_or_null(7)?,
        request_id: row.text(8)?,
        rerun: row.int(9)? != 0,
        on_loss: row.word(10, OnLoss::find)?,
        failures: row.int(11)?,
        max_failures: row.int(12)?,
        run_after: row.time(13)?,
        created_at: row.time(14)?,
        actor: row.text(15)?,
        parent: row.int_or_null(16)?.map(TaskId),
        schedule: row.text_or_null(17)?,
        slot: row.time_or_null(18)?,
        claim: ClaimNumber(row.int(19)?),
        node: row.text_or_null(20)?,
        boot: row.text_or_null(21)?,
        beat: row.int(22)?,
        beat_at: row.time_or_null(23)?,
        started_at: row.time_or_null(24)?,
        stage: row.text_or_null(25)?,
        done: row.int_or_null(26)?,
        total: row.int_or_null(27)?,
        cancel_at: row.time_or_null(28)?,
        cancel_by: row.text_or_null(29)?,
        finished_at: row.time_or_null(30)?,
        error_code: row.text_or_null(31)?,
        error: row.text_or_null(32)?,
        result: row.text_or_null(33)?,
    })
}

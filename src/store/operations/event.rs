//! Events of tasks.

use crate::error::Error;
use crate::operation::Transaction;
use crate::record::{TaskId, Timestamp, What, bounded, bounds};

/// Records an event.
pub(super) async fn record<T: Transaction>(
    tx: &mut T,
    task: TaskId,
    at: Timestamp,
    actor: &str,
    what: What,
    detail: &str,
) -> Result<(), Error> {
    let actor = bounded(actor, bounds::LINE);
    let detail = bounded(detail, bounds::ERROR);
    tx.query(
        "INSERT INTO task_event(task, at, actor, what, detail) VALUES(?1, ?2, ?3, ?4, ?5)",
        &[task.0.into(), at.into(), actor.into(), what.as_str().into(), detail.into()],
    )
    .await
    .map(drop)
}

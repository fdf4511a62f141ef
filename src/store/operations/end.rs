//! What all ends of an attempt have in common.

use super::{enqueue, event};
use crate::error::Error;
use crate::operation::Transaction;
use crate::record::{ClaimNumber, NewTask, State, Task, TaskId, Timestamp, What};

/// Notes in the attempt how it ended, and records the event.
pub(super) async fn close_attempt<T: Transaction>(
    tx: &mut T,
    (id, claim): (TaskId, ClaimNumber),
    now: Timestamp,
    actor: &str,
    (what, detail): (What, &str),
    stages: Option<&str>,
) -> Result<(), Error> {
    tx.query(
        "UPDATE task_attempt SET ended = ?3, outcome = ?4, stages = ?5 WHERE task = ?1 AND claim = ?2",
        &[id.0.into(), claim.0.into(), now.into(), what.as_str().into(), stages.into()],
    )
    .await?;
    event::record(tx, id, now, actor, what, detail).await
}

/// What follows from a task that was enqueued or running and has just become `task`: another run if it was
/// asked for meanwhile, and the success of its schedule. Returns the number of the other run.
pub(super) async fn after_end<T: Transaction>(
    tx: &mut T,
    task: &Task,
    now: Timestamp,
) -> Result<Option<TaskId>, Error> {
    if task.state == State::Completed {
        // Whoever asked for it: what the schedule is for is done.
        let mut parameters = vec![(&task.kind).into(), (&task.args).into(), now.into()];
        let of_site = match &task.site {
            Some(site) => {
                parameters.push(site.into());
                "site = ?4"
            }
            None => "site IS NULL",
        };
        let sql = format!(
            "UPDATE schedule SET last_success = ?3 WHERE kind = ?1 AND args = ?2 AND {of_site}"
        );
        tx.query(&sql, &parameters).await?;
    }
    if !task.rerun || !task.state.is_terminal() {
        // What is enqueued again runs after whatever was asked for.
        return Ok(None);
    }
    let again = NewTask {
        kind: task.kind.clone(),
        queue: task.queue.clone(),
        priority: task.priority,
        args: task.args.clone(),
        site: task.site.clone(),
        summary: task.summary.clone(),
        unique_key: task.unique_key.clone(),
        request_id: None,
        on_loss: task.on_loss,
        max_failures: task.max_failures,
        delay: 0,
        actor: task.actor.clone(),
        parent: Some(task.id),
    };
    let next = enqueue::follow(tx, &again, None).await?.id;
    let detail = format!("{next} runs it again, as was asked for meanwhile");
    event::record(tx, task.id, now, &task.actor, What::FollowUp, &detail).await?;
    Ok(Some(next))
}

//! Ends of attempts whose runners are gone.

use super::{end, row};
use crate::error::Error;
use crate::operation::{Hint, Operation, Transaction};
use crate::operations::renew::Heartbeat;
use crate::record::{State, Timestamp, What, bounded, bounds};

/// Ends an attempt whose beat has stood still, if it still has that very beat.
#[derive(Clone, Debug)]
pub struct Reap {
    /// The claim, and the beat that was seen to stand still.
    pub seen: Heartbeat,
    /// The node that found it.
    pub by: String,
    /// What the runner itself knows: it lives, and its task made no progress.
    pub hung: Option<String>,
}

impl Operation for Reap {
    /// Where the task is now; `None` if it had moved.
    type Reply = Option<State>;
    const NAME: &'static str = "reap";
    const GOES_FIRST: bool = true;

    fn hint(&self, state: &Option<State>) -> Option<Hint> {
        state.map(|_| Hint::Task(self.seen.id))
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Option<State>, Error> {
        match &self.hung {
            Some(error) => {
                end_lost(tx, &self.seen, &self.by, ("hung", &bounded(error, bounds::ERROR))).await
            }
            None => lose(tx, &self.seen, &self.by, "no heartbeat").await,
        }
    }
}

/// Ends an attempt as lost: the task is run again, or dropped, as it says; one that was cancelled is
/// cancelled. The claim is never lowered.
pub(super) async fn lose<T: Transaction>(
    tx: &mut T,
    seen: &Heartbeat,
    by: &str,
    reason: &str,
) -> Result<Option<State>, Error> {
    let error = format!("{reason} from node {}", seen.node);
    end_lost(tx, seen, by, ("lost", &error)).await
}

async fn end_lost<T: Transaction>(
    tx: &mut T,
    seen: &Heartbeat,
    by: &str,
    (code, error): (&str, &str),
) -> Result<Option<State>, Error> {
    const STATE: &str = "CASE WHEN cancel_at IS NOT NULL THEN 'cancelled'
             WHEN on_loss = 'requeue' AND failures + 1 < max_failures THEN 'enqueued'
             ELSE 'dropped' END";
    let now = tx.now().await?;
    let columns = row::COLUMNS;
    let rows = tx
        .query(
            &format!(
                "UPDATE task SET boot = NULL, failures = failures + 1, state = {STATE},
                     finished_at = CASE WHEN ({STATE}) = 'enqueued' THEN NULL ELSE ?4 END,
                     run_after = CASE WHEN ({STATE}) = 'enqueued' THEN ?4 ELSE run_after END,
                     beat_at = CASE WHEN ({STATE}) = 'enqueued' THEN ?4 ELSE beat_at END,
                     stage = NULL, done = NULL, total = NULL, error_code = ?6, error = ?5
                 WHERE id = ?1 AND state = 'running' AND claim = ?2 AND beat = ?3
                 RETURNING {columns}"
            ),
            &[
                seen.id.0.into(),
                seen.claim.0.into(),
                seen.beat.into(),
                now.into(),
                error.into(),
                code.into(),
            ],
        )
        .await?;
    let Some(found) = rows.first() else { return Ok(None) };
    let task = row::task(found)?;
    note(tx, seen, by, now, (error, task.state)).await?;
    end::after_end(tx, &task, now).await?;
    Ok(Some(task.state))
}

async fn note<T: Transaction>(
    tx: &mut T,
    seen: &Heartbeat,
    by: &str,
    now: Timestamp,
    (error, state): (&str, State),
) -> Result<(), Error> {
    let detail = match state {
        State::Enqueued => format!("{error}; it is run again"),
        _ => format!("{error}; it is {state}"),
    };
    end::close_attempt(tx, (seen.id, seen.claim), now, by, (What::Lost, &detail), None).await
}

//! Gives back what a process was given and never heard of.

use super::{end, row};
use crate::error::Error;
use crate::operation::{Hint, Operation, Transaction};
use crate::record::{ClaimNumber, State, TaskId, What};

/// Gives back a task whose claim had no reply, so that the process that has it has never begun it. That is
/// no failure of the task: it waits as before, also if it must not run twice. Its claim stays as high as it
/// is, because the reply may come yet.
#[derive(Clone, Debug)]
pub struct GiveBack {
    /// The task.
    pub id: TaskId,
    /// The claim that nobody has heard of.
    pub claim: ClaimNumber,
    /// The node that has it.
    pub node: String,
    /// Its process.
    pub boot: String,
}

impl Operation for GiveBack {
    /// Where the task is now; `None` if the process does not have it.
    type Reply = Option<State>;
    const NAME: &'static str = "give_back";
    const GOES_FIRST: bool = true;

    fn hint(&self, state: &Option<State>) -> Option<Hint> {
        state.map(|_| Hint::Task(self.id))
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Option<State>, Error> {
        let now = tx.now().await?;
        let columns = row::COLUMNS;
        let rows = tx
            .query(
                &format!(
                    "UPDATE task SET boot = NULL,
                         state = CASE WHEN cancel_at IS NOT NULL THEN 'cancelled' ELSE 'enqueued' END,
                         finished_at = CASE WHEN cancel_at IS NOT NULL THEN ?4 ELSE NULL END,
                         beat_at = CASE WHEN cancel_at IS NOT NULL THEN beat_at ELSE ?4 END,
                         run_after = CASE WHEN cancel_at IS NULL AND run_after > ?4 THEN ?4
                             ELSE run_after END,
                         stage = NULL, done = NULL, total = NULL
                     WHERE id = ?1 AND claim = ?2 AND boot = ?3 AND state = 'running'
                     RETURNING {columns}"
                ),
                &[self.id.0.into(), self.claim.0.into(), (&self.boot).into(), now.into()],
            )
            .await?;
        let Some(found) = rows.first() else { return Ok(None) };
        let task = row::task(found)?;
        let what = match task.state {
            State::Cancelled => What::Cancelled,
            _ => What::Returned,
        };
        let what = (what, "its node was not told that it had it");
        end::close_attempt(tx, (self.id, self.claim), now, &self.node, what, None).await?;
        end::after_end(tx, &task, now).await?;
        Ok(Some(task.state))
    }
}

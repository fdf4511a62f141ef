//! Ends of attempts, by those who ran them.

use super::{end, enqueue, event, lock, row};
use crate::error::Error;
use crate::operation::{Hint, Operation, Transaction};
use crate::record::{ClaimNumber, NewTask, State, Task, TaskId, What, bounded, bounds};

/// Ends an attempt. Accepted once, and only from the one who still holds the claim.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The task.
    pub id: TaskId,
    /// The claim under which it ran.
    pub claim: ClaimNumber,
    /// The node that ran it.
    pub node: String,
    /// Its process.
    pub boot: String,
    /// How it ended.
    pub end: End,
    /// Its stages and their milliseconds, as JSON: `[["walk",1200],…]`.
    pub stages: Option<String>,
    /// What is to be done next: accepted together with the end.
    pub then: Vec<NewTask>,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum End {
    /// Well.
    Completed {
        /// JSON.
        result: Option<String>,
    },
    /// With an error.
    Failed {
        /// Its class: a stable word.
        code: String,
        /// For people.
        error: String,
        /// How long to wait before the next attempt, in milliseconds; `None` if none can succeed.
        retry_after: Option<i64>,
    },
    /// Because somebody asked to end it.
    Cancelled,
    /// Because the process shuts down. It does not count as a failure.
    Interrupted,
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finished {
    /// It was accepted.
    Accepted {
        /// Where the task is now.
        state: State,
        /// The tasks that follow.
        followed_by: Vec<TaskId>,
    },
    /// It had been accepted before: this is a repetition.
    Repeated,
    /// The task was lost before: the end counts for nothing.
    Stale,
}

impl Operation for Finish {
    type Reply = Finished;
    const NAME: &'static str = "finish";
    const GOES_FIRST: bool = true;

    fn hint(&self, finished: &Finished) -> Option<Hint> {
        matches!(finished, Finished::Accepted { .. }).then_some(Hint::Task(self.id))
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Finished, Error> {
        let now = tx.now().await?;
        let (code, error, result, retry_after) = match &self.end {
            End::Completed { result } => (None, None, result.as_deref(), None),
            End::Failed { code, error, retry_after } => {
                let error = bounded(error, bounds::ERROR);
                (Some(bounded(code, bounds::LINE)), Some(error), None, *retry_after)
            }
            End::Cancelled | End::Interrupted => (None, None, None, None),
        };
        if result.is_some_and(|result| result.len() > bounds::RESULT) {
            return Err(Error::Refused(format!(
                "the result has more than {} bytes",
                bounds::RESULT
            )));
        }
        // Who was told that it will be cancelled is right, whatever the runner had reached by then.
        let state = match &self.end {
            End::Completed { .. } => {
                "CASE WHEN cancel_at IS NOT NULL THEN 'cancelled' ELSE 'completed' END"
            }
            End::Failed { .. } => {
                "CASE WHEN cancel_at IS NOT NULL THEN 'cancelled'
                      WHEN CAST(?7 AS BIGINT) IS NOT NULL AND failures + 1 < max_failures THEN 'enqueued'
                      ELSE 'failed' END"
            }
            End::Cancelled => "'cancelled'",
            End::Interrupted => {
                "CASE WHEN cancel_at IS NOT NULL THEN 'cancelled'
                      WHEN on_loss = 'requeue' THEN 'enqueued' ELSE 'dropped' END"
            }
        };
        let failed = match &self.end {
            End::Failed { .. } => "failures + 1",
            _ => "failures",
        };
        let is_enqueued = format!("({state}) = 'enqueued'");
        self.lock(tx).await?;
        let columns = row::COLUMNS;
        let rows = tx
            .query(
                &format!(
                    "UPDATE task SET boot = NULL, state = {state}, failures = {failed},
                         finished_at = CASE WHEN {is_enqueued} THEN NULL ELSE ?4 END,
                         run_after = CASE WHEN {is_enqueued} THEN COALESCE(?7, ?4) ELSE run_after END,
                         beat_at = CASE WHEN {is_enqueued} THEN ?4 ELSE beat_at END,
                         stage = NULL, done = NULL, total = NULL,
                         error_code = COALESCE(?5, error_code), error = COALESCE(?6, error),
                         result = COALESCE(?8, result)
                     WHERE id = ?1 AND claim = ?2 AND boot = ?3 AND state = 'running'
                     RETURNING {columns}"
                ),
                &[
                    self.id.0.into(),
                    self.claim.0.into(),
                    (&self.boot).into(),
                    now.into(),
                    code.into(),
                    error.clone().into(),
                    retry_after.map(|delay| now.plus(bounds::delay(delay))).into(),
                    result.into(),
                ],
            )
            .await?;
        let Some(found) = rows.first() else { return self.too_late(tx).await };
        let task = row::task(found)?;
        let what = self.what(task.state);
        let detail = self.detail(&task, what, error.as_deref());
        let attempt = (self.id, self.claim);
        let stages = self.stages.as_deref();
        end::close_attempt(tx, attempt, now, &self.node, (what, &detail), stages).await?;
        let mut followed_by: Vec<TaskId> =
            end::after_end(tx, &task, now).await?.into_iter().collect();
        if task.state == State::Completed {
            for next in &self.then {
                followed_by.push(enqueue::follow(tx, next, None).await?.id);
            }
        }
        Ok(Finished::Accepted { state: task.state, followed_by })
    }
}

impl Finish {
    /// Locks what this end may change, in the order of [`lock`].
    async fn lock<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        if matches!(self.end, End::Completed { .. }) {
            lock::schedules_of(tx, self.id).await?;
            let keys: Vec<_> =
                self.then.iter().filter_map(|next| next.unique_key.as_deref()).collect();
            lock::tasks(tx, Some(self.id), &keys).await?;
        }
        Ok(())
    }

    /// The event of an end that led to `state`.
    fn what(&self, state: State) -> What {
        match (state, &self.end) {
            (State::Completed, _) => What::Completed,
            (State::Cancelled, _) => What::Cancelled,
            (State::Failed, _) => What::Failed,
            (State::Dropped, _) => What::Dropped,
            (State::Enqueued | State::Running, End::Failed { .. }) => What::Retried,
            (State::Enqueued | State::Running, _) => What::Interrupted,
        }
    }

    fn detail(&self, task: &Task, what: What, error: Option<&str>) -> String {
        match (what, error) {
            (What::Cancelled, _) if matches!(self.end, End::Completed { .. }) => {
                "it had just done its work".to_owned()
            }
            (What::Retried, Some(error)) => {
                format!("{error} ({} of {} attempts failed)", task.failures, task.max_failures)
            }
            (What::Interrupted | What::Dropped, _) => "its node shut down".to_owned(),
            (_, Some(error)) => error.to_owned(),
            _ => String::new(),
        }
    }

    /// The claim is no longer held: either this was accepted before, and the reply was lost, or the task
    /// was.
    async fn too_late<T: Transaction>(&self, tx: &mut T) -> Result<Finished, Error> {
        let rows = tx
            .query(
                "SELECT outcome FROM task_attempt WHERE task = ?1 AND claim = ?2 AND boot = ?3",
                &[self.id.0.into(), self.claim.0.into(), (&self.boot).into()],
            )
            .await?;
        let outcome = rows.first().map(|row| row.word(0, What::find)).transpose()?;
        match outcome {
            // The task has been purged, or never was.
            None => Ok(Finished::Stale),
            Some(What::Lost | What::Returned) => {
                let now = tx.now().await?;
                let detail = format!("the end of attempt {} came too late", self.claim.0);
                event::record(tx, self.id, now, &self.node, What::StaleWrite, &detail).await?;
                Ok(Finished::Stale)
            }
            Some(_) => Ok(Finished::Repeated),
        }
    }
}

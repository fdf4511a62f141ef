//! The second half of the model: how attempts end.

use store::Error;
use store::operations::finish::{End, Finish, Finished};
use store::operations::give_back::GiveBack;
use store::operations::renew::Heartbeat;
use store::record::{ClaimNumber, OnLoss, State, Task, TaskId, Timestamp, What, bounded, bounds};

use crate::model::{Model, again};

impl Model {
    pub(crate) fn finish(&mut self, now: Timestamp, op: &Finish) -> Result<Finished, Error> {
        if let End::Completed { result: Some(result) } = &op.end
            && result.len() > bounds::RESULT
        {
            return Err(Error::Refused(String::new()));
        }
        let Some(task) = self.held(op.id, op.claim, &op.boot) else {
            let attempt = self.attempts.get(&(op.id, op.claim));
            let outcome =
                attempt.filter(|attempt| attempt.boot == op.boot).map(|found| found.outcome);
            return Ok(match outcome.flatten() {
                None => Finished::Stale,
                Some(What::Lost | What::Returned) => {
                    self.happened(op.id, What::StaleWrite);
                    Finished::Stale
                }
                Some(_) => Finished::Repeated,
            });
        };
        let mut run_after = now;
        let (state, what) = match &op.end {
            _ if task.cancel_at.is_some() => (State::Cancelled, What::Cancelled),
            End::Completed { .. } => (State::Completed, What::Completed),
            End::Cancelled => (State::Cancelled, What::Cancelled),
            End::Interrupted if task.on_loss == OnLoss::Requeue => {
                (State::Enqueued, What::Interrupted)
            }
            End::Interrupted => (State::Dropped, What::Dropped),
            End::Failed { retry_after: Some(delay), .. }
                if task.failures + 1 < task.max_failures =>
            {
                run_after = now.plus(bounds::delay(*delay));
                (State::Enqueued, What::Retried)
            }
            End::Failed { .. } => (State::Failed, What::Failed),
        };
        match &op.end {
            End::Failed { code, error, .. } => {
                task.failures += 1;
                task.error_code = Some(bounded(code, bounds::LINE));
                task.error = Some(bounded(error, bounds::ERROR));
            }
            End::Completed { result: Some(result) } => task.result = Some(result.clone()),
            End::Completed { result: None } | End::Cancelled | End::Interrupted => {}
        }
        leave(task, state, now, run_after);
        self.close((op.id, op.claim), now, what, op.stages.clone());
        let mut followed_by: Vec<_> = self.after_end(now, op.id)?.into_iter().collect();
        if state == State::Completed {
            for next in &op.then {
                followed_by.push(self.enqueue(now, next, None, false)?.id);
            }
        }
        Ok(Finished::Accepted { state, followed_by })
    }

    pub(crate) fn lose(
        &mut self,
        now: Timestamp,
        seen: &Heartbeat,
        reason: &str,
    ) -> Result<Option<State>, Error> {
        let Some(task) = self.tasks.get_mut(&seen.id) else { return Ok(None) };
        if (task.state, task.claim, task.beat) != (State::Running, seen.claim, seen.beat) {
            return Ok(None);
        }
        task.failures += 1;
        let state = match task.on_loss {
            _ if task.cancel_at.is_some() => State::Cancelled,
            OnLoss::Requeue if task.failures < task.max_failures => State::Enqueued,
            OnLoss::Requeue | OnLoss::Drop => State::Dropped,
        };
        task.error_code = Some("lost".to_owned());
        task.error = Some(format!("{reason} from node {}", seen.node));
        leave(task, state, now, now);
        self.close((seen.id, seen.claim), now, What::Lost, None);
        self.after_end(now, seen.id)?;
        Ok(Some(state))
    }

    pub(crate) fn give_back(
        &mut self,
        now: Timestamp,
        op: &GiveBack,
    ) -> Result<Option<State>, Error> {
        let Some(task) = self.held(op.id, op.claim, &op.boot) else { return Ok(None) };
        let (state, what) = match task.cancel_at {
            Some(_) => (State::Cancelled, What::Cancelled),
            None => (State::Enqueued, What::Returned),
        };
        let run_after = task.run_after.min(now);
        leave(task, state, now, run_after);
        self.close((op.id, op.claim), now, what, None);
        self.after_end(now, op.id)?;
        Ok(Some(state))
    }

    fn close(
        &mut self,
        attempt: (TaskId, ClaimNumber),
        now: Timestamp,
        what: What,
        stages: Option<String>,
    ) {
        let row = self.attempts.get_mut(&attempt).unwrap();
        (row.ended, row.outcome, row.stages) = (Some(now), Some(what), stages);
        self.happened(attempt.0, what);
    }

    pub(crate) fn after_end(
        &mut self,
        now: Timestamp,
        id: TaskId,
    ) -> Result<Option<TaskId>, Error> {
        let task = self.tasks[&id].clone();
        if task.state == State::Completed {
            for (row, _) in self.schedules.values_mut() {
                if (&row.kind, &row.args, &row.site) == (&task.kind, &task.args, &task.site) {
                    row.last_success = Some(now);
                }
            }
        }
        if !task.rerun || !task.state.is_terminal() {
            return Ok(None);
        }
        let next = self.enqueue(now, &again(&task), None, false)?.id;
        self.happened(id, What::FollowUp);
        Ok(Some(next))
    }
}

/// Takes a task out of the hands of its runner.
fn leave(task: &mut Task, state: State, now: Timestamp, run_after: Timestamp) {
    task.state = state;
    task.boot = None;
    (task.stage, task.done, task.total) = (None, None, None);
    match state {
        State::Enqueued => (task.run_after, task.beat_at) = (run_after, Some(now)),
        _ => task.finished_at = Some(now),
    }
}

/// The claim and the beat of a task.
pub(crate) fn heartbeat(task: &Task) -> Heartbeat {
    Heartbeat {
        id: task.id,
        claim: task.claim,
        beat: task.beat,
        node: task.node.clone().unwrap_or_default(),
        boot: task.boot.clone().unwrap_or_default(),
    }
}

//! Writes the end of an attempt, until the store has accepted or refused it.

use std::time::Duration;

use store::operations::finish::{End, Finish, Finished};
use store::operations::people::Comment;
use store::record::{NewTask, State, Task, bounded, bounds};
use store::{Error, Operation};

use super::shared::Shared;
use crate::failure::Stop;
use crate::run::Run;

/// The wait after the first failure to write; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How often a statement may fail, as none should, before that is believed to be for ever: about 11 s.
const MAX_BROKEN: u32 = 8;
/// What is asked of the store here, as its errors are known by.
const WHAT: &str = "write the end of a task";

/// How an attempt has ended.
pub(super) struct Ended {
    pub(super) end: End,
    /// What follows.
    pub(super) then: Vec<NewTask>,
    /// What else its events are to say.
    pub(super) notes: Vec<String>,
}

impl Ended {
    pub(super) fn new(end: End) -> Self {
        Self { end, then: Vec::new(), notes: Vec::new() }
    }
}

/// What the events of a task say about one that was to follow it.
pub(super) fn not_followed(kind: &str, reason: &str) -> String {
    bounded(&format!("a task `{kind}` was to follow, and was not accepted: {reason}"), bounds::LINE)
}

/// Writes how an attempt has ended. Returns where the task is now, if that was accepted.
pub(super) async fn write(
    shared: &Shared,
    task: &Task,
    run: &Run,
    mut ended: Ended,
) -> Option<State> {
    let mut wait = FIRST_WAIT;
    let mut n_broken = 0;
    loop {
        // A lost reply is no loss: the same again is accepted as a repetition.
        let reply = try_write(shared, task, run, &mut ended).await;
        n_broken += u32::from(matches!(reply, Err(Error::Broken(_))));
        let is_lasting = match &reply {
            Err(Error::Refused(_)) => true,
            Err(Error::Broken(_)) => n_broken >= MAX_BROKEN,
            // The store is away, or refuses everybody: what was done is not thrown away for that.
            _ => false,
        };
        match &reply {
            Err(_) if is_lasting => shared.forget_store(WHAT),
            reply => shared.note_store(WHAT, reply),
        }
        match reply {
            Ok(Finished::Accepted { state, .. }) => {
                return Some(accepted(shared, &ended.end, state));
            }
            Ok(Finished::Repeated) => return Some(expected(&ended.end, task)),
            Ok(Finished::Stale) => {
                shared.numbers.stale_writes.add(1);
                let (node, id, claim) = (&shared.options.name, task.id, task.claim.0);
                tracing::warn!(node, %id, claim, "the end of a task came too late: it was lost");
                return None;
            }
            Err(error) if is_lasting => {
                if !replace(&mut ended, &error) {
                    let (node, id) = (&shared.options.name, task.id);
                    tracing::error!(node, %id, "the end of a task cannot be written: {error}");
                    // It is renewed no more, so it ends as lost.
                    run.tell(Stop::Lost);
                    return None;
                }
            }
            Err(_) => {}
        }
        tokio::select! {
            biased;
            () = run.until_lost() => {
                // Nobody will ever hear whether it can.
                shared.forget_store(WHAT);
                return None;
            }
            () = tokio::time::sleep(shared.about(wait, 0.5)) => {}
        }
        wait = (2 * wait).min(MAX_WAIT);
    }
}

async fn try_write(
    shared: &Shared,
    task: &Task,
    run: &Run,
    ended: &mut Ended,
) -> Result<Finished, Error> {
    while let Some(note) = ended.notes.last() {
        let (actor, text) = (shared.options.name.clone(), note.clone());
        change(shared, task, Comment { id: task.id, actor, text }).await?;
        ended.notes.pop();
    }
    let finish = Finish {
        id: task.id,
        claim: task.claim,
        node: shared.options.name.clone(),
        boot: shared.boot.clone(),
        end: ended.end.clone(),
        stages: stages(run),
        then: ended.then.clone(),
    };
    change(shared, task, finish).await
}

/// Changes something of the task, within a bounded time. Afterwards it may have been done all the same.
async fn change<O: Operation>(
    shared: &Shared,
    task: &Task,
    operation: O,
) -> Result<O::Reply, Error> {
    let reply = shared.tasks.change_task(task.id, operation);
    match tokio::time::timeout(shared.patience(), reply).await {
        Ok(reply) => reply,
        Err(_) => Err(Error::Unavailable("it does not answer in time".to_owned())),
    }
}

/// `[["walk",1200],…]`.
fn stages(run: &Run) -> Option<String> {
    let times = run.stage_times();
    let times = times.into_iter().map(|(name, took)| {
        serde_json::json!([name, u64::try_from(took.as_millis()).unwrap_or(u64::MAX)])
    });
    let times: Vec<_> = times.collect();
    (!times.is_empty()).then(|| serde_json::Value::from(times).to_string())
}

/// Puts something in the place of an end that was refused. Returns whether there was something to replace.
fn replace(ended: &mut Ended, error: &Error) -> bool {
    if !ended.notes.is_empty() {
        // One of them was refused: the end itself was not tried yet.
        ended.notes.clear();
        return true;
    }
    if !ended.then.is_empty() {
        // What it has done is done, even if nothing can follow it.
        let refused = ended.then.drain(..);
        ended.notes = refused.map(|next| not_followed(&next.kind, &error.to_string())).collect();
        return true;
    }
    if matches!(&ended.end, End::Failed { code, .. } if code == "not_accepted") {
        return false;
    }
    ended.end = End::Failed {
        code: "not_accepted".to_owned(),
        error: format!("its end was not accepted: {error}"),
        retry_after: None,
    };
    true
}

fn accepted(shared: &Shared, end: &End, state: State) -> State {
    if let (State::Enqueued, End::Failed { retry_after: Some(delay), .. }) = (state, end) {
        let delay = u64::try_from(*delay).unwrap_or(0);
        shared.tasks.changes().note_after(Duration::from_millis(delay));
    }
    state
}

/// Where the task is after an end whose reply was lost, as far as is known here.
fn expected(end: &End, task: &Task) -> State {
    match end {
        End::Completed { .. } => State::Completed,
        End::Cancelled => State::Cancelled,
        End::Failed { retry_after: Some(_), .. } if task.failures + 1 < task.max_failures => {
            State::Enqueued
        }
        End::Failed { .. } => State::Failed,
        End::Interrupted => State::Enqueued,
    }
}

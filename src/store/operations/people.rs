//! What people ask for: cancel, retry, pause, comment.

use super::enqueue::{self, Enqueued};
use super::read::{Found, find};
use super::{end, event, row};
use crate::error::Error;
use crate::operation::{Hint, Operation, Transaction};
use crate::record::{NewTask, State, TaskId, What, bounded, bounds};

/// Ends a task: one that waits at once, one that runs as soon as its runner looks. Asking twice changes
/// nothing.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// The task.
    pub id: TaskId,
    /// Who asks.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// What a cancel did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cancelled {
    /// It waited, and is cancelled.
    AtOnce,
    /// It runs, and its runner will see it.
    Asked,
    /// Somebody had asked before.
    AlreadyAsked,
    /// It had ended before.
    Ended(State),
    /// It ended long ago, and its row was removed.
    Purged,
    /// There never was such a task.
    Unknown,
}

impl Operation for Cancel {
    type Reply = Cancelled;
    const NAME: &'static str = "cancel";

    fn hint(&self, cancelled: &Cancelled) -> Option<Hint> {
        let is_news = matches!(cancelled, Cancelled::AtOnce | Cancelled::Asked);
        is_news.then_some(Hint::Task(self.id))
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Cancelled, Error> {
        let now = tx.now().await?;
        let actor = bounded(&self.actor, bounds::LINE);
        let columns = row::COLUMNS;
        let rows = tx
            .query(
                &format!(
                    "UPDATE task SET cancel_at = ?2, cancel_by = ?3,
                         state = CASE WHEN state = 'enqueued' THEN 'cancelled' ELSE state END,
                         finished_at = CASE WHEN state = 'enqueued' THEN ?2 ELSE NULL END
                     WHERE id = ?1 AND state IN('enqueued','running') AND cancel_at IS NULL
                     RETURNING {columns}"
                ),
                &[self.id.0.into(), now.into(), (&actor).into()],
            )
            .await?;
        if let Some(found) = rows.first() {
            let task = row::task(found)?;
            let at_once = task.state == State::Cancelled;
            let what = if at_once { What::Cancelled } else { What::CancelAsked };
            event::record(tx, self.id, now, &actor, what, &self.reason).await?;
            // It may wait for its next attempt, and another run have been promised during the last one.
            end::after_end(tx, &task, now).await?;
            return Ok(if at_once { Cancelled::AtOnce } else { Cancelled::Asked });
        }
        Ok(match find(tx, self.id).await? {
            Found::Task(task) if task.state.is_terminal() => Cancelled::Ended(task.state),
            Found::Task(_) => Cancelled::AlreadyAsked,
            Found::Purged => Cancelled::Purged,
            Found::Unknown => Cancelled::Unknown,
        })
    }
}

/// Runs a task that has ended once more, as a new one that follows it.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The task that has ended.
    pub id: TaskId,
    /// Who asks.
    pub actor: String,
    /// A name that the asker gives: asked twice with one name, there is one task.
    pub request_id: Option<String>,
}

/// What a retry did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retried {
    /// There is a new task, or one that was there already does the same.
    Enqueued(Enqueued),
    /// It has not ended.
    NotEnded(State),
    /// Its row was removed.
    Purged,
    /// There never was such a task.
    Unknown,
}

impl Operation for Retry {
    type Reply = Retried;
    const NAME: &'static str = "retry";

    fn hint(&self, retried: &Retried) -> Option<Hint> {
        matches!(retried, Retried::Enqueued(_)).then_some(Hint::Queue)
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Retried, Error> {
        let task = match find(tx, self.id).await? {
            Found::Task(task) if task.state.is_terminal() => task,
            Found::Task(task) => return Ok(Retried::NotEnded(task.state)),
            Found::Purged => return Ok(Retried::Purged),
            Found::Unknown => return Ok(Retried::Unknown),
        };
        let again = NewTask {
            kind: task.kind,
            queue: task.queue,
            priority: task.priority,
            args: task.args,
            site: task.site,
            summary: task.summary,
            unique_key: task.unique_key,
            request_id: self.request_id.clone(),
            on_loss: task.on_loss,
            max_failures: task.max_failures,
            delay: 0,
            actor: self.actor.clone(),
            parent: Some(task.id),
        };
        // Asked twice, or with a name that stands for other work: nothing follows from this.
        if let Some(known) = enqueue::find_repeated(tx, &again).await? {
            return Ok(Retried::Enqueued(known));
        }
        let enqueued = enqueue::enqueue(tx, &again).await?;
        let now = tx.now().await?;
        let detail = format!("{} runs it again", enqueued.id);
        event::record(tx, task.id, now, &self.actor, What::FollowUp, &detail).await?;
        Ok(Retried::Enqueued(enqueued))
    }
}

/// Adds a note to a task.
#[derive(Clone, Debug)]
pub struct Comment {
    /// The task.
    pub id: TaskId,
    /// Who writes.
    pub actor: String,
    /// The note.
    pub text: String,
}

impl Operation for Comment {
    /// What there is under that number.
    type Reply = Found;
    const NAME: &'static str = "comment";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Found, Error> {
        let found = find(tx, self.id).await?;
        if let Found::Task(_) = &found {
            let now = tx.now().await?;
            event::record(tx, self.id, now, &self.actor, What::Comment, &self.text).await?;
        }
        Ok(found)
    }
}

/// What can be paused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pausable {
    /// A queue: nothing of it is claimed any more; what runs goes on.
    Queue,
    /// A schedule: its slots pass, and are not counted as missed.
    Schedule,
}

/// Pauses a queue or a schedule.
#[derive(Clone, Debug)]
pub struct Pause {
    /// Which kind of thing.
    pub what: Pausable,
    /// Its name.
    pub name: String,
    /// Who asks.
    pub actor: String,
    /// Why.
    pub reason: String,
}

impl Operation for Pause {
    /// Whether there is one of that name.
    type Reply = bool;
    const NAME: &'static str = "pause";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<bool, Error> {
        let now = tx.now().await?;
        let update = match self.what {
            Pausable::Queue => {
                "UPDATE queue SET paused_at = ?2, paused_by = ?3, reason = ?4 WHERE name = ?1
                 RETURNING name"
            }
            Pausable::Schedule => {
                "UPDATE schedule SET paused_at = ?2, paused_by = ?3, reason = ?4 WHERE id = ?1
                 RETURNING id"
            }
        };
        let (actor, reason) =
            (bounded(&self.actor, bounds::LINE), bounded(&self.reason, bounds::LINE));
        let rows = tx
            .query(update, &[(&self.name).into(), now.into(), actor.into(), reason.into()])
            .await?;
        Ok(!rows.is_empty())
    }
}

/// Lets a paused queue or schedule go on.
#[derive(Clone, Debug)]
pub struct Resume {
    /// Which kind of thing.
    pub what: Pausable,
    /// Its name.
    pub name: String,
}

impl Operation for Resume {
    /// Whether there is one of that name.
    type Reply = bool;
    const NAME: &'static str = "resume";

    fn hint(&self, is_known: &bool) -> Option<Hint> {
        is_known.then_some(Hint::Queue)
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<bool, Error> {
        let update = match self.what {
            Pausable::Queue => {
                "UPDATE queue SET paused_at = NULL, paused_by = NULL, reason = NULL WHERE name = ?1
                 RETURNING name"
            }
            Pausable::Schedule => {
                "UPDATE schedule SET paused_at = NULL, paused_by = NULL, reason = NULL WHERE id = ?1
                 RETURNING id"
            }
        };
        Ok(!tx.query(update, &[(&self.name).into()]).await?.is_empty())
    }
}

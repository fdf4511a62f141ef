//! Operations as values, and their replies.

use store::operations::claim::Claim;
use store::operations::enqueue::{Enqueue, Enqueued};
use store::operations::finish::{Finish, Finished};
use store::operations::give_back::GiveBack;
use store::operations::lose::Reap;
use store::operations::node::{StartNode, Started, StopNode};
use store::operations::people::{Cancel, Cancelled, Comment, Pause, Resume, Retried, Retry};
use store::operations::purge::{Purge, PurgeNodes};
use store::operations::read::{CheckFence, Find, Found};
use store::operations::renew::{Renew, Renewed};
use store::operations::tick::{Tick, Ticked};
use store::record::{State, Task, TaskId};

/// An operation that changes the store, or says what there is.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Op {
    Enqueue(Enqueue),
    Claim(Claim),
    Renew(Renew),
    CheckFence(CheckFence),
    Finish(Finish),
    Reap(Reap),
    GiveBack(GiveBack),
    Cancel(Cancel),
    Retry(Retry),
    Comment(Comment),
    Find(Find),
    Pause(Pause),
    Resume(Resume),
    StartNode(StartNode),
    StopNode(StopNode),
    Tick(Tick),
    Purge(Purge),
    PurgeNodes(PurgeNodes),
}

/// What an operation returns.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Reply {
    Enqueued(Enqueued),
    Claimed(Vec<Task>),
    Renewed(Renewed),
    Held(bool),
    Finished(Finished),
    Reaped(Option<State>),
    GivenBack(Option<State>),
    Cancelled(Cancelled),
    Retried(Retried),
    Found(Found),
    Is(bool),
    Started(Started),
    Stopped(()),
    Ticked(Ticked),
    Purged(i64),
    NodesPurged(Vec<String>),
}

impl Op {
    /// The same operation on other numbers of tasks.
    pub fn map_ids(mut self, to: &impl Fn(TaskId) -> TaskId) -> Self {
        match &mut self {
            Self::Finish(op) => op.id = to(op.id),
            Self::Renew(op) => op.tasks.iter_mut().for_each(|task| task.id = to(task.id)),
            Self::CheckFence(op) => op.id = to(op.id),
            Self::Reap(op) => op.seen.id = to(op.seen.id),
            Self::GiveBack(op) => op.id = to(op.id),
            Self::Cancel(op) => op.id = to(op.id),
            Self::Retry(op) => op.id = to(op.id),
            Self::Comment(op) => op.id = to(op.id),
            Self::Find(op) => op.0 = to(op.0),
            Self::Enqueue(_)
            | Self::Claim(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::StartNode(_)
            | Self::StopNode(_)
            | Self::Tick(_)
            | Self::Purge(_)
            | Self::PurgeNodes(_) => {}
        }
        self
    }
}

impl Reply {
    /// The same reply about other numbers of tasks. Names that the store has drawn are left out.
    pub fn map_ids(mut self, to: &impl Fn(TaskId) -> TaskId) -> Self {
        match &mut self {
            Self::Enqueued(reply) => reply.id = to(reply.id),
            Self::Claimed(tasks) => tasks.iter_mut().for_each(|task| map_task(task, to)),
            Self::Renewed(reply) => reply.kept.iter_mut().for_each(|kept| kept.id = to(kept.id)),
            Self::Finished(Finished::Accepted { followed_by, .. }) => {
                followed_by.iter_mut().for_each(|id| *id = to(*id));
            }
            Self::Retried(Retried::Enqueued(reply)) => reply.id = to(reply.id),
            Self::Found(Found::Task(task)) => map_task(task, to),
            Self::Ticked(reply) => {
                reply.made.iter_mut().for_each(|(_, made)| made.id = to(made.id))
            }
            _ => {}
        }
        self
    }
}

/// The same task under another number; a name of its request that the store has drawn is left out.
pub fn map_task(task: &mut Task, to: &impl Fn(TaskId) -> TaskId) {
    task.id = to(task.id);
    task.parent = task.parent.map(to);
    if task.request_id.len() == 32 {
        task.request_id.clear();
    }
}

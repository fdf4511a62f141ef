//! The end of a node, within its deadline.

use std::time::Duration;

use store::operations::node::StopNode;
use tokio::time::{Instant, timeout_at};

use super::shared::{Shared, Step};
use crate::failure::Stop;
use crate::status::Phase;

/// What is left of the deadline, at most, for what the store must still be told.
const FOR_THE_STORE: Duration = Duration::from_secs(2);

/// Tells what runs here to stop, waits for it, and gives up what does not. Returns at the deadline at the
/// latest. Threads that do not stop run on: they do not keep the process from ending.
pub(super) async fn run(shared: &Shared) {
    let begin = Instant::now();
    let deadline = begin + shared.options.stop_deadline;
    shared.set_phase(Phase::Stopping);
    tell(shared);
    let for_the_store = FOR_THE_STORE.min(shared.options.stop_deadline / 5);
    let say = timeout_at(deadline, say(shared));
    let work = async {
        if timeout_at(deadline - for_the_store, until_ended(shared)).await.is_err() {
            abandon(shared);
            // What was abandoned is written as interrupted.
            drop(timeout_at(deadline, until_ended(shared)).await);
        }
    };
    let (_, ()) = tokio::join!(say, work);
    shared.set_phase(Phase::Stopped);
}

/// Says in the store that this node takes no more tasks.
async fn say(shared: &Shared) {
    let stop = StopNode { node: shared.options.name.clone(), boot: shared.boot.clone() };
    let reply = shared.tasks.change(stop).await;
    shared.note_store("say that this node stops", &reply);
}

fn tell(shared: &Shared) {
    let state = shared.lock();
    for entry in state.entries.values() {
        entry.run.tell(Stop::ShuttingDown);
    }
}

/// Returns when no work runs and no end is being written.
async fn until_ended(shared: &Shared) {
    loop {
        let is_ended = {
            let state = shared.lock();
            let mut entries = state.entries.values();
            !state.is_claiming && entries.all(|entry| matches!(entry.step, Step::Zombie(_)))
        };
        if is_ended {
            return;
        }
        shared.ended.notified().await;
    }
}

fn abandon(shared: &Shared) {
    let state = shared.lock();
    for (&(id, _), entry) in &state.entries {
        if entry.step == Step::Working {
            let (node, kind) = (&shared.options.name, &entry.kind);
            tracing::warn!(node, %id, kind, "a task does not stop in time; it is abandoned");
            entry.run.abandon();
        }
    }
}

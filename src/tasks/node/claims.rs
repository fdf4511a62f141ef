//! Takes tasks from the store whenever there may be some and there is room.

use std::sync::Arc;

use store::operations::claim::Claim;
use tokio::time::{Instant, sleep_until};

use super::attempt;
use super::set::Entrance;
use super::shared::Shared;

/// Claims tasks and adds their attempts to `attempts`, for ever.
pub(super) async fn run(shared: &Arc<Shared>, attempts: &Entrance) {
    let mut changes = shared.tasks.changes().watch();
    loop {
        let asked = Instant::now();
        let room = room(shared);
        if !room.is_empty() {
            claim(shared, attempts, room, asked).await;
        }
        let poll = asked + shared.about(shared.options.poll, 0.5);
        let alarm = shared.tasks.changes().next_alarm(asked);
        tokio::select! {
            biased;
            () = changes.changed() => {}
            () = shared.freed.notified() => {}
            () = sleep_until(alarm.map_or(poll, |alarm| alarm.min(poll))) => {}
        }
    }
}

/// How many more tasks of each queue may run here.
fn room(shared: &Shared) -> Vec<(String, usize)> {
    if shared.idle().is_some() {
        return Vec::new();
    }
    let state = shared.lock();
    let queues = shared.options.queues.iter().map(|(name, max)| {
        // One that does not end keeps its place as one that works does.
        let n_taken = state.entries.values().filter(|entry| entry.queue == *name).count();
        let max = usize::try_from(*max).unwrap_or(usize::MAX);
        (name.clone(), max.saturating_sub(n_taken))
    });
    queues.filter(|(_, room)| *room > 0).collect()
}

async fn claim(
    shared: &Arc<Shared>,
    attempts: &Entrance,
    room: Vec<(String, usize)>,
    asked: Instant,
) {
    let claim = Claim {
        node: shared.options.name.clone(),
        boot: shared.boot.clone(),
        site: shared.tasks.kinds().site().map(str::to_owned),
        kinds: shared.tasks.kinds().iter().map(|kind| kind.name().to_owned()).collect(),
        room,
    };
    // Without a time limit: what was claimed and never heard of is lost until it is reaped. The node waits
    // for it as for its tasks when it stops.
    shared.lock().is_claiming = true;
    let reply = shared.tasks.store().run(claim).await;
    shared.note_store("take tasks", &reply);
    for task in reply.unwrap_or_default() {
        let run = attempt::begin(shared, &task, asked);
        attempts.add(Box::pin(attempt::run(Arc::clone(shared), task, run)));
    }
    shared.lock().is_claiming = false;
    shared.ended.notify_one();
}

//! Makes the tasks of schedules.

use std::time::Duration;

use store::operations::tick::Tick;
use tokio::time::{sleep, timeout};

use super::shared::Shared;

/// The longest time between two looks: the clock may jump, and a schedule may be changed by another node.
const MOST: Duration = Duration::from_secs(60);
/// The time until the next look after an error.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Looks at the schedules for ever, for the first time after `wait`.
pub(super) async fn run(shared: &Shared, mut wait: Duration) {
    loop {
        sleep(wait).await;
        wait = tick(shared).await;
    }
}

/// Looks once. Returns how long to wait for the next slot.
pub(super) async fn tick(shared: &Shared) -> Duration {
    let Ok(reply) = timeout(shared.patience(), shared.tasks.store().run(Tick)).await else {
        return shared.about(AFTER_ERROR, 0.5);
    };
    shared.note_store("look at schedules", &reply);
    let Ok(ticked) = reply else {
        // It may have been done.
        shared.tasks.changes().note();
        return shared.about(AFTER_ERROR, 0.5);
    };
    for (schedule, n) in &ticked.missed {
        shared.numbers.count_missed(schedule, *n);
        let node = &shared.options.name;
        tracing::warn!(node, schedule, "{n} slots of a schedule passed without a task");
    }
    if !ticked.made.is_empty() {
        shared.tasks.changes().note();
    }
    let next = ticked.next_in.and_then(|next| u64::try_from(next).ok());
    // A moment later than the store's clock, which counts whole milliseconds.
    next.map_or(MOST, |next| Duration::from_millis(next.saturating_add(2)).min(MOST))
}

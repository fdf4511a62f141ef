//! Follows changes that were noticed until they are published, by whichever node.

use std::time::Duration;

use store::Error;
use store::record::{State, Task};
use tokio::time::{sleep, timeout};

use super::submit::Trigger;
use crate::kinds::{compile, scan};

/// How often the store is looked at for what other processes have done.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The time between two looks at least.
const PAUSE: Duration = Duration::from_millis(100);
/// How many tasks are looked at: far more than end between two looks.
const MAX_TASKS: i64 = 20;

/// Ends the wait of changes that are published. Never returns.
pub(crate) async fn follow_changes(trigger: Trigger) {
    let mut changes = trigger.tasks.changes().watch();
    loop {
        if trigger.freshness.is_waiting() {
            // Compiles that follow the scans are seen, as they are read later.
            let scans = ended(&trigger, scan::NAME).await;
            let compiles = ended(&trigger, compile::NAME).await;
            // Without an answer, the change waits on.
            if let (Ok(scans), Ok(compiles)) = (scans, compiles) {
                trigger.freshness.settle(&scans, &compiles);
            }
        }
        // A timeout is a look as well.
        let _ = timeout(LOOK_AGAIN, changes.changed()).await;
        sleep(PAUSE).await;
    }
}

/// The last tasks of a kind that may have done their work.
async fn ended(trigger: &Trigger, kind: &str) -> Result<Vec<Task>, Error> {
    trigger.latest(kind, &[State::Completed, State::Cancelled], MAX_TASKS).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use store::operations::finish::End;

    use super::*;
    use crate::freshness::Step;
    use crate::trigger::elsewhere::Elsewhere;

    #[tokio::test(start_paused = true)]
    async fn what_another_node_publishes_is_no_longer_waited_for() {
        let elsewhere = Elsewhere::start().await;
        let trigger = elsewhere.trigger_of("main");
        let freshness = Arc::clone(&trigger.freshness);
        let following = tokio::spawn(follow_changes(trigger));
        let is_waiting = async || {
            sleep(LOOK_AGAIN * 3).await;
            freshness.times().waiting.is_some()
        };
        let site = Some("main");
        let number = freshness.note(Instant::now());
        freshness.accepted(number, Step::Scan(elsewhere.ask(scan::NAME, site).await));
        assert!(is_waiting().await);
        let task = elsewhere.claim_any().await.expect("a scan waits");
        let end = End::Completed { result: Some("{\"written\":true}".into()) };
        elsewhere.finish_then(&task, end, &[compile::NAME]).await;
        assert!(is_waiting().await, "it is not compiled yet");
        let task = elsewhere.claim_any().await.expect("a compile waits");
        elsewhere.finish(&task, End::Completed { result: Some("{}".into()) }).await;
        assert!(!is_waiting().await);
        assert_eq!(freshness.times().count, 1);
        following.abort();
    }
}

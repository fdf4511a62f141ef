//! Follows changes that were noticed until they are published, by whichever node.

use std::time::Duration;

use store::Error;
use store::operations::read::List;
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
            let scans = completed(&trigger, scan::NAME).await;
            let compiles = completed(&trigger, compile::NAME).await;
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

/// The last tasks of a kind that have completed, without those about the files of other sites.
async fn completed(trigger: &Trigger, kind: &str) -> Result<Vec<Task>, Error> {
    let (kinds, states) = (vec![kind.to_owned()], vec![State::Completed]);
    let list = List { kinds, states, limit: MAX_TASKS, ..List::default() };
    let mut tasks = trigger.tasks.store().run(list).await?;
    if let Some(own) = trigger.tasks.kinds().site() {
        tasks.retain(|task| task.site.as_deref().is_none_or(|site| site == own));
    }
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use store::Store;
    use store::operations::claim::Claim;
    use store::operations::enqueue::{Enqueue, Enqueued};
    use store::operations::finish::{End, Finish};
    use store::operations::node::StartNode;
    use store::record::{NewTask, OnLoss, Timestamp};
    use store::sqlite::Inline;
    use tasks::changes::Changes;
    use tasks::{Kinds, Tasks};

    use super::*;
    use crate::freshness::{Freshness, Step};

    const NODE: (&str, &str) = ("other", "boot");

    fn new_task(kind: &str) -> NewTask {
        NewTask {
            kind: kind.into(),
            queue: "cpu".into(),
            priority: 0,
            args: "{}".into(),
            summary: String::new(),
            site: None,
            unique_key: Some(kind.into()),
            request_id: None,
            on_loss: OnLoss::Requeue,
            max_failures: 3,
            delay: 0,
            actor: "a test".into(),
            parent: None,
        }
    }

    /// A store on which another node works.
    async fn store() -> Store {
        let store = Store::from(Inline::new(Arc::new(|| Timestamp(1_000_000))).expect("a store"));
        let start = StartNode {
            node: NODE.0.into(),
            boot: NODE.1.into(),
            site: None,
            files: String::new(),
            version: "0".into(),
            kinds: vec![scan::NAME.into(), compile::NAME.into()],
            queues: vec![("cpu".into(), 1)],
            schedules: Vec::new(),
        };
        store.run(start).await.expect("it is there");
        store
    }

    async fn ask(store: &Store, kind: &str) -> Enqueued {
        store.run(Enqueue(new_task(kind))).await.expect("it is there")
    }

    /// The other node runs what waits; `then` follows.
    async fn run_elsewhere(store: &Store, result: &str, then: &[&str]) {
        let kinds = vec![scan::NAME.into(), compile::NAME.into()];
        let room = vec![("cpu".into(), 1)];
        let (node, boot) = (NODE.0.to_owned(), NODE.1.to_owned());
        let claim = Claim { node: node.clone(), boot: boot.clone(), site: None, kinds, room };
        let claimed = store.run(claim).await.expect("it is there");
        let task = claimed.first().expect("a task waits");
        let end = End::Completed { result: Some(result.into()) };
        let then = then.iter().map(|kind| new_task(kind)).collect();
        let (id, claim) = (task.id, task.claim);
        let finish = Finish { id, claim, node, boot, end, stages: None, then };
        store.run(finish).await.expect("it is there");
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_node_publishes_is_no_longer_waited_for() {
        let store = store().await;
        let freshness = Arc::new(Freshness::default());
        let tasks = Tasks::new(store.clone(), Kinds::default(), Changes::default());
        let trigger = Trigger { tasks, freshness: Arc::clone(&freshness) };
        let following = tokio::spawn(follow_changes(trigger));
        let is_waiting = async || {
            sleep(LOOK_AGAIN * 3).await;
            freshness.times().waiting.is_some()
        };
        let number = freshness.note(Instant::now());
        freshness.accepted(number, Step::Scan(ask(&store, scan::NAME).await));
        assert!(is_waiting().await);
        run_elsewhere(&store, "{\"written\":true}", &[compile::NAME]).await;
        assert!(is_waiting().await, "it is not compiled yet");
        run_elsewhere(&store, "{}", &[]).await;
        assert!(!is_waiting().await);
        assert_eq!(freshness.times().count, 1);
        following.abort();
    }
}

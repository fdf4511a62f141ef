//! The life of a task, as a first test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::Store;
use crate::operations::claim::Claim;
use crate::operations::enqueue::Enqueue;
use crate::operations::finish::{End, Finish, Finished};
use crate::operations::lose::Reap;
use crate::operations::node::StartNode;
use crate::operations::people::{Cancel, Cancelled};
use crate::operations::purge::Purge;
use crate::operations::read::{Find, Found, List, ReadOverview};
use crate::operations::renew::{Progress, Renew, Running};
use crate::operations::tick::Tick;
use crate::record::{CatchUp, NewSchedule, NewTask, OnLoss, State, TaskId, Timestamp};
use crate::sqlite::Inline;

fn new(key: &str) -> NewTask {
    NewTask {
        kind: "test.sleep".into(),
        queue: "cpu".into(),
        priority: 0,
        args: "{}".into(),
        summary: "sleeps".into(),
        unique_key: Some(key.into()),
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "me".into(),
        parent: None,
    }
}

#[tokio::test]
async fn a_task_lives() {
    let time = Arc::new(AtomicI64::new(1_000_000));
    let clock = Arc::clone(&time);
    let inline = Inline::new(Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)))).unwrap();
    let store = Store::from(inline);
    let schedule = NewSchedule {
        id: "nightly".into(),
        period: 1_000,
        phase: 0,
        catch_up: CatchUp::One,
        task: NewTask { unique_key: None, ..new("") },
    };
    let start = StartNode {
        node: "a".into(),
        boot: "1".into(),
        version: "0".into(),
        kinds: vec!["test.sleep".into()],
        queues: vec![("cpu".into(), 2)],
        schedules: vec![schedule],
    };
    store.run(start.clone()).await.unwrap();
    let first = store.run(Enqueue(new("k"))).await.unwrap();
    assert_eq!(first.id, TaskId(1));
    assert!(!store.run(Enqueue(new("k"))).await.unwrap().is_new);
    let claim = Claim {
        node: "a".into(),
        boot: "1".into(),
        kinds: vec!["test.sleep".into()],
        room: vec![("cpu".into(), 5)],
    };
    let claimed = store.run(claim.clone()).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(store.run(claim.clone()).await.unwrap().is_empty());
    let progress = Progress {
        id: first.id,
        claim: claimed[0].claim,
        stage: Some("one".into()),
        done: Some(1),
        total: None,
    };
    let renew = Renew { node: "a".into(), boot: "1".into(), tasks: vec![progress] };
    let renewed = store.run(renew).await.unwrap();
    assert!(renewed.is_current && renewed.kept.len() == 1);
    assert_eq!(store.run(Enqueue(new("k"))).await.unwrap().state, State::Running);
    let finish = Finish {
        id: first.id,
        claim: claimed[0].claim,
        node: "a".into(),
        boot: "1".into(),
        end: End::Completed { result: Some("{}".into()) },
        stages: None,
        then: vec![],
    };
    let finished = store.run(finish.clone()).await.unwrap();
    let Finished::Accepted { state: State::Completed, followed_by } = finished else { panic!() };
    let followed = followed_by[0];
    assert_eq!(store.run(finish).await.unwrap(), Finished::Repeated);
    let ticked = store.run(Tick).await.unwrap();
    assert_eq!(ticked.made.len(), 1);
    let other = StartNode { node: "b".into(), boot: "2".into(), ..start.clone() };
    store.run(other).await.unwrap();
    assert_eq!(
        store.run(Claim { boot: "2".into(), node: "b".into(), ..claim }).await.unwrap().len(),
        2
    );
    let running = store.run(Running).await.unwrap();
    let reaped = store.run(Reap { seen: running[0].clone(), by: "a".into() }).await.unwrap();
    assert_eq!(reaped, Some(State::Enqueued));
    let cancel = |id| Cancel { id, actor: "me".into(), reason: "no".into() };
    assert_eq!(store.run(cancel(followed)).await.unwrap(), Cancelled::AtOnce);
    assert_eq!(store.run(cancel(running[1].id)).await.unwrap(), Cancelled::Asked);
    assert_eq!(store.run(cancel(TaskId(99))).await.unwrap(), Cancelled::Unknown);
    store.run(StartNode { node: "b".into(), boot: "3".into(), ..start }).await.unwrap();
    let Found::Task(task) = store.run(Find(running[1].id)).await.unwrap() else { panic!() };
    assert_eq!(task.state, State::Cancelled);
    let list = List {
        states: vec![State::Cancelled],
        text: Some("SLEEP".into()),
        limit: 10,
        ..List::default()
    };
    assert_eq!(store.run(list).await.unwrap().len(), 2);
    store.run(ReadOverview).await.unwrap();
    time.fetch_add(1_000_000, Ordering::Relaxed);
    let purge = Purge { kind: None, except: vec![], keep: 10, limit: 100 };
    store.run(purge).await.unwrap();
}

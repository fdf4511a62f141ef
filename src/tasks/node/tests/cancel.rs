//! Tasks that somebody ends, and who waits for them.

use std::time::Duration;

use store::operations::people::{Cancel, Cancelled, Retried, Retry};
use store::record::State;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::world::*;

#[tokio::test(start_paused = true)]
async fn a_cancel_in_the_same_process_is_seen_at_once() {
    // It sleeps for an hour, and wakes only because it is told.
    let kind = TestKind::new("test.sleeper", |run| async move {
        tokio::select! {
            stop = run.until_stopped() => Err(crate::Failure::Stopped(stop)),
            () = sleep(secs(3_600)) => done(),
        }
    });
    let world = World::new([kind.with(|policy| policy.stall_after = secs(10_000))]);
    let _node = world.start("a");
    let id = world.submit("test.sleeper").await;
    sleep(secs(1)).await;
    let cancel = Cancel { id, actor: "me".into(), reason: "no".into() };
    let begin = Instant::now();
    assert_eq!(world.tasks().cancel(cancel.clone()).await.unwrap(), Cancelled::Asked);
    let task = world.end(id).await;
    assert!(begin.elapsed() < Duration::from_millis(200), "{:?}", begin.elapsed());
    assert_eq!((task.state, task.cancel_by.as_deref()), (State::Cancelled, Some("me")));
    let again = world.tasks().cancel(cancel).await.unwrap();
    assert_eq!(again, Cancelled::Ended(State::Cancelled));
    let retry = Retry { id, actor: "me".into(), request_id: None };
    let Retried::Enqueued(next) = world.tasks().retry(retry).await.unwrap() else { panic!() };
    assert_eq!(world.until(next.id, State::Running).await.parent, Some(id));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_by_another_process_is_seen_with_the_next_renewal() {
    let world = World::new([patient()]);
    let _node = world.start("a");
    let id = world.submit("test.patient").await;
    sleep(secs(1)).await;
    let cancel = Cancel { id, actor: "other".into(), reason: "no".into() };
    world.store.run(cancel).await.unwrap();
    let begin = Instant::now();
    world.until(id, State::Cancelled).await;
    assert!(begin.elapsed() <= TTL / 3, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_waits_does_not_look_for_changes_of_others() {
    let world = World::new([patient(), quick()]);
    let _node = world.start("a");
    let id = world.submit("test.patient").await;
    let mut waits = JoinSet::new();
    let tasks = world.tasks();
    for _ in 0..1_000 {
        let tasks = tasks.clone();
        waits.spawn(async move { tasks.wait(id, secs(30)).await });
    }
    // Each change of another task, 300 of them, would be 300,000 looks.
    for _ in 0..100 {
        let other = world.submit("test.quick").await;
        world.end(other).await;
    }
    sleep(secs(20)).await;
    let looks = tasks.store_times().operations().find(|(name, ..)| *name == "find").unwrap();
    assert!(looks.1.count() < 5_000, "{}", looks.1.count());
    tasks.cancel(Cancel { id, actor: "me".into(), reason: String::new() }).await.unwrap();
    let begin = Instant::now();
    while let Some(found) = waits.join_next().await {
        found.unwrap().unwrap();
    }
    assert!(begin.elapsed() < Duration::from_millis(1_200), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_patience_does() {
    let world = World::new([patient()]);
    let begin = Instant::now();
    let id = world.submit("test.patient").await;
    world.tasks().wait(id, secs(7)).await.unwrap();
    assert_eq!(begin.elapsed(), secs(7));
}

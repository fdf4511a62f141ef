//! Tasks that live as they should.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use store::record::{State, What};
use tokio::time::{Instant, sleep};

use super::world::*;
use crate::failure::Failure;
use crate::kind::Output;
use crate::request::Request;

#[tokio::test(start_paused = true)]
async fn a_task_is_run_at_once_and_its_waiter_is_told() {
    let world = World::new([quick()]);
    let node = world.start("a");
    sleep(secs(100)).await;
    let begin = Instant::now();
    let id = world.submit("test.quick").await;
    let task = world.end(id).await;
    assert!(begin.elapsed() < Duration::from_millis(200), "{:?}", begin.elapsed());
    assert_eq!((task.state, task.result.as_deref()), (State::Completed, Some("\"done\"")));
    let (result, took) = node.stop().await;
    assert_eq!((result, took), (Ok(()), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn what_another_process_enqueues_is_found_by_polling() {
    let mut world = World::new([quick()]);
    let _node = world.start("a");
    // Another process shares the store, and not the hints.
    world.changes = crate::changes::Changes::default();
    sleep(secs(100)).await;
    let (id, begin) = (world.submit("test.quick").await, Instant::now());
    world.until(id, State::Completed).await;
    assert!(begin.elapsed() <= secs(16), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_task_runs_when_its_time_has_come() {
    let world = World::new([quick()]);
    let _node = world.start("a");
    let delay = secs(3);
    let request = Request { kind: "test.quick".into(), delay, ..Request::default() };
    let (begin, id) = (Instant::now(), world.tasks().submit(&request).await.unwrap().id);
    world.end(id).await;
    let took = begin.elapsed();
    assert!(took >= delay && took < delay + Duration::from_millis(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_run_than_there_is_room_for_and_a_backlog_drains() {
    let n = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
    let counts = Arc::clone(&n);
    let kind = TestKind::new("test.counted", move |_| {
        let counts = Arc::clone(&counts);
        async move {
            let n_now = counts.0.fetch_add(1, Ordering::Relaxed) + 1;
            counts.1.fetch_max(n_now, Ordering::Relaxed);
            sleep(secs(1)).await;
            counts.0.fetch_sub(1, Ordering::Relaxed);
            done()
        }
    });
    let world = World::new([kind]);
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(world.submit("test.counted").await);
    }
    let begin = Instant::now();
    let (_a, _b) = (world.start("a"), world.start("b"));
    for id in ids {
        assert_eq!(world.end(id).await.state, State::Completed);
    }
    assert_eq!(n.1.load(Ordering::Relaxed), 2, "the budget is of all nodes together");
    assert!(begin.elapsed() < secs(26), "no place stays empty: {:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn stages_and_their_times_are_in_the_attempt_and_in_the_numbers() {
    let kind = TestKind::new("test.staged", |run| async move {
        for (stage, n) in [("walk", 2), ("write", 1), ("walk", 3)] {
            run.stage(stage);
            sleep(secs(n)).await;
        }
        done()
    });
    let world = World::new([kind]);
    let node = world.start("a");
    let id = world.submit("test.staged").await;
    world.end(id).await;
    let stages = world.attempts(id).await[0].stages.clone().unwrap();
    assert_eq!(stages, r#"[["walk",5000],["write",1000]]"#);
    let numbers = &node.handle.numbers().kinds[0];
    let stages: Vec<_> = numbers.stages().iter().map(|(n, t)| (n.clone(), t.sum())).collect();
    assert_eq!(stages, [("walk".to_owned(), secs(5)), ("write".to_owned(), secs(1))]);
    assert_eq!((numbers.run.sum(), numbers.wait.count()), (secs(6), 1));
    let finished: Vec<_> = numbers.finished().filter(|(_, n)| *n > 0).collect();
    assert_eq!(finished, [(State::Completed, 1)]);
}

#[tokio::test(start_paused = true)]
async fn the_status_says_what_runs() {
    let kind = TestKind::new("test.shown", |run| async move {
        run.stage("walk");
        run.progress(3, Some(10));
        sleep(secs(60)).await;
        done()
    });
    let world = World::new([kind]);
    let node = world.start("a");
    let id = world.submit("test.shown").await;
    sleep(secs(20)).await;
    let status = node.handle.status();
    let shown = &status.running[0];
    assert_eq!(
        (shown.id, shown.stage.as_deref(), shown.done, shown.total),
        (id, Some("walk"), Some(3), Some(10))
    );
    assert_eq!((shown.since, status.idle, status.loop_lag), (secs(20), None, Duration::ZERO));
    assert!(status.renewed_ago.unwrap() < TTL / 3, "{:?}", status.renewed_ago);
    let row = world.task(id).await;
    assert_eq!((row.stage.as_deref(), row.done, row.total), (Some("walk"), Some(3), Some(10)));
}

#[tokio::test(start_paused = true)]
async fn what_follows_is_accepted_with_the_end_and_what_cannot_is_said_in_its_events() {
    let kind = TestKind::new("test.first", |_| async {
        let then = |kind: &str, n: i64| Request {
            kind: kind.into(),
            args: [("n".to_owned(), json!(n))].into_iter().collect(),
            ..Request::default()
        };
        Ok(Output { result: json!(1), then: vec![then("test.quick", 1), then("test.quick", 99)] })
    });
    let world = World::new([kind, quick()]);
    let _node = world.start("a");
    let id = world.submit("test.first").await;
    assert_eq!(world.end(id).await.state, State::Completed);
    let next = store::record::TaskId(id.0 + 1);
    assert_eq!(world.end(next).await.parent, Some(id));
    assert_eq!(world.task(next).await.actor, "me");
    let events = world.events(id).await;
    let note = events.iter().find(|event| event.what == What::Comment).unwrap();
    assert!(note.detail.contains("test.quick") && note.detail.contains("99"), "{}", note.detail);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_after_a_growing_wait() {
    let begins = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&begins);
    let kind = TestKind::new("test.fails", move |_| {
        seen.lock().unwrap().push(Instant::now());
        async { Err(Failure::may_pass("flaky", "not now")) }
    });
    let world = World::new([kind.with(|policy| policy.max_failures = 4)]);
    let _node = world.start("a");
    let id = world.submit("test.fails").await;
    let task = world.end(id).await;
    assert_eq!(
        (task.state, task.failures, task.error_code.as_deref()),
        (State::Failed, 4, Some("flaky"))
    );
    let begins = begins.lock().unwrap();
    let waits: Vec<_> = begins.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    for (wait, expected) in waits.iter().zip([2.0, 4.0, 8.0]) {
        assert!((expected * 0.8..expected * 1.2 + 0.1).contains(wait), "{waits:?}");
    }
    assert_eq!(waits.len(), 3);
}

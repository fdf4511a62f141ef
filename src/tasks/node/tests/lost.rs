//! Nodes that die, are cut off from the store, or are replaced.

use std::sync::atomic::Ordering;
use std::time::Duration;

use store::Error;
use store::operations::lose::Reap;
use store::operations::people::{Cancel, Cancelled};
use store::operations::renew::Running as ReadRunning;
use store::record::{OnLoss, State, What};
use tokio::time::{Instant, sleep};

use super::world::*;
use crate::failure::{Failure, Stop};
use crate::kind::Policy;
use crate::node::NodeError;
use crate::numbers::ReapReason;
use crate::status::Phase;

#[tokio::test(start_paused = true)]
async fn the_task_of_a_dead_node_is_run_by_another_one_in_seconds() {
    let world = World::new([quick()]);
    let id = world.submit("test.quick").await;
    world.claim_and_die("dead").await;
    let node = world.start("a");
    let begin = Instant::now();
    let task = world.end(id).await;
    let took = begin.elapsed();
    assert!(took >= TTL && took <= secs(75), "{took:?}");
    assert_eq!((task.state, task.claim.0, task.failures), (State::Completed, 2, 1));
    let reaped: Vec<_> = node.handle.numbers().reaped().filter(|(_, n)| *n > 0).collect();
    assert_eq!(reaped, [(ReapReason::NoHeartbeat, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_living_task_is_never_reaped_whatever_the_clock_does() {
    let world = World::new([patient()]);
    let (_a, _b) = (world.start("a"), world.start("b"));
    let id = world.submit("test.patient").await;
    for hour in 0..6 {
        sleep(secs(3_600)).await;
        let jump = if hour % 2 == 0 { 3_600_000 } else { -3_600_000 };
        world.ahead.fetch_add(jump, Ordering::Relaxed);
    }
    let task = world.task(id).await;
    assert_eq!((task.state, task.claim.0), (State::Running, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_predecessor_has_left_is_run_again_at_once() {
    let world = World::new([quick()]);
    let id = world.submit("test.quick").await;
    world.claim_and_die("a").await;
    let begin = Instant::now();
    let node = world.start("a");
    assert_eq!(world.end(id).await.claim.0, 2);
    assert!(begin.elapsed() < secs(1));
    let reaped: Vec<_> = node.handle.numbers().reaped().filter(|(_, n)| *n > 0).collect();
    assert_eq!(reaped, [(ReapReason::Predecessor, 1)]);
}

/// A kind that says what it was told, and when.
fn told() -> (TestKind, tokio::sync::mpsc::UnboundedReceiver<(Stop, Instant)>) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let kind = TestKind::new("test.told", move |run| {
        let sender = sender.clone();
        async move {
            loop {
                tokio::select! {
                    stop = run.until_stopped() => {
                        sender.send((stop.clone(), Instant::now())).unwrap();
                        return Err(Failure::Stopped(stop));
                    }
                    () = sleep(secs(1)) => run.progress(0, None),
                }
            }
        }
    });
    (kind, receiver)
}

#[tokio::test(start_paused = true)]
async fn a_node_without_store_ends_its_work_before_others_may_take_it() {
    let (kind, mut stops) = told();
    let world = World::new([kind]);
    let a = world.start("a");
    let id = world.submit("test.told").await;
    sleep(secs(100)).await;
    let _b = world.start("b");
    sleep(secs(100)).await;
    a.faults.is_cut_off.store(true, Ordering::Relaxed);
    let begin = Instant::now();
    let (stop, at) = stops.recv().await.unwrap();
    assert_eq!(stop, Stop::Lost);
    assert!(at - begin <= TTL, "{:?}", at - begin);
    let task = world.until(id, State::Running).await;
    assert_eq!(task.claim.0, 1, "nobody has taken it yet");
    let lost_after = loop {
        let task = world.task(id).await;
        if task.claim.0 == 2 {
            break begin.elapsed();
        }
        sleep(Duration::from_millis(100)).await;
    };
    assert!(lost_after > at - begin && lost_after <= secs(75), "{lost_after:?}");
    assert_eq!(a.handle.numbers().lease_lost.get(), 1);
    let status = a.handle.status();
    assert!(status.store_error.unwrap().contains("cut off"));
    a.faults.is_cut_off.store(false, Ordering::Relaxed);
    sleep(secs(60)).await;
    assert_eq!(a.handle.status().store_error, None);
    assert!(a.handle.status().idle.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_for_all_costs_nobody_a_task() {
    let world = World::new([patient()]);
    let (a, b) = (world.start("a"), world.start("b"));
    let id = world.submit("test.patient").await;
    sleep(secs(100)).await;
    for _ in 0..50 {
        for is_cut_off in [true, false] {
            for node in [&a, &b] {
                node.faults.is_cut_off.store(is_cut_off, Ordering::Relaxed);
            }
            sleep(Duration::from_millis(17_300)).await;
        }
    }
    let task = world.task(id).await;
    assert_eq!((task.state, task.claim.0), (State::Running, 1));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_task_that_was_lost_is_not_written() {
    let kind = TestKind::new("test.slow", |run| async move {
        // It does not look whether it must stop.
        for _ in 0..100 {
            run.progress(0, None);
            sleep(secs(1)).await;
        }
        done()
    });
    let world = World::new([kind.with(|policy| policy.on_loss = OnLoss::Drop)]);
    let node = world.start("a");
    let id = world.submit("test.slow").await;
    sleep(secs(50)).await;
    let seen = world.store.run(ReadRunning).await.unwrap()[0].clone();
    let reaped = world.store.run(Reap { seen, by: "b".into(), hung: None }).await.unwrap();
    assert_eq!(reaped, Some(State::Dropped));
    sleep(secs(200)).await;
    assert_eq!(world.state(id).await, State::Dropped);
    assert_eq!(node.handle.numbers().lease_lost.get(), 1);
    assert_eq!(node.handle.status().running, []);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_comes_too_late_is_refused_and_counted() {
    let kind = TestKind::new("test.short", |_| async {
        sleep(secs(3)).await;
        done()
    });
    let world = World::new([kind]);
    let node = world.start("a");
    let id = world.submit("test.short").await;
    sleep(secs(1)).await;
    let seen = world.store.run(ReadRunning).await.unwrap()[0].clone();
    world.store.run(Reap { seen, by: "b".into(), hung: None }).await.unwrap();
    let task = world.end(id).await;
    assert_eq!((task.state, task.claim.0), (State::Completed, 2));
    assert_eq!(node.handle.numbers().stale_writes.get(), 1);
    assert!(world.what(id).await.contains(&What::StaleWrite));
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_does_not_hold_stops_the_work() {
    let (sender, mut outcomes) = tokio::sync::mpsc::unbounded_channel();
    let kind = TestKind::new("test.fenced", move |run| {
        let sender = sender.clone();
        async move {
            sleep(secs(5)).await;
            let outcome = run.check_fence().await;
            sender.send(outcome.is_ok()).unwrap();
            outcome?;
            done()
        }
    });
    let world = World::new([kind]);
    let _node = world.start("a");
    let id = world.submit("test.fenced").await;
    sleep(secs(1)).await;
    let seen = world.store.run(ReadRunning).await.unwrap()[0].clone();
    world.store.run(Reap { seen, by: "b".into(), hung: None }).await.unwrap();
    assert_eq!(world.end(id).await.claim.0, 2);
    assert_eq!((outcomes.recv().await, outcomes.recv().await), (Some(false), Some(true)));
    assert!(!world.what(id).await.contains(&What::StaleWrite), "it has not tried to write");
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_an_end_is_no_loss() {
    let world = World::new([quick()]);
    let node = world.start("a");
    sleep(secs(1)).await;
    *node.faults.lost_replies.lock().unwrap() = vec!["finish", "finish", "finish"];
    let id = world.submit("test.quick").await;
    assert_eq!(world.end(id).await.state, State::Completed);
    sleep(secs(10)).await;
    assert_eq!(node.handle.status().running, [], "its place is free");
    assert_eq!(node.faults.lost_replies.lock().unwrap().len(), 0);
    let numbers = node.handle.numbers();
    assert_eq!((numbers.stale_writes.get(), numbers.lease_lost.get()), (0, 0));
    assert_eq!(world.attempts(id).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_end_is_written_when_the_store_is_there_again() {
    let kind = TestKind::new("test.short", |_| async {
        sleep(secs(10)).await;
        done()
    });
    let world = World::new([kind]);
    let node = world.start("a");
    let id = world.submit("test.short").await;
    sleep(secs(8)).await;
    node.faults.is_cut_off.store(true, Ordering::Relaxed);
    sleep(secs(20)).await;
    assert_eq!(world.state(id).await, State::Running);
    assert!(node.handle.status().running[0].is_finishing);
    node.faults.is_cut_off.store(false, Ordering::Relaxed);
    let task = world.end(id).await;
    assert_eq!((task.state, task.claim.0), (State::Completed, 1));
}

#[tokio::test(start_paused = true)]
async fn a_passing_error_of_whatever_kind_does_not_throw_a_result_away_and_is_forgotten() {
    let open = || Error::Open { place: "the store".into(), reason: "the login is refused".into() };
    for error in [open(), Error::Broken("once".into()), Error::Unavailable("once".into())] {
        let world = World::new([quick()]);
        let node = world.start("a");
        sleep(secs(1)).await;
        *node.faults.refused.lock().unwrap() = vec![("finish", error.clone()); 4];
        let id = world.submit("test.quick").await;
        let task = world.end(id).await;
        assert_eq!((task.state, task.claim.0), (State::Completed, 1), "{error}");
        sleep(secs(1)).await;
        assert_eq!(node.faults.refused.lock().unwrap().len(), 0);
        assert_eq!(node.handle.status().store_error, None, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_the_store_never_takes_fails_the_task_and_frees_its_place() {
    for (error, n) in [(Error::Refused("never".into()), 1), (Error::Broken("never".into()), 8)] {
        let world = World::new([quick()]);
        let node = world.start("a");
        sleep(secs(1)).await;
        *node.faults.refused.lock().unwrap() = vec![("finish", error.clone()); n];
        let id = world.submit("test.quick").await;
        let task = world.end(id).await;
        assert_eq!(task.error_code.as_deref(), Some("not_accepted"), "{error}");
        sleep(secs(1)).await;
        assert_eq!(node.handle.status().store_error, None, "{error}");
        assert_eq!(node.handle.status().running, []);
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_lost_while_the_store_was_away_leaves_no_error_behind() {
    let kind = TestKind::new("test.short", |_| async {
        sleep(secs(10)).await;
        done()
    });
    let world = World::new([kind]);
    let node = world.start("a");
    world.submit("test.short").await;
    sleep(secs(5)).await;
    node.faults.is_cut_off.store(true, Ordering::Relaxed);
    sleep(secs(60)).await;
    assert!(node.handle.status().store_error.is_some());
    assert_eq!(node.handle.status().running, []);
    node.faults.is_cut_off.store(false, Ordering::Relaxed);
    sleep(secs(15)).await;
    assert_eq!(node.handle.status().store_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_a_claim_is_no_failure_of_the_task() {
    for on_loss in [OnLoss::Requeue, OnLoss::Drop] {
        let once = |policy: &mut Policy| (policy.on_loss, policy.max_failures) = (on_loss, 1);
        let world = World::new([quick().with(once)]);
        let node = world.start("a");
        sleep(secs(1)).await;
        *node.faults.lost_replies.lock().unwrap() = vec!["claim"];
        let id = world.submit("test.quick").await;
        let begin = Instant::now();
        let task = world.end(id).await;
        assert_eq!((task.state, task.claim.0, task.failures), (State::Completed, 2, 0));
        assert!(begin.elapsed() < TTL, "{:?}", begin.elapsed());
        assert!(world.what(id).await.contains(&What::Returned));
        let reaped = node.handle.numbers().reaped().filter(|(_, n)| *n > 0).count();
        assert_eq!(reaped, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_cancelled_while_nobody_had_heard_of_its_claim_ends_cancelled() {
    let world = World::new([quick()]);
    let node = world.start("a");
    sleep(secs(1)).await;
    *node.faults.lost_replies.lock().unwrap() = vec!["claim"];
    let id = world.submit("test.quick").await;
    world.until(id, State::Running).await;
    let cancel = Cancel { id, actor: "me".into(), reason: String::new() };
    assert_eq!(world.tasks().cancel(cancel).await.unwrap(), Cancelled::Asked);
    let task = world.end(id).await;
    assert_eq!((task.state, task.failures), (State::Cancelled, 0));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_cannot_be_given_back_keeps_nobody_from_being_reaped() {
    let world = World::new([quick()]);
    let of_dead = world.submit("test.quick").await;
    world.claim_and_die("dead").await;
    let node = world.start("a");
    sleep(secs(1)).await;
    *node.faults.refused.lock().unwrap() = vec![("give_back", Error::Refused("never".into())); 99];
    *node.faults.lost_replies.lock().unwrap() = vec!["claim"];
    let id = world.submit("test.quick").await;
    world.until(id, State::Running).await;
    let begin = Instant::now();
    assert_eq!(world.end(of_dead).await.claim.0, 2);
    assert!(begin.elapsed() <= secs(75), "{:?}", begin.elapsed());
    // Nobody renews it.
    assert_eq!(world.end(id).await.failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_reply_is_only_late_is_not_given_back() {
    let world = World::new([patient()]);
    let node = world.start("a");
    sleep(secs(1)).await;
    // Several rounds of heartbeats find the claim while its reply is on its way.
    *node.faults.late_replies.lock().unwrap() = vec![("claim", TTL * 2 / 3)];
    let id = world.submit("test.patient").await;
    sleep(TTL).await;
    let task = world.until(id, State::Running).await;
    assert_eq!(task.claim.0, 1);
    assert_eq!(node.handle.status().running.len(), 1);
    assert!(!world.what(id).await.contains(&What::Returned));
}

#[tokio::test(start_paused = true)]
async fn what_this_process_has_begun_and_lost_is_not_given_back() {
    let world = World::new([quick().with(|policy| policy.on_loss = OnLoss::Drop)]);
    let node = world.start("a");
    sleep(secs(1)).await;
    // The end is never accepted, and the claim is given up although the store still has it.
    *node.faults.refused.lock().unwrap() = vec![("finish", Error::Refused("never".into())); 2];
    let id = world.submit("test.quick").await;
    let task = world.end(id).await;
    assert_eq!((task.state, task.claim.0, task.failures), (State::Dropped, 1, 1));
    assert!(!world.what(id).await.contains(&What::Returned));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_a_start_is_asked_again() {
    let world = World::new([quick()]);
    let node = world.start("a");
    *node.faults.lost_replies.lock().unwrap() = vec!["start_node", "start_node"];
    let id = world.submit("test.quick").await;
    assert_eq!(world.end(id).await.state, State::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_process_whose_name_was_taken_stops_with_an_error() {
    let (kind, mut stops) = told();
    let world = World::new([kind]);
    let first = world.start("a");
    let id = world.submit("test.told").await;
    world.until(id, State::Running).await;
    let mut options = world.options("a");
    options.seed = Some(99);
    let second = world.start_with(options);
    let handle = first.handle.clone();
    let error = first.running.await.unwrap().unwrap_err();
    assert_eq!(error, NodeError::Superseded("a".to_owned()));
    assert!(error.to_string().contains("node a:"), "{error}");
    assert!(handle.status().is_superseded());
    assert_eq!(handle.numbers().lease_lost.get(), 1);
    drop(stops.try_recv());
    assert_eq!(second.handle.status().phase, Phase::Working);
    assert_eq!(world.until(id, State::Running).await.claim.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_crash_of_one_node_of_two_is_survived() {
    let world = World::new([patient()]);
    let mut options = world.options("a");
    options.queues = vec![("cpu".to_owned(), 2)];
    let a = world.start_with(options);
    let ids = [world.submit("test.patient").await, world.submit("test.patient").await];
    sleep(secs(100)).await;
    let b = world.start("b");
    sleep(secs(100)).await;
    a.crash().await;
    let begin = Instant::now();
    for id in ids {
        while world.task(id).await.claim.0 < 2 {
            sleep(Duration::from_millis(500)).await;
            assert!(begin.elapsed() < secs(75));
        }
    }
    assert_eq!(b.handle.status().running.len(), 2);
}

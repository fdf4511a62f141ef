//! Nodes that stop.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use store::operations::read::ReadOverview;
use store::record::{OnLoss, State, What};
use tokio::time::{Instant, sleep};

use super::world::*;
use crate::run::Run;
use crate::status::Phase;

#[tokio::test(start_paused = true)]
async fn tasks_that_stop_are_given_back_without_a_failure() {
    let drop_it = TestKind { name: "test.once", ..patient().with(|p| p.on_loss = OnLoss::Drop) };
    let world = World::new([patient(), drop_it]);
    let node = world.start("a");
    let again = world.submit("test.patient").await;
    let once = world.submit("test.once").await;
    sleep(secs(5)).await;
    let handle = node.handle.clone();
    let (result, took) = node.stop().await;
    assert_eq!(result, Ok(()));
    assert!(took <= secs(1), "{took:?}");
    let (again, once) = (world.task(again).await, world.task(once).await);
    assert_eq!((again.state, again.failures, again.claim.0), (State::Enqueued, 0, 1));
    assert_eq!((once.state, once.failures), (State::Dropped, 0));
    assert_eq!(world.what(again.id).await.last(), Some(&What::Interrupted));
    assert_eq!(handle.status().phase, Phase::Stopped);
    assert!(world.store.run(ReadOverview).await.unwrap().nodes[0].stopping);
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_no_longer_than_its_deadline_whatever_tasks_do() {
    let (_release, receiver) = mpsc::channel::<()>();
    let receiver = Arc::new(Mutex::new(receiver));
    let blocks = TestKind::new("test.blocks", move |run| {
        let receiver = Arc::clone(&receiver);
        async move {
            run.on_thread(move |_: &Run| Ok(receiver.lock().unwrap().recv().is_ok())).await?;
            done()
        }
    });
    let stubborn = TestKind::new("test.stubborn", |run| async move {
        loop {
            run.progress(0, None);
            sleep(secs(1)).await;
        }
    });
    let world = World::new([blocks, stubborn]);
    let node = world.start("a");
    let ids = [world.submit("test.blocks").await, world.submit("test.stubborn").await];
    sleep(secs(5)).await;
    let (result, took) = node.stop().await;
    assert_eq!(result, Ok(()));
    assert!(took >= secs(7) && took <= secs(10), "{took:?}");
    for id in ids {
        let task = world.task(id).await;
        assert_eq!((task.state, task.failures), (State::Enqueued, 0), "it is given back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_nearly_done_may_end_within_the_deadline() {
    let kind = TestKind::new("test.nearly", |_| async {
        sleep(secs(7)).await;
        done()
    });
    let world = World::new([kind]);
    let node = world.start("a");
    let id = world.submit("test.nearly").await;
    sleep(secs(2)).await;
    let (_, took) = node.stop().await;
    assert!(took >= Duration::from_millis(4_900) && took < secs(6), "{took:?}");
    assert_eq!(world.state(id).await, State::Completed);
}

#[tokio::test(start_paused = true)]
async fn no_task_is_taken_while_the_node_stops() {
    let kind = TestKind::new("test.nearly", |_| async {
        sleep(secs(7)).await;
        done()
    });
    let world = World::new([kind, quick()]);
    let mut node = world.start("a");
    world.submit("test.nearly").await;
    sleep(secs(2)).await;
    node.ask_to_stop();
    sleep(secs(1)).await;
    let id = world.submit("test.quick").await;
    assert_eq!(node.running.await.unwrap(), Ok(()));
    assert_eq!(world.task(id).await.claim.0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_stops_in_time_although_the_store_is_gone() {
    let world = World::new([patient()]);
    let node = world.start("a");
    world.submit("test.patient").await;
    sleep(secs(5)).await;
    node.faults.is_cut_off.store(true, Ordering::Relaxed);
    let (result, took) = node.stop().await;
    assert_eq!(result, Ok(()));
    assert!(took <= secs(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_start_can_be_stopped() {
    let world = World::new([patient()]);
    let node = world.start("a");
    node.faults.is_cut_off.store(true, Ordering::Relaxed);
    sleep(secs(100)).await;
    assert_eq!(node.handle.status().phase, Phase::Starting);
    let begin = Instant::now();
    assert_eq!(node.stop().await.0, Ok(()));
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_told_to_stop_at_once_leaves_nothing_running() {
    for polls in 0..20 {
        let world = World::new([patient()]);
        let id = world.submit("test.patient").await;
        let mut node = world.start("a");
        for _ in 0..polls {
            tokio::task::yield_now().await;
        }
        node.ask_to_stop();
        assert_eq!(node.running.await.unwrap(), Ok(()));
        let task = world.task(id).await;
        assert_eq!((task.state, task.failures), (State::Enqueued, 0), "after {polls} polls");
    }
}

//! Tasks that are made when it is time.

use std::sync::atomic::Ordering;

use store::operations::enqueue::Enqueue;
use store::operations::read::List;
use store::record::{CatchUp, NewSchedule, NewTask, OnLoss, Task};
use tokio::time::sleep;

use super::world::*;
use crate::node::NodeOptions;

fn options(world: &World, name: &str, seconds: i64) -> NodeOptions {
    let task = NewTask {
        site: None,
        kind: "test.quick".into(),
        queue: "cpu".into(),
        priority: 0,
        args: "{}".into(),
        summary: "again".into(),
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: String::new(),
        parent: None,
    };
    let schedule = NewSchedule {
        id: "often".into(),
        period: seconds * 1_000,
        phase: 700,
        catch_up: CatchUp::One,
        task,
    };
    NodeOptions { schedules: vec![schedule], ..world.options(name) }
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_a_node_starts_is_run_once_for_itself_and_the_first_slot() {
    let world = World::new([quick()]);
    let mut options = options(&world, "a", 3_600);
    let key = Some("the same".to_owned());
    options.schedules[0].task.unique_key = key.clone();
    let asked = NewTask { unique_key: key, ..options.schedules[0].task.clone() };
    world.store.run(Enqueue(asked)).await.unwrap();
    let _node = world.start_with(options);
    sleep(secs(60)).await;
    let tasks: Vec<_> = list(&world).await.iter().map(|task| task.claim.0).collect();
    assert_eq!(tasks, [1]);
}

async fn list(world: &World) -> Vec<Task> {
    let mut tasks = world.store.run(List { limit: 1_000, ..List::default() }).await.unwrap();
    tasks.sort_by_key(|task| task.id);
    tasks
}

#[tokio::test(start_paused = true)]
async fn a_slot_makes_one_task_however_many_nodes_there_are() {
    let world = World::new([quick()]);
    let _nodes = ["a", "b", "c"].map(|name| world.start_with(options(&world, name, 90)));
    sleep(secs(900)).await;
    let tasks = list(&world).await;
    assert_eq!(tasks.len(), 11, "one at the start, and one in each of ten slots");
    for task in &tasks[1..] {
        let slot = task.slot.unwrap();
        assert_eq!(slot.0.rem_euclid(90_000), 700);
        let late = task.started_at.unwrap().since(slot);
        assert!((0..100).contains(&late), "{late} ms after its slot");
    }
}

#[tokio::test(start_paused = true)]
async fn slots_that_pass_without_a_node_are_counted_and_made_up_for_once() {
    let world = World::new([quick()]);
    let node = world.start_with(options(&world, "a", 60));
    sleep(secs(1)).await;
    assert_eq!(list(&world).await.len(), 1);
    assert_eq!(node.stop().await.0, Ok(()));
    sleep(secs(600)).await;
    let node = world.start_with(NodeOptions { seed: Some(7), ..options(&world, "a", 60) });
    sleep(secs(1)).await;
    assert_eq!(list(&world).await.len(), 2);
    let missed = &node.handle.numbers().missed[0];
    assert!((8..=9).contains(&missed.1.get()), "{missed:?}");
    // The clock jumps ahead: one task, and the rest is counted.
    world.ahead.fetch_add(3_600_000, Ordering::Relaxed);
    sleep(secs(61)).await;
    assert!((3..=4).contains(&list(&world).await.len()));
    assert!(missed.1.get() >= 66, "{missed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_for_a_while_does_not_stop_schedules() {
    let world = World::new([quick()]);
    let node = world.start_with(options(&world, "a", 60));
    sleep(secs(1)).await;
    node.faults.is_cut_off.store(true, Ordering::Relaxed);
    sleep(secs(600)).await;
    node.faults.is_cut_off.store(false, Ordering::Relaxed);
    sleep(secs(20)).await;
    assert_eq!(list(&world).await.len(), 2);
}

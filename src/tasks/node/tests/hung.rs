//! Tasks that do not end.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use store::record::{OnLoss, State};
use tokio::time::{Instant, sleep};

use super::world::*;
use crate::numbers::ReapReason;
use crate::run::Run;
use crate::status::Idle;

/// A kind that blocks its thread until the test releases it, the first `n_bad` times.
struct Blocking {
    kind: TestKind,
    /// Dropped, it releases all threads.
    release: Arc<Mutex<Option<mpsc::Sender<()>>>>,
    runs: Arc<Mutex<Vec<Run>>>,
}

fn blocking(n_bad: usize) -> Blocking {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Arc::new(Mutex::new(receiver));
    let runs = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&runs);
    let kind = TestKind::new("test.blocking", move |run| {
        let receiver = Arc::clone(&receiver);
        let mut seen = seen.lock().unwrap();
        let is_bad = seen.len() < n_bad;
        seen.push(run.clone());
        async move {
            if is_bad {
                let block = move |_: &Run| Ok(receiver.lock().unwrap().recv().is_ok());
                run.on_thread(block).await?;
            }
            done()
        }
    });
    let kind = kind.with(|policy| policy.stall_after = secs(60));
    Blocking { kind, release: Arc::new(Mutex::new(Some(sender))), runs }
}

#[tokio::test(start_paused = true)]
async fn a_hung_task_dies_although_its_process_lives_and_its_thread_keeps_its_place() {
    let Blocking { kind, release, runs } = blocking(1);
    let world = World::new([kind, quick()]);
    let mut options = world.options("a");
    options.queues = vec![("cpu".to_owned(), 1)];
    let node = world.start_with(options);
    let id = world.submit("test.blocking").await;
    world.until(id, State::Running).await;
    let begin = Instant::now();
    let task = world.until(id, State::Enqueued).await;
    let took = begin.elapsed();
    assert!(took >= secs(60) && took <= secs(60 + 75), "{took:?}");
    assert_eq!((task.claim.0, task.failures), (1, 1));
    assert_eq!(task.error_code.as_deref(), Some("hung"));
    assert_eq!(task.error.as_deref(), Some("it made no progress for 60 s"));
    let reaped: Vec<_> = node.handle.numbers().reaped().filter(|(_, n)| *n > 0).collect();
    assert_eq!(reaped, [(ReapReason::Hung, 1)]);
    sleep(secs(1_000)).await;
    let status = node.handle.status();
    assert_eq!((status.n_zombie_threads(), status.zombies[0].id), (1, id));
    assert_eq!(world.state(id).await, State::Enqueued, "the thread keeps the only place");
    release.lock().unwrap().take();
    let run = runs.lock().unwrap()[0].clone();
    run.until_no_thread().await;
    assert_eq!(world.end(id).await.state, State::Completed);
    assert_eq!(node.handle.status().zombies, []);
}

#[tokio::test(start_paused = true)]
async fn a_living_task_is_not_given_up_however_long_it_takes() {
    let kind = patient().with(|policy| policy.stall_after = secs(60));
    let world = World::new([kind]);
    let _node = world.start("a");
    let id = world.submit("test.patient").await;
    sleep(secs(10_000)).await;
    assert_eq!(world.task(id).await.claim.0, 1);
}

#[tokio::test(start_paused = true)]
async fn work_that_never_wakes_is_dropped_and_frees_its_place() {
    let kind = TestKind::new("test.asleep", |run| {
        run.stage("sleep");
        std::future::pending()
    });
    let kind = kind.with(|policy| (policy.stall_after, policy.on_loss) = (secs(60), OnLoss::Drop));
    let world = World::new([kind]);
    let mut options = world.options("a");
    options.queues = vec![("cpu".to_owned(), 1)];
    let node = world.start_with(options);
    let id = world.submit("test.asleep").await;
    let task = world.end(id).await;
    assert_eq!((task.state, task.error_code.as_deref()), (State::Dropped, Some("hung")));
    assert_eq!(task.error.as_deref(), Some("it made no progress for 60 s (stage sleep)"));
    sleep(secs(60)).await;
    assert_eq!((node.handle.status().running, node.handle.status().zombies), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_node_with_too_many_zombies_takes_no_more_tasks_and_says_so() {
    let Blocking { kind, release, runs } = blocking(2);
    let world = World::new([kind.with(|policy| policy.on_loss = OnLoss::Drop), quick()]);
    let mut options = world.options("a");
    (options.queues, options.max_zombies) = (vec![("cpu".to_owned(), 5)], 1);
    let node = world.start_with(options);
    let bad = [world.submit("test.blocking").await, world.submit("test.blocking").await];
    for id in bad {
        assert_eq!(world.end(id).await.state, State::Dropped);
    }
    sleep(secs(100)).await;
    assert_eq!(node.handle.status().idle, Some(Idle::Zombies { n: 2, max: 1 }));
    let id = world.submit("test.quick").await;
    sleep(secs(1_000)).await;
    assert_eq!(world.state(id).await, State::Enqueued);
    release.lock().unwrap().take();
    let runs = runs.lock().unwrap().clone();
    for run in runs {
        run.until_no_thread().await;
    }
    assert_eq!(world.end(id).await.state, State::Completed);
    assert_eq!(node.handle.status().idle, None);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_was_held_up_is_seen_and_gives_nobody_up() {
    let kind = TestKind::new("test.greedy", |run| async move {
        run.checkpoint()?;
        // It does not yield: for the paused clock, five minutes pass within one poll.
        tokio::time::advance(secs(300)).await;
        run.checkpoint()?;
        sleep(secs(10)).await;
        done()
    });
    let world = World::new([kind, patient().with(|policy| policy.stall_after = secs(60))]);
    let (a, b) = (world.start("a"), world.start("b"));
    let living = world.submit("test.patient").await;
    sleep(secs(100)).await;
    let id = world.submit("test.greedy").await;
    assert_eq!(world.end(id).await.claim.0, 1);
    let task = world.task(living).await;
    assert_eq!((task.state, task.claim.0), (State::Running, 1));
    let lag = a.handle.status().loop_lag.max(b.handle.status().loop_lag);
    assert!(lag > secs(290), "{lag:?}");
    sleep(Duration::from_secs(120)).await;
    assert_eq!(a.handle.status().loop_lag, Duration::ZERO);
}

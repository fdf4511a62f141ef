//! Tasks that live as they should.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_task_is_run_at_once_and_its_waiter_is_told() {
    let world = World::new([quick()]);
    let node = world.start("a");
    tokio::time::sleep(secs(100)).await;
    let begin = Instant::now();
    let id = world.submit("test.quick").await;
    let task = world.end(id).await;
    assert!(begin.elapsed() < Duration::from_millis(200), "{:?}", begin.elapsed());
    assert_eq!((task.state, task.result.as_deref()), (State::Completed, Some("\"done\"")));
    let (result, took) = node.stop().await;
    assert_eq!((result, took), (Ok(()), Duration::ZERO));
}

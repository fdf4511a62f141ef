//! Code of kinds, and rows, that are wrong.

use serde_json::json;
use store::operations::enqueue::Enqueue;
use store::record::{NewTask, OnLoss, State, TaskId, What};

use super::world::*;
use crate::failure::Failure;
use crate::kind::Output;
use crate::request::Request;

/// That a task of `kind` fails for good with `code`, and that the node then runs another one.
async fn check_fails(kind: TestKind, code: &str) -> String {
    // The paused clock runs ahead of threads, so no time is too long for them.
    let kind = kind.with(|policy| (policy.max_failures, policy.stall_after) = (5, secs(1 << 40)));
    let world = World::new([kind, quick()]);
    let mut options = world.options("a");
    options.queues = vec![("cpu".to_owned(), 1)];
    let _node = world.start_with(options);
    let id = world.submit("test.bad").await;
    let task = world.end(id).await;
    assert_eq!((task.state, task.error_code.as_deref()), (State::Failed, Some(code)));
    let next = world.submit("test.quick").await;
    assert_eq!(world.end(next).await.state, State::Completed, "its place is free");
    task.error.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_it_begins_fails_the_task_only() {
    let kind = TestKind::new("test.bad", |_| {
        assert!(std::hint::black_box(false), "at {}", "once");
        async { done() }
    });
    assert_eq!(check_fails(kind, "panicked").await, "the task panicked: at once");
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_it_runs_fails_the_task_only_and_its_message_is_bounded() {
    let kind = TestKind::new("test.bad", |_| async {
        tokio::time::sleep(secs(1)).await;
        panic!("{}", "é\n".repeat(100_000));
    });
    let error = check_fails(kind, "panicked").await;
    assert!(error.len() < 600 && !error.contains('\n'), "{error}");
}

// Not with a paused clock, which would run ahead of the real thread.
#[tokio::test]
async fn a_panic_on_a_thread_fails_the_task_only() {
    let kind = TestKind::new("test.bad", |run| async move {
        run.on_thread(|_| -> Result<Output, Failure> { panic!("on a thread") }).await
    });
    assert_eq!(check_fails(kind, "panicked").await, "the task panicked: on a thread");
}

#[tokio::test(start_paused = true)]
async fn a_panic_when_it_is_dropped_harms_nobody() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("when dropped");
        }
    }
    let kind = TestKind::new("test.bad", |_| async {
        let bad = Bad;
        tokio::time::sleep(secs(1)).await;
        drop(bad);
        done()
    });
    check_fails(kind, "panicked").await;
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_long_fails_the_task() {
    let kind = TestKind::new("test.bad", |_| async {
        Ok(Output { result: json!("x".repeat(100_000)), then: vec![] })
    });
    check_fails(kind, "result_too_long").await;
}

#[tokio::test(start_paused = true)]
async fn a_follow_up_that_the_store_refuses_does_not_take_back_what_was_done() {
    let kind = TestKind::new("test.bad", |_| async {
        let request_id = Some("x".repeat(10_000));
        let next = Request { kind: "test.quick".into(), request_id, ..Request::default() };
        Ok(Output { result: json!(1), then: vec![next] })
    });
    let world = World::new([kind, quick()]);
    let _node = world.start("a");
    let id = world.submit("test.bad").await;
    assert_eq!(world.end(id).await.state, State::Completed);
    assert!(world.what(id).await.contains(&What::Comment));
}

#[tokio::test(start_paused = true)]
async fn arguments_that_do_not_fit_fail_the_task_for_good_and_free_its_place() {
    for args in ["", "[1]", "{\"n\": \"one\"}", "{\"m\": 1}", "nonsense"] {
        let world = World::new([quick()]);
        let new = NewTask {
            site: None,
            kind: "test.quick".into(),
            queue: "cpu".into(),
            priority: 0,
            args: args.into(),
            summary: "as another version would".into(),
            unique_key: None,
            request_id: None,
            on_loss: OnLoss::Requeue,
            max_failures: 5,
            delay: 0,
            actor: "me".into(),
            parent: None,
        };
        for _ in 0..5 {
            world.store.run(Enqueue(new.clone())).await.unwrap();
        }
        let node = world.start("a");
        for id in 1..=5 {
            let task = world.end(TaskId(id)).await;
            assert_eq!(task.error_code.as_deref(), Some("bad_arguments"), "{args}");
            assert_eq!((task.state, task.failures), (State::Failed, 1));
        }
        let next = world.submit("test.quick").await;
        assert_eq!(world.end(next).await.state, State::Completed);
        assert_eq!(node.handle.status().running, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_known_waits_for_a_node_that_knows_it() {
    let mut world = World::new([quick()]);
    let old = world.start("old");
    world.kinds = World::new([quick(), patient()]).kinds;
    let id = world.submit("test.patient").await;
    tokio::time::sleep(secs(1_000)).await;
    assert_eq!(world.state(id).await, State::Enqueued);
    let _new = world.start("new");
    world.until(id, State::Running).await;
    assert_eq!(old.handle.status().running, []);
}

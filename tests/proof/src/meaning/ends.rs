//! How tasks end, and what follows.

use super::*;

#[test]
fn an_attempt_that_failed_is_tried_again_as_often_as_it_may() {
    let mut at = At::new();
    let id = at.ask(NewTask { max_failures: 2, ..new() }).id;
    let failed = || End::Failed { code: "io".into(), error: "e".into(), retry_after: Some(MINUTE) };
    at.run(finish(&at.claim(1)[0], failed()));
    assert!(at.claim(1).is_empty(), "it waits");
    at.pass(MINUTE);
    at.run(finish(&at.claim(1)[0], failed()));
    let task = at.task(id);
    assert_eq!((task.state, task.failures, task.claim.0), (State::Failed, 2, 2));
}

#[test]
fn a_shutdown_is_no_failure_and_lowers_no_claim() {
    let at = At::new();
    let id = at.ask(NewTask { max_failures: 1, ..new() }).id;
    for claim in 1..=5 {
        at.run(finish(&at.claim(1)[0], End::Interrupted));
        let task = at.task(id);
        assert_eq!((task.state, task.failures, task.claim.0), (State::Enqueued, 0, claim));
    }
    at.complete(&at.claim(1)[0]);
    assert_eq!(at.task(id).state, State::Completed);
}

#[test]
fn who_has_died_is_replaced_and_comes_too_late() {
    let at = At::new();
    at.ask(new());
    let task = at.claim(1).remove(0);
    let seen = at.run(Running).remove(0);
    let progress =
        Progress { id: task.id, claim: task.claim, stage: None, done: None, total: None };
    let renew = Renew { node: "a".into(), boot: "1".into(), tasks: vec![progress] };
    at.run(renew.clone());
    assert_eq!(
        at.run(Reap { seen: seen.clone(), by: "b".into(), hung: None }),
        None,
        "it has moved"
    );
    let seen = Heartbeat { beat: 1, ..seen };
    assert_eq!(at.run(Reap { seen, by: "b".into(), hung: None }), Some(State::Enqueued));
    assert!(at.run(renew).kept.is_empty());
    let next = at.claim(1).remove(0);
    assert_eq!(at.complete(&task), Finished::Stale);
    assert!(matches!(at.complete(&next), Finished::Accepted { .. }));
    assert_eq!(at.complete(&next), Finished::Repeated);
}

#[test]
fn a_task_that_has_ended_is_run_again_as_another_one() {
    let at = At::new();
    let first = at.ask(keyed("k")).id;
    let retry = Retry { id: first, actor: "bob".into(), request_id: Some("again".into()) };
    assert_eq!(at.run(retry.clone()), Retried::NotEnded(State::Enqueued));
    at.work();
    let Retried::Enqueued(next) = at.run(retry.clone()) else { panic!("it has ended") };
    let Retried::Enqueued(same) = at.run(retry) else { panic!("it has ended") };
    assert_eq!(same.id, next.id);
    let events = at.run(Events { task: first, after: 0, limit: 100 });
    let n_followed = events.iter().filter(|event| event.what == What::FollowUp).count();
    assert_eq!(n_followed, 1, "the second one is the first one");
    let task = at.task(next.id);
    assert_eq!((task.parent, task.actor.as_str()), (Some(first), "bob"));
    assert_eq!(at.task(first).state, State::Completed);
    let unknown = Retry { id: TaskId(99), actor: "bob".into(), request_id: None };
    assert_eq!(at.run(unknown), Retried::Unknown);
}

#[test]
fn purged_and_unknown_are_told_apart() {
    let mut at = At::new();
    for _ in 0..3 {
        at.ask(new());
        at.work();
        at.pass(1);
    }
    at.pass(1);
    let purge = Purge { kind: None, except: Vec::new(), keep: 0, limit: 100 };
    assert_eq!(at.run(purge), 2, "the last success stays");
    assert_eq!(at.run(Find(TaskId(1))), Found::Purged);
    assert_eq!(at.task(TaskId(3)).state, State::Completed);
    let cancel = |id| Cancel { id: TaskId(id), actor: "ann".into(), reason: String::new() };
    assert_eq!(at.run(cancel(1)), Cancelled::Purged);
    assert_eq!(at.run(cancel(3)), Cancelled::Ended(State::Completed));
    for id in [0, -1, 4, i64::MAX] {
        assert_eq!(at.run(Find(TaskId(id))), Found::Unknown);
        assert_eq!(at.run(cancel(id)), Cancelled::Unknown);
    }
    assert_eq!(at.ask(new()).id, TaskId(4), "no number is given twice");
}

#[test]
fn the_last_success_and_the_last_failure_of_each_kind_and_schedule_stay() {
    let mut at = At::new();
    at.start(vec![every(HOUR, CatchUp::One)]);
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.clear();
        at.tick();
        for end in [End::Completed { result: None }, End::Cancelled] {
            for by_schedule in [true, false] {
                if by_schedule {
                    at.pass(HOUR);
                    at.tick();
                } else {
                    at.ask(new());
                }
                for task in at.claim(1) {
                    at.run(finish(&task, end.clone()));
                    kept.push(task.id);
                }
            }
        }
        at.ask(new());
        let failed = End::Failed { code: "io".into(), error: "e".into(), retry_after: None };
        for task in at.claim(1) {
            kept.push(task.id);
            at.run(finish(&task, failed.clone()));
        }
        at.pass(MINUTE);
    }
    let purge = Purge { kind: Some("scan".into()), except: Vec::new(), keep: 0, limit: 100 };
    while at.run(purge.clone()) > 0 {}
    let states: Vec<_> = (1..100)
        .filter_map(|id| match at.run(Find(TaskId(id))) {
            Found::Task(task) => Some((task.schedule.is_some(), task.state)),
            _ => None,
        })
        .collect();
    for wanted in [State::Completed, State::Failed, State::Cancelled] {
        assert!(states.contains(&(false, wanted)), "{states:?}");
    }
    assert!(states.contains(&(true, State::Completed)), "{states:?}");
    assert!(states.len() <= 6, "{states:?}");
}

#[test]
fn a_run_that_was_promised_follows_a_task_that_is_cancelled_while_it_waits_for_its_retry() {
    let at = At::new();
    let id = at.ask(keyed("k")).id;
    let running = at.claim(1).remove(0);
    assert_eq!(at.ask(keyed("k")).id, id);
    let (code, error) = (String::new(), String::new());
    at.run(finish(&running, End::Failed { code, error, retry_after: Some(HOUR) }));
    let cancel = Cancel { id, actor: "ann".into(), reason: String::new() };
    assert_eq!(at.run(cancel.clone()), Cancelled::AtOnce);
    let next = at.claim(1).remove(0);
    assert_eq!((next.parent, next.unique_key.as_deref()), (Some(id), Some("k")));
    // Nothing follows from asking twice, nor from a task that nobody asked for again.
    assert_eq!(at.run(cancel), Cancelled::Ended(State::Cancelled));
    assert_eq!(at.work(), 0);
}

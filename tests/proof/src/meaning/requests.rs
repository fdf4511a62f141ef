//! What is asked for, who gets it, and in which order.

use super::*;

#[test]
fn a_request_that_is_repeated_makes_one_task() {
    let at = At::new();
    let asked = NewTask { request_id: Some("r".into()), ..new() };
    let first = at.ask(asked.clone());
    assert!(first.is_new);
    let again = at.ask(asked.clone());
    assert_eq!((again.id, again.is_new), (first.id, false));
    at.work();
    let later = at.ask(asked);
    assert_eq!((later.id, later.state), (first.id, State::Completed));
}

#[test]
fn a_request_that_met_a_task_makes_no_second_one_when_it_is_repeated() {
    let at = At::new();
    let first = at.ask(keyed("k")).id;
    let asked = NewTask { request_id: Some("r".into()), ..keyed("k") };
    for _ in 0..2 {
        assert_eq!(at.ask(asked.clone()).id, first);
    }
    at.work();
    let later = at.ask(asked.clone());
    assert_eq!((later.id, later.state, later.is_new), (first, State::Completed, false));
    // While it runs, one promise is made for it and not one for each repetition.
    let other = NewTask { request_id: Some("s".into()), ..keyed("k") };
    let second = at.ask(keyed("k")).id;
    let running = at.claim(1).remove(0);
    for _ in 0..2 {
        assert_eq!(at.ask(other.clone()).id, second);
    }
    at.complete(&running);
    assert_eq!(at.ask(other).id, second);
    assert_eq!((at.work(), at.work()), (1, 0));
    // It is kept as long as the task.
    let purge = Purge { kind: None, except: Vec::new(), keep: -1, limit: 100 };
    let mut at = at;
    at.pass(1);
    assert_eq!(at.run(purge), 2);
    assert!(at.ask(asked).is_new);
}

#[test]
fn so_many_requests_and_no_more_are_remembered_of_a_task() {
    let at = At::new();
    let id = at.ask(keyed("k")).id;
    let asked = |n: i64| NewTask { request_id: Some(format!("r{n}")), ..keyed("k") };
    for n in 0..MAX_REQUESTS {
        assert_eq!(at.ask(asked(n)).id, id);
    }
    let refused = at.try_run(Enqueue(asked(MAX_REQUESTS))).unwrap_err();
    assert_eq!(refused.to_string(), "10000 requests wait for task 1 already");
    assert_eq!(at.ask(asked(7)).id, id, "what is known is no new one");
    assert_eq!(at.ask(keyed("k")).id, id, "nothing is remembered of those without a name");
}

#[test]
fn a_task_of_a_site_is_run_by_its_nodes_only() {
    let at = At::new();
    let of = |site: Option<&str>| NewTask { site: site.map(str::to_owned), ..new() };
    let (any, east, west) =
        (at.ask(of(None)).id, at.ask(of(Some("east"))).id, at.ask(of(Some("west"))).id);
    let claim_at = |site: Option<&str>| {
        let tasks = at.run(Claim { site: site.map(str::to_owned), ..claim(1) });
        tasks.first().map(|task| task.id)
    };
    assert_eq!(claim_at(Some("west")), Some(any));
    assert_eq!(claim_at(Some("west")), Some(west));
    assert_eq!(claim_at(Some("west")), None);
    assert_eq!(claim_at(None), Some(east), "who is of no site takes all");
}

#[test]
fn a_node_with_other_files_is_not_of_the_site_until_those_who_have_them_stop() {
    let mut at = At::new();
    let of = |node: &str, site: &str, files: &str| StartNode {
        node: node.into(),
        site: Some(site.into()),
        files: files.into(),
        ..start("1", vec![])
    };
    at.run(of("b", "main", "catalog c\nsnapshot /b"));
    at.run(of("c", "main", "catalog c\nsnapshot /b"));
    at.run(of("d", "other", "catalog c\nsnapshot /d"));
    let late = of("d", "main", "catalog c\nsnapshot /d");
    let refused = at.try_run(late.clone()).unwrap_err().to_string();
    assert_eq!(
        refused,
        "site main: node b, which runs, has snapshot /b, and this process snapshot /d: give it a site of \
         its own, or the same files"
    );
    let stop = |node: &str| StopNode { node: node.into(), boot: "1".into() };
    at.run(stop("b"));
    assert!(at.try_run(late.clone()).is_err(), "the other one goes on");
    // Its own name is no obstacle, and one that was killed is none for long.
    at.pass(IS_LIVE);
    at.run(late);
    at.run(of("d", "main", "catalog c\nsnapshot /e"));
}

#[test]
fn who_is_in_a_hurry_hastens_what_waits() {
    let at = At::new();
    let slow = NewTask { priority: 3, delay: HOUR, ..keyed("k") };
    let id = at.ask(slow.clone()).id;
    at.ask(NewTask { priority: 1, delay: MINUTE, ..slow.clone() });
    at.ask(slow);
    let task = at.task(id);
    assert_eq!((task.priority, task.run_after), (1, at.now.plus(MINUTE)));
}

#[test]
fn ten_minutes_of_waiting_count_as_a_step_of_priority() {
    let mut at = At::new();
    let patient = at.ask(NewTask { priority: 1, ..new() }).id;
    at.pass(10 * MINUTE - 1);
    let urgent = at.ask(new()).id;
    assert_eq!(at.claim(1)[0].id, urgent, "a millisecond less is not enough");
    at.pass(2);
    at.ask(new());
    assert_eq!(at.claim(1)[0].id, patient);
}

#[test]
fn what_is_too_long_is_refused_and_what_people_read_is_cut() {
    let at = At::new();
    let long = |n: usize| "x".repeat(n);
    let refused = [
        NewTask { args: long(bounds::ARGS + 1), ..new() },
        NewTask { args: "\0".into(), ..new() },
        NewTask { kind: long(bounds::LINE + 1), ..new() },
        NewTask { queue: "a\0b".into(), ..new() },
        NewTask { request_id: Some(long(bounds::LINE + 1)), ..new() },
        NewTask { unique_key: Some("\0".into()), ..new() },
    ];
    for new in refused {
        assert!(matches!(at.try_run(Enqueue(new)), Err(Error::Refused(_))));
    }
    let fits =
        NewTask { args: long(bounds::ARGS), summary: long(5_000), actor: long(5_000), ..new() };
    let id = at.ask(fits).id;
    let task = at.task(id);
    assert!(task.summary.len() <= bounds::LINE && task.actor.len() <= bounds::LINE);
    let task = at.claim(1).remove(0);
    let too_much = finish(&task, End::Completed { result: Some(long(bounds::RESULT + 1)) });
    assert!(matches!(at.try_run(too_much), Err(Error::Refused(_))));
    assert_eq!(at.task(id).state, State::Running, "its runner can still end it");
    let end = End::Failed { code: long(5_000), error: long(50_000), retry_after: None };
    at.run(finish(&task, end));
    assert!(at.task(id).error.unwrap().len() <= bounds::ERROR);
}

#[test]
fn a_full_queue_refuses_what_is_new_and_nothing_else() {
    let at = At::new();
    at.ask(NewTask { priority: -9, ..keyed("k") });
    let running = at.claim(1).remove(0);
    at.run(Fill { state: "enqueued", n: MAX_WAITING });
    let refused = at.try_run(Enqueue(new()));
    assert!(
        matches!(&refused, Err(Error::Refused(reason)) if reason.contains("`cpu`")),
        "{refused:?}"
    );
    let merged = at.ask(keyed("k"));
    assert_eq!((merged.id, merged.is_new), (running.id, false));
    at.start(vec![every(HOUR, CatchUp::One)]);
    assert_eq!(at.tick().made.len(), 1, "a schedule makes its task");
    let end = Finish { then: vec![new()], ..finish(&running, End::Completed { result: None }) };
    let Finished::Accepted { followed_by, .. } = at.run(end) else { panic!("it is held") };
    assert_eq!(followed_by.len(), 2, "the follow-up, and what is next");
}

#[test]
fn who_asks_again_and_again_for_what_waits_is_noted_once() {
    let at = At::new();
    let by = |actor: &str| NewTask { actor: actor.into(), ..keyed("k") };
    let id = at.ask(by("ann")).id;
    let ask_often = || (0..9).for_each(|n| assert_eq!(at.ask(by(["tree", "bob"][n % 2])).id, id));
    let noted = || {
        let events = at.run(Events { task: id, after: 0, limit: 100 });
        let shown = events.iter().map(|event| format!("{} {}", event.what, event.actor));
        shown.collect::<Vec<_>>().join(", ")
    };
    ask_often();
    assert_eq!(noted(), "enqueued ann, merged tree, merged bob");
    at.ask(NewTask { request_id: Some("r".into()), ..by("bob") });
    assert_eq!(noted(), "enqueued ann, merged tree, merged bob, merged bob");
    // Another run is something else to be promised.
    let running = at.claim(1).remove(0);
    ask_often();
    let ends = noted();
    assert!(ends.ends_with(", merged bob, claimed a, merged tree, merged bob"), "{ends}");
    assert!(at.task(running.id).rerun);
}

//! When schedules make tasks.

use super::*;

#[test]
fn a_schedule_goes_with_the_last_node_that_declares_it() {
    let mut at = At::new();
    let other = |schedules| StartNode { node: "b".into(), ..start("1", schedules) };
    let names = |at: &At| -> Vec<_> {
        let schedules = at.run(ReadOverview).schedules;
        schedules.into_iter().map(|schedule| (schedule.id, schedule.nodes)).collect()
    };
    let nightly = |nodes: &[&str]| {
        vec![(
            "nightly".to_owned(),
            nodes.iter().map(|node| (*node).to_owned()).collect::<Vec<_>>(),
        )]
    };
    at.start(vec![every(HOUR, CatchUp::One)]);
    let paused = Pause {
        what: Pausable::Schedule,
        name: "nightly".into(),
        actor: "ann".into(),
        reason: "storm".into(),
    };
    assert!(at.run(paused));
    at.run(other(vec![]));
    assert_eq!(names(&at), nightly(&["a"]), "another node has nothing to say");
    at.run(other(vec![every(HOUR, CatchUp::One)]));
    assert_eq!(names(&at), nightly(&["a", "b"]));
    at.start(vec![]);
    assert_eq!(names(&at), nightly(&["b"]));
    assert!(at.schedule().paused_at.is_some(), "it is the same one");
    // A node that is away still declares it, until it is forgotten.
    at.pass(HOUR);
    at.start(vec![]);
    assert_eq!(names(&at), nightly(&["b"]));
    assert_eq!(at.run(PurgeNodes(MINUTE)), ["b"]);
    assert_eq!(names(&at), []);
}

#[test]
fn a_slot_makes_one_task_whatever_the_clock_does() {
    let mut at = At::new();
    at.start(vec![every(10 * MINUTE, CatchUp::One)]);
    assert_eq!(at.tick().made.len(), 1, "a new schedule runs at once");
    at.work();
    assert!(at.tick().made.is_empty());
    at.pass(10 * MINUTE);
    assert_eq!(at.tick().made.len(), 1);
    at.work();
    // Back by less than two periods: the slots were made.
    at.pass(-15 * MINUTE);
    assert!(at.tick().made.is_empty());
    at.pass(15 * MINUTE);
    assert!(at.tick().made.is_empty());
    // Ahead by an hour: one run, five that were missed.
    at.pass(HOUR);
    let ticked = at.tick();
    assert_eq!((ticked.made.len(), ticked.missed), (1, vec![("nightly".to_owned(), 5)]));
    at.work();
    // Back by an hour: the schedule goes on with slots that nobody took, and takes none twice.
    at.pass(-HOUR);
    let mut n_made = 0;
    for _ in 0..12 {
        n_made += at.tick().made.len();
        at.work();
        at.pass(10 * MINUTE);
    }
    assert!((9..=12).contains(&n_made), "{n_made}");
    assert_eq!(at.schedule().missed, 5);
}

#[test]
fn a_schedule_that_does_not_catch_up_counts_what_it_missed() {
    let mut at = At::new();
    at.start(vec![every(10 * MINUTE, CatchUp::None)]);
    // In the first minute of a slot.
    at.now = Timestamp(at.now.0 / (10 * MINUTE) * 10 * MINUTE + 7_000);
    at.tick();
    at.work();
    at.pass(35 * MINUTE);
    let ticked = at.tick();
    assert_eq!((ticked.made.len(), ticked.missed), (0, vec![("nightly".to_owned(), 3)]));
    assert_eq!(ticked.next_in, Some(5 * MINUTE));
    at.pass(5 * MINUTE);
    assert_eq!(at.tick().made.len(), 1);
}

#[test]
fn slots_of_a_paused_schedule_pass_uncounted() {
    let mut at = At::new();
    at.start(vec![every(10 * MINUTE, CatchUp::One)]);
    at.tick();
    at.work();
    let name = || "nightly".to_owned();
    let what = Pausable::Schedule;
    at.run(Pause { what, name: name(), actor: "ann".into(), reason: "move".into() });
    at.pass(HOUR);
    assert!(at.tick().made.is_empty());
    assert!(at.run(Resume { what, name: name() }));
    assert!(at.tick().made.is_empty(), "the present slot passed as well");
    at.pass(10 * MINUTE);
    assert_eq!(at.tick().made.len(), 1);
    assert_eq!(at.schedule().missed, 0);
    assert!(!at.run(Resume { what, name: "other".into() }));
}

#[test]
fn a_changed_period_misses_nothing() {
    let mut at = At::new();
    at.start(vec![every(24 * HOUR, CatchUp::One)]);
    at.tick();
    at.work();
    at.pass(5 * HOUR);
    for period in [HOUR, 10 * MINUTE, 7 * MINUTE, 24 * HOUR, MINUTE] {
        at.start(vec![every(period, CatchUp::One)]);
        let ticked = at.tick();
        assert!(ticked.missed.is_empty() && ticked.made.len() <= 1, "{period}: {ticked:?}");
        at.work();
    }
    assert_eq!(at.schedule().missed, 0);
    at.start(Vec::new());
    assert!(at.tick().next_in.is_none());
}

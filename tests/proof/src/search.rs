//! Every state that two nodes and a few tasks can reach, with the invariants checked on each way to it.
//!
//! Messages may come at any time, more than once, and in any order: each process may end or renew every claim
//! that it was ever given. That covers crashes (nothing comes any more), lost replies (it comes again) and
//! processes that were only suspended (it comes late).

use std::collections::{BTreeMap, HashSet, VecDeque};

use store::operations::claim::Claim;
use store::operations::enqueue::Enqueue;
use store::operations::finish::{End, Finish};
use store::operations::give_back::GiveBack;
use store::operations::lose::Reap;
use store::operations::node::{StartNode, StopNode};
use store::operations::people::{Cancel, Pausable, Pause, Resume, Retry};
use store::operations::purge::Purge;
use store::operations::renew::{Progress, Renew};
use store::record::{NewTask, OnLoss, State, Task, Timestamp, What};

use crate::ends::heartbeat;
use crate::invariants::Promises;
use crate::model::Model;
use crate::op::Op;

/// How far the search goes: what would pass these is not followed.
struct Bounds {
    tasks: i64,
    claims: i64,
    beats: i64,
    /// Processes of each node.
    boots: usize,
    /// States in all. Those that take the fewest steps are visited.
    states: usize,
}

const NOW: Timestamp = Timestamp(1_000_000);

#[test]
fn every_state_of_one_task_keeps_the_invariants() {
    let bounds = Bounds { tasks: 2, claims: 3, beats: 1, boots: 2, states: 30_000 };
    let n_states = search(&bounds, &[("one", OnLoss::Requeue, 3)]);
    assert!(n_states >= bounds.states, "{n_states} states");
}

#[test]
fn every_state_of_two_tasks_keeps_the_invariants() {
    let bounds = Bounds { tasks: 3, claims: 2, beats: 0, boots: 1, states: 30_000 };
    let n_states = search(&bounds, &[("one", OnLoss::Requeue, 2), ("two", OnLoss::Drop, 1)]);
    assert!(n_states >= bounds.states, "{n_states} states");
}

/// Visits all states, and returns how many there are.
fn search(bounds: &Bounds, asks: &[(&str, OnLoss, i64)]) -> usize {
    let mut first = Model::default();
    for node in ["a", "b"] {
        first.step(NOW, &Op::StartNode(start(node, 1))).unwrap();
    }
    let mut known = HashSet::from([key(&first)]);
    let mut paths = vec![(0, String::new())];
    let mut open = VecDeque::from([(0, first)]);
    let mut n_steps = 0;
    while let Some((at, before)) = open.pop_front() {
        for op in steps(&before, bounds, asks) {
            n_steps += 1;
            let mut after = before.clone();
            // What ended at this very moment is not old.
            let now = if matches!(op, Op::Purge(_)) { NOW.plus(1) } else { NOW };
            let reply = after.apply(now, &op);
            let checked = Promises::default().check(&before, (&op, reply.as_ref().ok()), &after);
            if let Err(broken) = checked {
                panic!("{broken}, after{}\n{op:?}", path(&paths, at));
            }
            after.events.clear();
            let has_room = known.len() < bounds.states;
            if has_room && within(bounds, &after) && known.insert(key(&after)) {
                paths.push((at, format!("{op:?}")));
                open.push_back((paths.len() - 1, after));
            }
        }
    }
    println!("{} states, {n_steps} steps", known.len());
    known.len()
}

/// The operations that led to a state, one on a line.
fn path(paths: &[(usize, String)], mut at: usize) -> String {
    let mut steps = Vec::new();
    while at != 0 {
        let (from, op) = &paths[at];
        steps.push(op.as_str());
        at = *from;
    }
    steps.reverse();
    format!("\n{}", steps.join("\n"))
}

fn within(bounds: &Bounds, model: &Model) -> bool {
    let is_within = |task: &Task| task.claim.0 <= bounds.claims && task.beat <= bounds.beats;
    model.highest <= bounds.tasks && model.tasks.values().all(is_within)
}

/// What tells states apart. The clock stands still, and what only people read does not matter.
fn key(model: &Model) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    let mut put = |values: &[i64]| values.iter().for_each(|value| key.push(*value as u8));
    put(&[model.highest]);
    for task in model.tasks.values() {
        let Task { id, state, claim, beat, rerun, failures, .. } = task;
        let flags = i64::from(*rerun) + 2 * i64::from(task.cancel_at.is_some());
        let of =
            |text: &Option<String>| text.as_ref().map_or(0, |text| i64::from(text.as_bytes()[0]));
        put(&[id.0, *state as i64, claim.0, *beat, flags, *failures, of(&task.unique_key)]);
        put(&[of(&task.node), boot_number(task.boot.as_deref()), task.parent.map_or(0, |id| id.0)]);
    }
    for ((id, claim), attempt) in &model.attempts {
        let outcome = attempt.outcome.map_or(0, |what| if what == What::Lost { 1 } else { 2 });
        put(&[
            id.0,
            claim.0,
            outcome,
            boot_number(Some(&attempt.boot)),
            i64::from(attempt.node.as_bytes()[0]),
        ]);
    }
    let is_paused = model.queues["cpu"].1.is_some();
    put(&[i64::from(is_paused)]);
    for node in model.nodes.values() {
        put(&[boot_number(Some(&node.boot)), i64::from(node.stopping)]);
    }
    key
}

/// The number at the end of the name of a process.
fn boot_number(boot: Option<&str>) -> i64 {
    boot.and_then(|boot| boot.as_bytes().last()).map_or(0, |digit| i64::from(*digit))
}

fn start(node: &str, boot: usize) -> StartNode {
    StartNode {
        site: None,
        files: String::new(),
        node: node.to_owned(),
        boot: format!("{node}{boot}"),
        version: String::new(),
        kinds: vec!["scan".to_owned()],
        queues: vec![("cpu".to_owned(), 1)],
        schedules: Vec::new(),
    }
}

/// All that may happen in a state.
fn steps(model: &Model, bounds: &Bounds, asks: &[(&str, OnLoss, i64)]) -> Vec<Op> {
    let mut steps: Vec<_> = asks.iter().map(|ask| Op::Enqueue(Enqueue(task(ask)))).collect();
    let (what, name) = (Pausable::Queue, "cpu".to_owned());
    steps.push(match model.queues["cpu"].1 {
        None => Op::Pause(Pause { what, name, actor: String::new(), reason: String::new() }),
        Some(_) => Op::Resume(Resume { what, name }),
    });
    let boots: BTreeMap<_, _> =
        model.nodes.values().map(|node| (node.id.clone(), node.boot.clone())).collect();
    for (node, boot) in boots {
        let n_boots = usize::try_from(boot_number(Some(&boot)) - 48).unwrap();
        steps.push(Op::Claim(Claim {
            site: None,
            node: node.clone(),
            boot: boot.clone(),
            kinds: vec!["scan".to_owned()],
            room: vec![("cpu".to_owned(), 2)],
        }));
        if n_boots < bounds.boots {
            steps.push(Op::StartNode(start(&node, n_boots + 1)));
        }
        steps.push(Op::StopNode(StopNode { node, boot }));
    }
    for attempt in model.attempts.values() {
        let failed =
            || End::Failed { code: String::new(), error: String::new(), retry_after: Some(0) };
        for end in [End::Completed { result: None }, failed(), End::Cancelled, End::Interrupted] {
            steps.push(Op::Finish(Finish {
                id: attempt.task,
                claim: attempt.claim,
                node: attempt.node.clone(),
                boot: attempt.boot.clone(),
                end,
                stages: None,
                then: Vec::new(),
            }));
        }
        let progress = Progress {
            id: attempt.task,
            claim: attempt.claim,
            stage: None,
            done: None,
            total: None,
        };
        let (node, boot) = (attempt.node.clone(), attempt.boot.clone());
        let (id, claim) = (attempt.task, attempt.claim);
        let give_back = GiveBack { id, claim, node: node.clone(), boot: boot.clone() };
        steps.push(Op::GiveBack(give_back));
        steps.push(Op::Renew(Renew { node, boot, tasks: vec![progress] }));
    }
    for task in model.tasks.values() {
        let (id, actor) = (task.id, String::new());
        match task.state {
            State::Running => {
                let seen = heartbeat(task);
                let mut earlier = vec![seen.clone(), seen.clone(), seen];
                earlier[1].beat -= 1;
                earlier[2].claim.0 -= 1;
                steps.extend(
                    earlier
                        .into_iter()
                        .map(|seen| Op::Reap(Reap { seen, by: "b".to_owned(), hung: None })),
                );
            }
            State::Enqueued => {}
            _ => steps.push(Op::Retry(Retry { id, actor: actor.clone(), request_id: None })),
        }
        steps.push(Op::Cancel(Cancel { id, actor, reason: String::new() }));
    }
    steps.push(Op::Purge(Purge { kind: None, except: Vec::new(), keep: 0, limit: 9 }));
    steps
}

fn task((key, on_loss, max_failures): &(&str, OnLoss, i64)) -> NewTask {
    NewTask {
        site: None,
        kind: "scan".to_owned(),
        queue: "cpu".to_owned(),
        priority: 0,
        args: String::new(),
        summary: String::new(),
        unique_key: Some((*key).to_owned()),
        request_id: None,
        on_loss: *on_loss,
        max_failures: *max_failures,
        delay: 0,
        actor: String::new(),
        parent: None,
    }
}

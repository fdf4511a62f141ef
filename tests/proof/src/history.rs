//! Random sequences of operations that fit what is there.
//!
//! A [`Step`] says which one of the tasks, claims or nodes that there are is meant, by an index that always
//! fits. So a sequence from which steps were left out is a sequence again, and a failure shrinks to the few
//! steps that it takes.

use proptest::collection::vec;
use proptest::prelude::*;

use store::operations::claim::Claim;
use store::operations::enqueue::Enqueue;
use store::operations::finish::{End, Finish};
use store::operations::give_back::GiveBack;
use store::operations::lose::Reap;
use store::operations::node::{StartNode, StopNode};
use store::operations::people::{Cancel, Comment, Pausable, Pause, Resume, Retry};
use store::operations::purge::{Purge, PurgeNodes};
use store::operations::read::{CheckFence, Find};
use store::operations::renew::{Progress, Renew};
use store::operations::tick::Tick;
use store::record::{Attempt, CatchUp, NewSchedule, NewTask, OnLoss, Task, TaskId, Timestamp};

use crate::ends::heartbeat;
use crate::model::Model;
use crate::op::Op;

/// One step of a history.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named after the operations")]
pub enum Step {
    Enqueue(Ask),
    Claim {
        node: usize,
        room: usize,
    },
    /// A process renews what it has.
    Renew {
        node: usize,
    },
    /// Any process renews any claim, however old.
    RenewOne {
        claim: usize,
    },
    CheckFence {
        claim: usize,
    },
    /// Any process ends any claim, however old: twice, too late, after it was lost.
    Finish {
        claim: usize,
        end: usize,
        then: bool,
    },
    /// Ends an attempt that is held.
    FinishHeld {
        claim: usize,
        end: usize,
        then: bool,
    },
    Reap {
        running: usize,
        is_late: bool,
    },
    /// A process gives back any claim, however old.
    GiveBack {
        claim: usize,
    },
    Cancel {
        task: usize,
    },
    CancelRunning {
        task: usize,
    },
    Retry {
        task: usize,
        request: Option<u8>,
    },
    Comment {
        task: usize,
    },
    Find {
        task: usize,
    },
    Pause {
        what: usize,
    },
    Resume {
        what: usize,
    },
    /// A process starts: another one, or the same once more. `setup` says what is configured.
    Start {
        node: usize,
        is_new: bool,
        setup: usize,
    },
    Stop {
        node: usize,
    },
    Tick,
    Purge {
        kind: usize,
        keep: i64,
        limit: i64,
    },
    PurgeNodes,
    /// The clock moves, or jumps.
    Time(i64),
}

/// What is asked for.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named after the fields of a task")]
pub struct Ask {
    pub key: usize,
    pub queue: usize,
    pub kind: usize,
    pub priority: i64,
    pub delay: i64,
    pub request: Option<u8>,
    pub on_loss: OnLoss,
    pub max_failures: i64,
    pub site: usize,
}

const KINDS: [&str; 2] = ["scan", "compile"];
const QUEUES: [&str; 2] = ["cpu", "net"];
const NODES: [&str; 2] = ["a", "b"];
const SCHEDULES: [&str; 2] = ["hourly", "often"];
const SITES: [Option<&str>; 3] = [None, Some("east"), Some("west")];
const MINUTE: i64 = 60_000;

/// Histories of up to `n` steps.
pub fn histories(n: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..n).prop_map(|mut steps| {
        // Without a node and its queues, little happens.
        steps.insert(0, Step::Start { node: 0, is_new: true, setup: 0 });
        steps
    })
}

fn step() -> impl Strategy<Value = Step> {
    let i = any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    let time = prop_oneof![
        6 => 0..2_000_i64,
        3 => 2_000..20 * MINUTE,
        1 => Just(60 * MINUTE),
        1 => Just(-60 * MINUTE),
        1 => -30 * MINUTE..0,
    ];
    let request = prop_oneof![4 => Just(None), 1 => (0..4_u8).prop_map(Some)];
    prop_oneof![
        22 => ask().prop_map(Step::Enqueue),
        24 => (0..3_usize, 1..4_usize).prop_map(|(node, room)| Step::Claim { node: node / 2, room }),
        6 => (0..2_usize).prop_map(|node| Step::Renew { node }),
        3 => i.clone().prop_map(|claim| Step::RenewOne { claim }),
        3 => i.clone().prop_map(|claim| Step::CheckFence { claim }),
        10 => (i.clone(), 0..6_usize, any::<bool>())
            .prop_map(|(claim, end, then)| Step::Finish { claim, end, then }),
        14 => (i.clone(), 0..6_usize, any::<bool>())
            .prop_map(|(claim, end, then)| Step::FinishHeld { claim, end, then }),
        8 => (i.clone(), prop::bool::weighted(0.3))
            .prop_map(|(running, is_late)| Step::Reap { running, is_late }),
        4 => i.clone().prop_map(|claim| Step::GiveBack { claim }),
        3 => i.clone().prop_map(|task| Step::Cancel { task }),
        3 => i.clone().prop_map(|task| Step::CancelRunning { task }),
        4 => (i.clone(), request).prop_map(|(task, request)| Step::Retry { task, request }),
        1 => i.clone().prop_map(|task| Step::Comment { task }),
        2 => i.clone().prop_map(|task| Step::Find { task }),
        2 => (0..4_usize).prop_map(|what| Step::Pause { what }),
        3 => (0..4_usize).prop_map(|what| Step::Resume { what }),
        4 => (0..2_usize, prop::bool::weighted(0.8), 0..6_usize)
            .prop_map(|(node, is_new, setup)| Step::Start { node, is_new, setup }),
        1 => (0..2_usize).prop_map(|node| Step::Stop { node }),
        8 => Just(Step::Tick),
        3 => (0..4_usize, 0..MINUTE, 1..4_i64)
            .prop_map(|(kind, keep, limit)| Step::Purge { kind, keep, limit }),
        1 => Just(Step::PurgeNodes),
        12 => time.prop_map(Step::Time),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    (
        0..5_usize,
        0..3_usize,
        0..2_usize,
        prop_oneof![6 => -2..3_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)],
        prop_oneof![6 => Just(0), 2 => 0..20 * MINUTE, 1 => Just(i64::MAX), 1 => Just(-MINUTE)],
        prop_oneof![3 => Just(None), 1 => (0..4_u8).prop_map(Some)],
        prop_oneof![2 => Just(OnLoss::Requeue), 1 => Just(OnLoss::Drop)],
        0..4_i64,
        prop_oneof![3 => Just(0), 2 => 1..SITES.len()],
    )
        .prop_map(
            |(key, queue, kind, priority, delay, request, on_loss, max_failures, site)| Ask {
                key,
                queue: queue / 2,
                kind,
                priority,
                delay,
                request,
                on_loss,
                max_failures,
                site,
            },
        )
}

/// The model, the clock, and how often nodes have started.
#[derive(Clone, Debug)]
pub struct World {
    /// The model.
    pub model: Model,
    /// The clock.
    pub now: Timestamp,
    n_boots: usize,
}

impl Default for World {
    fn default() -> Self {
        Self { model: Model::default(), now: Timestamp(1_800_000_000_000), n_boots: 0 }
    }
}

impl World {
    /// The operation that a step stands for in this state; `None` if there is nothing of the sort, or if it
    /// only moves the clock.
    pub fn concrete(&mut self, step: &Step) -> Option<Op> {
        let now = self.now;
        Some(match step {
            Step::Enqueue(ask) => Op::Enqueue(Enqueue(ask.task())),
            Step::Claim { node, room } => Op::Claim(Claim {
                node: name(&NODES, *node),
                boot: self.boot(*node),
                site: self.model.nodes.get(&name(&NODES, *node)).and_then(|node| node.site.clone()),
                kinds: KINDS.map(str::to_owned).to_vec(),
                room: QUEUES.map(|queue| (queue.to_owned(), *room)).to_vec(),
            }),
            Step::Renew { node } => {
                let (node, boot) = (name(&NODES, *node), self.boot(*node));
                let own = self.model.running().filter(|task| task.boot.as_ref() == Some(&boot));
                let tasks = own.map(|task| progress(task, now)).collect();
                Op::Renew(Renew { node, boot, tasks })
            }
            Step::RenewOne { claim } => {
                let Attempt { task, claim, node, boot, .. } = self.attempt(*claim)?;
                let stage = Some("late".to_owned());
                let progress = Progress { id: task, claim, stage, done: Some(1), total: Some(2) };
                Op::Renew(Renew { node, boot, tasks: vec![progress] })
            }
            Step::CheckFence { claim } => {
                let Attempt { task: id, claim, boot, .. } = self.attempt(*claim)?;
                Op::CheckFence(CheckFence { id, claim, boot })
            }
            Step::Finish { claim, end, then } => finish(self.attempt(*claim)?, *end, *then),
            Step::FinishHeld { claim, end, then } => {
                let open = self.model.attempts.values().filter(|attempt| attempt.ended.is_none());
                finish(pick(open.collect(), *claim)?.clone(), *end, *then)
            }
            Step::Reap { running, is_late } => {
                let mut seen = heartbeat(pick(self.model.running().collect(), *running)?);
                match *is_late {
                    true if seen.beat > 0 => seen.beat -= 1,
                    true => seen.claim.0 -= 1,
                    false => {}
                }
                Op::Reap(Reap { seen, by: "b".to_owned(), hung: None })
            }
            Step::GiveBack { claim } => {
                let mut held = self.model.attempts.values().filter(|one| one.ended.is_none());
                // Mostly one that is held.
                let held = match claim % 4 {
                    0 => None,
                    _ => held.nth(claim % 3).cloned(),
                };
                let Attempt { task: id, claim, node, boot, .. } =
                    held.or_else(|| self.attempt(*claim))?;
                Op::GiveBack(GiveBack { id, claim, node, boot })
            }
            Step::Cancel { task } => Op::Cancel(Cancel {
                id: self.task(*task),
                actor: "ann".into(),
                reason: "no".into(),
            }),
            Step::CancelRunning { task } => {
                let id = pick(self.model.running().collect(), *task)?.id;
                Op::Cancel(Cancel { id, actor: "bob".into(), reason: String::new() })
            }
            Step::Retry { task, request } => Op::Retry(Retry {
                id: self.task(*task),
                actor: "ann".into(),
                request_id: request.map(|n| format!("request {n}")),
            }),
            Step::Comment { task } => Op::Comment(Comment {
                id: self.task(*task),
                actor: "ann".into(),
                text: "hm".into(),
            }),
            Step::Find { task } => Op::Find(Find(self.task(*task))),
            Step::Pause { what } => {
                let (what, name) = pausable(*what);
                Op::Pause(Pause { what, name, actor: "ann".into(), reason: "storm".into() })
            }
            Step::Resume { what } => {
                let (what, name) = pausable(*what);
                Op::Resume(Resume { what, name })
            }
            Step::Start { node, is_new, setup } => {
                let boot = match is_new {
                    true => {
                        self.n_boots += 1;
                        format!("boot {}", self.n_boots)
                    }
                    false => self.boot(*node),
                };
                Op::StartNode(start(name(&NODES, *node), boot, *setup))
            }
            Step::Stop { node } => {
                Op::StopNode(StopNode { node: name(&NODES, *node), boot: self.boot(*node) })
            }
            Step::Tick => Op::Tick(Tick),
            Step::Purge { kind, keep, limit } => {
                let scan = || KINDS[0].to_owned();
                let (kind, except) = match kind {
                    0 => (Some(scan()), Vec::new()),
                    1 => (None, vec![scan()]),
                    _ => (None, Vec::new()),
                };
                Op::Purge(Purge { kind, except, keep: *keep, limit: *limit })
            }
            Step::PurgeNodes => Op::PurgeNodes(PurgeNodes(MINUTE)),
            Step::Time(by) => {
                self.now = now.plus(*by);
                return None;
            }
        })
    }

    /// The present process of a node, or one that never started.
    fn boot(&self, node: usize) -> String {
        let node = self.model.nodes.get(&name(&NODES, node));
        node.map_or_else(|| "boot 0".to_owned(), |node| node.boot.clone())
    }

    fn attempt(&self, index: usize) -> Option<Attempt> {
        pick(self.model.attempts.values().collect(), index).cloned()
    }

    /// A task that there is, was, or never was.
    fn task(&self, index: usize) -> TaskId {
        let ids: Vec<_> = (1..=self.model.highest + 1).collect();
        TaskId(ids[index % ids.len()])
    }
}

impl Ask {
    fn task(&self) -> NewTask {
        let keys = [Some("one"), Some("two"), Some("three")];
        NewTask {
            site: SITES[self.site].map(str::to_owned),
            kind: name(&KINDS, self.kind),
            queue: name(&QUEUES, self.queue),
            priority: self.priority,
            args: "{}".to_owned(),
            summary: "does\nsomething".to_owned(),
            unique_key: keys.get(self.key).copied().flatten().map(str::to_owned),
            request_id: self.request.map(|n| format!("request {n}")),
            on_loss: self.on_loss,
            max_failures: self.max_failures,
            delay: self.delay,
            actor: "ann".to_owned(),
            parent: None,
        }
    }
}

fn name(names: &[&str], at: usize) -> String {
    names[at % names.len()].to_owned()
}

fn pick<T>(mut among: Vec<T>, index: usize) -> Option<T> {
    (!among.is_empty()).then(|| among.swap_remove(index % among.len()))
}

fn progress(task: &Task, now: Timestamp) -> Progress {
    let stage = Some("walk".to_owned());
    Progress { id: task.id, claim: task.claim, stage, done: Some(now.0 % 10), total: None }
}

fn finish(attempt: Attempt, end: usize, then: bool) -> Op {
    let failed = |retry_after| End::Failed {
        code: "io".to_owned(),
        error: "no such\nfile".to_owned(),
        retry_after,
    };
    let end = match end {
        0 | 1 => End::Completed { result: Some("{}".to_owned()) },
        2 => failed(Some(1_000)),
        3 => failed(None),
        4 => End::Cancelled,
        _ => End::Interrupted,
    };
    let next = NewTask {
        site: None,
        kind: name(&KINDS, 1),
        queue: name(&QUEUES, 1),
        priority: 0,
        args: "{}".to_owned(),
        summary: "next".to_owned(),
        unique_key: Some("three".to_owned()),
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 2,
        delay: 0,
        actor: "scan".to_owned(),
        parent: None,
    };
    Op::Finish(Finish {
        id: attempt.task,
        claim: attempt.claim,
        node: attempt.node,
        boot: attempt.boot,
        end,
        stages: Some("[]".to_owned()),
        then: if then { vec![next] } else { Vec::new() },
    })
}

fn pausable(index: usize) -> (Pausable, String) {
    match index {
        0 | 1 => (Pausable::Queue, name(&QUEUES, index)),
        _ => (Pausable::Schedule, name(&SCHEDULES, index)),
    }
}

/// A process with one of a few configurations.
fn start(node: String, boot: String, setup: usize) -> StartNode {
    let schedule = |at: usize, period: i64, catch_up| NewSchedule {
        id: name(&SCHEDULES, at),
        period,
        phase: 7_000,
        catch_up,
        task: NewTask {
            site: (at == 1).then(|| "east".to_owned()),
            kind: name(&KINDS, at),
            queue: name(&QUEUES, at),
            priority: 1,
            args: "{}".to_owned(),
            summary: "by the clock".to_owned(),
            unique_key: (at == 1).then(|| "two".to_owned()),
            request_id: None,
            on_loss: OnLoss::Requeue,
            max_failures: 2,
            delay: 0,
            actor: String::new(),
            parent: None,
        },
    };
    let hourly = || schedule(0, 60 * MINUTE, CatchUp::One);
    let schedules = match setup {
        0..=2 => vec![hourly(), schedule(1, MINUTE, CatchUp::None)],
        3 => vec![schedule(0, 5 * MINUTE, CatchUp::None), schedule(1, 30 * MINUTE, CatchUp::One)],
        4 => vec![hourly()],
        _ => Vec::new(),
    };
    let cpu = if setup == 3 { 1 } else { 2 };
    let site = match (setup, node.as_str()) {
        (0..=2, "a") | (3, _) => Some("east".to_owned()),
        (0..=2, _) => Some("west".to_owned()),
        _ => None,
    };
    // Two of one site may have other files.
    let files = if setup == 3 && node == "b" { "index /b" } else { "index /a" }.to_owned();
    StartNode {
        site,
        files,
        node,
        boot,
        version: "1".to_owned(),
        kinds: if setup == 5 { Vec::new() } else { KINDS.map(str::to_owned).to_vec() },
        queues: vec![(QUEUES[0].to_owned(), cpu), (QUEUES[1].to_owned(), 2)],
        schedules,
    }
}

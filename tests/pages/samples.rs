//! Stores in which much has happened, at times of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use store::operations::claim::Claim;
use store::operations::enqueue::{Enqueue, Enqueued};
use store::operations::finish::{End, Finish};
use store::operations::node::{StartNode, StopNode};
use store::operations::people::{Cancel, Comment, Pausable, Pause, Retry};
use store::operations::read::{Find, Found};
use store::operations::renew::{Progress, Renew};
use store::operations::tick::Tick;
use store::record::{CatchUp, NewSchedule, NewTask, OnLoss, Task, TaskId, Timestamp};
use store::sqlite::Inline;
use store::{Operation, Store};
use tasks::changes::Changes;
use tasks::kind::{Parameter, Plan, Values, Work};
use tasks::{Args, Kind, Kinds, Output, Policy, Run, Tasks};

/// When the samples begin: 2026-11-21T08:00:00Z.
const BEGIN: i64 = 1_795_248_000_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A kind that is never run here.
struct Sample {
    name: &'static str,
    about: &'static str,
    queue: &'static str,
    parameters: &'static [Parameter],
}

impl Kind for Sample {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    fn policy(&self) -> Policy {
        Policy {
            queue: self.queue,
            priority: 0,
            on_loss: OnLoss::Requeue,
            max_failures: 3,
            stall_after: Duration::from_secs(60),
            keep: Duration::from_secs(14 * 86_400),
        }
    }

    fn plan(&self, args: &Args) -> Result<Plan, String> {
        let summary = match args.get("root").and_then(|root| root.as_str()) {
            Some(root) => format!("{} of {root}", self.name),
            None => self.name.to_owned(),
        };
        Ok(Plan { summary, unique_key: Some(self.name.to_owned()) })
    }

    fn run(self: Arc<Self>, _: Args, _: Run) -> Work {
        Box::pin(async { Ok(Output::default()) })
    }
}

/// The kinds of the samples.
fn kinds() -> Kinds {
    const SCAN: &[Parameter] = &[
        Parameter {
            name: "root",
            about: "The folder to walk, below the primary tree.",
            values: Values::Text,
            is_required: true,
        },
        Parameter {
            name: "threads",
            about: "How many files are hashed at the same time.",
            values: Values::Number { min: 1, max: 16 },
            is_required: false,
        },
        Parameter {
            name: "full",
            about: "Hashes every file again, also those that look as they did.",
            values: Values::Switch,
            is_required: false,
        },
    ];
    let sample = |name, about, queue, parameters| -> Arc<dyn Kind> {
        Arc::new(Sample { name, about, queue, parameters })
    };
    Kinds::new(vec![
        sample("primary.scan", "Walks the primary tree, and makes an index of it.", "cpu", SCAN),
        sample(
            "snapshot.compile",
            "Makes a snapshot of the catalog, and publishes it.",
            "cpu",
            &[],
        ),
        sample("retention.purge", "Removes tasks that ended long ago.", "db", &[]),
    ])
}

/// A store with a clock that stands still until it is set.
pub struct World {
    pub tasks: Tasks,
    clock: Arc<AtomicI64>,
}

impl World {
    /// A store that nobody has used.
    pub fn unused() -> Self {
        let clock = Arc::new(AtomicI64::new(BEGIN));
        let time = Arc::clone(&clock);
        let inline = Inline::new(Arc::new(move || Timestamp(time.load(Ordering::Relaxed))));
        let store = Store::from(inline.unwrap());
        Self { tasks: Tasks::new(store, kinds(), Changes::default()), clock }
    }

    /// The first minute of a small site: a node has started, and nothing has been done.
    pub fn new() -> Self {
        let world = Self::unused();
        world.start_node("mirror-1");
        world.pass(MINUTE);
        world
    }

    /// Two machines of one store, each with files of its own.
    pub fn of_two_sites() -> Self {
        let world = Self::unused();
        for (node, site) in [("mirror-1", "one"), ("mirror-2", "two")] {
            let task = NewTask {
                site: Some(site.into()),
                unique_key: Some(format!("scan@{site}")),
                ..new("primary.scan", "cpu", "Scan of pub", r#"{"root":"pub"}"#)
            };
            world.run(StartNode {
                site: Some(site.into()),
                files: format!(
                    "snapshot /srv/{site}/mirrors.snapshot\ncatalog /srv/{site}/catalog.toml"
                ),
                schedules: vec![NewSchedule {
                    id: format!("scan@{site}"),
                    period: 6 * HOUR,
                    phase: 17 * MINUTE,
                    catch_up: CatchUp::One,
                    task,
                }],
                ..start_of(node)
            });
        }
        world.pass(MINUTE);
        world
    }

    /// A site on which much has happened and something goes on.
    pub fn busy() -> Self {
        let world = Self::unused();
        world.start_node("mirror-1");
        world.start_node("mirror-2");
        world.stop_node("mirror-2");

        // A scan, and the compile that follows it.
        let scan = world.ask(
            "primary.scan",
            "cpu",
            "Scan of pub/demo",
            r#"{"root":"pub/demo","threads":4}"#,
        );
        world.pass(2 * SECOND);
        let then = vec![new("snapshot.compile", "cpu", "Compile the catalog", "{}")];
        world.attempt(
            scan,
            r#"[["walk",4200],["hash",61800],["write",350]]"#,
            End::Completed {
                result: Some(
                    r#"{"directories":1213,"files":48211,"changed":["9/BaseOS","9/AppStream"],"index":{"file":"demo.index","bytes":1830422}}"#.into(),
                ),
            },
            then,
        );
        world.pass(SECOND);
        world.attempt(
            TaskId(scan.0 + 1),
            r#"[["read",800],["compile",2300],["publish",40]]"#,
            End::Completed { result: Some(r#"{"generation":"20261121-080113-5f3a"}"#.into()) },
            Vec::new(),
        );

        // One that fails twice and is given up, one that is cancelled, one that runs again.
        world.pass(HOUR);
        let bad = world.ask(
            "geography.refresh",
            "net",
            "Refresh of the geography",
            r#"{"source":"https://geo.example/db"}"#,
        );
        for retry_after in [Some(5 * SECOND), None] {
            world.pass(10 * SECOND);
            world.attempt(
                bad,
                r#"[["download",30000]]"#,
                End::Failed {
                    code: "unreachable".into(),
                    error: "geo.example: connection refused; the tables of before are used. Is the address right, and may this machine reach it?".into(),
                    retry_after,
                },
                Vec::new(),
            );
        }
        world.run(Comment {
            id: bad,
            actor: "anna".into(),
            text: "The provider has moved; see ticket 412.".into(),
        });
        world.pass(MINUTE);
        world.run(Retry { id: bad, actor: "anna".into(), request_id: None });
        let unwanted = world.ask("retention.purge", "db", "Purge of old tasks", "{}");
        world.run(Cancel {
            id: unwanted,
            actor: "bert".into(),
            reason: "not during the move".into(),
        });
        world.run(Pause {
            what: Pausable::Queue,
            name: "net".into(),
            actor: "anna".into(),
            reason: "the provider is down until noon".into(),
        });
        world.run(Pause {
            what: Pausable::Schedule,
            name: "purge".into(),
            actor: "bert".into(),
            reason: "disk is being replaced".into(),
        });

        // What goes on now.
        world.pass(HOUR);
        // The first slot of the schedule, which the start of the node has left open.
        world.run(Tick);
        world.attempt(
            TaskId(6),
            r#"[["walk",4100],["hash",900],["write",340]]"#,
            End::Completed {
                result: Some(r#"{"directories":1213,"files":48211,"changed":[]}"#.into()),
            },
            Vec::new(),
        );
        let running = world.ask(
            "primary.scan",
            "cpu",
            "Scan of pub/archive",
            r#"{"root":"pub/archive","full":true}"#,
        );
        world.pass(3 * SECOND);
        let claimed = world.claim(running);
        world.pass(42 * SECOND);
        world.run(Renew {
            node: "mirror-1".into(),
            boot: "boot of mirror-1".into(),
            tasks: vec![Progress {
                id: running,
                claim: claimed.claim,
                stage: Some("hash".into()),
                done: Some(12_400),
                total: Some(48_211),
            }],
        });
        world.ask("snapshot.compile", "cpu", "Compile the catalog", "{}");
        world.pass(8 * SECOND);
        world
    }

    /// Lets time pass.
    pub fn pass(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Does something at once.
    #[track_caller]
    pub fn run<O: Operation>(&self, operation: O) -> O::Reply {
        wait(self.tasks.store().run(operation)).unwrap()
    }

    fn start_node(&self, name: &str) {
        self.run(start_of(name));
    }

    /// Stops a node.
    pub fn stop_node(&self, name: &str) {
        self.run(StopNode { node: name.into(), boot: format!("boot of {name}") });
    }

    /// Asks for a task.
    pub fn ask(&self, kind: &str, queue: &str, summary: &str, args: &str) -> TaskId {
        let Enqueued { id, .. } = self.run(Enqueue(new(kind, queue, summary, args)));
        id
    }

    /// Has a task claimed. It must be the next one of its queue.
    #[track_caller]
    pub fn claim(&self, id: TaskId) -> Task {
        let claimed = self.run(Claim {
            site: None,
            node: "mirror-1".into(),
            boot: "boot of mirror-1".into(),
            kinds: ["primary.scan", "snapshot.compile", "geography.refresh", "retention.purge"]
                .map(str::to_owned)
                .into(),
            room: ["cpu", "db", "net"].map(|queue| (queue.to_owned(), 1)).into(),
        });
        claimed
            .into_iter()
            .find(|task| task.id == id)
            .unwrap_or_else(|| panic!("{id} is not the next one"))
    }

    /// Has a task run once, as long as its stages say.
    #[track_caller]
    pub fn attempt(&self, id: TaskId, stages: &str, end: End, then: Vec<NewTask>) {
        self.claim(id);
        self.end(id, stages, end, then);
    }

    /// Ends a task that runs.
    #[track_caller]
    pub fn finish(&self, id: TaskId, stages: &str, end: End) {
        self.end(id, stages, end, Vec::new());
    }

    #[track_caller]
    fn end(&self, id: TaskId, stages: &str, end: End, then: Vec<NewTask>) {
        let Found::Task(claimed) = self.run(Find(id)) else { panic!("there is no task {id}") };
        let times: Vec<(String, i64)> = serde_json::from_str(stages).unwrap();
        self.pass(times.iter().map(|(_, took)| took).sum());
        self.run(Finish {
            id,
            claim: claimed.claim,
            node: "mirror-1".into(),
            boot: "boot of mirror-1".into(),
            end,
            stages: Some(stages.to_owned()),
            then,
        });
    }
}

/// The start of a node that has all kinds.
fn start_of(name: &str) -> StartNode {
    let schedule = |id: &str, period, phase, task| NewSchedule {
        id: id.into(),
        period,
        phase,
        catch_up: CatchUp::One,
        task,
    };
    StartNode {
        site: None,
        files: String::new(),
        node: name.into(),
        boot: format!("boot of {name}"),
        version: "0.1.0".into(),
        kinds: ["primary.scan", "snapshot.compile", "geography.refresh", "retention.purge"]
            .map(str::to_owned)
            .into(),
        queues: vec![("cpu".into(), 1), ("db".into(), 1), ("net".into(), 4)],
        schedules: vec![
            schedule(
                "scan",
                6 * HOUR,
                17 * MINUTE,
                new("primary.scan", "cpu", "Scan of pub", r#"{"root":"pub"}"#),
            ),
            schedule("purge", HOUR, 41 * MINUTE, new("retention.purge", "db", "Purge", "{}")),
        ],
    }
}

/// A task of a sample.
pub fn new(kind: &str, queue: &str, summary: &str, args: &str) -> NewTask {
    NewTask {
        site: None,
        kind: kind.into(),
        queue: queue.into(),
        priority: 0,
        args: args.into(),
        summary: summary.into(),
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 2,
        delay: 0,
        actor: "catalog".into(),
        parent: None,
    }
}

/// Runs what is asked for to its end. Nothing here waits for anything.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

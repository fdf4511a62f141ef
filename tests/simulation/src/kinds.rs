//! The kinds of tasks of the world. Their arguments say what they do.

use std::sync::Arc;
use std::time::Duration;

use history::Seen;
use serde_json::Value;
use store::record::OnLoss;
use tasks::kind::{Parameter, Plan, Values, Work};
use tasks::{Args, Failure, Kind, Kinds, Output, Policy, Request, Run};
use tokio::time::{sleep, timeout};

use crate::line::Line;
use crate::shared::{Careless, Shared};

/// How long a task may make no progress.
pub const STALL_AFTER: Duration = Duration::from_secs(8);
/// The kind that blocks a thread; the only one, and for scenarios.
pub const THREAD: &str = "sim.thread";
/// The kind of a schedule that runs often.
pub const OFTEN: &str = "sim.often";
/// The kind of a schedule that runs seldom.
pub const SELDOM: &str = "sim.seldom";
/// How long a task waits for the lock of a place, at most.
const MAX_LOCK_WAIT: u32 = 20;

/// What the tasks of a process share.
#[derive(Clone)]
pub struct Context {
    /// The node.
    pub node: String,
    /// What they share with those of other processes.
    pub shared: Shared,
    /// The line of their process.
    pub line: Arc<Line>,
}

/// All kinds, for a process.
pub fn kinds(context: &Context) -> Kinds {
    let kind = |name, queue, on_loss, max_failures| -> Arc<dyn Kind> {
        let policy = Policy {
            queue,
            priority: 0,
            on_loss,
            max_failures,
            stall_after: if name == THREAD { Duration::from_secs(3_600) } else { STALL_AFTER },
            keep: Duration::from_secs(60),
        };
        Arc::new(SimulatedKind { name, policy, context: context.clone() })
    };
    Kinds::new(vec![
        kind("sim.cpu", "cpu", OnLoss::Requeue, 4),
        kind("sim.net", "net", OnLoss::Requeue, 3),
        kind("sim.once", "db", OnLoss::Drop, 2),
        kind(THREAD, "db", OnLoss::Requeue, 3),
        kind(OFTEN, "net", OnLoss::Requeue, 3),
        kind(SELDOM, "cpu", OnLoss::Requeue, 3),
    ])
}

struct SimulatedKind {
    name: &'static str,
    policy: Policy,
    context: Context,
}

impl Kind for SimulatedKind {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        "Does what its arguments say."
    }

    fn parameters(&self) -> &'static [Parameter] {
        const fn parameter(name: &'static str, about: &'static str, values: Values) -> Parameter {
            Parameter { name, about, values, is_required: false }
        }
        const MS: Values = Values::Number { min: 0, max: 3_600_000 };
        const ALL: &[Parameter] = &[
            parameter("key", "the unique key, and the place to publish to", Values::Text),
            parameter("ms", "how long it works", MS),
            parameter("fails", "how many attempts fail", Values::Number { min: 0, max: 9 }),
            parameter("end", "how it ends: lasting, panic or hang", Values::Text),
            parameter("then", "the kind of a task that follows", Values::Text),
        ];
        ALL
    }

    fn policy(&self) -> Policy {
        self.policy
    }

    fn plan(&self, args: &Args) -> Result<Plan, String> {
        let key = args.get("key").and_then(Value::as_str).map(str::to_owned);
        Ok(Plan { summary: Value::Object(args.clone()).to_string(), unique_key: key })
    }

    fn run(self: Arc<Self>, args: Args, run: Run) -> Work {
        Box::pin(async move { self.work(&args, &run).await })
    }
}

impl SimulatedKind {
    async fn work(&self, args: &Args, run: &Run) -> Result<Output, Failure> {
        let Context { node, shared, line } = &self.context;
        let journal = &shared.journal;
        let (task, claim) = (run.id().0, run.claim().0);
        let boot = line.boot();
        journal.saw(node, Seen::RunBegan { task, claim, node: node.clone(), boot });
        let number = |name| args.get(name).and_then(Value::as_i64).unwrap_or(0);
        if self.name == THREAD {
            let gate = shared.gate.clone();
            let pass = move |_: &Run| {
                gate.pass();
                Ok(Output::default())
            };
            return run.on_thread(pass).await;
        }
        run.stage("work");
        let mut left = number("ms");
        while left > 0 {
            run.checkpoint()?;
            let part = left.min(700);
            sleep(Duration::from_millis(part.unsigned_abs())).await;
            left -= part;
        }
        match args.get("end").and_then(Value::as_str) {
            Some("panic") => panic!("the task panics, as it was told"),
            Some("hang") => std::future::pending().await,
            Some("lasting") => return Err(Failure::lasting("told", "it was told to fail")),
            _ if claim <= number("fails") => {
                return Err(Failure::may_pass("told", "it was told to fail at first"));
            }
            _ => {}
        }
        run.stage("publish");
        self.publish(args, run).await?;
        let then = args.get("then").and_then(Value::as_str).map(|kind| {
            let mut args = Args::new();
            args.insert("ms".to_owned(), 300.into());
            Request {
                kind: kind.to_owned(),
                args,
                actor: format!("task {task}"),
                ..Request::default()
            }
        });
        Ok(Output { result: Value::Null, then: then.into_iter().collect() })
    }

    async fn check_fence(&self, run: &Run) -> Result<(), Failure> {
        let _checking = self.context.line.checking();
        run.check_fence().await
    }

    async fn publish(&self, args: &Args, run: &Run) -> Result<(), Failure> {
        let Context { node, shared, .. } = &self.context;
        let (task, claim) = (run.id().0, run.claim().0);
        let key = args.get("key").and_then(Value::as_str);
        let place = key.map_or_else(|| format!("task {task}"), |key| format!("key {key}"));
        let seen = Seen::EffectPublished { task, claim, place: place.clone() };
        if shared.careless == Some(Careless::Lock) {
            self.check_fence(run).await?;
            shared.journal.saw(node, seen);
            return Ok(());
        }
        let mut n_waits = 0;
        let lock = loop {
            run.checkpoint()?;
            match timeout(Duration::from_secs(1), shared.register.lock(&place)).await {
                Ok(lock) => break lock,
                Err(_) if n_waits < MAX_LOCK_WAIT => n_waits += 1,
                Err(_) => return Err(Failure::may_pass("locked", "somebody holds the place")),
            }
        };
        if shared.careless != Some(Careless::Fence) {
            self.check_fence(run).await?;
        }
        shared.journal.saw(node, seen);
        drop(lock);
        Ok(())
    }
}

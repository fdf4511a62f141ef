//! A store, its clock, and nodes that run kinds of the test.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use store::operations::claim::Claim;
use store::operations::node::StartNode;
use store::operations::read::{Attempts, Events, Find, Found};
use store::record::{Attempt, OnLoss, State, Task, TaskEvent, TaskId, Timestamp, What};
use store::sqlite::Inline;
use store::{Delay, Error, Hook, Store};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::changes::Changes;
use crate::kind::{Kind, Kinds, Output, Parameter, Plan, Policy, Values, Work};
use crate::node::{Node, NodeError, NodeHandle, NodeOptions};
use crate::request::{Args, Request};
use crate::run::Run;
use crate::service::Tasks;

pub(super) const TTL: Duration = Duration::from_secs(30);

pub(super) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) type Code = Arc<dyn Fn(Args, Run) -> Work + Send + Sync>;

/// A kind whose work is a closure of the test.
#[derive(Clone)]
pub(super) struct TestKind {
    pub(super) name: &'static str,
    pub(super) policy: Policy,
    pub(super) code: Code,
}

impl TestKind {
    pub(super) fn new<F>(
        name: &'static str,
        code: impl Fn(Run) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Output, crate::Failure>> + Send + 'static,
    {
        let policy = Policy {
            queue: "cpu",
            priority: 0,
            on_loss: OnLoss::Requeue,
            max_failures: 3,
            stall_after: secs(300),
            keep: secs(3_600),
        };
        let code: Code = Arc::new(move |_, run| Box::pin(code(run)));
        Self { name, policy, code }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }
}

impl Kind for TestKind {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        "Does what a test says."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "n",
            about: "A number.",
            values: Values::Number { min: 0, max: 9 },
            is_required: false,
        }]
    }

    fn policy(&self) -> Policy {
        self.policy
    }

    fn plan(&self, args: &Args) -> Result<Plan, String> {
        let unique_key = args.get("n").map(|n| format!("{} {n}", self.name));
        Ok(Plan { summary: format!("runs {}", self.name), unique_key })
    }

    fn run(self: Arc<Self>, args: Args, run: Run) -> Work {
        (self.code)(args, run)
    }
}

/// Ends well.
pub(super) fn done() -> Result<Output, crate::Failure> {
    Ok(Output { result: json!("done"), then: Vec::new() })
}

/// A kind that ends well at once.
pub(super) fn quick() -> TestKind {
    TestKind::new("test.quick", |_| async { done() })
}

/// A kind that works, and shows it, until it is told to stop.
pub(super) fn patient() -> TestKind {
    TestKind::new("test.patient", |run| async move {
        loop {
            run.checkpoint()?;
            tokio::time::sleep(secs(1)).await;
        }
    })
}

/// A fault of the store as one node sees it.
#[derive(Default)]
pub(super) struct Faults {
    /// Nothing reaches the store.
    pub(super) is_cut_off: AtomicBool,
    /// Operations of this name are done, and their replies are lost.
    pub(super) lost_replies: Mutex<Vec<&'static str>>,
    /// Operations of this name are done, and their replies come later.
    pub(super) late_replies: Mutex<Vec<(&'static str, Duration)>>,
    /// Operations of this name are not done, for this reason.
    pub(super) refused: Mutex<Vec<(&'static str, Error)>>,
    /// What was asked.
    pub(super) asked: Mutex<Vec<&'static str>>,
}

impl Hook for Faults {
    fn begin(&self, operation: &'static str) -> Result<(), Error> {
        self.asked.lock().unwrap().push(operation);
        let mut refused = self.refused.lock().unwrap();
        if let Some(at) = refused.iter().position(|(refused, _)| *refused == operation) {
            return Err(refused.remove(at).1);
        }
        drop(refused);
        match self.is_cut_off.load(Ordering::Relaxed) {
            true => Err(Error::Unavailable("cut off".to_owned())),
            false => Ok(()),
        }
    }

    fn delay(&self, operation: &'static str, is_done: bool) -> Option<Delay> {
        let mut late = self.late_replies.lock().unwrap();
        let at = late.iter().position(|(late, _)| is_done && *late == operation)?;
        Some(Box::pin(tokio::time::sleep(late.remove(at).1)))
    }

    fn end(&self, operation: &'static str, _: Duration, _: Option<&Error>) -> Result<(), Error> {
        let mut lost = self.lost_replies.lock().unwrap();
        match lost.iter().position(|lost| *lost == operation) {
            Some(at) => {
                lost.remove(at);
                Err(Error::Unavailable("the reply was lost".to_owned()))
            }
            None => Ok(()),
        }
    }
}

/// A store whose clock goes with tokio's, and may jump.
pub(super) struct World {
    pub(super) store: Store,
    /// By how much the store's clock is ahead, in milliseconds.
    pub(super) ahead: Arc<AtomicI64>,
    pub(super) changes: Changes,
    pub(super) kinds: Kinds,
}

impl World {
    pub(super) fn new(kinds: impl IntoIterator<Item = TestKind>) -> Self {
        let ahead = Arc::new(AtomicI64::new(0));
        let (begin, jump) = (Instant::now(), Arc::clone(&ahead));
        let clock = move || {
            let passed = i64::try_from(begin.elapsed().as_millis()).unwrap();
            Timestamp(1_700_000_000_000 + passed + jump.load(Ordering::Relaxed))
        };
        let store = Store::from(Inline::new(Arc::new(clock)).unwrap());
        let kinds = kinds.into_iter().map(|kind| Arc::new(kind) as Arc<dyn Kind>).collect();
        Self { store, ahead, changes: Changes::default(), kinds: Kinds::new(kinds) }
    }

    /// What a client in the process of the nodes uses.
    pub(super) fn tasks(&self) -> Tasks {
        Tasks::new(self.store.clone(), self.kinds.clone(), self.changes.clone())
    }

    pub(super) fn options(&self, name: &str) -> NodeOptions {
        let mut options = NodeOptions::new(name, "test");
        options.queues = vec![("cpu".to_owned(), 2), ("net".to_owned(), 2)];
        options.time_to_live = TTL;
        options.seed = Some(name.bytes().map(u64::from).sum());
        options
    }

    pub(super) fn start(&self, name: &str) -> Running {
        self.start_with(self.options(name))
    }

    pub(super) fn start_with(&self, options: NodeOptions) -> Running {
        let faults = Arc::new(Faults::default());
        let store = self.store.with_hook(Arc::clone(&faults) as Arc<dyn Hook>);
        let tasks = Tasks::new(store, self.kinds.clone(), self.changes.clone());
        let node = Node::new(tasks, options);
        let handle = node.handle();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(node.run(async {
            if stopped.await.is_err() {
                // The test has ended.
                std::future::pending::<()>().await;
            }
        }));
        Running { handle, faults, stop: Some(stop), running }
    }

    pub(super) async fn submit(&self, kind: &str) -> TaskId {
        let request = Request { kind: kind.into(), actor: "me".into(), ..Request::default() };
        self.tasks().submit(&request).await.unwrap().id
    }

    pub(super) async fn task(&self, id: TaskId) -> Task {
        match self.store.run(Find(id)).await.unwrap() {
            Found::Task(task) => *task,
            other => panic!("{id}: {other:?}"),
        }
    }

    pub(super) async fn state(&self, id: TaskId) -> State {
        self.task(id).await.state
    }

    /// Waits until the task has ended, at most a day.
    pub(super) async fn end(&self, id: TaskId) -> Task {
        match self.tasks().wait(id, secs(86_400)).await.unwrap() {
            Found::Task(task) if task.state.is_terminal() => *task,
            other => panic!("{id} has not ended: {other:?}"),
        }
    }

    /// Waits until the task is in this state.
    #[track_caller]
    pub(super) fn until(&self, id: TaskId, state: State) -> impl Future<Output = Task> {
        let place = std::panic::Location::caller();
        async move {
            for _ in 0..100_000 {
                let task = self.task(id).await;
                if task.state == state {
                    return task;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            panic!("{place}: {id} is not {state}");
        }
    }

    pub(super) async fn events(&self, id: TaskId) -> Vec<TaskEvent> {
        self.store.run(Events { task: id, after: 0, limit: 1_000 }).await.unwrap()
    }

    pub(super) async fn what(&self, id: TaskId) -> Vec<What> {
        self.events(id).await.iter().map(|event| event.what).collect()
    }

    pub(super) async fn attempts(&self, id: TaskId) -> Vec<Attempt> {
        self.store.run(Attempts(id)).await.unwrap()
    }

    /// Claims for a node that then never renews, as a process does that dies.
    pub(super) async fn claim_and_die(&self, name: &str) -> Vec<Task> {
        let boot = format!("boot of {name}");
        let kinds: Vec<String> = self.kinds.iter().map(|kind| kind.name().to_owned()).collect();
        let start = StartNode {
            site: None,
            files: String::new(),
            node: name.into(),
            boot: boot.clone(),
            version: "0".into(),
            kinds: kinds.clone(),
            queues: vec![("cpu".into(), 2), ("net".into(), 2)],
            schedules: vec![],
        };
        self.store.run(start).await.unwrap();
        let room = vec![("cpu".into(), 9), ("net".into(), 9)];
        self.store.run(Claim { site: None, node: name.into(), boot, kinds, room }).await.unwrap()
    }
}

/// A node that runs.
pub(super) struct Running {
    pub(super) handle: NodeHandle,
    pub(super) faults: Arc<Faults>,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) running: JoinHandle<Result<(), NodeError>>,
}

impl Running {
    pub(super) fn ask_to_stop(&mut self) {
        self.stop.take().expect("it was not asked before").send(()).unwrap();
    }

    /// Stops it, and returns how long that took.
    pub(super) async fn stop(mut self) -> (Result<(), NodeError>, Duration) {
        let begin = Instant::now();
        self.ask_to_stop();
        let result = self.running.await.unwrap();
        (result, begin.elapsed())
    }

    /// Ends it as a crash would.
    pub(super) async fn crash(self) {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
    }
}

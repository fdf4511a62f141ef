//! A process: a node on a runtime of its own.

use std::sync::Arc;
use std::time::Duration;

use store::record::{CatchUp, NewSchedule};
use tasks::changes::Changes;
use tasks::node::{NodeError, NodeOptions};
use tasks::{Args, Request, Tasks};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep};

use crate::clock::begin_slice;
use crate::kinds::{Context, OFTEN, SELDOM, kinds};
use crate::line::Line;
use crate::shared::Shared;

/// After what time without a heartbeat a task is lost.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(6);
/// How long tasks have to stop with their process.
pub const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// A process of a node.
pub struct Process {
    /// The name of the node.
    pub name: String,
    /// Its tasks, as clients use them.
    pub tasks: Tasks,
    /// Its line to the store.
    pub line: Arc<Line>,
    runtime: Runtime,
    node: JoinHandle<Result<(), NodeError>>,
    stop: Option<oneshot::Sender<()>>,
    stall: Option<Stall>,
    /// For how long it has been driven since it was told to stop.
    pub stopping_for: Option<i64>,
}

/// A process that does nothing for a while.
struct Stall {
    until: i64,
    /// Whether its clock stands still meanwhile, as while a machine sleeps.
    is_suspended: bool,
    missed: i64,
}

impl Process {
    /// Starts a process of the node `name`.
    pub fn start(shared: &Shared, name: &str, seed: u64) -> Self {
        let line = Line::new(name, shared.journal.clone(), seed);
        let context =
            Context { node: name.to_owned(), shared: shared.clone(), line: Arc::clone(&line) };
        let store = shared.store.with_hook(Arc::clone(&line) as _);
        let tasks = Tasks::new(store, kinds(&context), Changes::default());
        let options = options(name, seed, &tasks);
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().expect("a runtime starts");
        let (stop, stopped) = oneshot::channel::<()>();
        let node = runtime.spawn(tasks::node::run(tasks.clone(), options, async move {
            // An error would be that nobody can stop it any more: the process is being dropped.
            let _ = stopped.await;
        }));
        Self {
            name: name.to_owned(),
            tasks,
            line,
            runtime,
            node,
            stop: Some(stop),
            stall: None,
            stopping_for: None,
        }
    }

    /// Does something in the process, as a request does.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(work));
    }

    /// Tells it to stop.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Fails if it has ended.
            let _ = stop.send(());
            self.stopping_for = Some(0);
        }
    }

    /// Does nothing until this time.
    pub fn stall(&mut self, until: i64, is_suspended: bool) {
        self.stall = Some(Stall { until, is_suspended, missed: 0 });
    }

    /// Whether it does nothing now.
    pub fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// Lets it live for `milliseconds` from `now` on.
    pub fn drive(&mut self, now: i64, milliseconds: i64) {
        if let Some(stall) = &mut self.stall {
            if now < stall.until {
                stall.missed += milliseconds;
                return;
            }
            if !stall.is_suspended {
                let missed = Duration::from_millis(stall.missed.unsigned_abs());
                self.runtime.block_on(advance(missed));
            }
            self.stall = None;
        }
        self.runtime.block_on(async {
            let _slice = begin_slice();
            sleep(Duration::from_millis(milliseconds.unsigned_abs())).await;
        });
        if let Some(stopping_for) = &mut self.stopping_for {
            *stopping_for += milliseconds;
        }
    }

    /// How its node has ended, once it has. A panic goes on here.
    pub fn ended(&mut self) -> Option<Result<(), NodeError>> {
        if !self.node.is_finished() {
            return None;
        }
        match self.runtime.block_on(&mut self.node) {
            Ok(result) => Some(result),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => panic!("{}: {error}", self.name),
            },
        }
    }
}

fn options(name: &str, seed: u64, tasks: &Tasks) -> NodeOptions {
    let schedule = |id: &str, kind: &str, period, catch_up| {
        let mut args = Args::new();
        args.insert("ms".to_owned(), 400.into());
        args.insert("key".to_owned(), format!("schedule {id}").into());
        let request = Request { kind: kind.to_owned(), args, ..Request::default() };
        let task = tasks.kinds().plan(&request).expect("a kind of the world takes these arguments");
        NewSchedule { id: id.to_owned(), period, phase: 1_234, catch_up, task }
    };
    fastrand::seed(seed);
    NodeOptions {
        name: name.to_owned(),
        version: "1".to_owned(),
        files: Vec::new(),
        queues: vec![("cpu".to_owned(), 1), ("net".to_owned(), 3), ("db".to_owned(), 2)],
        schedules: vec![
            schedule("often", OFTEN, 7_000, CatchUp::One),
            schedule("seldom", SELDOM, 45_000, CatchUp::None),
        ],
        time_to_live: TIME_TO_LIVE,
        stop_deadline: STOP_DEADLINE,
        max_zombies: 4,
        poll: Duration::from_secs(3),
        seed: Some(seed),
    }
}

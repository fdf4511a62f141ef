//! The component: the store, the node that runs tasks, and the triggers, on a thread of their own.
//!
//! Trouble of the store at the start is an error. Later, the node is started again and again until the store
//! is there, and [`Handle::trouble`] says so; nothing else of the process depends on it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use store::Store;
use store::record::{CatchUp, NewSchedule, State as TaskState};
use store::sqlite::{Sqlite, system_clock};
use tasks::changes::Changes;
use tasks::kind::at_site;
use tasks::node::{Node, NodeError, NodeHandle, NodeOptions};
use tasks::numbers::StoreTimes;
use tasks::status::Phase;
use tasks::{Kinds, Request, Tasks};
use tokio::sync::watch;

use crate::freshness::{Freshness, PublishTimes};
use crate::kinds::{self, compile, geography, purge, scan};
use crate::mirrors::VISIT;
use crate::mirrors::checker::{Checker, make_findings};
use crate::mirrors::no_checks::NoChecks;
use crate::mirrors::surveys::Surveys;
use crate::options::{Options, Site, StoreLocation};
use crate::trigger::{self, Trigger};
use runtime::supervise::{Supervisor, Thread};

/// How often the node looks for what another process has enqueued.
const POLL: Duration = Duration::from_secs(5);
/// How long to wait before a node that has failed is started again.
const RESTART: Duration = Duration::from_secs(2);
/// A node that has run for so long has worked: the log is told anew why it has failed.
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// How often it is looked whether the thread has ended.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked while the process waits for that.
const STOP_LOOK: Duration = Duration::from_millis(20);
/// How often it is looked which files tasks have yet to make.
const MISSING_LOOK: Duration = Duration::from_secs(2);
/// How long one is not asked for again.
const MISSING_PAUSE: Duration = Duration::from_secs(60);
/// How long the process waits for the thread beyond the deadline of tasks.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// The reason why it cannot start; one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be used.
    #[error("{0}")]
    Store(#[from] store::Error),
    /// The options make no sense.
    #[error("{0}")]
    Options(String),
    /// Mirrors cannot be checked.
    #[error(transparent)]
    Checks(#[from] NoChecks),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// What others ask of the running component. Clones share it.
#[derive(Clone)]
pub struct Handle {
    /// The tasks.
    pub tasks: Tasks,
    /// The options.
    pub options: Arc<Options>,
    /// How long operations of the store take.
    pub store_times: Arc<StoreTimes>,
    /// What is known of mirrors; `None` if they are not visited.
    pub(crate) checker: Option<Arc<Checker>>,
    /// What is told to everybody of mirrors.
    pub(crate) surveys: Surveys,
    freshness: Arc<Freshness>,
    state: Arc<Mutex<State>>,
}

/// The node that runs now, or ran last.
struct State {
    node: NodeHandle,
    /// Why it does not run.
    trouble: Option<String>,
    /// Which file among the inputs is missing.
    missing: Option<Missing>,
}

impl Handle {
    /// The node that runs now.
    pub fn node(&self) -> NodeHandle {
        self.state().node.clone()
    }

    /// What keeps it from working, in one line; `None` if nothing does.
    pub fn trouble(&self) -> Option<String> {
        let (node, trouble, missing) = {
            let state = self.state();
            (state.node.clone(), state.trouble.clone(), state.missing.clone())
        };
        let status = node.status();
        let idle = || status.idle.map(|idle| format!("background work begins no tasks: {idle}"));
        let missing = || missing.map(|missing| missing.to_string());
        trouble.or(status.store_error).or_else(idle).or_else(missing)
    }

    /// Whether its node works: the store has not refused it, and it is there.
    fn is_working(&self) -> bool {
        self.node().status().phase == Phase::Working
    }

    /// Whether another process has taken the name of this node, so that it has ended for good.
    pub fn is_superseded(&self) -> bool {
        self.node().status().is_superseded()
    }

    /// How long it took from changes to what is published.
    pub fn publish_times(&self) -> PublishTimes {
        self.freshness.times()
    }

    /// Asks for everything that is made of files: as a signal does.
    pub async fn refresh(&self, actor: &str) {
        let (trigger, kinds) = (self.trigger(), self.tasks.kinds());
        for kind in [scan::NAME, geography::NAME, compile::NAME] {
            if kinds.find(kind).is_some() {
                trigger.submit_once(kind, actor).await;
            }
        }
    }

    fn set_trouble(&self, trouble: Option<String>) {
        self.state().trouble = trouble;
    }

    /// A node that takes the place of the one before.
    fn new_node(&self, schedules: &[NewSchedule]) -> Node {
        let node = Node::new(self.tasks.clone(), node_options(&self.options, schedules.to_vec()));
        self.state().node = node.handle();
        node
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each field is replaced as a whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trigger(&self) -> Trigger {
        Trigger { tasks: self.tasks.clone(), freshness: Arc::clone(&self.freshness) }
    }
}

/// The running component. Dropped, it is told to stop, and not waited for.
pub struct Control {
    handle: Handle,
    begin: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    /// When it was first told to stop.
    stopping_since: OnceLock<Instant>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Opens the store and starts the thread, which works from [`Control::begin`] on.
    pub fn start(options: Options, supervisor: &Supervisor) -> Result<Self, Error> {
        let store_times = Arc::new(StoreTimes::default());
        let store = open(&options.store, supervisor)?.with_hook(Arc::clone(&store_times) as _);
        let freshness = Arc::new(Freshness::default());
        let checker = Checker::start(&options, &store, supervisor)?;
        let kinds = kinds::all(&options, &store, &freshness, checker.as_ref());
        let schedules = schedules(&options, &kinds).map_err(Error::Options)?;
        let tasks = Tasks::new(store, kinds, Changes::default());
        // It never runs, but says what one would that has not started yet.
        let node = Node::new(tasks.clone(), node_options(&options, Vec::new())).handle();
        let handle = Handle {
            tasks,
            options: Arc::new(options),
            store_times,
            checker,
            surveys: Surveys::default(),
            freshness,
            state: Arc::new(Mutex::new(State { node, trouble: None, missing: None })),
        };
        handle.state().missing = find_missing(&handle.options.site);
        let (begin, begun) = watch::channel(false);
        let (stop, stopped) = watch::channel(false);
        let of_thread = handle.clone();
        let thread = supervisor.spawn(Thread::Control, move || {
            runtime::priority::lower();
            if let Err(error) = work(&of_thread, &schedules, begun.clone(), stopped.clone()) {
                tracing::error!("background work cannot run: {error}");
                of_thread.set_trouble(Some(format!("background work cannot run: {error}")));
            }
        })?;
        Ok(Self { handle, begin, stop, stopping_since: OnceLock::new(), thread: Some(thread) })
    }

    /// Begins to work: to be called once nothing of the process can fail to start any more.
    pub fn begin(&self) {
        self.begin.send_replace(true);
    }

    /// What others ask.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns when it has ended by itself: another process has taken its place.
    pub async fn ended(&self) {
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Tells it to stop: no task is begun any more, and those that run have until the deadline.
    pub fn begin_stop(&self) {
        self.stopping_since.get_or_init(Instant::now);
        self.stop.send_replace(true);
    }

    /// Stops it, and returns when it has stopped, at the latest a little after the deadline, which begins when
    /// it is told so first.
    pub async fn stop(mut self) {
        self.begin_stop();
        let since = *self.stopping_since.get_or_init(Instant::now);
        let deadline = since + self.handle.options.stop_deadline + STOP_PATIENCE;
        let Some(thread) = self.thread.take() else { return };
        while !thread.is_finished() && Instant::now() < deadline {
            tokio::time::sleep(STOP_LOOK).await;
        }
        if thread.is_finished() {
            // The supervisor has caught panics.
            drop(thread.join());
        } else {
            tracing::warn!("background work has not stopped in time; the process ends without it");
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.begin_stop();
    }
}

/// Opens the store at `location`.
pub fn open(location: &StoreLocation, supervisor: &Supervisor) -> Result<Store, Error> {
    match location {
        StoreLocation::Folder(folder) => {
            Ok(Sqlite::open(folder, system_clock(), supervisor)?.into())
        }
        #[cfg(feature = "postgres")]
        StoreLocation::Postgres(url) => {
            let address = store::postgres::Address::parse(url.as_str())?;
            Ok(store::postgres::Postgres::open(&address, supervisor)?.into())
        }
        #[cfg(not(feature = "postgres"))]
        StoreLocation::Postgres(_) => Err(Error::Options(
            "this build of mirrorlistd has no PostgreSQL: name a folder with `state`".to_owned(),
        )),
    }
}

/// All schedules. One of each site is of its own, if its tasks are. Where in its period each begins is up to
/// its name, so that not all begin at once.
fn schedules(options: &Options, kinds: &Kinds) -> Result<Vec<NewSchedule>, String> {
    let every = options.every;
    let visits = options.checks.as_ref().map_or(Duration::ZERO, |checks| checks.every);
    let wanted = [
        (scan::NAME, every.scan),
        (compile::NAME, every.compile),
        (purge::NAME, every.purge),
        (VISIT, visits),
    ];
    let wanted = wanted.into_iter().filter(|(kind, _)| kinds.find(kind).is_some());
    let schedule = |(kind, period): (&str, Duration)| {
        let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
        let request = Request { kind: kind.to_owned(), ..Request::default() };
        let task = kinds.plan(&request)?;
        let id = at_site(kind, task.site.as_deref());
        let (phase, catch_up) = (phase_of(&id, period), CatchUp::One);
        Ok(NewSchedule { id, period, phase, catch_up, task })
    };
    wanted.map(schedule).collect()
}

/// A place in a period that depends on the name only (FNV-1a).
fn phase_of(name: &str, period: i64) -> i64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    i64::try_from(hash >> 1).unwrap_or(0).rem_euclid(period.max(1))
}

/// The body of the thread.
fn work(
    handle: &Handle,
    schedules: &[NewSchedule],
    begun: watch::Receiver<bool>,
    stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(8)
        .thread_name("trigger")
        .build()?;
    runtime.block_on(async {
        // Before the node begins, so that the first slots of schedules find it waiting.
        let asked = async {
            until_told(begun).await;
            ask_at_start(handle).await;
        };
        tokio::select! {
            biased;
            () = until_told(stopped.clone()) => return,
            () = asked => {}
        }
        let triggers = tokio::spawn(triggers(handle.clone()));
        run_nodes(handle, schedules, stopped).await;
        triggers.abort();
    });
    // A look at a file system that hangs is not waited for.
    runtime.shutdown_background();
    Ok(())
}

/// Runs a node, and another one after it has failed, until the component stops.
async fn run_nodes(handle: &Handle, schedules: &[NewSchedule], stopped: watch::Receiver<bool>) {
    let mut told = String::new();
    while !*stopped.borrow() {
        let begin = Instant::now();
        let node = handle.new_node(schedules);
        match node.run(until_told(stopped.clone())).await {
            Ok(()) => handle.set_trouble(None),
            Err(error @ NodeError::Superseded(_)) => {
                // Another one would take the name back, and so on.
                tracing::error!("background work has ended: {error}");
                handle.set_trouble(Some(error.to_string()));
                return;
            }
            Err(error) => {
                let error = error.to_string();
                // Not again and again while it stays the same.
                if error != told || begin.elapsed() > TELL_AGAIN {
                    tracing::error!("background work pauses, and tries again: {error}");
                    told.clone_from(&error);
                }
                handle.set_trouble(Some(error));
                tokio::select! {
                    biased;
                    () = until_told(stopped.clone()) => {}
                    () = tokio::time::sleep(RESTART) => {}
                }
                handle.set_trouble(None);
            }
        }
    }
}

async fn until_told(mut told: watch::Receiver<bool>) {
    // The sender is gone only when the component is.
    let _ = told.wait_for(|told| *told).await;
}

fn node_options(options: &Options, schedules: Vec<NewSchedule>) -> NodeOptions {
    NodeOptions {
        name: options.node.clone(),
        version: options.version.clone(),
        files: options.site.files(),
        queues: options.budgets.queues(),
        schedules,
        time_to_live: options.time_to_live,
        stop_deadline: options.stop_deadline,
        max_zombies: options.max_zombies,
        poll: POLL,
        seed: None,
    }
}

/// Asks for what has changed while no process was here.
async fn ask_at_start(handle: &Handle) {
    let trigger = handle.trigger();
    let Site { tree, geography, findings, .. } = &handle.options.site;
    if let Some(findings) = findings.clone() {
        // The inputs name it, so that nothing could be compiled before the first visits have ended.
        let made = trigger::look(move || make_findings(&findings)).await;
        if let Some(Err(error)) = made {
            tracing::error!("no file of findings can be made: {error}");
        }
    }
    // Where the first scan has yet to make an index, a compile
    // follows it.
    let awaits_index = tree.as_ref().is_some_and(|tree| !tree.index.exists());
    if geography.is_some() {
        trigger.submit_once(geography::NAME, "start").await;
    }
    if awaits_index {
        trigger.submit_once(scan::NAME, "start").await;
    } else {
        trigger.submit_once(compile::NAME, "start").await;
    }
}

/// A file among the inputs that is missing until a task of this kind has made it.
#[derive(Clone)]
struct Missing {
    file: PathBuf,
    kind: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, kind } = self;
        write!(f, "{} is not there yet: the task {kind} makes it", file.display())
    }
}

/// The first file that is missing; `None` if none is. Blocks.
fn find_missing(site: &Site) -> Option<Missing> {
    let (file, kind) = site.made_by_tasks().find(|(file, _)| !file.exists())?;
    Some(Missing { file: file.to_owned(), kind })
}

/// Says which files are missing, and asks for those that somebody has removed, for ever.
async fn watch_missing(handle: &Handle) {
    let mut asked: Option<Instant> = None;
    loop {
        let site = handle.options.site.clone();
        if let Some(missing) = trigger::look(move || find_missing(&site)).await {
            handle.state().missing.clone_from(&missing);
            let may_ask = asked.is_none_or(|asked| asked.elapsed() >= MISSING_PAUSE);
            if let Some(missing) = missing.filter(|_| may_ask && handle.is_working())
                && was_made(handle, missing.kind).await
            {
                tracing::warn!("{missing}, and is asked for");
                handle.trigger().submit(missing.kind, "missing file").await;
                asked = Some(Instant::now());
            }
        }
        tokio::time::sleep(MISSING_LOOK).await;
    }
}

/// Whether the last task of a kind has done its work: what it has made is gone. One that waits makes it, and one that
/// has failed could not.
async fn was_made(handle: &Handle, kind: &str) -> bool {
    let latest = handle.trigger().latest(kind, &[], 1).await;
    latest.is_ok_and(|latest| latest.first().is_some_and(|task| task.state == TaskState::Completed))
}

/// Watches files until it is dropped.
async fn triggers(handle: Handle) {
    let (trigger, quiet) = (handle.trigger(), handle.options.quiet);
    let Site { inputs, tree, geography, snapshot, .. } = &handle.options.site;
    let on_inputs = trigger::watch_inputs(trigger.clone(), inputs.clone(), quiet);
    let on_tables = async {
        match geography {
            Some(tables) => trigger::watch_tables(trigger.clone(), tables.clone(), quiet).await,
            None => std::future::pending().await,
        }
    };
    let on_tree = async {
        match tree {
            Some(tree) => {
                let most = handle.options.watched_directories;
                trigger::watch_tree(trigger.clone(), tree.clone(), most, quiet).await;
            }
            None => std::future::pending().await,
        }
    };
    let on_mirrors = async {
        match &handle.checker {
            Some(checker) => checker.keep_surveys(&handle.surveys).await,
            None => std::future::pending().await,
        }
    };
    let is_working = || handle.is_working();
    tokio::join!(
        on_mirrors,
        on_inputs,
        on_tables,
        on_tree,
        trigger::watch_published(trigger.clone(), snapshot.clone(), is_working),
        trigger::follow_changes(trigger.clone()),
        watch_missing(&handle),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_begin_within_their_period_and_not_together() {
        let period = 600_000;
        let phases = ["snapshot.compile", "primary.scan"].map(|name| phase_of(name, period));
        assert_ne!(phases[0], phases[1]);
        assert!(phases.iter().all(|phase| (0..period).contains(phase)));
        assert_eq!(phase_of("a", 1), 0);
    }
}

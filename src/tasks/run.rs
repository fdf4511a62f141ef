//! What the code of a kind sees of its task while it runs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::Store;
use store::operations::mirror::Fence;
use store::operations::read::CheckFence;
use store::operations::renew::Progress;
use store::record::{ClaimNumber, TaskId, bounded};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::failure::{Failure, Stop};

/// How many names of stages are kept of a run; what comes later counts as `other`.
const MAX_STAGES: usize = 32;
/// The longest name of a stage, in bytes.
const MAX_STAGE: usize = 60;
/// The most that is kept of what a panic says, in bytes.
const MAX_PANIC: usize = 500;

/// The task that runs, as its code sees it. Clones are the same one.
#[derive(Clone)]
pub struct Run(Arc<State>);

struct State {
    id: TaskId,
    claim: ClaimNumber,
    boot: String,
    store: Store,
    /// Moved whenever the code shows that it is alive.
    pulse: AtomicU64,
    /// -1 is unknown.
    done: AtomicI64,
    total: AtomicI64,
    stages: Mutex<Stages>,
    stop: watch::Sender<Option<Stop>>,
    /// How many threads of it run.
    n_threads: watch::Sender<u64>,
    /// Whether nobody waits for it any more.
    is_abandoned: watch::Sender<bool>,
}

/// The stages of a run, in the order in which they began first. One that is entered again adds up.
#[derive(Default)]
struct Stages {
    ended: Vec<(String, Duration)>,
    current: Option<(String, Instant)>,
}

impl Stages {
    fn enter(&mut self, name: String, now: Instant) {
        if self.current.as_ref().is_some_and(|(current, _)| *current == name) {
            return;
        }
        if let Some((name, begin)) = self.current.replace((name, now)) {
            add(&mut self.ended, name, now.saturating_duration_since(begin));
        }
    }

    fn times(&self, now: Instant) -> Vec<(String, Duration)> {
        let mut times = self.ended.clone();
        if let Some((name, begin)) = &self.current {
            add(&mut times, name.clone(), now.saturating_duration_since(*begin));
        }
        times
    }
}

fn add(times: &mut Vec<(String, Duration)>, name: String, took: Duration) {
    let is_full = times.len() >= MAX_STAGES;
    let at = times.iter().position(|(known, _)| *known == name);
    match at.or(is_full.then(|| times.len() - 1)).and_then(|at| times.get_mut(at)) {
        Some((known, sum)) => {
            if *known != name {
                "other".clone_into(known);
            }
            *sum = sum.saturating_add(took);
        }
        None => times.push((name, took)),
    }
}

impl Run {
    /// A task that begins to run.
    pub fn new(store: Store, boot: String, (id, claim): (TaskId, ClaimNumber)) -> Self {
        Self(Arc::new(State {
            id,
            claim,
            boot,
            store,
            pulse: AtomicU64::new(0),
            done: AtomicI64::new(-1),
            total: AtomicI64::new(-1),
            stages: Mutex::default(),
            stop: watch::Sender::new(None),
            n_threads: watch::Sender::new(0),
            is_abandoned: watch::Sender::new(false),
        }))
    }

    /// The number of the task.
    pub fn id(&self) -> TaskId {
        self.0.id
    }

    /// The claim under which it runs: the name of a temporary file holds both, so that no two runs write one.
    pub fn claim(&self) -> ClaimNumber {
        self.0.claim
    }

    /// The process that runs it, as the store knows it.
    pub fn boot(&self) -> &str {
        &self.0.boot
    }

    /// Says what the task does from now on.
    pub fn stage(&self, name: &str) {
        self.0.done.store(-1, Ordering::Relaxed);
        self.0.total.store(-1, Ordering::Relaxed);
        let mut stages = self.0.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.enter(bounded(name, MAX_STAGE), Instant::now());
        drop(stages);
        self.beat();
    }

    /// Says how much of the stage is done, and of how much.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.0.done.store(number(done), Ordering::Relaxed);
        self.0.total.store(total.map_or(-1, number), Ordering::Relaxed);
        self.beat();
    }

    /// Shows that the code is alive, and fails if it must stop. To be called often.
    pub fn checkpoint(&self) -> Result<(), Failure> {
        self.beat();
        self.stopped().map_or(Ok(()), |stop| Err(Failure::Stopped(stop)))
    }

    /// Why the task must stop, if it must.
    pub fn stopped(&self) -> Option<Stop> {
        self.0.stop.borrow().clone()
    }

    /// Returns when the task must stop.
    pub async fn until_stopped(&self) -> Stop {
        let mut stop = self.0.stop.subscribe();
        // The guard is not held while waiting for anything else, so that the future may change threads.
        let told = stop.wait_for(Option::is_some).await.map(|told| told.clone());
        match told {
            Ok(told) => told.unwrap_or(Stop::Lost),
            // Cannot happen: `self` holds the sender.
            Err(_) => std::future::pending().await,
        }
    }

    /// Returns when it is lost.
    pub(crate) async fn until_lost(&self) {
        let mut stop = self.0.stop.subscribe();
        // Fails only if the sender is gone, which `self` holds.
        drop(stop.wait_for(|told| *told == Some(Stop::Lost)).await);
    }

    /// The right to write into the store, for operations that ask for it.
    pub fn fence(&self) -> Fence {
        let State { id, claim, boot, .. } = &*self.0;
        Fence { id: *id, claim: *claim, boot: boot.clone() }
    }

    /// Fails unless the store says that this run still has the task. To be called right before an effect
    /// that others see, such as the renaming of a file.
    pub async fn check_fence(&self) -> Result<(), Failure> {
        self.checkpoint()?;
        let State { id, claim, boot, store, .. } = &*self.0;
        let check = CheckFence { id: *id, claim: *claim, boot: boot.clone() };
        match store.run(check).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.tell(Stop::Lost);
                Err(Failure::Stopped(Stop::Lost))
            }
            Err(error) => Err(Failure::may_pass("store", error.to_string())),
        }
    }

    /// Runs what does not yield on a thread of its own, behind everything else on the machine.
    pub async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Run) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (sender, receiver) = oneshot::channel();
        let run = self.clone();
        self.0.n_threads.send_modify(|n| *n += 1);
        let counted = RunningThread(run);
        // Where no thread can be started, what it was to run is dropped, and with it what counts it.
        let spawned = std::thread::Builder::new().name("task".to_owned()).spawn(move || {
            runtime::priority::lower_fully();
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&counted.0)));
            let outcome = outcome.unwrap_or_else(|panic| Err(panicked(&*panic)));
            drop(counted);
            // Fails only if nobody waits any more.
            drop(sender.send(outcome));
        });
        if let Err(error) = spawned {
            return Err(Failure::may_pass("no_thread", format!("cannot start a thread: {error}")));
        }
        match receiver.await {
            Ok(outcome) => outcome,
            // Cannot happen: a panic is caught above.
            Err(_) => Err(Failure::lasting("panicked", "the thread of the task has ended")),
        }
    }

    /// Tells the code to stop. The first reason counts, but a loss counts more.
    pub fn tell(&self, stop: Stop) {
        self.0.stop.send_if_modified(|told| {
            let is_news = told.is_none() || (stop == Stop::Lost && *told != Some(Stop::Lost));
            if is_news {
                *told = Some(stop);
            }
            is_news
        });
    }

    /// A number that moves whenever the code shows that it is alive.
    pub fn pulse(&self) -> u64 {
        self.0.pulse.load(Ordering::Relaxed)
    }

    /// How many threads of it run, also when nobody waits for them any more.
    pub fn n_threads(&self) -> u64 {
        *self.0.n_threads.borrow()
    }

    /// Returns when no thread of it runs.
    pub(crate) async fn until_no_thread(&self) {
        let mut n_threads = self.0.n_threads.subscribe();
        // Fails only if the sender is gone, which `self` holds.
        drop(n_threads.wait_for(|n| *n == 0).await);
    }

    /// Nobody waits for it any more: its threads count as zombies until they end.
    pub fn abandon(&self) {
        self.0.is_abandoned.send_replace(true);
    }

    /// Returns when nobody waits for it any more.
    pub(crate) async fn until_abandoned(&self) {
        let mut is_abandoned = self.0.is_abandoned.subscribe();
        drop(is_abandoned.wait_for(|is_abandoned| *is_abandoned).await);
    }

    /// Whether nobody waits for it any more.
    pub fn is_abandoned(&self) -> bool {
        *self.0.is_abandoned.borrow()
    }

    /// How far it is.
    pub fn reached(&self) -> Progress {
        let number =
            |value: &AtomicI64| Some(value.load(Ordering::Relaxed)).filter(|&value| value >= 0);
        let stages = self.0.stages.lock().unwrap_or_else(PoisonError::into_inner);
        Progress {
            id: self.0.id,
            claim: self.0.claim,
            stage: stages.current.as_ref().map(|(name, _)| name.clone()),
            done: number(&self.0.done),
            total: number(&self.0.total),
        }
    }

    /// Its stages and how long each has taken up to now, in the order in which they began. There are at most
    /// 32: what is beyond is in the last one.
    pub fn stage_times(&self) -> Vec<(String, Duration)> {
        let stages = self.0.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.times(Instant::now())
    }

    fn beat(&self) {
        self.0.pulse.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts a thread until it ends, however it does.
struct RunningThread(Run);

impl Drop for RunningThread {
    fn drop(&mut self) {
        self.0.0.n_threads.send_modify(|n| *n = n.saturating_sub(1));
    }
}

/// The failure of code that has panicked.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("it does not say why; see the log");
    Failure::lasting("panicked", format!("the task panicked: {}", bounded(text, MAX_PANIC)))
}

//! What the code of a kind sees of its task while it runs.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use store::Store;
use store::operations::read::CheckFence;
use store::operations::renew::Progress;
use store::record::{ClaimNumber, TaskId};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::failure::{Failure, Stop};

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
    stages: Mutex<Vec<(String, Instant)>>,
    stop: watch::Sender<Option<Stop>>,
    /// How many threads of it run.
    n_threads: AtomicU64,
    /// Whether nobody waits for it any more.
    is_abandoned: AtomicBool,
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
            n_threads: AtomicU64::new(0),
            is_abandoned: AtomicBool::new(false),
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

    /// Says what the task does from now on.
    pub fn stage(&self, name: &str) {
        self.0.done.store(-1, Ordering::Relaxed);
        self.0.total.store(-1, Ordering::Relaxed);
        let mut stages = self.0.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.push((name.to_owned(), Instant::now()));
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
        match stop.wait_for(Option::is_some).await {
            Ok(stop) => stop.clone().unwrap_or(Stop::Lost),
            // Cannot happen: `self` holds the sender.
            Err(_) => std::future::pending().await,
        }
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
        self.0.n_threads.fetch_add(1, Ordering::Relaxed);
        let spawned = std::thread::Builder::new().name("task".to_owned()).spawn(move || {
            let running = RunningThread(run);
            runtime::priority::lower();
            // Fails only if nobody waits any more.
            drop(sender.send(work(&running.0)));
        });
        if let Err(error) = spawned {
            self.0.n_threads.fetch_sub(1, Ordering::Relaxed);
            return Err(Failure::may_pass("no_thread", format!("cannot start a thread: {error}")));
        }
        match receiver.await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::lasting("panicked", "the task panicked; see the log")),
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
        self.0.n_threads.load(Ordering::Relaxed)
    }

    /// Nobody waits for it any more: its threads count as zombies until they end.
    pub fn abandon(&self) {
        self.0.is_abandoned.store(true, Ordering::Relaxed);
    }

    /// Whether nobody waits for it any more.
    pub fn is_abandoned(&self) -> bool {
        self.0.is_abandoned.load(Ordering::Relaxed)
    }

    /// How far it is.
    pub fn reached(&self) -> Progress {
        let number =
            |value: &AtomicI64| Some(value.load(Ordering::Relaxed)).filter(|&value| value >= 0);
        let stages = self.0.stages.lock().unwrap_or_else(PoisonError::into_inner);
        Progress {
            id: self.0.id,
            claim: self.0.claim,
            stage: stages.last().map(|(name, _)| name.clone()),
            done: number(&self.0.done),
            total: number(&self.0.total),
        }
    }

    /// Its stages and how many milliseconds each has taken up to now, in their order.
    pub fn stage_times(&self) -> Vec<(String, u64)> {
        let stages = self.0.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = stages.iter().skip(1).map(|(_, begin)| *begin).chain([Instant::now()]);
        let times = stages.iter().zip(ends);
        times
            .map(|((name, begin), end)| {
                let took = end.saturating_duration_since(*begin).as_millis();
                (name.clone(), u64::try_from(took).unwrap_or(u64::MAX))
            })
            .collect()
    }

    fn beat(&self) {
        self.0.pulse.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts a thread until it ends, however it does.
struct RunningThread(Run);

impl Drop for RunningThread {
    fn drop(&mut self) {
        self.0.0.n_threads.fetch_sub(1, Ordering::Relaxed);
    }
}

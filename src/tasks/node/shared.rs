//! What the loops of a node share: its options, what it runs, and how it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::Error;
use store::record::{ClaimNumber, Task, TaskId};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::options::NodeOptions;
use crate::failure::Stop;
use crate::liveness::Pulse;
use crate::numbers::Numbers;
use crate::run::Run;
use crate::service::Tasks;
use crate::status::{Idle, NodeStatus, Phase, RunningTask, Zombie};

/// An attempt: the task, and the claim under which it runs. A task may have one that runs here and others
/// whose threads do not end.
pub(super) type Key = (TaskId, ClaimNumber);

/// What the loops of a node share.
pub(super) struct Shared {
    pub(super) tasks: Tasks,
    pub(super) options: NodeOptions,
    /// The process.
    pub(super) boot: String,
    pub(super) numbers: Arc<Numbers>,
    /// A place of a queue has become free.
    pub(super) freed: Notify,
    /// An attempt has ended, or only its threads are left.
    pub(super) ended: Notify,
    state: Mutex<State>,
    random: Mutex<fastrand::Rng>,
}

/// What changes while a node works.
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) entries: BTreeMap<Key, Entry>,
    /// Attempts that this process has begun, until the store does not say any more that they run.
    pub(super) begun: BTreeSet<Key>,
    /// Why claims are not renewed although this process lives, until they are ended.
    pub(super) hung: BTreeMap<Key, String>,
    /// When a renewal was begun that has succeeded, the last one.
    pub(super) renewed_at: Option<Instant>,
    /// What the store has answered last to each thing that it was asked, where that was an error.
    store_errors: BTreeMap<&'static str, String>,
    /// Whether a claim is under way.
    pub(super) is_claiming: bool,
    pub(super) lag: Lag,
    /// Whether it was logged that there are too many zombies.
    has_told_of_zombies: bool,
}

/// An attempt that runs here.
pub(super) struct Entry {
    pub(super) kind: String,
    pub(super) queue: String,
    summary: String,
    pub(super) run: Run,
    pub(super) begin: Instant,
    /// The store has confirmed the claim, in reply to what was asked then.
    pub(super) confirmed: Instant,
    pub(super) pulse: Pulse,
    pub(super) step: Step,
    /// When it was told that its claim is lost.
    pub(super) lost_at: Option<Instant>,
}

/// How far an attempt is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Its work runs.
    Working,
    /// Its end is being written.
    Finishing,
    /// Nobody waits for it; its threads run since then.
    Zombie(Instant),
}

impl Entry {
    /// An attempt that begins now, claimed by what was asked at `asked`.
    pub(super) fn new(task: &Task, run: Run, stall_after: Duration, asked: Instant) -> Self {
        Self {
            kind: task.kind.clone(),
            queue: task.queue.clone(),
            summary: task.summary.clone(),
            run,
            begin: Instant::now(),
            confirmed: asked,
            pulse: Pulse::new(stall_after),
            step: Step::Working,
            lost_at: None,
        }
    }

    /// Tells it that its claim is lost. Returns whether it did not know.
    pub(super) fn lose(&mut self, now: Instant) -> bool {
        let is_news = self.lost_at.is_none();
        self.lost_at.get_or_insert(now);
        self.run.tell(Stop::Lost);
        is_news
    }
}

/// By how much the loop was late: the maximum of this window and of the one before.
#[derive(Default)]
pub(super) struct Lag {
    window: Option<Instant>,
    now: Duration,
    before: Duration,
    /// When the loop is to come by next.
    expected: Option<Instant>,
}

impl Lag {
    const WINDOW: Duration = Duration::from_secs(30);

    /// The loop has come by, and will again at `next`.
    pub(super) fn note(&mut self, now: Instant, next: Instant) {
        let late = self.expected.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let window = *self.window.get_or_insert(now);
        if now.saturating_duration_since(window) >= Self::WINDOW {
            (self.before, self.now, self.window) = (self.now, Duration::ZERO, Some(now));
        }
        self.now = self.now.max(late);
        self.expected = Some(next);
    }

    fn most(&self, now: Instant) -> Duration {
        let late = self.expected.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        late.max(self.now).max(self.before)
    }
}

impl Shared {
    pub(super) fn new(tasks: Tasks, options: NodeOptions) -> Self {
        let mut random = options.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let kinds = tasks.kinds().iter().map(|kind| kind.name());
        let schedules = options.schedules.iter().map(|schedule| schedule.id.clone());
        Self {
            numbers: Arc::new(Numbers::new(kinds, schedules)),
            boot: format!("{:016x}", random.u64(..)),
            tasks,
            options,
            freed: Notify::new(),
            ended: Notify::new(),
            state: Mutex::new(State {
                phase: Phase::Starting,
                entries: BTreeMap::new(),
                begun: BTreeSet::new(),
                hung: BTreeMap::new(),
                renewed_at: None,
                store_errors: BTreeMap::new(),
                is_claiming: false,
                lag: Lag::default(),
                has_told_of_zombies: false,
            }),
            random: Mutex::new(random),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `duration`, give or take `share` of it at random.
    pub(super) fn about(&self, duration: Duration, share: f64) -> Duration {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        duration.mul_f64(1.0 + share * (2.0 * random.f64() - 1.0))
    }

    /// How long the store may take for what keeps tasks alive.
    pub(super) fn patience(&self) -> Duration {
        self.options.time_to_live / 2
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        let mut state = self.lock();
        // Who has lost the name never gets it back.
        if state.phase != Phase::Superseded {
            state.phase = phase;
        }
        if phase != Phase::Working {
            // It is not measured any more.
            state.lag.expected = None;
        }
    }

    /// Notes how the store has answered to `what`. The first error in a row is logged, and the first success
    /// after it.
    pub(super) fn note_store<T>(&self, what: &'static str, reply: &Result<T, Error>) {
        let node = &self.options.name;
        let mut state = self.lock();
        match reply {
            Ok(_) => {
                let error = state.store_errors.remove(what);
                drop(state);
                if error.is_some() {
                    tracing::info!(node, "can {what} again");
                }
            }
            Err(error) => {
                let known = state.store_errors.insert(what, error.to_string());
                drop(state);
                if known.is_none() {
                    tracing::warn!(node, "cannot {what}, and will try again: {error}");
                }
            }
        }
    }

    /// Forgets an error of the store: nobody asks for that any more.
    pub(super) fn forget_store(&self, what: &'static str) {
        self.lock().store_errors.remove(what);
    }

    /// Why no task may be claimed now.
    pub(super) fn idle(&self) -> Option<Idle> {
        let mut state = self.lock();
        let idle = state.idle(&self.options);
        let is_zombies = matches!(idle, Some(Idle::Zombies { .. }));
        if state.has_told_of_zombies != is_zombies {
            state.has_told_of_zombies = is_zombies;
            let node = &self.options.name;
            match &idle {
                Some(idle) if is_zombies => tracing::error!(node, "takes no more tasks: {idle}"),
                _ => tracing::info!(node, "takes tasks again"),
            }
        }
        idle
    }

    /// What the node does now.
    pub(super) fn status(&self) -> NodeStatus {
        let now = Instant::now();
        let state = self.lock();
        let store_error = state.store_errors.first_key_value();
        let store_error = store_error.map(|(what, error)| format!("cannot {what}: {error}"));
        let mut status = NodeStatus {
            name: self.options.name.clone(),
            boot: self.boot.clone(),
            phase: state.phase,
            idle: state.idle(&self.options).or_else(|| store_error.clone().map(Idle::Store)),
            running: Vec::new(),
            zombies: Vec::new(),
            renewed_ago: state.renewed_at.map(|at| now.saturating_duration_since(at)),
            store_error,
            loop_lag: state.lag.most(now),
        };
        for (&(id, claim), entry) in &state.entries {
            let (kind, queue) = (entry.kind.clone(), entry.queue.clone());
            if let Step::Zombie(since) = entry.step {
                let since = now.saturating_duration_since(since);
                let n_threads = entry.run.n_threads();
                status.zombies.push(Zombie { id, claim, kind, queue, n_threads, since });
                continue;
            }
            let reached = entry.run.reached();
            status.running.push(RunningTask {
                id,
                claim,
                kind,
                queue,
                summary: entry.summary.clone(),
                since: now.saturating_duration_since(entry.begin),
                stage: reached.stage,
                done: reached.done,
                total: reached.total,
                told: entry.run.stopped(),
                is_finishing: entry.step == Step::Finishing,
            });
        }
        status
    }
}

impl State {
    fn idle(&self, options: &NodeOptions) -> Option<Idle> {
        if self.phase != Phase::Working {
            return Some(Idle::Phase(self.phase));
        }
        let zombies = self.entries.values().filter(|entry| matches!(entry.step, Step::Zombie(_)));
        let n: u64 = zombies.map(|entry| entry.run.n_threads()).sum();
        let max = options.max_zombies;
        (n > u64::from(max)).then_some(Idle::Zombies { n, max })
    }
}

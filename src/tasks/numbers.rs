//! What a node counts. Labels are closed sets: kinds, schedules, states and operations that are known at
//! start.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use store::record::State;
use store::{Error, Hook};

/// Upper ends of buckets for what tasks take.
const TASK_BOUNDS: &[Duration] = &[
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
    Duration::from_secs(3_600),
    Duration::from_secs(14_400),
];

/// Upper ends of buckets for what the store takes.
const STORE_BOUNDS: &[Duration] = &[
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// How many stages of a kind are counted by name; what comes later counts as [`OTHER`].
const MAX_STAGES: usize = 24;
/// The label of what has none of its own.
pub const OTHER: &str = "other";

/// A number that only grows.
#[derive(Default, Debug)]
pub struct Count(AtomicU64);

impl Count {
    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds to it.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

/// How long something took, counted in buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [Duration],
    /// One for each bound, and one for what is longer.
    buckets: Vec<Count>,
    micros: Count,
}

impl Histogram {
    /// With these upper ends of buckets, the least first.
    pub fn new(bounds: &'static [Duration]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| Count::default()).collect();
        Self { bounds, buckets, micros: Count::default() }
    }

    /// Counts something that took so long.
    pub fn record(&self, took: Duration) {
        let bucket = self.bounds.partition_point(|&bound| bound < took);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.add(1);
        }
        self.micros.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(Count::get).sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros.get())
    }

    /// The upper end of each bucket, and how many lie in it alone; the last one has no end.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let ends = self.bounds.iter().copied().map(Some).chain([None]);
        ends.zip(self.buckets.iter().map(Count::get))
    }
}

/// What is counted of a kind.
#[derive(Debug)]
pub struct KindNumbers {
    /// Its name.
    pub kind: &'static str,
    /// Ended attempts, in the order of [`State::ALL`]: `enqueued` stands for those that another one follows.
    finished: [Count; State::ALL.len()],
    /// From the time when a task may run until it does.
    pub wait: Histogram,
    /// From the start of an attempt to its end.
    pub run: Histogram,
    stages: Mutex<BTreeMap<String, std::sync::Arc<Histogram>>>,
}

impl KindNumbers {
    fn new(kind: &'static str) -> Self {
        Self {
            kind,
            finished: Default::default(),
            wait: Histogram::new(TASK_BOUNDS),
            run: Histogram::new(TASK_BOUNDS),
            stages: Mutex::default(),
        }
    }

    /// How many attempts have led to each state; `enqueued` means that another attempt follows.
    pub fn finished(&self) -> impl Iterator<Item = (State, u64)> {
        let states = State::ALL.iter().copied().zip(self.finished.iter().map(Count::get));
        states.filter(|(state, _)| *state != State::Running)
    }

    /// How long each stage takes, by name; at most 25 of them.
    pub fn stages(&self) -> Vec<(String, std::sync::Arc<Histogram>)> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.iter().map(|(name, times)| (name.clone(), times.clone())).collect()
    }

    pub(crate) fn count_end(&self, state: State) {
        let at = State::ALL.iter().position(|&known| known == state);
        if let Some(count) = at.and_then(|at| self.finished.get(at)) {
            count.add(1);
        }
    }

    pub(crate) fn record_stage(&self, name: &str, took: Duration) {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = stages.contains_key(name) || stages.len() < MAX_STAGES;
        let name = if is_known { name } else { OTHER };
        let times = stages
            .entry(name.to_owned())
            .or_insert_with(|| std::sync::Arc::new(Histogram::new(TASK_BOUNDS)));
        times.record(took);
    }
}

/// Why a claim was ended by somebody else than who held it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReapReason {
    /// Its heartbeat stood still.
    NoHeartbeat,
    /// It made no progress on this node, which therefore left it out of its heartbeats.
    Hung,
    /// It belonged to an earlier process of this node.
    Predecessor,
}

impl ReapReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NoHeartbeat, Self::Hung, Self::Predecessor];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoHeartbeat => "no_heartbeat",
            Self::Hung => "hung",
            Self::Predecessor => "predecessor",
        }
    }
}

/// What a node counts.
#[derive(Debug)]
pub struct Numbers {
    /// By kind, in the order in which kinds are known.
    pub kinds: Vec<KindNumbers>,
    /// Tasks that this node lost while it ran them.
    pub lease_lost: Count,
    /// Ends that the store refused because the task had been lost.
    pub stale_writes: Count,
    reaped: [Count; ReapReason::ALL.len()],
    /// Slots that passed without a task, by schedule.
    pub missed: Vec<(String, Count)>,
}

impl Numbers {
    pub(crate) fn new(
        kinds: impl Iterator<Item = &'static str>,
        schedules: impl Iterator<Item = String>,
    ) -> Self {
        Self {
            kinds: kinds.map(KindNumbers::new).collect(),
            lease_lost: Count::default(),
            stale_writes: Count::default(),
            reaped: Default::default(),
            missed: schedules.map(|name| (name, Count::default())).collect(),
        }
    }

    /// How many claims of others or of hung tasks this node has ended, by reason.
    pub fn reaped(&self) -> impl Iterator<Item = (ReapReason, u64)> {
        ReapReason::ALL.into_iter().zip(self.reaped.iter().map(Count::get))
    }

    pub(crate) fn kind(&self, name: &str) -> Option<&KindNumbers> {
        self.kinds.iter().find(|kind| kind.kind == name)
    }

    pub(crate) fn count_reaped(&self, reason: ReapReason, n: usize) {
        let at = ReapReason::ALL.iter().position(|&known| known == reason);
        if let Some(count) = at.and_then(|at| self.reaped.get(at)) {
            count.add(u64::try_from(n).unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn count_missed(&self, schedule: &str, n: i64) {
        if let Some((_, count)) = self.missed.iter().find(|(name, _)| name == schedule) {
            count.add(u64::try_from(n).unwrap_or(0));
        }
    }
}

/// Operations of the store that are counted by name.
const OPERATIONS: &[&str] = &[
    "enqueue",
    "claim",
    "renew",
    "running",
    "check_fence",
    "finish",
    "reap",
    "give_back",
    "start_node",
    "stop_node",
    "tick",
    "run_schedule",
    "cancel",
    "retry",
    "comment",
    "pause",
    "resume",
    "find",
    "list",
    "events",
    "attempts",
    "overview",
    "purge",
    "purge_nodes",
];

/// How long operations of the store take: a hook for it.
pub struct StoreTimes {
    /// In the order of [`OPERATIONS`], and one for all others.
    times: Vec<Histogram>,
    errors: Vec<Count>,
}

impl Default for StoreTimes {
    fn default() -> Self {
        let n = OPERATIONS.len() + 1;
        Self {
            times: (0..n).map(|_| Histogram::new(STORE_BOUNDS)).collect(),
            errors: (0..n).map(|_| Count::default()).collect(),
        }
    }
}

impl StoreTimes {
    /// Each operation, its times, and how often it failed.
    pub fn operations(&self) -> impl Iterator<Item = (&'static str, &Histogram, u64)> {
        let names = OPERATIONS.iter().copied().chain([OTHER]);
        let numbers = self.times.iter().zip(self.errors.iter().map(Count::get));
        names.zip(numbers).map(|(name, (times, n_errors))| (name, times, n_errors))
    }
}

impl Hook for StoreTimes {
    fn end(
        &self,
        operation: &'static str,
        took: Duration,
        error: Option<&Error>,
    ) -> Result<(), Error> {
        let known = OPERATIONS.iter().position(|&known| known == operation);
        let at = known.unwrap_or(OPERATIONS.len());
        if let Some(times) = self.times.get(at) {
            times.record(took);
        }
        if let Some(errors) = self.errors.get(at).filter(|_| error.is_some()) {
            errors.add(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(TASK_BOUNDS);
        for took in [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(101)] {
            histogram.record(took);
        }
        histogram.record(Duration::MAX);
        let counts: Vec<_> = histogram.buckets().map(|(_, n)| n).collect();
        assert_eq!((counts[0], counts[1], counts.last(), histogram.count()), (2, 1, Some(&1), 4));
    }

    #[test]
    fn names_of_stages_are_bounded() {
        let kind = KindNumbers::new("test");
        for at in 0..1_000 {
            kind.record_stage(&at.to_string(), Duration::ZERO);
        }
        let stages = kind.stages();
        assert_eq!(stages.len(), MAX_STAGES + 1);
        let other = stages.iter().find(|(name, _)| name == OTHER).map(|(_, times)| times.count());
        assert_eq!(other, Some(1_000 - MAX_STAGES as u64));
    }

    #[test]
    fn an_operation_that_is_not_known_has_a_place() {
        let times = StoreTimes::default();
        times.end("something", Duration::ZERO, Some(&Error::Refused(String::new()))).unwrap();
        times.end("claim", Duration::ZERO, None).unwrap();
        let seen: Vec<_> = times.operations().filter(|(_, times, _)| times.count() > 0).collect();
        assert_eq!(
            seen.iter().map(|seen| (seen.0, seen.2)).collect::<Vec<_>>(),
            [("claim", 0), (OTHER, 1)]
        );
    }
}

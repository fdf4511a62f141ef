//! Eviction of connections: of the longest idle when there are too many, and of the slowest readers when
//! too many bytes wait for clients that do not read.
//!
//! Each connection updates its [`Activity`] with one store, without a lock, when it answers or begins to
//! wait for something else. The `ConnectionRegistry` belongs to the accept loop. It reads all activities
//! when connections must be evicted, and then picks a whole batch, so that one pass over 10,000
//! connections serves some hundred evictions.
//!
//! A connection is asked to end together with the phase in which it was seen. It ends only if it is still
//! in that phase after it has checked its socket: a request that has come meanwhile is answered. A
//! connection in the middle of an answer is never evicted for a new one. A new connection, or one that
//! is discarding input, may be evicted after a second. So may one with an incomplete header, if no other
//! candidate is left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::metrics::Phase;

/// How long a connection that is new, in a header or at its end is protected from eviction: its request
/// may be on the way, or the rest of one that comes in two packets.
const EVICTION_GRACE: Duration = Duration::from_secs(1);
/// The minimum size at which the registry removes connections that have ended.
const MIN_SWEEP: usize = 64;

/// The activity of a connection, visible to the accept loop.
#[derive(Debug)]
pub struct Activity {
    /// The zero point of times.
    origin: Instant,
    /// A [`TimedPhase`].
    phase: AtomicU64,
    /// Bytes held because the client does not read; 0 while it reads.
    unsent: AtomicU64,
    /// The [`TimedPhase`] in which the connection was asked to end; 0 if it was not asked.
    evicted_in: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

/// A phase and its start in one word: microseconds, and three bits for the phase. Never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TimedPhase(u64);

impl TimedPhase {
    fn new(phase: Phase, since: Duration) -> Self {
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX >> 3);
        Self((micros << 3) | (phase as u64 + 1))
    }

    fn is_in(self, phase: Phase) -> bool {
        self.0 & 7 == phase as u64 + 1
    }

    fn since(self) -> Duration {
        Duration::from_micros(self.0 >> 3)
    }
}

impl Activity {
    /// Creates the activity of a connection that begins at `now`.
    pub fn new(origin: Instant, now: Instant) -> Self {
        let phase = TimedPhase::new(Phase::New, now.saturating_duration_since(origin));
        Self {
            origin,
            phase: AtomicU64::new(phase.0),
            unsent: AtomicU64::new(0),
            evicted_in: AtomicU64::new(0),
            waker: Mutex::new(None),
        }
    }

    /// Records that the connection has been in this phase since then.
    pub(super) fn set(&self, phase: Phase, since: Instant) {
        let phase = TimedPhase::new(phase, since.saturating_duration_since(self.origin));
        self.phase.store(phase.0, Ordering::Relaxed);
    }

    /// Records how many bytes are held for the client.
    pub(super) fn set_unsent(&self, n_bytes: u64) {
        self.unsent.store(n_bytes, Ordering::Relaxed);
    }

    /// Sets the waker of the task, which is woken when the connection is asked to end. To be called once
    /// for each waker, and before [`Self::must_end`].
    pub(super) fn set_waker(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    /// Returns whether the connection was asked to end and is still in the same phase. If it has moved
    /// on, it lives and may be asked again.
    pub(super) fn must_end(&self) -> bool {
        let evicted_in = self.evicted_in.load(Ordering::Acquire);
        if evicted_in == 0 {
            return false;
        }
        let must_end = evicted_in == self.phase.load(Ordering::Relaxed);
        if !must_end {
            self.evicted_in.store(0, Ordering::Relaxed);
        }
        must_end
    }

    /// Whether the connection is in the middle of an answer.
    pub fn is_answering(&self) -> bool {
        self.phase().is_in(Phase::Write)
    }

    fn phase(&self) -> TimedPhase {
        TimedPhase(self.phase.load(Ordering::Relaxed))
    }

    fn is_asked_to_end(&self) -> bool {
        self.evicted_in.load(Ordering::Relaxed) != 0
    }

    fn ask_to_end(&self, phase: TimedPhase) {
        self.evicted_in.store(phase.0, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A limit of the bytes held for clients that do not read, for the whole process.
#[derive(Debug)]
pub struct UnsentBudget {
    limit: u64,
    exceeded: Notify,
}

impl UnsentBudget {
    /// Creates a budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit, exceeded: Notify::new() }
    }

    /// Checks a total that has grown. Beyond the limit it notifies the accept loop, which evicts the
    /// slowest readers. A quarter beyond it there is no time for that: it returns false, and the
    /// connection that has made the total grow must end.
    pub(super) fn allows(&self, total: u64) -> bool {
        if total > self.limit {
            self.exceeded.notify_one();
        }
        total <= self.limit.saturating_add(self.limit / 4)
    }

    /// Returns when the budget is exceeded.
    pub(super) async fn exceeded(&self) {
        self.exceeded.notified().await;
    }

    /// Returns how many of `total` bytes must be freed, so that the next one does not exceed the limit
    /// at once.
    pub(super) fn excess(&self, total: u64) -> u64 {
        match total > self.limit {
            true => total - self.limit + self.limit / 8,
            false => 0,
        }
    }
}

/// All connections that the accept loop has accepted.
pub(super) struct ConnectionRegistry {
    origin: Instant,
    connections: Vec<Arc<Activity>>,
    sweep_at: usize,
    /// Reused memory for the candidates of one pass: rank, phase, index.
    candidates: Vec<(u8, TimedPhase, usize)>,
}

impl ConnectionRegistry {
    /// Creates a registry without connections.
    pub(super) fn new(now: Instant) -> Self {
        Self { origin: now, connections: Vec::new(), sweep_at: MIN_SWEEP, candidates: Vec::new() }
    }

    /// Adds a connection that begins now. It is removed when the registry holds the last reference to
    /// its activity.
    pub(super) fn add(&mut self, now: Instant) -> Arc<Activity> {
        if self.connections.len() >= self.sweep_at {
            self.connections.retain(|activity| Arc::strong_count(activity) > 1);
            // Half of the connections must be new before the next sweep, which keeps the cost per
            // connection low.
            self.sweep_at = self.connections.len().saturating_mul(2).max(MIN_SWEEP);
        }
        let activity = Arc::new(Activity::new(self.origin, now));
        self.connections.push(Arc::clone(&activity));
        activity
    }

    /// Asks the `n` connections that have been idle longest to end. Returns how many are ending then,
    /// including those of earlier calls.
    pub(super) fn evict_idle(&mut self, n: usize, now: Instant) -> usize {
        let now = now.saturating_duration_since(self.origin);
        let is_stale = |phase: TimedPhase| now.saturating_sub(phase.since()) >= EVICTION_GRACE;
        let n_before = self.collect_candidates(|_, phase| match phase {
            _ if phase.is_in(Phase::Write) => None,
            _ if phase.is_in(Phase::Idle) => Some(0),
            _ if !is_stale(phase) => None,
            _ if phase.is_in(Phase::Header) => Some(1),
            _ => Some(0),
        });
        let n_wanted = n.saturating_sub(n_before).min(self.candidates.len());
        if n_wanted < self.candidates.len() {
            self.candidates.select_nth_unstable(n_wanted);
        }
        self.evict_candidates(n_wanted);
        n_before + n_wanted
    }

    /// Asks the slowest readers to end, until `excess` bytes are freed.
    pub(super) fn evict_readers(&mut self, excess: u64) {
        let mut ending = 0_u64;
        self.collect_candidates(|activity, phase| {
            if activity.is_asked_to_end() {
                ending += activity.unsent.load(Ordering::Relaxed);
            }
            phase.is_in(Phase::Write).then_some(0)
        });
        self.candidates.sort_unstable();
        let unsent = |&(_, _, index): &(u8, TimedPhase, usize)| {
            self.connections
                .get(index)
                .map_or(0, |activity| activity.unsent.load(Ordering::Relaxed))
        };
        let n_wanted = self
            .candidates
            .iter()
            .scan(ending, |freed, candidate| {
                let goes_on = *freed < excess;
                *freed += unsent(candidate);
                goes_on.then_some(())
            })
            .count();
        self.evict_candidates(n_wanted);
    }

    /// Collects the candidates with their ranks. Returns how many connections are already asked to end.
    fn collect_candidates(
        &mut self,
        mut rank: impl FnMut(&Activity, TimedPhase) -> Option<u8>,
    ) -> usize {
        let mut n_ending = 0;
        self.candidates.clear();
        for (index, activity) in self.connections.iter().enumerate() {
            if Arc::strong_count(activity) == 1 {
                continue;
            }
            let phase = activity.phase();
            let rank = rank(activity, phase);
            if activity.is_asked_to_end() {
                n_ending += 1;
            } else if let Some(rank) = rank {
                self.candidates.push((rank, phase, index));
            }
        }
        n_ending
    }

    fn evict_candidates(&self, n: usize) {
        for &(_, phase, index) in self.candidates.iter().take(n) {
            if let Some(activity) = self.connections.get(index) {
                activity.ask_to_end(phase);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Connections {
        registry: ConnectionRegistry,
        start: Instant,
    }

    impl Connections {
        fn new() -> Self {
            let start = Instant::now();
            Self { registry: ConnectionRegistry::new(start), start }
        }

        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        /// Adds a connection that is in that phase since then.
        fn add(&mut self, phase: Phase, second: u64) -> Arc<Activity> {
            let activity = self.registry.add(self.start);
            activity.set(phase, self.at(second));
            activity
        }
    }

    #[track_caller]
    fn check(activities: &[&Arc<Activity>], expected: &[bool]) {
        let ends: Vec<_> = activities.iter().map(|activity| activity.must_end()).collect();
        assert_eq!(ends, expected);
    }

    #[test]
    fn the_longest_idle_goes_first_and_nobody_with_an_answer() {
        let mut connections = Connections::new();
        let idle = connections.add(Phase::Idle, 5);
        let silent = connections.add(Phase::New, 3);
        let reading = connections.add(Phase::Write, 1);
        let header = connections.add(Phase::Header, 2);
        let now = connections.at(10);
        assert_eq!(connections.registry.evict_idle(1, now), 1);
        check(&[&idle, &silent, &reading, &header], &[false, true, false, false]);
        // Idle connections are chosen first, then incomplete headers, and never an answer.
        drop(silent);
        assert_eq!(connections.registry.evict_idle(5, now), 2);
        check(&[&idle, &reading, &header], &[true, false, true]);
    }

    #[test]
    fn what_has_just_begun_is_not_evicted() {
        for phase in [Phase::New, Phase::Header, Phase::Linger] {
            let mut connections = Connections::new();
            let young = connections.add(phase, 9);
            let (soon, later) =
                (connections.at(9) + EVICTION_GRACE / 2, connections.at(9) + EVICTION_GRACE);
            assert_eq!(connections.registry.evict_idle(1, soon), 0, "{phase:?}");
            assert_eq!(connections.registry.evict_idle(1, later), 1, "{phase:?}");
            check(&[&young], &[true]);
        }
    }

    #[test]
    fn those_who_have_just_come_outlive_headers_that_do_not_come_on() {
        let mut connections = Connections::new();
        let header = connections.add(Phase::Header, 2);
        let new = connections.add(Phase::New, 10);
        let now = connections.at(10);
        assert_eq!(connections.registry.evict_idle(2, now), 1);
        check(&[&header, &new], &[true, false]);
    }

    #[test]
    fn who_answers_meanwhile_stays() {
        let mut connections = Connections::new();
        let idle = connections.add(Phase::Idle, 1);
        let now = connections.at(10);
        assert_eq!(connections.registry.evict_idle(1, now), 1);
        // One is already asked to end, so no other is.
        assert_eq!(connections.registry.evict_idle(1, now), 1);
        idle.set(Phase::Idle, connections.at(11));
        check(&[&idle], &[false]);
        // It can be asked again.
        assert_eq!(connections.registry.evict_idle(1, connections.at(12)), 1);
        check(&[&idle], &[true]);
    }

    #[test]
    fn the_slowest_readers_go_until_enough_is_given_back() {
        let mut connections = Connections::new();
        let readers: Vec<_> =
            [4, 1, 3, 2].map(|second| connections.add(Phase::Write, second)).into();
        let idle = connections.add(Phase::Idle, 0);
        readers.iter().for_each(|reader| reader.set_unsent(100));
        connections.registry.evict_readers(150);
        // Those two are already asked to end, and free enough.
        connections.registry.evict_readers(200);
        let all: Vec<_> = readers.iter().chain([&idle]).collect();
        check(&all, &[false, true, false, true, false]);
    }

    #[test]
    fn a_budget_is_exceeded_softly_then_hard() {
        let budget = UnsentBudget::new(1_000);
        assert!(budget.allows(1_000));
        assert_eq!(budget.excess(1_000), 0);
        assert!(budget.allows(1_250));
        assert_eq!(budget.excess(1_250), 375);
        assert!(!budget.allows(1_251));
    }

    #[test]
    fn the_registry_forgets_who_has_gone() {
        let mut connections = Connections::new();
        let kept = connections.add(Phase::Idle, 0);
        for _ in 0..10_000 {
            drop(connections.add(Phase::Idle, 0));
        }
        assert!(connections.registry.connections.len() <= MIN_SWEEP);
        assert_eq!(connections.registry.evict_idle(10, connections.at(1)), 1);
        check(&[&kept], &[true]);
    }

    #[test]
    fn a_connection_that_is_asked_to_end_is_woken() {
        use std::sync::atomic::AtomicBool;
        use std::task::Wake;

        #[derive(Default)]
        struct WakeFlag(AtomicBool);
        impl Wake for WakeFlag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let mut connections = Connections::new();
        let idle = connections.add(Phase::Idle, 0);
        let wake_flag = Arc::new(WakeFlag::default());
        idle.set_waker(&Waker::from(Arc::clone(&wake_flag)));
        assert_eq!(connections.registry.evict_idle(1, connections.at(1)), 1);
        assert!(wake_flag.0.load(Ordering::SeqCst));
    }
}

//! All counters of the process. Those of requests are split into shards, about one per worker.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::counter::Counter;
use super::countme::CountmeCounters;
use super::histogram::{Histogram, Totals};
use super::labels::{
    Label, Phase, PrivateClient, ReloadOutcome, ReloadTrigger, RequestKind, StatusClass,
};
use model::tier::Tier;

/// The counters that each request changes. The alignment keeps two shards from sharing a cache line, or
/// the pair of lines that processors fetch together.
#[derive(Default, Debug)]
#[repr(align(128))]
struct Shard {
    requests: [[Counter; RequestKind::ALL.len()]; 4],
    tiers: [Counter; Tier::ALL.len()],
    private_clients: [Counter; PrivateClient::ALL.len()],
    latency: Histogram,
    sent_bytes: Counter,
    answering: Counter,
}

/// All counters of the process.
#[derive(Debug)]
pub struct Metrics {
    shards: Box<[Shard]>,
    phases: [Counter; Phase::ALL.len()],
    overdue: [Counter; Phase::ALL.len()],
    evicted: [Counter; Phase::ALL.len()],
    reloads: [[Counter; ReloadTrigger::ALL.len()]; ReloadOutcome::ALL.len()],
    /// Requests with `countme=`, by repository.
    pub countme: CountmeCounters,
    /// Answers that panicked and became a 500.
    pub panics: Counter,
    /// Access-log lines that reached the file.
    pub log_lines_written: Counter,
    /// Access-log lines that were dropped: the queue was full, or the file could not be written.
    pub log_lines_dropped: Counter,
    /// Microseconds that reloads took, published or refused.
    pub reload_micros: Counter,
    /// Gauge: connections that are open now.
    pub connections_open: Counter,
    /// Gauge: how many there may be.
    pub connections_limit: Counter,
    /// Gauge: bytes held for clients that do not read.
    pub unsent_bytes: Counter,
    /// Gauge: how many there may be.
    pub unsent_limit: Counter,
    /// Connections accepted since the start.
    pub connections_accepted: Counter,
    /// Connections of trusted proxies that did not begin with a valid PROXY header.
    pub proxy_headers_refused: Counter,
    /// Connections of the admin listener that were evicted for new ones.
    pub admin_evicted: Counter,
    /// Failed calls of accept (out of file descriptors, aborted by the peer, …).
    pub accept_errors: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let n_shards = thread::available_parallelism().map_or(1, usize::from).min(64);
        Self {
            shards: (0..n_shards).map(|_| Shard::default()).collect(),
            phases: Default::default(),
            overdue: Default::default(),
            evicted: Default::default(),
            countme: CountmeCounters::default(),
            panics: Counter::default(),
            log_lines_written: Counter::default(),
            log_lines_dropped: Counter::default(),
            reloads: Default::default(),
            reload_micros: Counter::default(),
            connections_open: Counter::default(),
            connections_limit: Counter::default(),
            unsent_bytes: Counter::default(),
            unsent_limit: Counter::default(),
            connections_accepted: Counter::default(),
            proxy_headers_refused: Counter::default(),
            admin_evicted: Counter::default(),
            accept_errors: Counter::default(),
        }
    }
}

/// A request that is being answered.
pub struct AnswerTimer<'a> {
    shard: &'a Shard,
    start: Instant,
}

impl AnswerTimer<'_> {
    /// Records how the first mirror of the answer was found.
    pub fn found(&self, tier: Tier) {
        self.shard.tiers[tier as usize].increment();
    }

    /// Records that the client has a private address.
    pub fn private_client(&self, why: PrivateClient) {
        self.shard.private_clients[why as usize].increment();
    }

    /// Counts the request as answered and records its time.
    pub fn end(self, kind: RequestKind, status: StatusClass) {
        self.shard.requests[status as usize][kind as usize].increment();
        self.shard.latency.record(self.start.elapsed());
    }

    /// Counts the request as answered, without its time: it is not that of an answer.
    pub fn end_untimed(self, kind: RequestKind, status: StatusClass) {
        self.shard.requests[status as usize][kind as usize].increment();
    }
}

impl Drop for AnswerTimer<'_> {
    fn drop(&mut self) {
        self.shard.answering.decrement();
    }
}

impl Metrics {
    /// Counts a request whose header is complete; its time runs from here.
    pub fn begin_answer(&self) -> AnswerTimer<'_> {
        let shard = self.shard();
        shard.answering.increment();
        AnswerTimer { shard, start: Instant::now() }
    }

    /// Counts bytes that a socket has taken.
    pub fn count_sent(&self, n: u64) {
        self.shard().sent_bytes.add(n);
    }

    /// Moves a connection from one phase to another; `None` is before its start or after its end.
    pub fn change_phase(&self, from: Option<Phase>, to: Option<Phase>) {
        if let Some(from) = from {
            self.phases[from as usize].decrement();
        }
        if let Some(to) = to {
            self.phases[to as usize].increment();
        }
    }

    /// Counts a connection that was closed because it took too long.
    pub fn count_overdue(&self, phase: Phase) {
        self.overdue[phase as usize].increment();
    }

    /// Counts a connection that was closed to free its slot or memory.
    pub fn count_evicted(&self, phase: Phase) {
        self.evicted[phase as usize].increment();
    }

    /// Changes the unsent bytes of one client from `from` to `to`. Returns the total of all clients.
    pub fn change_unsent(&self, from: u64, to: u64) -> u64 {
        // Wrapping, so that one addition can also subtract.
        self.unsent_bytes.change_by(to.wrapping_sub(from))
    }

    /// Counts a reload.
    pub fn count_reload(&self, trigger: ReloadTrigger, outcome: ReloadOutcome) {
        self.reloads[outcome as usize][trigger as usize].increment();
    }

    /// Returns the number of reloads with this trigger and this outcome.
    pub fn reloads(&self, trigger: ReloadTrigger, outcome: ReloadOutcome) -> u64 {
        self.reloads[outcome as usize][trigger as usize].get()
    }

    /// Returns the number of requests of one kind with an answer of one class.
    pub fn requests(&self, kind: RequestKind, status: StatusClass) -> u64 {
        self.sum(|shard| &shard.requests[status as usize][kind as usize])
    }

    /// Returns the number of answered requests of one kind.
    pub fn requests_of(&self, kind: RequestKind) -> u64 {
        StatusClass::ALL.iter().map(|&status| self.requests(kind, status)).sum()
    }

    /// Returns the number of requests from private addresses, for one reason.
    pub fn private_clients(&self, why: PrivateClient) -> u64 {
        self.sum(|shard| &shard.private_clients[why as usize])
    }

    /// Returns the number of all answered requests.
    pub fn requests_total(&self) -> u64 {
        let counters = self.shards.iter().flat_map(|shard| shard.requests.iter().flatten());
        counters.map(Counter::get).sum()
    }

    /// Returns the number of answers whose first mirror was found in this tier.
    pub fn answers_by(&self, tier: Tier) -> u64 {
        self.sum(|shard| &shard.tiers[tier as usize])
    }

    /// Returns the bytes that sockets have taken.
    pub fn sent_bytes(&self) -> u64 {
        self.sum(|shard| &shard.sent_bytes)
    }

    /// Gauge: requests whose answer is being made, or waits for its client to take it.
    pub fn in_flight(&self) -> u64 {
        self.sum(|shard| &shard.answering) + self.connections_in(Phase::Write)
    }

    /// Gauge: open connections that are in this phase.
    pub fn connections_in(&self, phase: Phase) -> u64 {
        self.phases[phase as usize].get()
    }

    /// Connections that were closed because they were in this phase for too long.
    pub fn connections_overdue(&self, phase: Phase) -> u64 {
        self.overdue[phase as usize].get()
    }

    /// Connections that were evicted while they were in this phase.
    pub fn connections_evicted(&self, phase: Phase) -> u64 {
        self.evicted[phase as usize].get()
    }

    /// Returns the times that answers took to make.
    pub fn latency(&self) -> Totals {
        let mut totals = Totals::default();
        for shard in &self.shards {
            shard.latency.add_to(&mut totals);
        }
        totals
    }

    fn sum<'a>(&'a self, counter: impl Fn(&'a Shard) -> &'a Counter) -> u64 {
        self.shards.iter().map(|shard| counter(shard).get()).sum()
    }

    /// Returns the shard of this thread.
    fn shard(&self) -> &Shard {
        /// Threads are numbered in the order in which they first count something.
        static N_THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
        }
        let number = NUMBER.get().unwrap_or_else(|| {
            let number = N_THREADS.fetch_add(1, Ordering::Relaxed);
            NUMBER.set(Some(number));
            number
        });
        &self.shards[number % self.shards.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::LogLineOutcome;

    #[test]
    fn requests_are_counted_by_kind_and_class() {
        let metrics = Metrics::default();
        let count = |kind, status| metrics.begin_answer().end(kind, StatusClass::of(status));
        count(RequestKind::Metalink, 404);
        count(RequestKind::Metalink, 200);
        count(RequestKind::Other, 500);
        assert_eq!(metrics.requests(RequestKind::Metalink, StatusClass::ClientError), 1);
        assert_eq!(metrics.requests(RequestKind::Mirrorlist, StatusClass::ClientError), 0);
        assert_eq!(metrics.requests(RequestKind::Other, StatusClass::ServerError), 1);
        assert_eq!(metrics.requests_total(), 3);
        assert_eq!(metrics.latency().count(), 3);
    }

    #[test]
    fn no_count_is_lost_between_threads() {
        let metrics = Metrics::default();
        thread::scope(|scope| {
            for _ in 0..7 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let answering = metrics.begin_answer();
                        answering.found(Tier::Asn);
                        answering.end(RequestKind::Mirrorlist, StatusClass::Success);
                        metrics.count_sent(3);
                    }
                });
            }
        });
        assert_eq!(metrics.requests_total(), 7_000);
        assert_eq!(metrics.answers_by(Tier::Asn), 7_000);
        assert_eq!(metrics.sent_bytes(), 21_000);
        assert_eq!(metrics.latency().count(), 7_000);
        assert_eq!(metrics.in_flight(), 0);
    }

    #[test]
    fn labels_are_in_the_order_of_their_discriminants() {
        fn check<L: Label>(index: impl Fn(L) -> usize) {
            for (at, &label) in L::ALL.iter().enumerate() {
                assert_eq!(index(label), at, "{}", label.as_str());
            }
        }
        check(|kind: RequestKind| kind as usize);
        check(|status: StatusClass| status as usize);
        check(|tier: Tier| tier as usize);
        check(|phase: Phase| phase as usize);
        check(|trigger: ReloadTrigger| trigger as usize);
        check(|outcome: ReloadOutcome| outcome as usize);
        check(|why: PrivateClient| why as usize);
        check(|outcome: LogLineOutcome| outcome as usize);
    }
}

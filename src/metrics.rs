//! Counters: what happened, in plain atomics that cost an answer a few nanoseconds.
//!
//! Every label is an enum of this module, so nothing that a client sends can become one. Counters
//! only ever grow, except [`Metrics::connections_open`]. They are independent of each other: a
//! reader may see a request counted whose connection is not yet.
//!
//! It does not write any exposition format.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a request asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestKind {
    /// A text list.
    Mirrorlist,
    /// An XML metalink.
    Metalink,
    /// Anything that the router refused.
    Other,
}

/// First digit of the status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatusClass {
    /// 2xx.
    Success,
    /// 3xx.
    Redirect,
    /// 4xx.
    ClientError,
    /// 5xx.
    ServerError,
}

impl StatusClass {
    /// The class of a status code; codes that this server never sends count as server errors.
    pub fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            300..=399 => Self::Redirect,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

/// A number that many threads add to.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        // Relaxed: counters order nothing, they are only read for display.
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Takes one away again; for gauges.
    pub fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of the process.
#[derive(Default, Debug)]
pub struct Metrics {
    requests: [[Counter; 4]; 3],
    /// Answers that panicked and became a 500.
    pub panics: Counter,
    /// Access-log lines that reached the file.
    pub log_lines_written: Counter,
    /// Access-log lines that did not: the queue was full, or the file took none.
    pub log_lines_dropped: Counter,
    /// Reloads that published a snapshot.
    pub reloads_ok: Counter,
    /// Reloads that kept the old one.
    pub reloads_refused: Counter,
    /// Connections that are open now.
    pub connections_open: Counter,
    /// Connections accepted since the start.
    pub connections_accepted: Counter,
    /// Failed calls of accept (out of file descriptors, aborted by the peer, …).
    pub accept_errors: Counter,
}

impl Metrics {
    /// Counts one answered request.
    pub fn count_request(&self, kind: RequestKind, status: StatusClass) {
        self.requests[kind as usize][status as usize].increment();
    }

    /// How many requests of one kind got an answer of one class.
    pub fn requests(&self, kind: RequestKind, status: StatusClass) -> u64 {
        self.requests[kind as usize][status as usize].get()
    }

    /// All answered requests.
    pub fn requests_total(&self) -> u64 {
        self.requests.iter().flatten().map(Counter::get).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_kind_and_class() {
        let metrics = Metrics::default();
        metrics.count_request(RequestKind::Metalink, StatusClass::of(404));
        metrics.count_request(RequestKind::Metalink, StatusClass::of(200));
        metrics.count_request(RequestKind::Other, StatusClass::of(500));
        assert_eq!(metrics.requests(RequestKind::Metalink, StatusClass::ClientError), 1);
        assert_eq!(metrics.requests(RequestKind::Mirrorlist, StatusClass::ClientError), 0);
        assert_eq!(metrics.requests(RequestKind::Other, StatusClass::ServerError), 1);
        assert_eq!(metrics.requests_total(), 3);
    }
}

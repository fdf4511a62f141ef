//! Time limits of a connection: how long a header may take, how long a connection may be idle, and
//! how long a client may leave an answer unread, or go on sending after the last one.
//!
//! hyper has one time limit, for headers. It also runs while a connection is idle, is set up and removed
//! again for each request, and there is none for writing. So hyper's limit is off, and this module
//! replaces it. [`WatchedStream`] stands between hyper and the socket and records events in
//! [`ConnectionProgress`]. [`Watchdog`] checks them once after each poll of the connection, when it is
//! known in which [`Phase`] the connection waits for its client.
//!
//! There is one timer per connection, and it is reset lazily. A phase whose deadline is later than the
//! timer does not reset it; if the timer then fires too early, it is set to the remaining time. A busy
//! connection resets it once per idle limit, not once per request. Only a client that makes the server
//! wait in the middle of a request or answer sets it to an earlier time.
//!
//! It does not notice the beginning of a pipelined request that came in one piece with the one before.
//! Such a connection counts as idle until its next byte.

use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::eviction::{Activity, UnsentBudget};
use super::proxy_header::ProxyHeaderStream;
use super::socket::UNSENT_BYTES;
use crate::metrics::{Metrics, Phase};

/// How long a connection that was asked to end still lives. Its socket is polled again before this timer
/// fires: it may hold a request that the runtime has not seen yet, and a close would reset it.
const EVICTION_DELAY: Duration = Duration::from_millis(1);

/// hyper reads no further request while it holds this much of answers, apart from the last one.
const QUEUED_BYTES: u64 = 16 * 1024;

/// The time limits of a connection that waits for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its header; also from the beginning of a
    /// connection to its first byte.
    pub header: Duration,
    /// From an answer to the first byte of the next request.
    pub idle: Duration,
    /// From one byte of an answer that the client takes to the next.
    pub write: Duration,
    /// From the last answer to the end of what the client still sends (see [`super::linger`]).
    pub linger: Duration,
}

/// The events on a connection.
///
/// Only the task of the connection uses this. The fields are atomics because the task may move from one
/// thread to another; they cost as much as plain fields.
#[derive(Default)]
pub struct ConnectionProgress {
    /// Whether bytes have come since the end of the last header.
    in_header: AtomicBool,
    /// The number of headers that have ended.
    n_headers: AtomicU64,
    /// Whether the socket accepts no more bytes.
    is_blocked: AtomicBool,
    /// Bytes that the socket has taken.
    written: AtomicU64,
    /// The maximum memory of the last answer, and of the one that is being written before it. Any other
    /// answers in hyper's buffer are small, [`QUEUED_BYTES`] together.
    answers: [AtomicU64; 2],
    /// Whether there was an answer in this turn of the connection's task.
    has_answered: AtomicBool,
    /// Whether the client is sending a body that is not read.
    has_body: AtomicBool,
    /// Whether everything is answered, and the client may still be sending.
    is_lingering: AtomicBool,
    /// Whether the bytes that the socket still holds must not be sent any more.
    resets_at_end: AtomicBool,
}

impl ConnectionProgress {
    /// Records the end of a header. To be called for each request.
    pub fn end_header(&self) {
        self.in_header.store(false, Ordering::Relaxed);
        self.n_headers.store(self.n_headers.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Records an answer and the maximum memory that it takes. To be called for each answer.
    pub fn hold(&self, n_bytes: u64) {
        let [last, before] = &self.answers;
        let was_last = last.load(Ordering::Relaxed);
        // While the socket is full, the answer that is being written stays.
        let written = match self.is_blocked() {
            true => was_last.max(before.load(Ordering::Relaxed)),
            false => was_last,
        };
        before.store(written, Ordering::Relaxed);
        last.store(n_bytes, Ordering::Relaxed);
    }

    /// Returns the bytes held for a client that does not read, including the kernel's part.
    fn held(&self) -> u64 {
        let answers = self.answers.iter().map(|answer| answer.load(Ordering::Relaxed));
        answers.sum::<u64>() + QUEUED_BYTES + u64::from(UNSENT_BYTES)
    }

    /// Records that a turn of the connection's task begins.
    pub fn begin_turn(&self) {
        self.has_answered.store(false, Ordering::Relaxed);
    }

    /// Returns whether there was an answer in this turn.
    pub fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// Records that an answer was handed to hyper. To be called for each answer.
    pub fn end_answer(&self) {
        self.has_answered.store(true, Ordering::Relaxed);
    }

    /// Returns whether the socket accepts no more bytes.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked.load(Ordering::Relaxed)
    }

    /// Records a request whose body is not read.
    pub fn expect_body(&self) {
        self.has_body.store(true, Ordering::Relaxed);
    }

    /// Returns whether the client is known to be in the middle of sending: a body that is not read, or a
    /// header that was refused before its end.
    pub(super) fn is_mid_request(&self) -> bool {
        self.has_body.load(Ordering::Relaxed) || self.in_header.load(Ordering::Relaxed)
    }

    /// Records that the connection now only waits for the end of the client's input.
    pub(super) fn begin_linger(&self) {
        self.is_lingering.store(true, Ordering::Relaxed);
    }

    /// Makes the end of the connection a reset. Otherwise the kernel would keep the rest of an answer,
    /// with its memory, for a client that does not read.
    fn reset_at_end(&self) {
        self.resets_at_end.store(true, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        if self.is_lingering.load(Ordering::Relaxed) {
            Phase::Linger
        } else if self.is_blocked.load(Ordering::Relaxed) {
            Phase::Write
        } else if self.in_header.load(Ordering::Relaxed) {
            Phase::Header
        } else if self.n_headers.load(Ordering::Relaxed) == 0 {
            Phase::New
        } else {
            Phase::Idle
        }
    }
}

/// A socket that records its progress.
pub struct WatchedStream<'a> {
    stream: ProxyHeaderStream<'a>,
    progress: &'a ConnectionProgress,
}

impl<'a> WatchedStream<'a> {
    /// Watches `stream`.
    pub fn new(stream: ProxyHeaderStream<'a>, progress: &'a ConnectionProgress) -> Self {
        Self { stream, progress }
    }

    fn note(&self, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let progress = self.progress;
        progress.is_blocked.store(write.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Ok(n)) = write {
            let written = progress.written.load(Ordering::Relaxed) + n as u64;
            progress.written.store(written, Ordering::Relaxed);
        }
        write
    }
}

impl AsyncRead for WatchedStream<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n_before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > n_before {
            self.progress.in_header.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for WatchedStream<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note(write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for WatchedStream<'_> {
    fn drop(&mut self) {
        if self.progress.resets_at_end.load(Ordering::Relaxed) {
            self.stream.stream().reset_at_end();
        }
    }
}

/// Enforces the time limits and the eviction of one connection.
pub struct Watchdog<'a> {
    progress: &'a ConnectionProgress,
    rules: Rules<'a>,
    /// The phase: what the connection waits for.
    phase: Phase,
    /// When the phase began, or last made progress.
    since: Instant,
    /// The value of `progress` at the last check.
    n_headers: u64,
    written: u64,
    /// The bytes that are counted as unsent for this connection.
    unsent: u64,
    /// When the connection ends if nothing happens before, after it was asked to end.
    evict_at: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// The waker registered with the timer. A task has only one, so it is registered once.
    waker: Option<Waker>,
}

/// The limits that a watchdog enforces, and the places where it reports.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// How long the connection may wait for its client.
    pub timeouts: Timeouts,
    /// The limit of bytes held for all clients together.
    pub budget: &'a UnsentBudget,
    /// The activity that the accept loop uses to choose connections for eviction.
    pub activity: &'a Activity,
    /// The counters.
    pub metrics: &'a Metrics,
}

/// The reason why a connection must end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// The connection was in this phase for too long.
    Overdue(Phase),
    /// The connection's slot or memory is needed; it was in this phase.
    Evicted(Phase),
}

impl<'a> Watchdog<'a> {
    /// Creates the watchdog of a connection that begins now.
    pub fn new(progress: &'a ConnectionProgress, rules: Rules<'a>) -> Self {
        let now = Instant::now();
        rules.metrics.change_phase(None, Some(Phase::New));
        Self {
            progress,
            rules,
            phase: Phase::New,
            since: now,
            n_headers: 0,
            written: 0,
            unsent: 0,
            evict_at: None,
            timer: Box::pin(sleep_until(now + rules.timeouts.header)),
            waker: None,
        }
    }

    /// Ready when the connection was in a phase for too long, or must be evicted. To be called after
    /// every poll of the connection, with the same waker.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let now = Instant::now();
        self.update_phase(now);
        if !self.count_unsent() {
            return Poll::Ready(self.evict());
        }
        let is_known = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if !is_known {
            self.rules.activity.set_waker(cx.waker());
        }
        let evict_at = match self.rules.activity.must_end() {
            true => Some(self.evict_at.unwrap_or(now + EVICTION_DELAY)),
            false => None,
        };
        // The timer fires only after the runtime has polled the sockets.
        if evict_at.is_some()
            && evict_at == self.evict_at
            && evict_at == Some(self.timer.deadline())
            && self.timer.is_elapsed()
        {
            return Poll::Ready(self.evict());
        }
        self.evict_at = evict_at;
        let deadline = self.since + self.limit();
        if deadline <= now {
            self.give_up();
            self.rules.metrics.count_overdue(self.phase);
            return Poll::Ready(CloseReason::Overdue(self.phase));
        }
        let deadline = evict_at.map_or(deadline, |evict_at| deadline.min(evict_at));
        let set_for = self.timer.deadline();
        let is_wrong = deadline < set_for || set_for <= now;
        if is_wrong {
            self.timer.as_mut().reset(deadline);
        }
        if is_wrong || !is_known {
            self.waker = Some(cx.waker().clone());
            // Unconstrained, because a task that has used up its budget would get `Pending`, and the
            // timer would not register the waker.
            if pin!(unconstrained(self.timer.as_mut())).poll(cx).is_ready() {
                // It fired in between: check again.
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    fn evict(&self) -> CloseReason {
        self.give_up();
        self.rules.metrics.count_evicted(self.phase);
        CloseReason::Evicted(self.phase)
    }

    fn give_up(&self) {
        if self.phase == Phase::Write {
            self.progress.reset_at_end();
        }
    }

    /// Finds the phase, and records when it began or last made progress.
    fn update_phase(&mut self, now: Instant) {
        let phase = self.progress.phase();
        let n_headers = self.progress.n_headers.load(Ordering::Relaxed);
        let written = self.progress.written.load(Ordering::Relaxed);
        let has_moved = match phase {
            Phase::Write => written != self.written,
            Phase::New | Phase::Header | Phase::Idle => n_headers != self.n_headers,
            Phase::Linger => false,
        };
        if phase != self.phase {
            self.rules.metrics.change_phase(Some(self.phase), Some(phase));
            (self.phase, self.since) = (phase, now);
            self.rules.activity.set(phase, now);
        } else if has_moved {
            self.since = now;
            self.rules.activity.set(phase, now);
        }
        self.count_sent(written);
        self.n_headers = n_headers;
    }

    fn count_sent(&mut self, written: u64) {
        if written != self.written {
            self.rules.metrics.count_sent(written - self.written);
            self.written = written;
        }
    }

    /// Counts the bytes that are held while the client does not read. Returns false if the budget is
    /// exceeded.
    fn count_unsent(&mut self) -> bool {
        let held = match self.phase {
            Phase::Write => self.progress.held(),
            Phase::New | Phase::Header | Phase::Idle | Phase::Linger => 0,
        };
        if held == self.unsent {
            return true;
        }
        let has_grown = held > self.unsent;
        let total = self.rules.metrics.change_unsent(self.unsent, held);
        self.unsent = held;
        self.rules.activity.set_unsent(held);
        !has_grown || self.rules.budget.allows(total)
    }

    fn limit(&self) -> Duration {
        match self.phase {
            Phase::New | Phase::Header => self.rules.timeouts.header,
            Phase::Idle => self.rules.timeouts.idle,
            Phase::Write => self.rules.timeouts.write,
            Phase::Linger => self.rules.timeouts.linger,
        }
    }
}

impl Drop for Watchdog<'_> {
    fn drop(&mut self) {
        // The connection may have written more in its last poll.
        self.count_sent(self.progress.written.load(Ordering::Relaxed));
        self.rules.metrics.change_unsent(self.unsent, 0);
        self.rules.metrics.change_phase(Some(self.phase), None);
    }
}

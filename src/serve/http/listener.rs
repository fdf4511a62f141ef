//! The public listeners and the loop that accepts from them.
//!
//! The loop ends only when the server drains. After an error of `accept` it waits and retries. Some
//! errors concern one connection that its peer has already closed (ECONNABORTED, EPROTO), others the
//! process or the host (EMFILE, ENFILE, ENOBUFS, ENOMEM). A level-triggered socket stays ready, so a
//! retry without a wait would spin. The wait doubles up to `MAX_BACKOFF` and is reset by the first
//! connection that succeeds.
//!
//! A semaphore limits the number of connections. Near the limit, those that have been idle longest are
//! closed ([`super::eviction`]). If all are in the middle of a request, one accepted connection waits
//! for a permit, and further ones wait in the kernel's backlog instead of being refused. The drain knows
//! that the last connection has ended when all permits are free again. One loop serves all listeners in
//! turn, because each loop would hold a connection while it waits.

use std::future::poll_fn;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::runtime::EnterGuard;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;

use super::accepting::Accepting;
use super::connection;
use super::connection_origin::ConnectionOrigin;
use super::context::Context;
use super::eviction::{Activity, ConnectionRegistry};
use super::socket::{ListeningSocket, Stream};
use super::workers::Workers;
use crate::http::client_address::AddressSource;
use runtime::rate_limiter::{LOG_INTERVAL, RateLimiter};

/// The first wait after a failed `accept`.
const MIN_BACKOFF: Duration = Duration::from_millis(1);
/// The longest wait after a failed `accept`. Some 60 failing calls a second cost nothing, and a series
/// of 50 errors is over within a second: measured with
/// `strace -e inject=accept4:error=EMFILE:when=1..50`, the first answer came after 0.8 s, and after 10.8
/// s with waits of up to 250 ms.
const MAX_BACKOFF: Duration = Duration::from_millis(15);
/// Files that the process always needs: logs, data being reloaded, epoll, signals.
const BASE_FILES: usize = 64;
/// Files that the runtime of a thread needs: epoll, its wake-up, and a share in the signals.
const FILES_PER_WORKER: usize = 3;

/// After so many connections the thread that accepts turns to answers: one for each connection that it
/// serves, as its next turn comes when each of those had one, and within these bounds. The upper one takes
/// about a millisecond; it is also how many tokio lets a task accept before others have a turn.
const ACCEPTS_IN_A_ROW: RangeInclusive<usize> = 8..=128;
/// Interval between searches for an idle connection while all connections are busy.
const EVICTION_INTERVAL: Duration = Duration::from_millis(20);

/// A listener and the rules for its connections.
pub struct PublicListener {
    /// The socket.
    pub listener: ListeningSocket,
    /// Where the addresses of clients are found.
    pub source: AddressSource,
}

/// The parts of the process that need open files besides public connections.
#[derive(Clone, Copy, Debug)]
pub struct OtherFiles {
    /// Threads that answer.
    pub n_workers: usize,
    /// Public listeners.
    pub n_listeners: usize,
    /// Connections and listeners of the operator, at most.
    pub n_admin: usize,
}

impl OtherFiles {
    fn n_files(self) -> u64 {
        let workers = self.n_workers.max(1).saturating_mul(FILES_PER_WORKER);
        let files = BASE_FILES.saturating_add(workers).saturating_add(self.n_listeners);
        files.saturating_add(self.n_admin) as u64
    }
}

/// Raises the soft limit of open files as far as `max_connections` needs it, and returns how many
/// connections fit.
pub fn connections_within_file_limit(max_connections: usize, other_files: OtherFiles) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let reserved = other_files.n_files();
    let wanted = (max_connections as u64).saturating_add(reserved);
    let limit = getrlimit(Resource::Nofile);
    let mut soft = limit.current.unwrap_or(u64::MAX);
    if soft < wanted {
        // systemd's default is 1,024 with a hard limit of 524,288: meant to be raised by programs
        // that do not use select(2), and this one does not.
        let raised = wanted.min(limit.maximum.unwrap_or(u64::MAX));
        if raised > soft
            && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok()
        {
            soft = raised;
        }
    }
    fit(max_connections, soft, reserved)
}

/// Returns `max_connections`, or what `files` leaves after the reserve, but at least half of `files`.
fn fit(max_connections: usize, files: u64, reserved: u64) -> usize {
    let n_free = files.saturating_sub(reserved).max(files / 2).max(1);
    max_connections.min(usize::try_from(n_free).unwrap_or(usize::MAX))
}

/// The accept loop and the limit of its connections.
pub struct AcceptLoop {
    context: Arc<Context>,
    permits: Arc<Semaphore>,
    n_permits: u32,
    workers: Workers,
    limit_warnings: RateLimiter,
    slow_reader_warnings: RateLimiter,
}

impl AcceptLoop {
    /// A server for at most `context.options.max_connections` connections, on these threads.
    pub fn new(context: Arc<Context>, workers: Workers) -> Self {
        let n_permits = u32::try_from(context.options.max_connections.min(Semaphore::MAX_PERMITS))
            .unwrap_or(u32::MAX)
            .max(1);
        let permits = Arc::new(Semaphore::new(n_permits as usize));
        context.metrics.connections_limit.add(n_permits.into());
        context.metrics.unsent_limit.add(context.options.unsent_bytes);
        let limiter = || RateLimiter::new(LOG_INTERVAL);
        let (limit_warnings, slow_reader_warnings) = (limiter(), limiter());
        Self { context, permits, n_permits, workers, limit_warnings, slow_reader_warnings }
    }

    /// Enters the runtime of the thread that accepts. Listeners that are made meanwhile belong to it.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.workers.accepting().enter()
    }

    /// Starts to accept connections, which are served by the workers.
    pub fn start(self, listeners: Vec<PublicListener>) -> Accepting {
        let (permits, n_permits) = (Arc::clone(&self.permits), self.n_permits);
        let runtime = self.workers.accepting().clone();
        let task = runtime.spawn(async move { self.run(listeners).await });
        Accepting::new(task, permits, n_permits)
    }

    /// Accepts and serves connections until the drain begins. Then it accepts the connections that are
    /// already in the kernel's backlog (their requests may be on the way; closing the socket would reset
    /// them), and closes the sockets.
    ///
    /// A socket that was handed to this process stays open elsewhere. Connections in its backlog are
    /// left to the next process, which has more time than this one.
    async fn run(&self, listeners: Vec<PublicListener>) {
        let mut registry = ConnectionRegistry::new(now());
        let mut waiting = None;
        tokio::select! {
            biased;
            () = self.context.drain.begun() => {}
            () = self.accept_until_cancelled(&listeners, &mut registry, &mut waiting) => {}
        }
        for mut public in listeners {
            if !public.listener.is_inherited() {
                public.listener.remove_file();
                self.empty_backlog(&public, &mut registry).await;
            }
        }
        if let Some((stream, origin)) = waiting
            && let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await
        {
            self.serve(stream, origin, permit, registry.add(now()));
        }
    }

    /// Accepts until cancelled. `waiting` holds the connection that was accepted and has no permit yet.
    async fn accept_until_cancelled(
        &self,
        listeners: &[PublicListener],
        registry: &mut ConnectionRegistry,
        waiting: &mut Option<(Stream, ConnectionOrigin)>,
    ) {
        let mut backoff = AcceptBackoff::new();
        let mut first = 0;
        let mut row = self.row();
        loop {
            let accepted = tokio::select! {
                accepted = accept_any(listeners, &mut first) => accepted,
                () = self.context.unsent.exceeded() => {
                    self.evict_readers(registry);
                    continue;
                }
            };
            match accepted {
                Ok(accepted) => {
                    backoff.reset();
                    *waiting = Some(accepted);
                    let Some(permit) = self.wait_for_permit(registry).await else {
                        return;
                    };
                    if let Some((stream, origin)) = waiting.take() {
                        self.serve(stream, origin, permit, registry.add(now()));
                    }
                    if self.keep_reserve(registry) {
                        // They end in their own turn.
                        row = 0;
                    }
                    self.take_turns(&mut row).await;
                }
                Err(error) => {
                    self.context.metrics.accept_errors.increment();
                    tokio::time::sleep(backoff.next_delay(&error, Instant::now())).await;
                }
            }
        }
    }

    /// Returns a permit for an accepted connection; evicts an idle connection if there is none.
    async fn wait_for_permit(
        &self,
        registry: &mut ConnectionRegistry,
    ) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return Some(permit);
            }
            let n_evicted = registry.evict_idle(1, now());
            self.warn_of_limit(n_evicted);
            tokio::select! {
                permit = Arc::clone(&self.permits).acquire_owned() => return permit.ok(),
                () = self.context.unsent.exceeded() => self.evict_readers(registry),
                () = tokio::time::sleep(EVICTION_INTERVAL) => {}
            }
        }
    }

    /// Keeps up to a sixteenth of the permits free, so that a new connection rarely waits for one.
    /// Connections are evicted in batches, because each search reads the activity of all of them. Returns
    /// whether there was one to evict.
    fn keep_reserve(&self, registry: &mut ConnectionRegistry) -> bool {
        let reserve = self.n_permits as usize / 16;
        let n_free = self.permits.available_permits();
        if n_free >= reserve / 2 {
            return false;
        }
        let n_evicted = registry.evict_idle(reserve - n_free, now());
        self.warn_of_limit(n_evicted);
        n_evicted > 0
    }

    fn evict_readers(&self, registry: &mut ConnectionRegistry) {
        let total = self.context.metrics.unsent_bytes.get();
        let excess = self.context.unsent.excess(total);
        // Enough was freed meanwhile.
        if excess == 0 {
            return;
        }
        registry.evict_readers(excess);
        if self.slow_reader_warnings.take(Instant::now()) {
            tracing::warn!(
                "{total} bytes wait for clients that do not read: the slowest are closed \
                 (limits.unsent_bytes)"
            );
        }
    }

    fn warn_of_limit(&self, n_evicted: usize) {
        if self.limit_warnings.take(Instant::now()) {
            let what = match n_evicted {
                0 => "all are in use, and further ones wait",
                _ => "those that have been idle longest are closed",
            };
            let limit = self.n_permits;
            tracing::warn!(
                "the limit of {limit} connections is near: {what} (limits.max_connections)"
            );
        }
    }

    async fn empty_backlog(&self, public: &PublicListener, registry: &mut ConnectionRegistry) {
        // At most one accept for each permit that is free now, so that a flood of new connections cannot
        // delay the drain.
        let mut row = self.row();
        for _ in 0..self.permits.available_permits() {
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { return };
            let Ok(Some((stream, peer))) = public.listener.accept_waiting() else { return };
            let origin = ConnectionOrigin::new(peer, public.source);
            self.serve(stream, origin, permit, registry.add(now()));
            self.take_turns(&mut row).await;
        }
    }

    /// How many connections the next row has.
    fn row(&self) -> usize {
        self.workers.n_with_accepting().clamp(*ACCEPTS_IN_A_ROW.start(), *ACCEPTS_IN_A_ROW.end())
    }

    /// Takes an accepted connection off a row, and lets the thread answer at its end.
    async fn take_turns(&self, row: &mut usize) {
        *row = row.saturating_sub(1);
        if *row == 0 {
            yield_now().await;
            *row = self.row();
        }
    }

    fn serve(
        &self,
        stream: Stream,
        origin: ConnectionOrigin,
        permit: OwnedSemaphorePermit,
        activity: Arc<Activity>,
    ) {
        self.context.metrics.connections_accepted.increment();
        let Some(slot) = self.workers.take_slot() else { return };
        // A socket belongs to the runtime that polls it. To detach it from this one fails only if the
        // system is out of resources, and then closes only this connection.
        let stream = if slot.accepts() { Ok(stream.keep()) } else { stream.detach() };
        let Ok(stream) = stream else { return };
        let context = Arc::clone(&self.context);
        // `Accepting::drained` waits for it through the permit.
        slot.runtime().clone().spawn(async move {
            let open = OpenConnection::new(&context);
            if let Ok(stream) = stream.attach() {
                connection::serve(&context, stream, &origin, &activity).await;
            }
            drop(slot);
            // Before the permit, so that the count never exceeds the limit.
            drop(open);
            drop(permit);
        });
    }
}

/// Returns the next connection of any listener. `first` is the listener that is polled first; it
/// advances, so that no listener waits forever behind one that always has a connection or an error.
async fn accept_any(
    listeners: &[PublicListener],
    first: &mut usize,
) -> io::Result<(Stream, ConnectionOrigin)> {
    poll_fn(|cx| {
        let turns = listeners.iter().enumerate().cycle().skip(*first).take(listeners.len());
        for (index, public) in turns {
            if let Poll::Ready(accepted) = public.listener.poll_accept(cx) {
                *first = index + 1;
                let accepted = accepted
                    .map(|(stream, peer)| (stream, ConnectionOrigin::new(peer, public.source)));
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Returns the present time of the clock that timers and activities use.
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Counts an open connection while it lives, even if its task panics.
struct OpenConnection<'a>(&'a Context);

impl<'a> OpenConnection<'a> {
    fn new(context: &'a Context) -> Self {
        context.metrics.connections_open.increment();
        Self(context)
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.metrics.connections_open.decrement();
    }
}

/// Consecutive failures of `accept`.
struct AcceptBackoff {
    n_errors: u32,
    was_logged: bool,
    limiter: RateLimiter,
}

impl AcceptBackoff {
    fn new() -> Self {
        Self { n_errors: 0, was_logged: false, limiter: RateLimiter::new(LOG_INTERVAL) }
    }

    /// Returns how long to wait before the next try. Logs the first error of a series, but at most one a
    /// minute: if files are short, errors and successes alternate.
    fn next_delay(&mut self, error: &io::Error, now: Instant) -> Duration {
        let delay = MIN_BACKOFF.saturating_mul(1 << self.n_errors.min(8)).min(MAX_BACKOFF);
        self.n_errors = self.n_errors.saturating_add(1);
        // A client that gives up early does not concern the operator, and must not be able to fill the
        // log.
        if !self.was_logged && !concerns_one_client(error) && self.limiter.take(now) {
            self.was_logged = true;
            tracing::warn!("cannot accept connections: {error}; trying on");
        }
        delay
    }

    /// A connection was accepted.
    fn reset(&mut self) {
        if self.was_logged {
            tracing::info!("accepting connections again after {} errors", self.n_errors);
        }
        (self.n_errors, self.was_logged) = (0, false);
    }
}

fn concerns_one_client(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ECONNABORTED | libc::ECONNRESET | libc::EPROTO | libc::EINTR | libc::EPERM)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit_and_start_anew_after_success() {
        let error = io::Error::from_raw_os_error(libc::EMFILE);
        let now = Instant::now();
        let mut backoff = AcceptBackoff::new();
        let delays: Vec<_> = (0..2_000).map(|_| backoff.next_delay(&error, now)).collect();
        assert_eq!(delays[..3], [1, 2, 4].map(Duration::from_millis));
        assert!(delays.iter().all(|&delay| delay <= MAX_BACKOFF));
        assert_eq!(delays.last(), Some(&MAX_BACKOFF));
        backoff.reset();
        assert_eq!(backoff.next_delay(&error, now), MIN_BACKOFF);
    }

    #[test]
    fn errors_that_alternate_with_successes_are_logged_once_a_minute() {
        let error = io::Error::from_raw_os_error(libc::EMFILE);
        let start = Instant::now();
        let mut backoff = AcceptBackoff::new();
        let mut n_logged = 0;
        // For 100 seconds, ten errors per second.
        for tenth in 0..1_000 {
            backoff.next_delay(&error, start + Duration::from_millis(100) * tenth);
            n_logged += u32::from(backoff.was_logged);
            backoff.reset();
        }
        assert_eq!(n_logged, 2);
    }

    #[test]
    fn connections_leave_room_for_other_files() {
        assert_eq!(fit(10_000, 524_288, 64), 10_000);
        assert_eq!(fit(10_000, 1_024, 64), 960);
        assert_eq!(fit(10_000, 1_024, 300), 724);
        assert_eq!(fit(10_000, 64, 64), 32);
        assert_eq!(fit(10_000, 0, 64), 1);
        assert_eq!(fit(100, 1_024, 64), 100);
    }

    #[test]
    fn everything_that_takes_files_is_reckoned_with() {
        let n_files = |n_workers, n_listeners, n_admin| {
            OtherFiles { n_workers, n_listeners, n_admin }.n_files()
        };
        assert_eq!(n_files(1, 1, 0), 68);
        assert_eq!(n_files(64, 3, 65), 64 + 192 + 3 + 65);
        assert_eq!(n_files(0, 0, 0), 67);
    }
}

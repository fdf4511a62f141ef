//! The listening socket and the loop that accepts from it.
//!
//! The loop ends only when the server drains. An error of `accept` is waited out: some belong to
//! one connection that its peer has already given up (ECONNABORTED, EPROTO), some to the process or
//! the host (EMFILE, ENFILE, ENOBUFS, ENOMEM), and since a level-triggered socket stays ready, going
//! on at once would spin. The wait doubles up to `LONGEST_WAIT` and starts anew with the first
//! connection that succeeds.
//!
//! The number of connections is bounded by a semaphore that is taken before `accept`, so clients
//! beyond the limit wait in the kernel's backlog instead of being refused. All permits being free
//! again is also how the drain knows that the last connection has ended.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::workers::Workers;
use super::{Context, connection};

/// Connections that may wait for `accept`; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// What the kernel takes of an answer before the client has taken what was sent. Several usual
/// answers: those are still handed over in one piece. Without it, a client that pipelines requests
/// and reads no answer would fill 4 MB of kernel memory; and one that reads slowly would show
/// progress only after each third of that, and be cut for making none.
const UNSENT_BYTES: u32 = 128 * 1024;
/// The first wait after a failed `accept`.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// The longest one. Some 60 failing calls a second cost nothing, and a hiccup of 50 errors in a row
/// is over within a second: measured with `strace -e inject=accept4:error=EMFILE:when=1..50`, the
/// first answer came after 0.8 s, and after 10.8 s with waits of up to 250 ms.
const LONGEST_WAIT: Duration = Duration::from_millis(15);
/// Files that the process needs beside connections: log, data being reloaded, epoll, signals.
const RESERVED_FILES: u64 = 64;

/// Binds and listens; port 0 takes any free port. Needs a tokio runtime around it.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the TIME_WAIT of the connections before it.
    socket.set_reuse_address(true)?;
    if address.ip() == IpAddr::from([0_u16; 8]) {
        // `::` means everything, IPv4 too, whatever net.ipv6.bindv6only says.
        socket.set_only_v6(false)?;
    }
    // Accepted sockets inherit it on Linux: one system call for all of them. An answer leaves in
    // one write, and its last segment must not wait for the acknowledgement of the one before.
    socket.set_tcp_nodelay(true)?;
    // Inherited as well.
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Raises the soft limit of open files as far as `max_connections` needs it, and says how many
/// connections fit.
pub fn connections_within_file_limit(max_connections: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let wanted = (max_connections as u64).saturating_add(RESERVED_FILES);
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
    fit(max_connections, soft)
}

/// `max_connections`, or what `files` leaves after the reserve, but never less than half of it.
fn fit(max_connections: usize, files: u64) -> usize {
    let room = files.saturating_sub(RESERVED_FILES).max(files / 2).max(1);
    max_connections.min(usize::try_from(room).unwrap_or(usize::MAX))
}

/// The accept loop and what it counts its connections with.
pub struct Server {
    context: Arc<Context>,
    permits: Arc<Semaphore>,
    n_permits: u32,
    workers: Workers,
}

impl Server {
    /// A server for at most `context.options.max_connections` connections, on these threads.
    pub fn new(context: Arc<Context>, workers: Workers) -> Self {
        let n_permits = u32::try_from(context.options.max_connections.min(Semaphore::MAX_PERMITS))
            .unwrap_or(u32::MAX)
            .max(1);
        let permits = Arc::new(Semaphore::new(n_permits as usize));
        Self { context, permits, n_permits, workers }
    }

    /// Accepts and serves until the drain begins, then takes what the kernel has already accepted
    /// on our behalf (their requests may be on the way; closing the socket would reset them),
    /// closes the socket, and returns when the last connection has ended.
    pub async fn run(&self, listener: TcpListener) {
        tokio::select! {
            biased;
            () = self.context.drain.begun() => {}
            () = self.accept_for_ever(&listener) => {}
        }
        self.empty_backlog(&listener).await;
        drop(listener);
        // Nobody closes the semaphore and nobody else takes permits any more.
        drop(self.permits.acquire_many(self.n_permits).await);
    }

    async fn accept_for_ever(&self, listener: &TcpListener) {
        let mut trouble = Trouble::default();
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    trouble.end();
                    self.serve(stream, peer, permit);
                }
                Err(error) => {
                    self.context.metrics.accept_errors.increment();
                    tokio::time::sleep(trouble.next_wait(&error)).await;
                }
            }
        }
    }

    async fn empty_backlog(&self, listener: &TcpListener) {
        // One look for each free permit: a flood of new connections cannot hold the drain.
        while let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            let Some(Ok((stream, peer))) = now_or_never(listener.accept()).await else {
                return;
            };
            self.serve(stream, peer, permit);
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        self.context.metrics.connections_accepted.increment();
        // A socket belongs to the runtime that polls it: it leaves this one. That fails only where
        // the system is out of everything, and costs this one connection.
        let (Some(place), Ok(stream)) = (self.workers.take_place(), stream.into_std()) else {
            return;
        };
        let context = Arc::clone(&self.context);
        // The task's owner is `run`, which awaits it through the permit.
        place.runtime().clone().spawn(async move {
            let _open = OpenConnection::new(&context);
            if let Ok(stream) = TcpStream::from_std(stream) {
                connection::serve(&context, stream, peer).await;
            }
            drop(place);
            drop(permit);
        });
    }
}

/// Polls a future once.
async fn now_or_never<F: Future>(future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}

/// Counts an open connection for as long as it lives, also through a panic.
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
#[derive(Default)]
struct Trouble {
    n_errors: u32,
    was_logged: bool,
}

impl Trouble {
    /// How long to wait before the next try. Logs the first error of an episode.
    fn next_wait(&mut self, error: &io::Error) -> Duration {
        let wait = SHORTEST_WAIT.saturating_mul(1 << self.n_errors.min(8)).min(LONGEST_WAIT);
        self.n_errors = self.n_errors.saturating_add(1);
        // A client that gives up early is none of the operator's business, and must not be able to
        // fill the log.
        if !self.was_logged && !concerns_one_client(error) {
            self.was_logged = true;
            tracing::warn!("cannot accept connections: {error}; trying on");
        }
        wait
    }

    /// A connection was accepted.
    fn end(&mut self) {
        if self.was_logged {
            tracing::info!("accepting connections again after {} errors", self.n_errors);
        }
        *self = Self::default();
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
    fn waits_grow_to_a_limit_and_start_anew_after_success() {
        let error = io::Error::from_raw_os_error(libc::EMFILE);
        let mut trouble = Trouble::default();
        let waits: Vec<_> = (0..2_000).map(|_| trouble.next_wait(&error)).collect();
        assert_eq!(waits[..3], [1, 2, 4].map(Duration::from_millis));
        assert!(waits.iter().all(|&wait| wait <= LONGEST_WAIT));
        assert_eq!(waits.last(), Some(&LONGEST_WAIT));
        trouble.end();
        assert_eq!(trouble.next_wait(&error), SHORTEST_WAIT);
    }

    #[test]
    fn connections_leave_room_for_other_files() {
        assert_eq!(fit(10_000, 524_288), 10_000);
        assert_eq!(fit(10_000, 1_024), 960);
        assert_eq!(fit(10_000, 64), 32);
        assert_eq!(fit(10_000, 0), 1);
        assert_eq!(fit(100, 1_024), 100);
    }
}

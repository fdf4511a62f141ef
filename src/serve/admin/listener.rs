//! The connections of the admin listener.
//!
//! Its clients are the operator's own, but anyone who can connect may send nothing, or stop reading. So
//! it has the time limits of the public listener ([`crate::http::watchdog`]), and a new connection never
//! waits for an old one (`slots`). A request that waits for something to happen (`waits`) is not idle, so
//! the limits do not end it, as long as its client takes what it is sent. `/healthz` is answered however many connections are open, and however
//! many pages are being made ([`crate::pages::page_threads`]).

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::dispatch::{Connection, Dispatcher};
use super::options::Options;
use super::part::{LONG_BODIES, Via};
use super::route_lookup::AdminRoute;
use super::slots::{ConnectionSlot, ConnectionSlots, Taken};
use super::state::AdminState;
use super::waits::{MAX_POLLS, MAX_STREAMS, Waits};
use crate::http::eviction::{Activity, UnsentBudget};
use crate::http::proxy_header::{ConnectionStart, ProxyHeaderState, ProxyHeaderStream};
use crate::http::socket::{ListeningSocket, Stream};
use crate::http::watchdog::{ConnectionProgress, Rules, Timeouts, Watchdog, WatchedStream};
use crate::metrics::Metrics;
use crate::pages::page_threads::PageThreads;

/// Idle limit between two requests: longer than the usual interval between two scrapes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// Header fields of a request. Those of scrapers and browsers are ten to twenty.
const MAX_HEADERS: usize = 64;
/// A longer header block is answered with 431. It also limits the read buffer of a connection.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// After a failed accept.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// What all connections share.
struct Shared {
    dispatcher: Dispatcher,
    slots: ConnectionSlots,
    timeouts: Timeouts,
    /// Counters for the phases of connections; they are separate from those of the public listener and
    /// not reported.
    own_metrics: Metrics,
    own_budget: UnsentBudget,
}

/// Accepts and serves connections; never returns.
pub(super) async fn serve(
    listener: ListeningSocket,
    options: Options,
    state: Arc<AdminState>,
    routes: &'static [AdminRoute],
    page_threads: PageThreads,
) {
    let hosts = options.hosts.filter(|_| !listener.address().is_unix());
    let shared = Arc::new(Shared {
        dispatcher: Dispatcher {
            state,
            routes,
            page_threads,
            hosts,
            polls: Waits::new(MAX_POLLS),
            streams: Waits::new(MAX_STREAMS),
            long_bodies: Semaphore::new(LONG_BODIES),
        },
        slots: ConnectionSlots::new(options.max_connections),
        timeouts: Timeouts { idle: IDLE_TIMEOUT, ..options.timeouts },
        own_metrics: Metrics::default(),
        own_budget: UnsentBudget::new(options.unsent_bytes),
    });
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                // The runtime owns the task and ends with this thread.
                tokio::spawn(async move { shared.serve(stream).await });
                // Otherwise a burst of connections could evict one whose request has not been read yet.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                tracing::debug!("admin listener: cannot accept: {error}");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

impl Shared {
    async fn serve(&self, stream: Stream) {
        let (slot, taken) = self.slots.take();
        if taken == Taken::Evicted {
            self.dispatcher.state.metrics.admin_evicted.increment();
        }
        tokio::select! {
            biased;
            () = self.serve_until_end(stream, &slot) => {}
            () = slot.evicted() => {}
        }
    }

    async fn serve_until_end(&self, stream: Stream, slot: &ConnectionSlot<'_>) {
        let (proxy_header, progress) = (ProxyHeaderState::default(), ConnectionProgress::default());
        let (via, peer_user) = match &stream {
            Stream::Tcp(_) => (Via::Tcp, None),
            Stream::Unix(stream) => {
                (Via::UnixSocket, stream.peer_cred().ok().map(|peer| peer.uid()))
            }
        };
        let from = Connection { via, peer_user, slot, progress: &progress };
        let stream = ProxyHeaderStream::new(stream, ConnectionStart::Request, &proxy_header);
        let stream = WatchedStream::new(stream, &progress);
        let service = service_fn(|request| {
            progress.end_header();
            slot.note_request();
            async move { Ok::<_, Infallible>(self.dispatcher.answer(request, from).await) }
        });
        let connection = http1::Builder::new()
            // The watchdog enforces the limit.
            .header_read_timeout(None)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEADER_BYTES)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        // The slots choose the connection to evict.
        let now = Instant::now();
        let activity = Activity::new(now, now);
        let rules = Rules {
            timeouts: self.timeouts,
            budget: &self.own_budget,
            activity: &activity,
            metrics: &self.own_metrics,
        };
        let mut watchdog = Watchdog::new(&progress, rules);
        // Errors of a connection are the client's concern, and not logged.
        poll_fn(|cx| match connection.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            // It waits as long as its client likes, but not for a client that does not read.
            Poll::Pending if slot.is_waiting() && !progress.is_blocked() => Poll::Pending,
            Poll::Pending => {
                let closed = watchdog.poll_close(cx).map(drop);
                slot.set_answering(activity.is_answering());
                closed
            }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::path::Path;

    use hyper::{Method, StatusCode};
    use tokio::sync::{Mutex, Semaphore};
    use tokio::task::spawn_blocking;

    use super::*;
    use crate::admin::allowed_hosts::AllowedHosts;
    use crate::admin::reply::{AdminReply, text};
    use crate::admin::route_lookup::Handler::{AtOnce, OnPageThread};
    use crate::admin::route_lookup::Link;
    use crate::admin::slots::MAX_CONNECTIONS;
    use crate::http::socket::Address;

    /// Locked by the test while slow pages must not finish.
    static GATE: Mutex<()> = Mutex::const_new(());
    /// A permit for each slow page that has begun.
    static BEGUN: Semaphore = Semaphore::const_new(0);

    const ROUTES: &[AdminRoute] = &[
        AdminRoute {
            method: Method::GET,
            path: "/healthz",
            about: "",
            link: Link::None,
            handler: AtOnce(|_| text(StatusCode::OK, "alive")),
        },
        AdminRoute {
            method: Method::GET,
            path: "/slow",
            about: "",
            link: Link::None,
            handler: OnPageThread(slow),
        },
    ];

    fn slow(_: &Arc<AdminState>) -> AdminReply {
        BEGUN.add_permits(1);
        drop(GATE.blocking_lock());
        text(StatusCode::OK, "at last")
    }

    /// Sends a request from another thread, because the listener runs on this one.
    async fn send_request(path: &Path, target: &'static str) -> String {
        let path = path.to_owned();
        let answer = spawn_blocking(move || {
            let mut stream = UnixStream::connect(path).expect("the listener");
            write!(stream, "GET {target} HTTP/1.0\r\n\r\n").expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer
        });
        answer.await.expect("no panic")
    }

    #[tokio::test]
    async fn pages_that_hang_delay_no_probe_and_further_ones_are_told_to_come_back() {
        const N_THREADS: u32 = 2;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("admin");
        let address = Address::Unix(path.clone());
        let day = Duration::from_secs(86_400);
        let timeouts = Timeouts { header: day, idle: day, write: day, linger: day };
        let options = Options {
            address: address.clone(),
            hosts: Some(AllowedHosts::default()),
            timeouts,
            max_connections: MAX_CONNECTIONS,
            unsent_bytes: u64::MAX,
        };
        let listener = ListeningSocket::bind(&address, None).expect("a free path");
        let page_threads = PageThreads::new(N_THREADS as usize, Duration::ZERO);
        let state = Arc::new(AdminState::for_tests());
        let serving = tokio::spawn(serve(listener, options, state, ROUTES, page_threads));

        let gate = GATE.lock().await;
        let slow: Vec<_> = (0..N_THREADS)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { send_request(&path, "/slow").await })
            })
            .collect();
        BEGUN.acquire_many(N_THREADS).await.expect("it is never closed").forget();
        for _ in 0..3 {
            let health = send_request(&path, "/healthz").await;
            assert!(health.starts_with("HTTP/1.0 200 ") && health.ends_with("alive"), "{health}");
            let full = send_request(&path, "/slow").await;
            assert!(full.starts_with("HTTP/1.0 503 "), "{full}");
            assert!(full.contains("\r\nretry-after: 1\r\n"), "{full}");
        }
        drop(gate);
        for page in slow {
            let page = page.await.expect("no panic");
            assert!(page.starts_with("HTTP/1.0 200 ") && page.ends_with("at last"), "{page}");
        }
        serving.abort();
    }
}

//! The connections of the admin listener.
//!
//! Its clients are the operator's own, but whoever can connect may send nothing, or not read. So it
//! has the time limits of the public listener ([`crate::http::watchdog`]), and a new connection never
//! waits for an old one (`slots`): `/healthz` is answered whatever else is connected.

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::hosts::Hosts;
use super::options::Options;
use super::route;
use super::slots::{Slot, Slots, Taken};
use super::state::State;
use crate::http::eviction::{Activity, UnsentBudget};
use crate::http::preamble::{Expect, Preamble, Told};
use crate::http::socket::{Listener, Stream};
use crate::http::watchdog::{Progress, Rules, Timeouts, Watchdog, Watched};
use crate::metrics::Metrics;

/// Connections at the same time; beyond them, the longest silent gives way.
pub const MAX_CONNECTIONS: usize = 64;
/// Between two requests: longer than scrapers wait between two scrapes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// Header fields of a request. Those of scrapers and browsers are ten to twenty.
const MAX_HEADERS: usize = 64;
/// A longer header block is answered with 431. Also what a connection keeps of what it has read.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// After a failed accept.
const WAIT: Duration = Duration::from_millis(50);

/// What all connections share.
struct Shared {
    state: Arc<State>,
    slots: Slots,
    timeouts: Timeouts,
    /// The names to be asked by; `None` where no page can reach the socket.
    hosts: Option<Hosts>,
    /// Phases of connections are counted here, as those of the public listener are in its own.
    uncounted: Metrics,
    /// There are too few connections to need one.
    no_budget: UnsentBudget,
}

/// Accepts and answers for ever.
pub(super) async fn serve(listener: Listener, options: Options, state: Arc<State>) {
    let shared = Arc::new(Shared {
        state,
        slots: Slots::new(MAX_CONNECTIONS),
        timeouts: Timeouts { idle: IDLE_TIMEOUT, ..options.timeouts },
        hosts: (!listener.address().is_unix()).then_some(options.hosts),
        uncounted: Metrics::default(),
        no_budget: UnsentBudget::new(u64::MAX),
    });
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                // The task's owner is the runtime, which ends with this thread.
                tokio::spawn(async move { shared.serve(stream).await });
                // A burst of connections must not evict one whose request has not been looked at.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                tracing::debug!("admin listener: cannot accept: {error}");
                tokio::time::sleep(WAIT).await;
            }
        }
    }
}

impl Shared {
    async fn serve(&self, stream: Stream) {
        let (slot, taken) = self.slots.take();
        if taken == Taken::Evicted {
            self.state.metrics.admin_evicted.increment();
        }
        tokio::select! {
            biased;
            () = self.serve_until_end(stream, &slot) => {}
            () = slot.evicted() => {}
        }
    }

    async fn serve_until_end(&self, stream: Stream, slot: &Slot<'_>) {
        let (told, progress) = (Told::default(), Progress::default());
        let stream = Preamble::new(stream, Expect::Request, &told);
        let stream = Watched::new(stream, &progress);
        let service = service_fn(|request| {
            progress.end_header();
            slot.note_request();
            let response = route::answer(&self.state, self.hosts.as_ref(), &request);
            ready(Ok::<_, Infallible>(response))
        });
        let connection = http1::Builder::new()
            // The watchdog does this.
            .header_read_timeout(None)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEADER_BYTES)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        // Who gives way is chosen by the slots.
        let now = Instant::now();
        let rules = Rules {
            timeouts: self.timeouts,
            budget: &self.no_budget,
            activity: &Activity::new(now, now),
            metrics: &self.uncounted,
        };
        let mut watchdog = Watchdog::new(&progress, rules);
        // How it ends is the client's business.
        poll_fn(|cx| match connection.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => watchdog.poll_verdict(cx).map(drop),
        })
        .await;
    }
}

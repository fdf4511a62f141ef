//! One connection: its requests, its limits, its end.
//!
//! hyper reads requests and writes responses; [`serve`] answers them in place, on the worker that
//! read them, without any `.await` between the load of the snapshot and the finished body. Only a page
//! that explains an answer is made elsewhere ([`explain_page`]), while the connection waits for it.
//!
//! During a drain, every response has `Connection: close` and is the last one. A connection without a
//! request still has `DRAIN_GRACE` to send one, because the client does not know of the drain, and its
//! request may be on the way. Then hyper's graceful shutdown closes it at once, whether it was idle
//! between requests or has never sent a byte. A connection that has sent part of a request may finish
//! it, until the header's deadline or the end of the grace period.

use std::any::Any;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, DATE, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;

use super::access_log::combined;
use super::access_log::line::DateCache;
use super::body::{self, Body};
use super::compress::Coding;
use super::connection_origin::ConnectionOrigin;
use super::constant::Constants;
use super::context::Context;
use super::date::{DateHeader, seconds_since_1970};
use super::drain::DrainWatch;
use super::eviction::Activity;
use super::explain_page;
use super::linger::Lingering;
use super::proxy_header::ProxyHeaderStream;
use super::response::{self, Compression, Headers};
use super::route::{self, Route, find_route};
use super::socket::Stream;
use super::watchdog::{CloseReason, ConnectionProgress, Rules, Watchdog, WatchedStream};
use crate::http::client_address::proxy_protocol::Malformed;
use crate::metrics::{AnswerTimer, RequestKind, StatusClass};
use answer::query::Countme;
use answer::{self, CountmeEntry, Edition, Endpoint, Format, Scratch};
use runtime::rate_limiter::{LOG_INTERVAL, RateLimiter};

/// How long a connection without a request may still send one after the drain began.
const DRAIN_GRACE: Duration = Duration::from_millis(250);
/// A longer header block is answered with 431. No more is ever read in one piece, so this also limits
/// hyper's read buffer, which does not shrink: otherwise a client that pipelines a megabyte leaves 612
/// kB in it for as long as the connection lasts.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Answers the requests of one connection until it ends.
pub async fn serve(
    context: &Arc<Context>,
    stream: Stream,
    origin: &ConnectionOrigin,
    activity: &Activity,
) {
    let progress = ConnectionProgress::default();
    let stream = ProxyHeaderStream::new(
        stream,
        origin.connection_start(&context.options.trusted_proxies),
        &origin.proxy_header,
    );
    let stream = WatchedStream::new(stream, &progress);
    let stream = Lingering::new(stream, &progress, context.options.linger_bytes);
    // The answer is made while hyper calls the service, not when it polls.
    let service = service_fn(|request: Request<Incoming>| {
        progress.end_header();
        if !request.body().is_end_stream() {
            progress.expect_body();
        }
        let answer = match answer(context, origin, request) {
            Answer::Made(response) => Answer::Made(hold(response, &progress)),
            page => page,
        };
        AnswerTurn { answer: Some(answer), waits: progress.has_answered(), progress: &progress }
    });
    let connection = http1::Builder::new()
        // The watchdog enforces this limit, and those that hyper lacks.
        .header_read_timeout(None)
        .max_headers(context.options.max_headers)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let connection = pin!(connection);
    let rules = Rules {
        timeouts: context.options.timeouts,
        budget: &context.unsent,
        activity,
        metrics: &context.metrics,
    };
    let watchdog = Watchdog::new(&progress, rules);
    let mut watched = WatchedConnection { connection, progress: &progress, watchdog };

    let mut watch = pin!(DrainWatch::new(&context.drain));
    let drained = poll_fn(|cx| {
        if let Poll::Ready(end) = Pin::new(&mut watched).poll(cx) {
            return Poll::Ready(Some(end));
        }
        watch.as_mut().poll_begun(cx).map(|()| None)
    });
    let end = match drained.await {
        Some(end) => {
            origin.proxy_header.end();
            end
        }
        None => match tokio::time::timeout(DRAIN_GRACE, &mut watched).await {
            Ok(end) => end,
            Err(_) => {
                watched.connection.as_mut().graceful_shutdown();
                watched.await
            }
        },
    };
    let peer = origin.peer.address();
    // Resets, timeouts and malformed requests are the client's concern, and hyper has answered where
    // that was possible.
    match end {
        End::Closed(Ok(())) => {}
        End::Closed(Err(error)) => tracing::trace!("connection from {peer}: {error}"),
        End::Cut(reason) => tracing::trace!("connection from {peer}: {reason:?}"),
    }
    if let Some(reason) = origin.proxy_header.refusal() {
        log_refusal(context, peer, reason);
    }
}

/// Logs that a trusted proxy violates the protocol: the operator must fix it, because each of its
/// connections ends like this. At most one is logged per minute; all are counted.
fn log_refusal(context: &Context, peer: IpAddr, reason: Malformed) {
    static LOGGED: RateLimiter = RateLimiter::new(LOG_INTERVAL);
    if LOGGED.take(Instant::now()) {
        tracing::warn!("connection from the trusted proxy {peer} closed: {reason}");
    }
    context.metrics.proxy_headers_refused.increment();
}

/// The answer to a request.
enum Answer<'a> {
    /// It was made at once.
    Made(Response<Body>),
    /// It is being made on another thread.
    Page(Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>),
}

/// Records the memory that a response takes while it waits for its client.
fn hold(mut response: Response<Body>, progress: &ConnectionProgress) -> Response<Body> {
    let n_bytes = response.body().size_hint().lower();
    if progress.is_blocked() {
        // Other answers wait before it, so it must not use more memory than its length.
        response = response.map(body::compact);
        progress.hold(n_bytes);
    } else {
        progress.hold(body::max_memory(n_bytes));
    }
    response
}

/// A future with one answer for hyper. Each turn of the connection's task completes only one: hyper
/// would answer up to 16 pipelined requests in a row, while all other connections of this worker wait.
struct AnswerTurn<'a> {
    /// `None` after it was handed to hyper, which does not poll this again.
    answer: Option<Answer<'a>>,
    /// Whether the answer must wait for the next turn.
    waits: bool,
    progress: &'a ConnectionProgress,
}

impl Future for AnswerTurn<'_> {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        if std::mem::take(&mut self.waits) {
            // The task runs again after those that are ready now.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let response = match self.answer.take() {
            Some(Answer::Made(response)) => response,
            Some(Answer::Page(mut page)) => match page.as_mut().poll(cx) {
                Poll::Ready(response) => hold(response, self.progress),
                Poll::Pending => {
                    self.answer = Some(Answer::Page(page));
                    return Poll::Pending;
                }
            },
            None => return Poll::Pending,
        };
        self.progress.end_answer();
        Poll::Ready(Ok(response))
    }
}

/// A connection and its watchdog.
struct WatchedConnection<'a, C> {
    connection: Pin<&'a mut C>,
    progress: &'a ConnectionProgress,
    watchdog: Watchdog<'a>,
}

/// The reason for the end of a connection.
enum End {
    /// hyper ended it, with this result.
    Closed(hyper::Result<()>),
    /// The watchdog ended it.
    Cut(CloseReason),
}

impl<C: Future<Output = hyper::Result<()>>> Future for WatchedConnection<'_, C> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<End> {
        self.progress.begin_turn();
        match self.connection.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(End::Closed(result)),
            Poll::Pending => self.watchdog.poll_close(cx).map(End::Cut),
        }
    }
}

/// The memory that a worker thread reuses for each answer.
struct WorkerMemory {
    rng: fastrand::Rng,
    scratch: Scratch,
    log_date: DateCache,
    date_header: DateHeader,
    headers: Headers,
    constants: Constants,
}

impl WorkerMemory {
    fn new() -> Self {
        Self {
            rng: fastrand::Rng::new(),
            scratch: Scratch::default(),
            log_date: DateCache::default(),
            date_header: DateHeader::default(),
            headers: Headers::default(),
            constants: Constants::default(),
        }
    }
}

thread_local! {
    static WORKER: RefCell<WorkerMemory> = RefCell::new(WorkerMemory::new());
}

fn answer<'a>(
    context: &'a Arc<Context>,
    origin: &'a ConnectionOrigin,
    request: Request<Incoming>,
) -> Answer<'a> {
    let answering = context.metrics.begin_answer();
    let has_body = !request.body().is_end_stream();
    // The body is not read.
    let request = request.map(drop);
    // One edition from here to the end of the answer.
    let edition = context.live.load();
    let (max_target_bytes, explain) = (context.options.max_target_bytes, &context.explain);
    let route = find_route(&request, &edition, has_body, max_target_bytes, explain.is_some());
    let (kind, response) = match (route, explain) {
        (Ok(Route::Document(endpoint)), _) => {
            let kind = match endpoint.format() {
                Format::Metalink | Format::Metalink4 => RequestKind::Metalink,
                _ => RequestKind::Mirrorlist,
            };
            let response = WORKER.with_borrow_mut(|worker| {
                respond(context, &answering, origin, &request, &edition, endpoint, worker)
            });
            (kind, response)
        }
        (Ok(Route::Explanation(representation)), Some(limits)) => {
            // The page loads its own edition, when it is made.
            drop(edition);
            return Answer::Page(Box::pin(async move {
                let page =
                    explain_page::answer(context, limits, origin, &request, representation).await;
                let shown = explain_page::without_question(&request);
                let response = finish(context, origin, &shown, page);
                let status = StatusClass::of(response.status().as_u16());
                answering.end_untimed(RequestKind::Explanation, status);
                response
            }));
        }
        (Ok(Route::Options | Route::Explanation(_)), _) => {
            (RequestKind::Other, response::options())
        }
        (Err(refusal), _) => (RequestKind::Other, response::from_refusal(refusal)),
    };
    let response = finish(context, origin, &request, response);
    answering.end(kind, StatusClass::of(response.status().as_u16()));
    Answer::Made(response)
}

/// Adds what every response has, and logs it.
fn finish(
    context: &Context,
    origin: &ConnectionOrigin,
    request: &Request<()>,
    mut response: Response<Body>,
) -> Response<Body> {
    let date = WORKER.with_borrow_mut(|worker| worker.date_header.at(seconds_since_1970()));
    response.headers_mut().insert(DATE, date);
    if context.drain.has_begun() {
        response::close_after(&mut response);
    }
    if let Some(log) = &context.combined_log {
        let proxies = &context.options.trusted_proxies;
        let client = origin.client_address(proxies, request);
        let mut line = Vec::with_capacity(256);
        combined::format_line(client, seconds_since_1970(), request, &response, &mut line);
        log.write_line(line);
    }
    response
}

fn respond(
    context: &Context,
    answering: &AnswerTimer<'_>,
    origin: &ConnectionOrigin,
    request: &Request<()>,
    edition: &Edition,
    endpoint: Endpoint<'_>,
    worker: &mut WorkerMemory,
) -> Response<Body> {
    let options = &context.options;
    let now = seconds_since_1970();
    let query = request.uri().query().unwrap_or("");
    let endpoint = endpoint.negotiate(text_of(request, &ACCEPT));
    let compression = options.compress.then(|| Compression {
        coding: Coding::negotiate(text_of(request, &ACCEPT_ENCODING)),
        max_bytes: options.max_compressed_bytes,
        is_sent: request.method() != Method::HEAD,
    });
    let mut body = body::begin();

    let reply = catch_panic(|| {
        let proxies = &context.options.trusted_proxies;
        let requester = origin.requester(proxies, request);
        if let Some(why) = origin.private_client(proxies, request, requester.address) {
            answering.private_client(why);
        }
        let host = route::host_of(request);
        let request = answer::Request { endpoint, query, requester, host, now };
        let (rng, scratch) = (&mut worker.rng, &mut worker.scratch);
        answer::respond(edition, &options.answer, &request, rng, scratch, &mut body)
    });
    match reply {
        Ok(mut reply) => {
            if let (Some(log), Some(entry)) = (&context.access_log, reply.log.take()) {
                log.write(&entry, worker.log_date.date(now));
            }
            if let Some(tier) = reply.found {
                answering.found(tier);
            }
            if let Some(CountmeEntry { repository, bucket }) = reply.countme.take() {
                let bucket = match bucket {
                    Countme::Bucket(bucket) => Some(bucket),
                    Countme::Other => None,
                };
                context.metrics.countme.count(repository.as_deref(), bucket);
            }
            let generation = edition.snapshot().generation();
            let (headers, constants) = (&mut worker.headers, &mut worker.constants);
            response::from_reply(reply, generation, body, compression, headers, constants)
        }
        Err(reason) => {
            // After a panic, this memory may be inconsistent.
            *worker = WorkerMemory::new();
            context.metrics.panics.increment();
            log_panic(&reason, query);
            response::internal_error()
        }
    }
}

/// Logs a panic. At most one is logged per minute, because a client that finds such a request may repeat
/// it again and again; all are counted.
fn log_panic(reason: &str, query: &str) {
    static LOGGED: RateLimiter = RateLimiter::new(LOG_INTERVAL);
    if LOGGED.take(Instant::now()) {
        tracing::error!("an answer panicked ({reason}); query: {query:?}");
    }
}

/// Returns the first value of a header; empty if it is missing or not text.
fn text_of<'r, B>(request: &'r Request<B>, name: &HeaderName) -> &'r str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// Runs `f` and returns the message of a panic as an error. A panic fails one request, never a worker.
fn catch_panic<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| panic_message(payload.as_ref()))
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        let numbers: Vec<u32> = Vec::new();
        let outcome = catch_panic(|| numbers[fastrand::usize(3..9)]);
        assert!(outcome.is_err_and(|reason| reason.contains("out of bounds")));
        assert_eq!(catch_panic(|| 7), Ok(7));
    }
}

//! Dispatch of a request: checks its host, finds its route, and makes the answer here or on a page
//! thread, or lets a part of the process make it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::{ALLOW, CONNECTION, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::allowed_hosts::AllowedHosts;
use super::part::{AdminPart, MAX_BODY, PartRequest, Via, Waiting};
use super::reply::{AdminReply, failed, respond, text};
use super::route_lookup::{AdminRoute, Handler, NoRoute, find, index, layout, page_of};
use super::slots::ConnectionSlot;
use super::state::AdminState;
use super::waits::Waits;
use crate::http::watchdog::ConnectionProgress;
use crate::pages::page_threads::{PageError, PageThreads};

/// How long a client may take to send the body of a request.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// How long all parts together may take for their metrics.
const METRICS_PATIENCE: Duration = Duration::from_secs(4);

const UNKNOWN_HOST: &str = "\
the Host header names this server as it does not know itself: ask by address or as localhost, or add
the name to `hosts` in the table [admin] of the configuration (--admin-host)
";

/// What requests are answered from.
pub(super) struct Dispatcher {
    pub(super) state: Arc<AdminState>,
    pub(super) routes: &'static [AdminRoute],
    pub(super) page_threads: PageThreads,
    /// The host names that are allowed; `None` where no page can reach the socket.
    pub(super) hosts: Option<AllowedHosts>,
    /// The requests that wait.
    pub(super) polls: Waits,
    /// The streams.
    pub(super) streams: Waits,
    /// What may have a long body.
    pub(super) long_bodies: Semaphore,
}

/// The connection that a request came on.
#[derive(Clone, Copy)]
pub(super) struct Connection<'c> {
    pub(super) via: Via,
    pub(super) peer_user: Option<u32>,
    pub(super) slot: &'c ConnectionSlot<'c>,
    pub(super) progress: &'c ConnectionProgress,
}

impl Dispatcher {
    /// Answers one request.
    pub(super) async fn answer<B>(&self, request: Request<B>, from: Connection<'_>) -> AdminReply
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if self.hosts.as_ref().is_some_and(|hosts| !hosts.allow(&request)) {
            let path = request.uri().path();
            return refuse(path, StatusCode::MISDIRECTED_REQUEST, "unknown_host", UNKNOWN_HOST);
        }
        match find(self.routes, request.method(), request.uri().path()) {
            Ok(route) => match route.handler {
                Handler::AtOnce(make) => make(&self.state),
                Handler::OnPageThread(make) => self.answer_on_page_thread(make).await,
                Handler::WithPartMetrics(make) => {
                    let metrics = self.part_metrics().await;
                    self.answer_on_page_thread(move |state| make(state, &metrics)).await
                }
                Handler::WithQuery(make) => {
                    let query = request.uri().query().unwrap_or("").to_owned();
                    self.answer_on_page_thread(move |state| make(state, &query)).await
                }
            },
            Err(NoRoute::OtherMethods(methods)) => refuse_method(&methods),
            Err(NoRoute::UnknownPath) => {
                let mut parts = self.state.parts.iter();
                match parts.find(|part| part.answers(request.uri().path())) {
                    Some(part) => self.answer_by_part(&**part, request, from).await,
                    None => text(StatusCode::NOT_FOUND, index(self.routes, &self.state.parts)),
                }
            }
        }
    }

    async fn answer_by_part<B>(
        &self,
        part: &dyn AdminPart,
        request: Request<B>,
        from: Connection<'_>,
    ) -> AdminReply
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let longest = part.longest_body(head.uri.path());
        // Without a length it may be a long one.
        let may_be_long = body.size_hint().upper().is_none_or(|n| n > MAX_BODY as u64);
        let is_long = longest > MAX_BODY && may_be_long;
        let _long = match is_long.then(|| self.long_bodies.try_acquire()).transpose() {
            Ok(permit) => permit,
            Err(_) => {
                let reason = "too many long requests are read already; ask again later";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return retry(close(refuse(head.uri.path(), status, "busy", reason)));
            }
        };
        let body = match read_body(head.uri.path(), body, longest).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        // The bytes of a body are those of no further header.
        from.progress.end_header();
        let mut request = PartRequest {
            method: if head.method == Method::HEAD { Method::GET } else { head.method },
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or("").to_owned(),
            headers: head.headers,
            body,
            via: from.via,
            peer_user: from.peer_user,
            may_wait: true,
        };
        let page = page_of(part, &request.path);
        let layout = layout(self.routes, &self.state.parts, page);
        let (waits, is_stream) = match part.waits(&request) {
            Waiting::No => return part.answer(request, layout).await,
            Waiting::Poll => (&self.polls, false),
            Waiting::Stream => (&self.streams, true),
        };
        match waits.begin(from.slot) {
            Some(wait) => wait.until_end_of(part.answer(request, layout).await),
            None if is_stream => {
                let reason = "too many streams of events are read already; ask again later\n";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                retry(refuse(&request.path, status, "too_many_streams", reason))
            }
            None => {
                request.may_wait = false;
                part.answer(request, layout).await
            }
        }
    }

    /// The metrics of all parts; nothing of those that take too long.
    async fn part_metrics(&self) -> String {
        let mut all = String::new();
        // What was written before the time is over is kept.
        let write = async {
            for part in &self.state.parts {
                all.push_str(&part.metrics().await);
            }
        };
        if timeout(METRICS_PATIENCE, write).await.is_err() {
            tracing::debug!("admin listener: metrics of a part took too long, and are left out");
        }
        all
    }

    async fn answer_on_page_thread(
        &self,
        make: impl FnOnce(&Arc<AdminState>) -> AdminReply + Send + 'static,
    ) -> AdminReply {
        let state = Arc::clone(&self.state);
        match self.page_threads.run(move || make(&state)).await {
            Ok(reply) => reply,
            Err(PageError::Busy) => {
                come_back("all threads for pages are busy; /healthz and /readyz are not\n")
            }
            Err(PageError::Panicked) => failed("the page panicked; see the log\n"),
        }
    }
}

/// Reads a body of at most `longest` bytes, or says why not.
async fn read_body<B>(path: &str, body: B, longest: usize) -> Result<Bytes, AdminReply>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let refuse_body = |status, code, reason| {
        let reason = format!("{reason}; at most {longest} bytes are read\n");
        close(refuse(path, status, code, &reason))
    };
    let too_long =
        || refuse_body(StatusCode::PAYLOAD_TOO_LARGE, "too_long", "the body is too long");
    // A client that says so and waits for `100 Continue` need not send it.
    if body.size_hint().lower() > longest as u64 {
        return Err(too_long());
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match timeout(BODY_PATIENCE, Limited::new(body, longest).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => {
            Err(refuse_body(StatusCode::BAD_REQUEST, "invalid", "the body cannot be read"))
        }
        Err(_) => Err(refuse_body(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            "the body did not come in time",
        )),
    }
}

/// What is left of the body may never come, so the connection ends.
fn close(mut reply: AdminReply) -> AdminReply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn come_back(reason: &'static str) -> AdminReply {
    retry(text(StatusCode::SERVICE_UNAVAILABLE, reason))
}

/// A refusal in the form that clients of this path read: JSON in an API, with a word for programs.
fn refuse(path: &str, status: StatusCode, code: &str, reason: &str) -> AdminReply {
    if !path.starts_with("/api/") {
        return text(status, reason.to_owned());
    }
    let message = reason.trim_end().replace('\n', " ");
    let body = serde_json::json!({"error": {"code": code, "message": message}});
    respond(status, "application/json", format!("{body}\n"))
}

fn retry(mut reply: AdminReply) -> AdminReply {
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

fn refuse_method(allowed: &[&str]) -> AdminReply {
    let reason = match allowed {
        [one] => format!("only {one} is served here\n"),
        all => format!("only {} are served here\n", all.join(" and ")),
    };
    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, reason);
    // Method names are valid header values.
    if let Ok(allowed) = HeaderValue::try_from(allowed.join(", ")) {
        reply.headers_mut().insert(ALLOW, allowed);
    }
    reply
}

//! Tests of parts behind the listener, over a real socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

use super::allowed_hosts::AllowedHosts;
use super::listener::serve;
use super::part::{
    AdminPart, LONG_BODIES, MAX_BODY, PartFuture, PartReply, PartRequest, Via, Waiting,
};
use super::reply::text;
use super::routes::routes_of;
use super::state::{AdminState, Surface};
use super::streamed::StreamedBody;
use super::waits::{MAX_POLLS, MAX_STREAMS};
use super::{MAX_CONNECTIONS, Options};
use crate::http::socket::{Address, ListeningSocket};
use crate::http::watchdog::Timeouts;
use crate::pages::layout::PageLayout;
use crate::pages::page_threads::PageThreads;

/// Repeats what it is sent, and streams what the test says.
struct Echo {
    events: broadcast::Sender<&'static str>,
    trouble: Option<String>,
}

impl AdminPart for Echo {
    fn index(&self) -> &'static [(&'static str, &'static str)] {
        &[("/echo", "what was sent")]
    }

    fn pages(&self) -> &'static [(&'static str, &'static str)] {
        &[("/echo", "Echo")]
    }

    fn answers(&self, path: &str) -> bool {
        path.starts_with("/echo") || path.starts_with("/api/")
    }

    fn longest_body(&self, path: &str) -> usize {
        if path == "/echo/long" { 2 * MAX_BODY } else { MAX_BODY }
    }

    fn waits(&self, request: &PartRequest) -> Waiting {
        match &*request.path {
            "/echo/stream" => Waiting::Stream,
            "/echo/poll" => Waiting::Poll,
            _ => Waiting::No,
        }
    }

    fn answer(&self, request: PartRequest, layout: PageLayout) -> PartFuture<'_, PartReply> {
        let mut events = self.events.subscribe();
        Box::pin(async move {
            if request.path == "/echo/stream" {
                let (sender, receiver) = mpsc::channel(1);
                tokio::spawn(async move {
                    while let Ok(event) = events.recv().await
                        && sender.send(Bytes::from_static(event.as_bytes())).await.is_ok()
                    {
                    }
                });
                return PartReply::new(StreamedBody(receiver).boxed());
            }
            if request.path == "/echo/poll" {
                let event = if request.may_wait { events.recv().await } else { Ok("present") };
                return text(StatusCode::OK, event.unwrap_or_default());
            }
            let PartRequest { method, path, query, body, via, peer_user, .. } = request;
            assert_eq!(via, Via::UnixSocket);
            assert_eq!(peer_user, Some(rustix::process::geteuid().as_raw()));
            let n_pages = layout.pages.len();
            text(
                StatusCode::OK,
                format!(
                    "{method} {path}?{query} {} bytes on {} of {n_pages}",
                    body.len(),
                    layout.path
                ),
            )
        })
    }

    fn metrics(&self) -> PartFuture<'_, String> {
        Box::pin(async { "# TYPE echo gauge\necho 1\n".to_owned() })
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.clone()
    }
}

/// A listener with one part.
struct Fixture {
    folder: TempDir,
    events: broadcast::Sender<&'static str>,
    serving: JoinHandle<()>,
}

impl Fixture {
    fn start(trouble: Option<&str>, is_server: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = Address::Unix(folder.path().join("admin"));
        let timeout = Duration::from_secs(10);
        let timeouts = Timeouts { header: timeout, idle: timeout, write: timeout, linger: timeout };
        let options = Options {
            address: address.clone(),
            hosts: Some(AllowedHosts::default()),
            timeouts,
            max_connections: MAX_CONNECTIONS,
            unsent_bytes: u64::MAX,
        };
        let listener = ListeningSocket::bind(&address, None).expect("a free path");
        let events = broadcast::Sender::new(8);
        let part = Echo { events: events.clone(), trouble: trouble.map(str::to_owned) };
        let mut state = AdminState::for_tests();
        if !is_server {
            state.surface = Surface::Operator;
        }
        let state = Arc::new(state.with_parts(vec![Arc::new(part)]));
        let routes = routes_of(&state);
        let page_threads = PageThreads::new(2, timeout);
        let serving = tokio::spawn(serve(listener, options, state, routes, page_threads));
        Self { folder, events, serving }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("admin")
    }

    /// Sends a request, and returns the connection.
    async fn send(&self, request: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.path()).await.expect("the listener");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        stream
    }

    /// The whole answer to a request after which the connection ends.
    async fn ask(&self, request: &str) -> String {
        let mut answer = String::new();
        self.send(request).await.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.0\r\n\r\n")).await
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Reads until the answer ends with `text`.
async fn read_until(stream: &mut UnixStream, text: &str) {
    let mut seen = Vec::new();
    while !seen.ends_with(text.as_bytes()) {
        let byte = stream.read_u8().await.unwrap_or_else(|error| panic!("{error} after {seen:?}"));
        seen.push(byte);
    }
}

#[tokio::test]
async fn a_part_gets_its_requests_with_their_bodies() {
    let listener = Fixture::start(None, true);
    let post = |n: usize, sent: usize| {
        let body = "x".repeat(sent);
        format!(
            "POST /echo/17?a=b HTTP/1.1\r\nConnection: close\r\nContent-Length: {n}\r\n\r\n{body}"
        )
    };
    let answer = listener.ask(&post(5, 5)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("POST /echo/17?a=b 5 bytes on /echo of 3"), "{answer}");
    let answer = listener.ask(&post(MAX_BODY, MAX_BODY)).await;
    assert!(answer.ends_with("65536 bytes on /echo of 3"), "{answer}");
    // Not even read.
    let answer = listener.ask(&post(MAX_BODY + 1, 0)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", MAX_BODY + 1, "x".repeat(MAX_BODY + 1));
    let chunked = "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned() + &chunk;
    let mut stream = listener.send(&chunked).await;
    read_until(&mut stream, "HTTP/1.1 413 ").await;
    let head = listener.ask("HEAD /echo HTTP/1.0\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.0 200 ") && head.ends_with("\r\n\r\n"), "{head}");
}

#[tokio::test]
async fn few_long_bodies_are_read_at_a_time_and_short_ones_are_not_among_them() {
    let listener = Fixture::start(None, true);
    let post = |n: usize, more: &str| {
        format!("POST /echo/long HTTP/1.1\r\nContent-Length: {n}\r\n{more}\r\n")
    };
    let close = "Connection: close\r\n";
    let n = MAX_BODY + 1;
    let body = "x".repeat(n);
    let mut open = Vec::new();
    for _ in 0..LONG_BODIES {
        // The answer says that the body is waited for.
        let mut stream = listener.send(&post(n, "Expect: 100-continue\r\n")).await;
        read_until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
        open.push(stream);
    }
    // It is not read.
    let answer = listener.ask(&post(n, close)).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    let answer = listener.ask(&(post(5, close) + "xxxxx")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for mut stream in open {
        stream.write_all(body.as_bytes()).await.expect("the listener reads");
        read_until(&mut stream, &format!("{n} bytes on /echo of 3")).await;
    }
    let answer = listener.ask(&(post(n, close) + &body)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = listener.ask(&post(2 * MAX_BODY + 1, close)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_part_is_in_the_index_and_its_metrics_come_before_the_end() {
    let listener = Fixture::start(None, true);
    let index = listener.get("/").await;
    assert!(index.contains("\n/echo          what was sent\n"), "{index}");
    let metrics = listener.get("/metrics").await;
    assert!(metrics.ends_with("\n# TYPE echo gauge\necho 1\n# EOF\n"), "{metrics}");
    let status = listener.get("/status").await;
    assert!(status.contains("<a href=\"/echo\">Echo</a>"), "{status}");
}

#[tokio::test]
async fn trouble_of_a_part_is_told_and_fails_only_a_process_that_serves_nothing() {
    let trouble = Some("control: no store");
    let server = Fixture::start(trouble, true);
    let ready = server.get("/readyz").await;
    assert!(ready.ends_with("\r\n\r\nloading\ncontrol: no store\n"), "{ready}");
    drop(server);
    let control = Fixture::start(trouble, false);
    let ready = control.get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.0 503 "), "{ready}");
    assert!(ready.ends_with("\r\n\r\nfailing\ncontrol: no store\n"), "{ready}");
    drop(control);
    let control = Fixture::start(None, false);
    let ready = control.get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.0 200 ") && ready.ends_with("\r\n\r\nready\n"), "{ready}");
    assert!(control.get("/status").await.starts_with("HTTP/1.0 404 "));
    let metrics = control.get("/metrics").await;
    assert!(metrics.contains("\nmirrorlistd_ready 1\n"), "{metrics}");
    assert!(!metrics.contains("mirrorlistd_requests"), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_outlives_the_time_limits_and_ends_with_its_client() {
    let listener = Fixture::start(None, true);
    let mut stream = listener.send("GET /echo/stream HTTP/1.0\r\n\r\n").await;
    read_until(&mut stream, "\r\n\r\n").await;
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(3_600)).await;
        listener.events.send("tick").expect("it is read");
        read_until(&mut stream, "tick").await;
    }
    drop(stream);
    // The connection ends by itself; then nobody listens to events any more.
    while listener.events.send("tick").is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn those_who_wait_are_limited_and_take_no_place_of_a_probe() {
    let listener = Fixture::start(None, true);
    let wait = "GET /echo/stream HTTP/1.0\r\n\r\n";
    let mut waiting = Vec::new();
    for _ in 0..MAX_STREAMS {
        let mut stream = listener.send(wait).await;
        read_until(&mut stream, "\r\n\r\n").await;
        waiting.push(stream);
    }
    for _ in 0..2 * MAX_STREAMS {
        let refused = listener.ask(wait).await;
        assert!(refused.starts_with("HTTP/1.0 503 "), "{refused}");
        assert!(listener.get("/healthz").await.ends_with("alive\n"));
    }
    // Silent connections give way before those who wait.
    let mut silent = Vec::new();
    for _ in 0..2 * MAX_STREAMS {
        silent.push(listener.send("").await);
        assert!(listener.get("/healthz").await.ends_with("alive\n"));
    }
    listener.events.send("tick").expect("it is read");
    for stream in &mut waiting {
        read_until(stream, "tick").await;
    }
    // A place becomes free.
    drop(waiting.pop());
    loop {
        let mut stream = listener.send(wait).await;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.expect("an answer");
        if status.ends_with(b"200") {
            break;
        }
    }
}

#[tokio::test]
async fn where_too_many_wait_the_present_state_is_told_and_streams_have_their_own_places() {
    let listener = Fixture::start(None, true);
    let mut waiting = Vec::new();
    for n in 1..=MAX_POLLS {
        waiting.push(listener.send("GET /echo/poll HTTP/1.0\r\n\r\n").await);
        while listener.events.receiver_count() < n {
            tokio::task::yield_now().await;
        }
    }
    for _ in 0..2 * MAX_POLLS {
        let present = listener.get("/echo/poll").await;
        assert!(present.starts_with("HTTP/1.0 200 ") && present.ends_with("present"), "{present}");
    }
    let mut stream = listener.send("GET /echo/stream HTTP/1.0\r\n\r\n").await;
    read_until(&mut stream, "\r\n\r\n").await;
    listener.events.send("tick").expect("it is read");
    for stream in &mut waiting {
        read_until(stream, "tick").await;
    }
}

#[tokio::test]
async fn an_api_is_refused_in_json() {
    let listener = Fixture::start(None, true);
    let n = MAX_BODY + 1;
    for (path, is_json) in [("/api/echo", true), ("/echo", false)] {
        let post = format!("POST {path} HTTP/1.1\r\nContent-Length: {n}\r\n\r\n");
        let refused = listener.ask(&post).await;
        assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
        let is_object =
            refused.contains("{\"error\":{\"code\":\"too_long\",\"message\":\"the body");
        assert_eq!(is_object, is_json, "{refused}");
    }
}

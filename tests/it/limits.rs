//! How long a client may keep a connection waiting. A limit that is to pass is a second here, and the
//! others are beyond the patience of the harness.
//!
//! A machine that is busy may be late for a limit of a second even with a request that is sent at once.
//! Whatever must be in time is therefore tried again until it was.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::admin::Watched;
use crate::server::{Client, DEMO, HasBody, PATIENCE, Server, patient, wait_until};

const LIMIT: Duration = Duration::from_secs(1);
const SHORT_HEADER: &str = "[limits]\nheader_timeout_seconds = 1\n";
const SHORT_IDLE: &str = "[limits]\nidle_timeout_seconds = 1\n";
const SHORT_WRITE: &str = "[limits]\nwrite_timeout_seconds = 1\n";

fn request() -> String {
    format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A connection on which one request has been answered, where the first one must come in time.
#[track_caller]
fn connect_and_ask(server: &Server) -> Client {
    let mut client = Client::connect_and_send(server.address, &request());
    assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    client
}

/// Waits until the server has closed a connection without an answer; `start` is before what it waits
/// for could begin.
#[track_caller]
fn check_closed_at_the_limit(client: &mut Client, start: Instant, what: &str) {
    assert_eq!(client.read_to_end(), "", "{what}");
    let elapsed = start.elapsed();
    assert!(elapsed >= LIMIT, "{what}: {elapsed:?}");
}

#[test]
fn a_header_that_does_not_come_ends_the_connection() {
    let server = Server::start_with(SHORT_HEADER, &[]);
    for beginning in ["", "G", "GET /mirr", "GET /mirrorlist HTTP/1.1\r\nHost: a\r\n", "\r\n"] {
        let start = Instant::now();
        let mut client = server.connect();
        // A late one meets the end, which the read then sees.
        drop(client.stream().write_all(beginning.as_bytes()));
        check_closed_at_the_limit(&mut client, start, beginning);
    }
    connect_and_ask(&server);
}

#[test]
fn a_header_that_comes_in_drips_has_the_same_deadline() {
    let server = Server::start_with(SHORT_HEADER, &[]);
    let mut client = connect_and_ask(&server);
    // The second request: the connection may be idle for long, but not from its first byte on.
    let start = Instant::now();
    client.send("GET /mirrorlist HTTP/1.1\r\nX: ");
    client.stream().set_read_timeout(Some(Duration::from_millis(100))).expect("a valid timeout");
    loop {
        assert!(start.elapsed() < PATIENCE, "drips keep a connection");
        match client.stream().read(&mut [0; 100]) {
            Ok(0) => break,
            Ok(_) => panic!("half a request was answered"),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            // Not yet. The write may meet the end of the connection, which the read then sees.
            Err(_) => drop(client.stream().write_all(b"y")),
        }
    }
    assert!(start.elapsed() >= LIMIT);
}

#[test]
fn an_idle_connection_outlives_the_header_deadline() {
    let server = Server::start_with(SHORT_HEADER, &[]);
    let mut client = connect_and_ask(&server);
    for _ in 0..2 {
        thread::sleep(LIMIT * 3 / 2);
        client.send(&request());
        assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    }
}

#[test]
fn an_idle_connection_ends_at_its_own_limit() {
    let server = Server::start_with(SHORT_IDLE, &[]);
    let mut client = server.connect();
    // Not idle yet.
    thread::sleep(LIMIT * 3 / 2);
    let start = Instant::now();
    client.send(&request());
    assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    check_closed_at_the_limit(&mut client, start, "idle");
}

/// Sends requests as long as the socket takes them, and reads no answer. `n_sent` bytes have gone
/// before: the last request may have gone in part.
#[track_caller]
fn send_on(client: &mut Client, n_sent: &mut usize) {
    let requests = request().repeat(100);
    client.stream().set_nonblocking(true).expect("a socket");
    let deadline = Instant::now() + PATIENCE;
    while let Ok(n) = client.stream().write(&requests.as_bytes()[*n_sent % requests.len()..]) {
        *n_sent += n;
        assert!(
            Instant::now() < deadline,
            "the server reads on from who reads no answer: {n_sent} bytes"
        );
    }
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("config.toml");
    std::fs::write(&config, patient(SHORT_WRITE)).expect("a write");
    let config = config.to_str().expect("a UTF-8 path").to_owned();
    let watched = Watched::start_in(folder, &["--demo", "--config", &config]);
    let overdue =
        |phase| watched.metric("mirrorlistd_connections_overdue_total", &[("for", phase)]);
    let mut client = watched.server.connect_with_little_room();
    let mut n_sent = 0;
    wait_until("it is cut", || {
        send_on(&mut client, &mut n_sent);
        overdue("write") == 1.0
    });
    wait_until("the connection is reset", || {
        client.stream().write(b"G").is_err_and(|error| {
            matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
        })
    });
    assert_eq!((overdue("new"), overdue("header"), overdue("idle")), (0.0, 0.0, 0.0));
    assert_eq!(watched.server.get(DEMO).status(), 200);
}

/// For longer than the limit, a little at a time. A client that is held up for as long as the limit is
/// cut, and rightly: then the limit was too short for this machine.
#[test]
fn a_client_that_reads_slowly_is_served() {
    let is_served = [2, 8, 32].into_iter().any(|seconds| {
        let limit = format!("write_timeout_seconds = {seconds}");
        let config = SHORT_WRITE.replace("write_timeout_seconds = 1", &limit);
        let server = Server::start_with(&config, &[]);
        let mut client = server.connect_with_little_room();
        let mut n_sent = 0;
        send_on(&mut client, &mut n_sent);
        let start = Instant::now();
        let mut n_read = 0;
        while start.elapsed() < Duration::from_secs(seconds * 5 / 2) {
            match client.stream().read(&mut [0; 4 * 1_024]) {
                Ok(0) => return false,
                Ok(n) => n_read += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    send_on(&mut client, &mut n_sent);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "after {n_read} bytes");
                    return false;
                }
            }
            thread::sleep(Duration::from_millis(5));
        }
        n_read > 0
    });
    assert!(is_served, "it is cut although it reads");
}

#[test]
fn limits_of_zero_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mirrorlistd.toml");
    for key in ["header", "idle", "write"] {
        std::fs::write(&path, format!("[limits]\n{key}_timeout_seconds = 0\n")).expect("a write");
        let output = crate::server::run(&["--config", path.to_str().expect("a UTF-8 path")]);
        assert_eq!(output.status.code(), Some(2), "{key}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(":2: 0 is not in 1 to 86400"));
    }
}

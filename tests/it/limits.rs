//! How long a client may keep a connection waiting. Limits are a second or two here; where one must
//! not apply, it is far beyond the patience of the harness.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Client, DEMO, HasBody, PATIENCE, Server, wait_until};

const SHORT_HEADER: &str = "[limits]\nheader_timeout_seconds = 1\nidle_timeout_seconds = 1000\n\
                            write_timeout_seconds = 1000\n";
const SHORT_IDLE: &str = "[limits]\nheader_timeout_seconds = 1\nidle_timeout_seconds = 3\n\
                          write_timeout_seconds = 1000\n";
const SHORT_WRITE: &str = "[limits]\nheader_timeout_seconds = 1000\nidle_timeout_seconds = 1000\n\
                           write_timeout_seconds = 1\n";

fn request() -> String {
    format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// Waits for the server to close, and says how long after `start` that was.
#[track_caller]
fn closed_after(client: &mut Client, start: Instant) -> Duration {
    assert_eq!(client.read_to_end(), "");
    start.elapsed()
}

#[test]
fn a_header_that_does_not_come_ends_the_connection() {
    let server = Server::start_with(SHORT_HEADER, &[]);
    for beginning in ["", "G", "GET /mirr", "GET /mirrorlist HTTP/1.1\r\nHost: a\r\n", "\r\n"] {
        let start = Instant::now();
        let mut client = server.connect();
        client.send(beginning);
        let elapsed = closed_after(&mut client, start);
        assert!(elapsed >= Duration::from_secs(1), "{beginning:?}: {elapsed:?}");
    }
    assert_eq!(server.get(DEMO).status(), 200);
}

#[test]
fn a_header_that_comes_in_drips_has_the_same_deadline() {
    let server = Server::start_with(SHORT_HEADER, &[]);
    let mut client = server.connect();
    client.send(&request());
    assert_eq!(client.read_response(HasBody::Yes).status(), 200);
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
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn an_idle_connection_outlives_the_header_deadline_and_ends_at_its_own() {
    let server = Server::start_with(SHORT_IDLE, &[]);
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(&request());
        assert_eq!(client.read_response(HasBody::Yes).status(), 200);
        // Beyond the header's deadline, within the idle limit.
        thread::sleep(Duration::from_millis(1_600));
    }
    let start = Instant::now();
    client.send(&request());
    assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    let elapsed = closed_after(&mut client, start);
    assert!(elapsed >= Duration::from_secs(3), "{elapsed:?}");
}

/// Sends requests and reads no answer until the server has stopped reading as well.
#[track_caller]
fn clog(client: &mut Client) {
    let requests = request().repeat(100);
    let stream = client.stream();
    stream.set_nonblocking(true).expect("a socket");
    let mut last_progress = Instant::now();
    let start = Instant::now();
    while last_progress.elapsed() < Duration::from_millis(300) {
        assert!(start.elapsed() < PATIENCE, "the server reads on, though nobody reads its answers");
        match stream.write(requests.as_bytes()) {
            Ok(_) => last_progress = Instant::now(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let server = Server::start_with(SHORT_WRITE, &[]);
    let mut client = server.connect_with_little_room();
    clog(&mut client);
    wait_until("the connection is reset", || {
        // On a busy machine the server may have been about to read a little more.
        client.stream().write(b"G").is_err_and(|error| {
            matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
        })
    });
    assert_eq!(server.get(DEMO).status(), 200);
}

#[test]
fn a_client_that_reads_slowly_is_served() {
    let server = Server::start_with(
        &SHORT_WRITE.replace("write_timeout_seconds = 1", "write_timeout_seconds = 2"),
        &[],
    );
    let mut client = server.connect_with_little_room();
    clog(&mut client);
    // For longer than the limit, a little at a time.
    let start = Instant::now();
    let mut n_read = 0;
    while start.elapsed() < Duration::from_secs(5) {
        let mut buffer = [0; 4 * 1_024];
        match client.stream().read(&mut buffer) {
            Ok(0) => panic!("the server closed after {n_read} bytes"),
            Ok(n) => n_read += n,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "after {n_read} bytes"),
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(n_read > 0);
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

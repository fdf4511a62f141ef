//! How connections end whose clients are still sending: they get their answer, and no reset.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use crate::admin::Watched;
use crate::server::{Client, DEMO, HasBody, PATIENCE, Server, patient};

/// Sends what belongs to a request that has been answered already, ends, and expects the server to end
/// in peace: a reset would be an error of either side.
#[track_caller]
fn send_rest(client: &mut Client, rest: &[u8], what: &str) {
    let stream = client.stream();
    stream.write_all(rest).unwrap_or_else(|error| panic!("{what}: {error}"));
    stream.shutdown(Shutdown::Write).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut left = Vec::new();
    client.read_rest(&mut left).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(String::from_utf8_lossy(&left), "", "{what}");
}

#[test]
fn a_body_that_comes_after_its_refusal_meets_no_reset() {
    let server = Server::start(&[]);
    let chunks = "1000\r\n".to_owned() + &"x".repeat(0x1000) + "\r\n";
    let chunked = chunks.repeat(25) + "0\r\n\r\n";
    for (method, header, body) in [
        ("POST", "Content-Length: 100000", "x".repeat(100_000)),
        ("GET", "Content-Length: 100000", "x".repeat(100_000)),
        ("OPTIONS", "Content-Length: 100000", "x".repeat(100_000)),
        ("POST", "Transfer-Encoding: chunked", chunked.clone()),
        ("GET", "Transfer-Encoding: chunked", chunked),
        ("POST", "Expect: 100-continue\r\nContent-Length: 100000", "x".repeat(100_000)),
        ("POST", "Content-Length: 5", "hello and more".into()),
    ] {
        let what = format!("{method}, {header}");
        let head = format!("{method} {DEMO} HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n");
        // After the refusal.
        let mut client = server.connect();
        client.send(&head);
        let response = client.read_response(HasBody::Yes);
        assert_eq!(response.status(), 413, "{what}");
        assert_eq!(response.header("connection"), Some("close"), "{what}");
        send_rest(&mut client, body.as_bytes(), &what);
        // At once.
        let mut client = server.connect();
        client.send(&(head + &body));
        assert_eq!(client.read_response(HasBody::Yes).status(), 413, "{what}");
        send_rest(&mut client, b"", &what);
    }
}

#[test]
fn what_comes_after_a_header_that_is_refused_meets_no_reset() {
    let server = Server::start(&[]);
    let long = "x".repeat(100_000);
    for (head, status) in [
        (format!("GET {DEMO} HTTP/1.1\r\nX: {}", "x".repeat(17_000)), 431),
        (format!("GET {DEMO} HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(65)), 431),
        (format!("GET /{} HTTP/1.1\r\n", "x".repeat(17_000)), 431),
        ("\u{16}\u{3}\u{1}\u{2} is no HTTP\r\n\r\n".into(), 400),
        ("GET  /  HTTP/1.1\r\n\r\n".into(), 400),
    ] {
        let what: String = head.chars().take(40).collect();
        let mut client = server.connect();
        client.send(&head);
        let response = client.read_response(HasBody::No);
        assert_eq!(response.status(), status, "{what}");
        send_rest(&mut client, long.as_bytes(), &what);
    }
}

#[test]
fn a_unix_socket_ends_in_peace_as_well() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("socket");
    let listen = format!("unix:{}", path.display());
    let _server = Server::start_in(folder, &["--demo", "--log", "none", "--listen", &listen]);
    let mut stream = UnixStream::connect(path).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
    let head = format!("POST {DEMO} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the server reads");
    stream.write_all(&[b'x'; 100_000]).expect("the server reads on");
    stream.shutdown(Shutdown::Write).expect("the server has not gone");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("no reset");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn only_so_many_bytes_are_thrown_away() {
    let config = "[limits]\nlinger_bytes = 100000\nlinger_timeout_seconds = 3600\n";
    let server = Server::start_with(config, &[]);
    let mut client = server.connect();
    client.send(&format!("POST {DEMO} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n"));
    assert_eq!(client.read_response(HasBody::Yes).status(), 413);
    let stream = client.stream();
    // The kernel takes a few megabytes before it knows that nobody reads them.
    let error = (0..2_000).find_map(|_| stream.write_all(&[b'x'; 32 * 1_024]).err());
    let kind = error.expect("64 MB cannot be thrown away").kind();
    assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind}");
    assert_eq!(server.get(DEMO).status(), 200);
}

#[test]
fn a_client_that_never_ends_is_cut_and_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mirrorlistd.toml");
    std::fs::write(&path, patient("[limits]\nlinger_timeout_seconds = 1\n")).expect("a write");
    let path = path.to_str().expect("a UTF-8 path").to_owned();
    let watched = Watched::start_in(folder, &["--demo", "--config", &path]);
    let mut lingering = watched.server.connect();
    lingering.send(&format!("POST {DEMO} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"));
    assert_eq!(lingering.read_response(HasBody::Yes).status(), 413);
    // The sending half ends at once.
    let mut byte = [0];
    assert_eq!(lingering.stream().read(&mut byte).expect("an end"), 0);
    let overdue = || watched.metric("mirrorlistd_connections_overdue_total", &[("for", "linger")]);
    crate::server::wait_until("it is cut", || overdue() == 1.0);
    let evicted = watched.metric("mirrorlistd_connections_evicted_total", &[("for", "linger")]);
    assert_eq!(evicted, 0.0);
}

#[test]
fn lingering_does_not_hold_a_stop() {
    let config = "[limits]\ngrace_seconds = 1\nlinger_timeout_seconds = 3600\n";
    let mut server = Server::start_with(config, &[]);
    let mut client = server.connect();
    client.send(&format!("POST {DEMO} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"));
    assert_eq!(client.read_response(HasBody::Yes).status(), 413);
    server.stop();
}

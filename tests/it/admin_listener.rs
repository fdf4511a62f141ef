//! Clients that abuse the operator's listener, or are made to.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::server::{PATIENCE, Server, patient, wait_until};

/// The admin listener keeps so many connections.
const LIMIT: usize = 64;

/// A server with an admin listener on a port of its own, and that address.
fn start_tcp(config: &str, args: &[&str]) -> (Server, String) {
    let server = Server::start_with(&format!("{config}[admin]\nlisten = '127.0.0.1:0'\n"), args);
    server.wait_for_log("admin listener on http://");
    let stderr = server.stderr();
    let (_, address) = stderr.split_once("admin listener on http://").expect("its address");
    let address = address.lines().next().expect("a line").to_owned();
    (server, address)
}

/// Sends a request as written, and reads until the end.
#[track_caller]
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the admin listener");
    stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

#[track_caller]
fn status_of(answer: &str) -> &str {
    answer.split(' ').nth(1).expect("a status")
}

#[test]
fn silent_connections_give_way_to_new_ones() {
    let (_server, address) = start_tcp("[limits]\nheader_timeout_seconds = 1000\n", &[]);
    let connect = |beginning: &str| {
        let mut stream = TcpStream::connect(&address).expect("the admin listener");
        stream.write_all(beginning.as_bytes()).expect("a write");
        stream
    };
    let health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut silent: Vec<TcpStream> = Vec::new();
    // Of each kind more than there are slots: without a byte, within a header, an answer unread.
    for beginning in ["", "GET /metrics HTTP/1.1\r\n", "GET /metrics HTTP/1.0\r\n\r\n"] {
        silent.extend((0..=LIMIT).map(|_| connect(beginning)));
        assert_eq!(status_of(&ask(&address, health)), "200", "{beginning:?}");
    }
    // The oldest were closed, with nothing to read.
    let oldest = silent.first_mut().expect("many");
    oldest.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
    match oldest.read(&mut [0; 1]) {
        Ok(n) => assert_eq!(n, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    let series = "mirrorlistd_admin_connections_evicted_total ";
    let (mut evicted, mut n_asked) = (None, 3);
    // The pages of the last kind may still be in the making, and this one is refused meanwhile.
    wait_until("the evicted are counted", || {
        let metrics = ask(&address, &health.replace("healthz", "metrics"));
        n_asked += 1;
        evicted = metrics.lines().find_map(|line| line.strip_prefix(series)?.parse().ok());
        evicted.is_some()
    });
    let evicted: usize = evicted.expect("it is some");
    // Answered connections end by themselves; the others of the first two kinds cannot all stay.
    assert!((2 * (LIMIT + 1) - LIMIT..silent.len() + n_asked).contains(&evicted), "{evicted}");
}

#[test]
fn a_connection_that_asks_now_and_then_outlives_silent_ones() {
    let (_server, address) = start_tcp("[limits]\nheader_timeout_seconds = 1000\n", &[]);
    let mut scraper = TcpStream::connect(&address).expect("the admin listener");
    scraper.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
    let mut silent = Vec::new();
    for _ in 0..6 {
        scraper.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is kept");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nalive\n") {
            let mut buffer = [0; 1_000];
            let n = scraper.read(&mut buffer).expect("it is kept");
            assert_ne!(n, 0, "it is kept");
            answer.extend(&buffer[..n]);
        }
        silent.extend((1..LIMIT / 2).map(|_| TcpStream::connect(&address).expect("a connection")));
        // Connections are accepted in turn: when this one is answered, those before it have slots.
        let health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        assert_eq!(status_of(&ask(&address, health)), "200");
    }
}

#[test]
fn a_header_has_a_deadline_and_a_limit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("admin");
    let config = folder.path().join("config.toml");
    let text = format!(
        "demo = true\n[limits]\nheader_timeout_seconds = 1\n[admin]\nlisten = 'unix:{}'\n",
        socket.display()
    );
    std::fs::write(&config, patient(&text)).expect("a write");
    let config = config.to_str().expect("a UTF-8 path").to_owned();
    let _server = Server::start_in(folder, &["--config", &config]);
    let connect = || {
        let stream = UnixStream::connect(&socket).expect("the admin listener");
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        stream
    };
    for beginning in ["", "G", "GET /healthz HTTP/1.1\r\nHost: a\r\n"] {
        let start = Instant::now();
        let mut stream = connect();
        // On a busy machine it may be too late for that, which the read then sees.
        drop(stream.write_all(beginning.as_bytes()));
        match stream.read(&mut [0; 1]) {
            Ok(n) => assert_eq!(n, 0, "{beginning:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{beginning:?}"),
        }
        assert!(start.elapsed() >= Duration::from_secs(1), "{beginning:?}");
    }
    // One byte after another.
    let mut stream = connect();
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a valid timeout");
    drop(stream.write_all(b"GET /healthz HTTP/1.1\r\nX: "));
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "drips keep a connection");
        match stream.read(&mut [0; 1]) {
            Ok(0) => break,
            Ok(_) => panic!("half a request was answered"),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            // Not yet; a write after the end fails, and the read then sees it.
            Err(_) => drop(stream.write_all(b"y")),
        }
    }
    for headers in ["X: y\r\n".repeat(10_000), format!("X: {}\r\n", "y".repeat(100_000))] {
        let mut stream = connect();
        // The server may have answered and closed before all of it is sent.
        drop(stream.write_all(format!("GET /healthz HTTP/1.1\r\n{headers}\r\n").as_bytes()));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 431 ") || answer.is_empty(), "{answer}");
    }
    wait_until("a request in time is answered", || {
        let mut stream = connect();
        drop(stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n"));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.0 200 ")
    });
}

#[test]
fn over_tcp_only_known_names_are_answered() {
    let (_server, address) = start_tcp("", &["--admin-host", "status.example"]);
    for path in ["/", "/healthz", "/readyz", "/metrics", "/status", "/status.json", "/nothing"] {
        let get = |host: &str| {
            let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
            ask(&address, &format!("{head}Connection: close\r\n\r\n"))
        };
        let known = if path == "/nothing" { "404" } else { "200" };
        for host in [&*address, "127.0.0.1", "[::1]:1", "localhost:1", "status.example"] {
            assert_eq!(status_of(&get(host)), known, "{path} {host}");
        }
        let refused = get("evil.example");
        assert_eq!(status_of(&refused), "421", "{path}");
        assert!(refused.contains("add\nthe name to `hosts` in the table [admin]"), "{refused}");
        assert!(!refused.contains("evil"), "{refused}");
    }
}

#[test]
fn a_page_thread_is_there_before_anybody_asks_for_a_page() {
    let (server, address) = start_tcp("", &[]);
    let tasks = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let page_threads = || -> Vec<String> {
        let threads = std::fs::read_dir(&tasks).expect("a running child").flatten();
        let is_of_pages = |path: &std::path::Path| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "admin-page\n")
        };
        let threads = threads.filter(|thread| is_of_pages(&thread.path()));
        threads.map(|thread| thread.file_name().to_string_lossy().into_owned()).collect()
    };
    let first = page_threads();
    assert_eq!(first.len(), 1, "{first:?}");
    for path in ["/metrics", "/status", "/status.json"] {
        let get = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert_eq!(status_of(&ask(&address, &get)), "200", "{path}");
        let later = page_threads();
        assert!(later.contains(&first[0]), "{path}: {first:?} {later:?}");
    }
}

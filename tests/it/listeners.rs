//! Several public addresses, and unix sockets among them.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::server::{DEMO, PATIENCE, Server, patient, run, wait_until};

#[track_caller]
fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
    stream
}

#[track_caller]
fn read_to_end(mut stream: UnixStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

/// One request through a unix socket, and its answer.
#[track_caller]
fn get(path: &Path, target: &str, headers: &str) -> String {
    let mut stream = connect(path);
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the server reads");
    read_to_end(stream)
}

/// A server with further listeners; `{}` in the configuration is its folder.
#[track_caller]
fn start(config: &str, args: &[&str]) -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder");
    start_in(folder, config, args)
}

#[track_caller]
fn start_in(folder: tempfile::TempDir, config: &str, args: &[&str]) -> Server {
    let path = folder.path().join("mirrorlistd.toml");
    let config = config.replace("{}", folder.path().to_str().expect("a UTF-8 path"));
    std::fs::write(&path, patient(&config)).expect("a write");
    let path = path.to_str().expect("a UTF-8 path").to_owned();
    Server::start_in(folder, &[&["--demo", "--config", &path], args].concat())
}

/// Runs with a configuration that does not work; says why it does not.
#[track_caller]
fn refused(folder: &Path, config: &str) -> String {
    let path = folder.join("refused.toml");
    let config = config.replace("{}", folder.to_str().expect("a UTF-8 path"));
    std::fs::write(&path, config).expect("a write");
    let path = path.to_str().expect("a UTF-8 path");
    let output = run(&["--demo", "--port", "0", "--log-level", "error", "--config", path]);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).expect("UTF-8").replace(folder.to_str().expect("UTF-8"), "{}")
}

const TWO: &str = "combined_log = '{}/combined'\n[[listener]]\naddress = 'unix:{}/http'\n\
                   client_address = 'forwarded'\n[[listener]]\naddress = '[::1]:0'\n\
                   client_address = 'peer'\n";

#[test]
fn every_address_answers_by_its_own_rules() {
    let mut server = start(TWO, &[]);
    let mut greeting = server.greeting.lines().last().map(ToOwned::to_owned);
    assert_eq!(greeting.take(), Some(format!("Listening on http://{}", server.address)));
    let headers = "X-Forwarded-For: 198.51.100.1\r\nForwarded: for=198.51.100.2\r\n";
    let answer = get(&server.path("http"), DEMO, headers);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let request = format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    assert_eq!(server.ask(&request).status(), 200);
    // The third one says on its own line where it is.
    let rest = server.further_addresses(2);
    assert_eq!(rest[0], format!("unix:{}", server.path("http").display()));
    server.address = rest[1].strip_prefix("http://").expect("TCP").parse().expect("an address");
    assert!(server.address.is_ipv6());
    assert_eq!(server.ask(&request).status(), 200);
    server.wait_for_lines("combined", 3);
    server.stop();
    let log = std::fs::read_to_string(server.path("combined")).expect("a log");
    let clients: Vec<_> = log.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(clients, ["198.51.100.2", "198.51.100.1", "::1"]);
    assert!(!server.path("http").exists(), "its file goes with it");
}

#[test]
fn a_unix_socket_can_be_the_only_address() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("http");
    let listen = format!("unix:{}", path.display());
    let log = folder.path().join("log").to_str().expect("a UTF-8 path").to_owned();
    let args = ["--listen", &listen, "--socket-mode", "0620", "--combined-log", &log];
    let mut server = Server::start_in(folder, &args);
    let mode = std::fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o620);
    assert!(server.greeting.contains(&format!("curl --unix-socket '{}'", path.display())));
    let headers = "X-Forwarded-For: 198.51.100.1, 127.0.0.9\r\n";
    assert!(get(&path, DEMO, headers).starts_with("HTTP/1.1 200 OK\r\n"));
    // Who tells no address is on this host.
    assert!(get(&path, DEMO, "").starts_with("HTTP/1.1 200 OK\r\n"));
    server.wait_for_lines("log", 2);
    server.stop();
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(log.starts_with("198.51.100.1 - - ") && log.contains("\n127.0.0.1 - - "), "{log}");
}

#[test]
fn one_connection_at_a_time_is_enough_for_all_listeners() {
    let limits = format!("{TWO}[limits]\nmax_connections = 1\n");
    let server = start(&limits, &[]);
    for _ in 0..20 {
        assert_eq!(server.ask("GET / HTTP/1.0\r\n\r\n").status(), 404);
        assert!(get(&server.path("http"), DEMO, "").starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[test]
fn a_unix_socket_has_the_same_limits_and_the_same_end() {
    let server = start(&format!("{TWO}[limits]\nheader_timeout_seconds = 1\n"), &[]);
    let path = server.path("http");
    let begin = Instant::now();
    let mut slow = connect(&path);
    // On a busy machine it may be too late for that, which the read then sees.
    drop(slow.write_all(b"GET /mirr"));
    assert_eq!(read_to_end(slow), "");
    assert!(begin.elapsed() >= Duration::from_secs(1));
    // A request that has begun when the server is told to stop.
    let mut server = start(TWO, &["--grace", "1000"]);
    let path = server.path("http");
    let mut begun = connect(&path);
    begun.write_all(format!("GET {DEMO} HTTP/1.1\r\n").as_bytes()).expect("the server reads");
    assert!(get(&path, DEMO, "").starts_with("HTTP/1.1 200 OK\r\n"));
    server.signal(Signal::TERM);
    wait_until("the socket is gone", || !path.exists());
    begun.write_all(b"Host: a\r\n\r\n").expect("the server reads");
    let answer = read_to_end(begun);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(UnixListener::bind(folder.path().join("http")).expect("a socket"));
    let server = start_in(folder, TWO, &[]);
    assert!(get(&server.path("http"), DEMO, "").starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(
        refused(server.folder.path(), TWO),
        "mirrorlistd: cannot listen on unix:{}/http: Address already in use (os error 98)\n"
    );
    assert!(get(&server.path("http"), DEMO, "").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn addresses_that_cannot_be_had_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(&[]);
    let table = |address: &str| format!("[[listener]]\naddress = '{address}'\n");
    assert_eq!(
        refused(folder.path(), &table(&server.address.to_string())),
        format!(
            "mirrorlistd: cannot listen on {}: Address already in use (os error 98)\n",
            server.address
        )
    );
    assert_eq!(
        refused(folder.path(), &table("unix:{}/no/such/folder")),
        "mirrorlistd: cannot listen on unix:{}/no/such/folder: No such file or directory \
         (os error 2)\n"
    );
    let long = format!("unix:{{}}/{}", "x".repeat(108));
    let reason = refused(folder.path(), &table(&long));
    assert!(reason.starts_with(&format!("mirrorlistd: cannot listen on {long}: ")), "{reason}");
    assert_eq!(reason.lines().count(), 1, "{reason}");
    std::fs::write(folder.path().join("file"), "not a socket").expect("a write");
    assert_eq!(
        refused(folder.path(), &table("unix:{}/file")),
        "mirrorlistd: cannot listen on unix:{}/file: Address already in use (os error 98)\n"
    );
    assert!(folder.path().join("file").exists());
}

#[test]
fn values_that_make_no_sense_are_usage_errors() {
    for args in [["--listen", "unix:"], ["--socket-mode", "rw"], ["--socket-mode", "1777"]] {
        assert_eq!(run(&[&["--demo"], &args[..]].concat()).status.code(), Some(2), "{args:?}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mirrorlistd.toml");
    for (table, expected) in [
        ("name = 'a'", ":1: missing key `address`"),
        ("address = '[::1]:1'\nport = 1", ":3: unknown key `port`"),
        ("address = '127.0.0.1'", ":2: `127.0.0.1` is neither ADDR:PORT nor unix:PATH"),
    ] {
        std::fs::write(&path, format!("[[listener]]\n{table}\n")).expect("a write");
        let output = run(&["--demo", "--config", path.to_str().expect("a UTF-8 path")]);
        assert_eq!(output.status.code(), Some(2), "{table}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(expected), "{stderr}");
    }
}

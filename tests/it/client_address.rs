//! Whose request it is, as the logs tell it: every source, on a real connection.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::server::{Client, HasBody, Server, patient, wait_until};

/// Answered with a list, and logged with the address of the client.
const TARGET: &str = "/mirrorlist?repo=demo-9&arch=x86_64";
const PROXY_V1: &[u8] = b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 80\r\n";
const PROXY_V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xc0\0\x02\x01\x12\x67\0\x50";
const PROXY_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const SPOOFED: &str = "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n";

/// A server that logs whose requests it answers.
struct Logged {
    server: Server,
    asked: usize,
    expected: Vec<String>,
}

impl Logged {
    #[track_caller]
    fn start(config: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let (config_path, log, combined) = (path("config.toml"), path("log"), path("combined"));
        std::fs::write(&config_path, patient(config)).expect("a write");
        let own = ["--demo", "--config", &config_path, "--log", &log, "--combined-log", &combined];
        let server = Server::start_in(folder, &[&own, args].concat());
        Self { server, asked: 0, expected: Vec::new() }
    }

    /// Sends `before` and a request with these header lines; notes who is expected in the logs.
    #[track_caller]
    fn ask(&mut self, before: &[u8], headers: &str, expected: &str) {
        let request = format!("GET {TARGET} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        let mut client = self.server.connect();
        let bytes = [before, request.as_bytes()].concat();
        client.stream().write_all(&bytes).expect("the server reads");
        assert_eq!(client.read_response(HasBody::Yes).status(), 200, "{headers}");
        self.expect(expected);
    }

    fn expect(&mut self, expected: &str) {
        self.asked += 1;
        self.expected.push(expected.to_owned());
    }

    /// Stops the server and compares both logs with what was expected.
    #[track_caller]
    fn check(mut self) {
        self.server.wait_for_lines("log", self.asked);
        self.server.wait_for_lines("combined", self.asked);
        self.server.stop();
        let read = |name| std::fs::read_to_string(self.server.path(name)).expect("a log");
        let (log, combined) = (read("log"), read("combined"));
        let logged = log.lines().map(|line| {
            let line = line.strip_prefix("IP: ").expect("a line with an address");
            line.split(';').next().expect("an address")
        });
        assert_eq!(logged.collect::<Vec<_>>(), self.expected);
        let first_words = combined.lines().filter_map(|line| line.split(' ').next());
        assert_eq!(first_words.collect::<Vec<_>>(), self.expected);
    }
}

const HEADERS: &str = "X-Forwarded-For: 198.51.100.1\r\nForwarded: for=198.51.100.2\r\n";

#[test]
fn each_source_is_the_only_one() {
    for (args, expected) in [
        (&[][..], "198.51.100.1"),
        (&["--client-address", "x-forwarded-for"], "198.51.100.1"),
        (&["--client-address", "forwarded"], "198.51.100.2"),
        (&["--client-address", "peer"], "127.0.0.1"),
        // Nobody is trusted.
        (&["--trusted-proxy", "none"], "127.0.0.1"),
        (&["--trusted-proxy", "none", "--client-address", "forwarded"], "127.0.0.1"),
        (&["--trusted-proxy", "none", "--client-address", "proxy-protocol"], "127.0.0.1"),
    ] {
        let mut logged = Logged::start("", args);
        logged.ask(b"", HEADERS, expected);
        logged.check();
    }
}

#[test]
fn forwarded_is_read_from_the_right_over_all_lines() {
    let mut logged = Logged::start("client_address = 'forwarded'\n", &[]);
    logged.ask(b"", "", "127.0.0.1");
    logged.ask(b"", "Forwarded: for=\"[2001:db8::1]:80\"\r\n", "2001:db8::1");
    logged.ask(b"", "Forwarded: for=unknown\r\n", "127.0.0.1");
    logged.ask(
        b"",
        "Forwarded: for=\"203.0.113.9, for=198.51.100.7;proto=http\r\n",
        "198.51.100.7",
    );
    let lines = "Forwarded: for=198.51.100.7;by=_a\r\nforwarded: for=\"127.0.0.1:9\"\r\n";
    logged.ask(b"", lines, "198.51.100.7");
    logged.check();
}

#[test]
fn a_proxy_header_names_the_client_of_every_request_on_the_connection() {
    let mut logged = Logged::start("", &["--client-address", "proxy-protocol"]);
    for header in [PROXY_V1, PROXY_V2] {
        logged.ask(header, SPOOFED, "198.51.100.7");
    }
    // A proxy that speaks for itself, as in its health checks.
    logged.ask(PROXY_LOCAL, SPOOFED, "127.0.0.1");
    logged.ask(b"PROXY UNKNOWN\r\n", SPOOFED, "127.0.0.1");
    for header in [PROXY_V1, PROXY_V2] {
        // Byte by byte, and with several requests behind it.
        let mut client = logged.server.connect();
        client.stream().set_nodelay(true).expect("a socket");
        for byte in header {
            client.stream().write_all(&[*byte]).expect("the server reads");
        }
        client.send(&format!("GET {TARGET} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(3));
        for _ in 0..3 {
            assert_eq!(client.read_response(HasBody::Yes).status(), 200);
            logged.expect("198.51.100.7");
        }
    }
    logged.check();
}

#[test]
fn a_trusted_proxy_without_a_valid_header_is_cut_off_and_logged_once_a_minute() {
    let start = Instant::now();
    let mut server = Server::start(&["--client-address", "proxy-protocol"]);
    let request = format!("GET {TARGET} HTTP/1.1\r\nHost: a\r\n\r\n");
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(200));
    for before in [
        &b""[..],
        b"PROXY TCP4 nowhere 192.0.2.1 4711 80\r\n",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 4711\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c\xc6\x33\x64\x07\xc0\0\x02\x01\x12\x67\0\x50",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        long.as_bytes(),
    ] {
        let mut client = server.connect();
        let bytes = [before, request.as_bytes()].concat();
        client.stream().write_all(&bytes).expect("the server reads");
        assert_eq!(client.read_to_end(), "", "{}", before.escape_ascii());
        // Of the first connection, before another one can be faster.
        wait_until("it is logged", || server.stderr().contains("closed: no PROXY header"));
    }
    server.wait_for_log("the trusted proxy 127.0.0.1 closed: no PROXY header");
    server.stop();
    server.check_logged_once_a_minute("PROXY", start);
}

#[test]
fn a_proxy_header_from_anybody_else_is_a_malformed_request() {
    let mut logged =
        Logged::start("trusted_proxy = ['192.0.2.0/24']\nclient_address = 'proxy-protocol'\n", &[]);
    for header in [PROXY_V1, PROXY_V2] {
        let mut client = logged.server.connect();
        client.stream().write_all(header).expect("the server reads");
        client.send(&format!("GET {TARGET} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = client.read_to_end();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // HTTP, it may speak.
    logged.ask(b"", SPOOFED, "127.0.0.1");
    logged.check();
}

#[test]
fn a_proxy_header_has_the_deadline_of_a_header() {
    let limits = "client_address = 'proxy-protocol'\n[limits]\nheader_timeout_seconds = 1\n";
    let server = Server::start_with(limits, &[]);
    for beginning in [&b""[..], b"PROXY TCP4 198", &PROXY_V2[..20], PROXY_V1] {
        let start = Instant::now();
        let mut client = server.connect();
        // On a busy machine it may be too late for that, which the read then sees.
        drop(client.stream().write_all(beginning));
        assert_eq!(client.read_to_end(), "", "{}", beginning.escape_ascii());
        assert!(start.elapsed() >= Duration::from_secs(1), "{}", beginning.escape_ascii());
    }
}

#[test]
fn half_a_proxy_header_does_not_hold_the_drain() {
    let mut server = Server::start(&["--client-address", "proxy-protocol", "--grace", "1000"]);
    let mut client = server.connect();
    client.stream().write_all(&PROXY_V2[..20]).expect("the server reads");
    let mut other = server.connect();
    other.stream().write_all(PROXY_V1).expect("the server reads");
    other.send(&format!("GET {TARGET} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(other.read_response(HasBody::Yes).status(), 200);
    server.stop();
    assert_eq!(client.read_to_end(), "");
}

#[test]
fn a_source_that_does_not_exist_is_a_usage_error() {
    let output = crate::server::run(&["--demo", "--client-address", "x-real-ip"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let values = "possible values: x-forwarded-for, forwarded, proxy-protocol, peer";
    assert!(stderr.contains("'x-real-ip'") && stderr.contains(values), "{stderr}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mirrorlistd.toml");
    std::fs::write(&path, "client_address = 'x-real-ip'\n").expect("a write");
    let output = crate::server::run(&["--config", path.to_str().expect("a UTF-8 path")]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(":1: unknown value `x-real-ip`, expected one of"), "{stderr}");
}

/// Numbers of one server: PROXY headers refused, connections accepted, connections open.
struct Counted {
    server: Server,
    admin: PathBuf,
}

impl Counted {
    fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let admin = folder.path().join("admin");
        let path = folder.path().join("config.toml");
        std::fs::write(&path, patient(config)).expect("a write");
        let (path, address) = (path.to_str().expect("UTF-8"), format!("unix:{}", admin.display()));
        let args = ["--demo", "--config", path, "--admin", &address];
        let args = [&args[..], &["--client-address", "proxy-protocol"]].concat();
        Self { server: Server::start_in(folder, &args), admin }
    }

    fn count(&self) -> [u64; 3] {
        let mut stream = UnixStream::connect(&self.admin).expect("admin");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("the server reads");
        let text = std::io::read_to_string(stream).expect("an answer");
        let find = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.expect("a metric").trim().parse().expect("a number")
        };
        [
            find("mirrorlistd_proxy_headers_refused_total "),
            find("mirrorlistd_connections_accepted_total "),
            find("mirrorlistd_connections_open "),
        ]
    }
}

#[test]
fn metrics_count_the_headers_that_were_refused() {
    let counted = Counted::start("");
    let connect = |beginning: &[u8]| -> Client {
        let mut client = counted.server.connect();
        client.stream().write_all(beginning).expect("the server reads");
        client
    };
    // One is no header, and one ends in the middle.
    assert_eq!(connect(b"GET / HTTP/1.0\r\n\r\n").read_to_end(), "");
    let mut half = connect(&PROXY_V2[..20]);
    half.stream().shutdown(std::net::Shutdown::Write).expect("it is connected");
    assert_eq!(half.read_to_end(), "");
    wait_until("both are counted", || counted.count() == [2, 2, 0]);
    // Whoever connects and says nothing at all is only checking.
    drop(counted.server.connect());
    wait_until("it has come and gone", || counted.count()[1..] == [3, 0]);
    assert_eq!(counted.count()[0], 2);
}

#[test]
fn metrics_count_a_header_that_is_not_there_in_time() {
    let counted = Counted::start("[limits]\nheader_timeout_seconds = 1\n");
    // On a busy machine it may be too late for its beginning: then it has said nothing at all.
    wait_until("it is counted", || {
        let mut client = counted.server.connect();
        drop(client.stream().write_all(b"PROXY TCP4 198"));
        assert_eq!(client.read_to_end(), "");
        wait_until("it is gone", || counted.count()[2] == 0);
        counted.count()[0] == 1
    });
}

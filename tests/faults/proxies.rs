//! What one client can do to the others behind a real proxy: nothing.
//!
//! A proxy keeps everybody away from a server that it takes for broken, so whatever makes it think so
//! is a weapon. Requests that could are sent between those of others, none of which may fail.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Stdio;

use crate::packages;
use crate::proxy::{DOWNLOAD_HOST, LISTS_HOST, Program, command};
use crate::table::Table;
use crate::upstreams::{
    DIRECTORY, METALINK, PROGRAMS, Upstreams, ask, connect, data, request, status,
};

/// Requests of others, each after a hostile one.
const N_OTHERS: usize = 200;
/// Further ones, each after a body over HTTP/2.
const N_OVER_HTTP2: usize = 20;
/// Connections that an attacker keeps in the middle of something.
const N_HELD: usize = 40;

/// How a hostile client goes on after what it has sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It reads what it gets, to the end.
    Read,
    /// It does nothing, and stays.
    Stay,
    /// It leaves at once.
    Leave,
    /// It leaves with a reset.
    Reset,
}

struct Hostile {
    name: &'static str,
    bytes: Vec<u8>,
    then: Then,
}

fn hostile() -> Vec<Hostile> {
    let close = "Connection: close\r\n";
    let lists = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\nHost: {LISTS_HOST}\r\n{headers}\r\n")
    };
    let get = format!("GET {METALINK}");
    let post = format!("POST {METALINK}");
    let download = |path: &str| request(&format!("/{DIRECTORY}/{path}"), DOWNLOAD_HOST);
    let body = "x".repeat(100_000);
    let chunks = format!("1000\r\n{}\r\n", "x".repeat(0x1000)).repeat(25) + "0\r\n\r\n";
    let with_length = format!("{close}Content-Length: {}\r\n", body.len());
    let chunked = format!("{close}Transfer-Encoding: chunked\r\n");
    let expecting = format!("{with_length}Expect: 100-continue\r\n");
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let many = format!("{close}{}", "X-Y: z\r\n".repeat(100));
    let wide = format!("{close}{}", format!("X-Y: {}\r\n", "z".repeat(200)).repeat(30));
    let forwarded = format!("{close}X-Forwarded-For: {}1.2.3.4\r\n", "1.2.3.4, ".repeat(700));
    [
        ("a long redirect", download(&"%20".repeat(300)), Then::Read),
        ("the longest redirect", download(&"%20".repeat(480)), Then::Read),
        ("a redirect that is too long", download(&"%20".repeat(600)), Then::Read),
        ("8 KB of ampersands to the download host", download(&"&".repeat(7_900)), Then::Read),
        (
            "an 8 KB target",
            lists(&format!("GET {METALINK}&x={}", "y".repeat(8_000)), close),
            Then::Read,
        ),
        (
            "a target of 16 KB",
            lists(&format!("GET {METALINK}&x={}", "y".repeat(16_000)), close),
            Then::Read,
        ),
        ("a body", lists(&post, &with_length) + &body, Then::Read),
        ("a body of GET", lists(&get, &with_length) + &body, Then::Read),
        (
            "a body of OPTIONS",
            lists(&format!("OPTIONS {METALINK}"), &with_length) + &body,
            Then::Read,
        ),
        ("a chunked body", lists(&post, &chunked) + &chunks, Then::Read),
        ("a chunked body of GET", lists(&get, &chunked) + &chunks, Then::Read),
        (
            "a body to the download host",
            download("x").replacen("GET", "POST", 1).replacen(close, &with_length, 1) + &body,
            Then::Read,
        ),
        (
            "a small body",
            lists(&post, &format!("{close}Content-Length: 5\r\n")) + "hello",
            Then::Read,
        ),
        ("a body of which half comes", lists(&post, &with_length) + &body[..50_000], Then::Stay),
        (
            "a body of which half comes, and an end",
            lists(&post, &with_length) + &body[..50_000],
            Then::Leave,
        ),
        ("a body and a reset", lists(&post, &with_length) + &body[..50_000], Then::Reset),
        ("a body that waits to be asked for", lists(&post, &expecting), Then::Stay),
        ("chunks that are none", lists(&post, &chunked) + "zz\r\nhello\r\n", Then::Read),
        (
            "length and chunks",
            lists(&post, &(chunked.clone() + &with_length)) + &chunks,
            Then::Read,
        ),
        ("many headers", lists(&get, &many), Then::Read),
        ("wide headers", lists(&get, &wide), Then::Read),
        ("a long X-Forwarded-For", lists(&get, &forwarded), Then::Read),
        (
            "an X-Forwarded-For that is none",
            lists(&get, &format!("{close}X-Forwarded-For: \u{fc},,;\r\n")),
            Then::Read,
        ),
        ("half a request line", "GET /metal".into(), Then::Stay),
        ("half a header", format!("{get} HTTP/1.1\r\nHost: {LISTS_HOST}\r\nX-Y"), Then::Stay),
        ("nothing", String::new(), Then::Stay),
        (
            "the preface of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0".into(),
            Then::Stay,
        ),
        ("an upgrade to HTTP/2", lists(&get, upgrade), Then::Stay),
        ("a handshake of TLS", "\u{16}\u{3}\u{1}\0\u{5}hello".into(), Then::Stay),
        ("rubbish", "\u{1}\u{2}\u{3} / \0\r\n\r\n".into(), Then::Read),
        ("a pipeline that nobody reads", lists(&get, "").repeat(50), Then::Leave),
        ("a pipeline and a reset", lists(&get, "").repeat(50), Then::Reset),
        ("a request and a reset", lists(&get, ""), Then::Reset),
        ("HEAD", lists(&format!("HEAD {METALINK}"), close), Then::Read),
        ("TRACE", lists(&format!("TRACE {METALINK}"), close), Then::Read),
        ("CONNECT", format!("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n{close}\r\n"), Then::Read),
        ("an unknown method", lists(&format!("XYZZY {METALINK}"), close), Then::Read),
        ("OPTIONS *", lists("OPTIONS *", close), Then::Read),
        ("HTTP/1.0 without a host", format!("{get} HTTP/1.0\r\n\r\n"), Then::Read),
        ("two hosts", lists(&get, &format!("Host: b\r\n{close}")), Then::Read),
        ("an unknown repository", lists(&get.replace("epel", "hostile"), close), Then::Read),
        ("a target that is no text", lists(&format!("{get}&path=%ff%00"), close), Then::Read),
    ]
    .map(|(name, text, then)| Hostile { name, bytes: text.into_bytes(), then })
    .into()
}

impl Hostile {
    /// Sends it; a connection that stays is returned. No error counts: whatever befalls the attacker
    /// is well deserved.
    fn send(&self, address: SocketAddr) -> Option<TcpStream> {
        let mut stream = connect(address).ok()?;
        let _ = stream.write_all(&self.bytes);
        match self.then {
            Then::Read => {
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
                None
            }
            Then::Stay => Some(stream),
            Then::Leave => None,
            Then::Reset => {
                let _ = socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
                None
            }
        }
    }
}

pub fn one_client_harms_no_other(table: &mut Table) {
    packages::require_proxies();
    for program in PROGRAMS.into_iter().chain([Program::NginxDefaults]) {
        one_client(program, table);
    }
}

/// Bodies over HTTP/2, with a length and without: the proxy makes requests of HTTP/1.1 out of them.
fn send_over_http2(upstreams: &Upstreams, has_length: bool) {
    let folder = upstreams.folder();
    let body = folder.join("posted");
    std::fs::write(&body, vec![b'x'; 100_000]).unwrap();
    let https = upstreams.proxy.https;
    let mut curl = command("/usr/bin/curl", folder);
    curl.args([
        "--silent",
        "--http2",
        "--max-time",
        "120",
        "--request",
        "POST",
        "--output",
        "answer",
    ]);
    curl.arg("--cacert").arg(&upstreams.proxy.authority);
    curl.args(["--resolve", &format!("{LISTS_HOST}:{}:{}", https.port(), https.ip())]);
    curl.arg(format!("https://{LISTS_HOST}:{}{METALINK}", https.port()));
    match has_length {
        true => curl.args(["--data-binary", "@posted"]).stdin(Stdio::null()),
        false => curl.args(["--upload-file", "-"]).stdin(File::open(&body).unwrap()),
    };
    curl.args(["--write-out", "%{http_version} %{http_code}"]);
    let output = curl.stderr(Stdio::null()).output().unwrap();
    // nginx resets the stream of a body that it refuses, which is 92 to curl.
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said == "2 413" || output.status.code() == Some(92), "{said} {}", output.status);
}

fn one_client(program: Program, table: &mut Table) {
    let upstreams = Upstreams::start(program, &data(20));
    let address = upstreams.proxy.http;
    let hostile = hostile();
    let mut held = VecDeque::new();
    let mut failed = Vec::new();
    let list = request(METALINK, LISTS_HOST);
    let file = request(&format!("/{DIRECTORY}/repodata/repomd.xml"), DOWNLOAD_HOST);
    for (n, attack) in (0..N_OTHERS).zip(hostile.iter().cycle()) {
        held.extend(attack.send(address));
        if held.len() > N_HELD {
            held.pop_front();
        }
        let (other, expected) = if n % 2 == 0 { (&list, "200") } else { (&file, "302") };
        match ask(address, other) {
            Ok(answer) if status(&answer) == expected => {}
            Ok(answer) => failed.push(format!("{}: {}", attack.name, status(&answer))),
            Err(error) => failed.push(format!("{}: {error}", attack.name)),
        }
    }
    for n in 0..N_OVER_HTTP2 {
        send_over_http2(&upstreams, n % 2 == 0);
        match ask(address, &list) {
            Ok(answer) if status(&answer) == "200" => {}
            Ok(answer) => failed.push(format!("a body over HTTP/2: {}", status(&answer))),
            Err(error) => failed.push(format!("a body over HTTP/2: {error}")),
        }
    }
    assert!(failed.is_empty(), "{program:?}: {failed:#?}\n{}", upstreams.proxy.log());
    drop(held);
    upstreams.stop();
    table.add(
        format!(
            "{} requests through {program:?}, each after one of {} hostile ones",
            N_OTHERS + N_OVER_HTTP2,
            hostile.len() + 2
        ),
        "0 fail",
        "0 failed",
    );
}

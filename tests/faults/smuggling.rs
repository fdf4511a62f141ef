//! Requests of which two readers could disagree where they end: request smuggling needs a proxy and
//! a server that do.
//!
//! Each one is followed by a second request, which an attacker would hide in it. It must have one
//! answer, a refusal, or none; the connection must end with it; and the hidden request must never be
//! answered. What the server takes for a request is counted by its combined log.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::packages;
use crate::runs::{folder, no_panic, start};
use crate::server::{DEMO, PATIENCE, Server, free_port, wait_until};
use crate::table::Table;

/// What an attacker would hide. The server knows no such repository, so that its answer is a 404.
const HIDDEN: &str = "GET /mirrorlist?repo=hidden&arch=x86_64 HTTP/1.1\r\nHost: a\r\n\
                      Connection: close\r\n\r\n";

/// A name, and a request; `{}` stands for a target that is answered with 200.
type Case = (&'static str, &'static str);

/// Refused, and the connection closed.
const AMBIGUOUS: &[Case] = &[
    (
        "CL and TE",
        "POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\n",
    ),
    (
        "GET with CL and TE",
        "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\n",
    ),
    ("CL.0", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 70\r\n\r\n"),
    ("HEAD with CL", "HEAD {} HTTP/1.1\r\nHost: a\r\nContent-Length: 70\r\n\r\n"),
    ("TE chunked", "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (
        "TE twice",
        "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
         Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE chunked, identity",
        "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    ("TE identity", "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
    ("TE unknown", "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    (
        "TE in quotes",
        "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    ),
    ("TE with a tab", "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n"),
    (
        "TE with a vertical tab",
        "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    ),
    ("TE empty", "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"),
    (
        "TE in HTTP/1.0",
        "GET {} HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "blank before the colon",
        "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    ("blank before the colon of CL", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length : 70\r\n\r\n"),
    ("blank before the name", "GET {} HTTP/1.1\r\n Host: a\r\n\r\n"),
    (
        "CL twice, different",
        "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 70\r\n\r\n",
    ),
    ("CL list, different", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 70\r\n\r\n"),
    ("CL with a sign", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: +70\r\n\r\n"),
    ("CL negative", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    ("CL hexadecimal", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 0x46\r\n\r\n"),
    (
        "CL beyond 64 bits",
        "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
    ),
    ("CL of 64 bits", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n"),
    ("CL empty", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
    ("obs-fold of a value", "GET {} HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"),
    (
        "obs-fold of TE",
        "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "lone CR in a value",
        "GET {} HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n",
    ),
    ("lone CR as an end", "GET {} HTTP/1.1\rHost: a\r\r"),
    ("NUL in a value", "GET {} HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n"),
    ("NUL in a name", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length\0: 70\r\n\r\n"),
    ("NUL in the target", "GET {}\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no colon", "GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n\r\n"),
    ("empty name", "GET {} HTTP/1.1\r\nHost: a\r\n: chunked\r\n\r\n"),
    ("HTTP/0.9", "GET {}\r\n"),
    ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HTTP/1.2", "GET {} HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("HTTP/2.0 in the line", "GET {} HTTP/2.0\r\nHost: a\r\n\r\n"),
    ("two blanks in the line", "GET  {} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("blank in the target", "GET {} /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("tab in the line", "GET\t{}\tHTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "huge chunk",
        "POST {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    ),
    (
        "chunk beyond 64 bits",
        "POST {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    ),
    (
        "chunk extension",
        "POST {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;x=\"\r\n\r\n",
    ),
    (
        "chunk extension with LF",
        "POST {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n",
    ),
    (
        "chunk with a sign",
        "POST {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
    ),
    (
        "trailer",
        "POST {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\
         Content-Length: 70\r\n\r\n",
    ),
    (
        "CL with Expect",
        "POST {} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 70\r\n\r\n",
    ),
    (
        "CL with Upgrade",
        "GET {} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\
         Content-Length: 70\r\n\r\n",
    ),
    ("PROXY header", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET {} HTTP/1.1\r\nHost: a\r\n\r\n"),
];

/// Odd, and answered like the request behind it.
const SOUND: &[Case] = &[
    ("usual", "GET {} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("absolute form", "GET http://a{} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("absolute form, another Host", "GET http://b{} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("CL of nothing", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
    ("CL of 00", "GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n"),
    ("LF as an end", "GET {} HTTP/1.1\nHost: a\n\n"),
    ("LF and CRLF", "GET {} HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    ("empty lines before", "\r\n\r\nGET {} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("blanks after a value", "GET {} HTTP/1.1\r\nHost: a \t\r\n\r\n"),
    ("bytes beyond ASCII", "GET {} HTTP/1.1\r\nHost: a\r\nX: \u{fc}\r\n\r\n"),
    ("HTTP/1.0, kept", "GET {} HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\n\r\n"),
];

/// The statuses of all answers until the connection ends.
#[track_caller]
fn statuses(address: SocketAddr, pieces: &[&[u8]]) -> Vec<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for piece in pieces {
        // The connection may have ended after the piece before.
        drop(stream.write_all(piece));
    }
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection does not end: {error}"),
    }
    let text = String::from_utf8_lossy(&bytes);
    let answers = text.match_indices("HTTP/1.").map(|(at, _)| &text[at..]);
    let statuses = answers.map(|answer| answer[9..12].parse().unwrap());
    // `100 Continue` is no answer.
    statuses.filter(|&status| status >= 200).collect()
}

/// The request and the hidden one: in one piece, and cut in the middle of the first.
fn both_ways(address: SocketAddr, request: &str) -> [Vec<u16>; 2] {
    let text = request.replace("{}", DEMO) + HIDDEN;
    let bytes = text.as_bytes();
    let (first, second) = bytes.split_at(request.len() / 2);
    [statuses(address, &[bytes]), statuses(address, &[first, second])]
}

#[track_caller]
fn start_logging() -> Server {
    let folder = folder();
    let log = folder.path().join("combined.log").to_str().unwrap().to_owned();
    start(folder, &[], &["--demo", "--log", "none", "--combined-log", &log], "")
}

/// Ends the server; what it has counted as requests.
fn requests_of(mut server: Server) -> Vec<String> {
    server.stop();
    no_panic(&server);
    let log = fs::read_to_string(server.path("combined.log")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

pub fn direct(table: &mut Table) {
    let server = start_logging();
    let mut n_answers = 0;
    for (name, request) in AMBIGUOUS {
        for statuses in both_ways(server.address, request) {
            assert!(statuses.len() <= 1, "{name}: {statuses:?}");
            assert!(statuses.iter().all(|status| (400..=505).contains(status)), "{name}");
            n_answers += statuses.len();
        }
    }
    let requests = requests_of(server);
    assert!(requests.iter().all(|line| line.contains("\" 413 ")), "{requests:#?}");
    table.add(
        format!("{} ambiguous requests, each twice, with another one behind", AMBIGUOUS.len()),
        "one answer at most, the connection closed",
        format!("{n_answers} refusals, 0 second answers, all closed"),
    );
}

pub fn sound(table: &mut Table) {
    let server = start_logging();
    for (name, request) in SOUND {
        for statuses in both_ways(server.address, request) {
            assert_eq!(statuses, [200, 404], "{name}");
        }
    }
    server.wait_for_lines("combined.log", 4 * SOUND.len());
    assert_eq!(requests_of(server).len(), 4 * SOUND.len());
    table.add(
        format!("{} odd but sound requests, each twice, with another one behind", SOUND.len()),
        "two answers",
        "two answers each",
    );
}

pub fn through_nginx(table: &mut Table) {
    packages::require();
    let servers = [start_logging(), start_logging()];
    let front = Nginx::start([servers[0].address, servers[1].address]);
    let mut n_refused = 0;
    for (name, request) in AMBIGUOUS.iter().chain(SOUND) {
        for statuses in both_ways(front.address, request) {
            assert!(statuses.len() <= 2, "{name}: {statuses:?}");
            n_refused += usize::from(!statuses.contains(&200));
        }
    }
    let forwarded = front.stop();
    let n_lines = |server: &Server| {
        fs::read_to_string(server.path("combined.log")).unwrap_or_default().lines().count()
    };
    wait_until("the servers have logged as many", || {
        servers.iter().map(n_lines).sum::<usize>() >= forwarded.len()
    });
    let received: Vec<_> = servers.into_iter().flat_map(requests_of).collect();
    assert_eq!(received.len(), forwarded.len(), "{received:#?}\n{forwarded:#?}");
    table.add(
        format!("{} such requests through nginx, each twice", AMBIGUOUS.len() + SOUND.len()),
        "as many at the back as at the front",
        format!("{} and {}; nginx lets {n_refused} not pass", received.len(), forwarded.len()),
    );
}

/// nginx with the configuration of `contrib/`, without TLS.
struct Nginx {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Nginx {
    fn start(upstreams: [SocketAddr; 2]) -> Self {
        for _ in 0..5 {
            let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
            let folder = folder();
            configure(folder.path(), address, upstreams);
            let child = Command::new("/usr/sbin/nginx")
                .arg("-p")
                .arg(folder.path())
                .arg("-c")
                .arg(folder.path().join("nginx.conf"))
                .stdin(Stdio::null())
                .stderr(File::create(folder.path().join("stderr")).unwrap())
                .spawn();
            let mut nginx = Self { child: child.unwrap(), address, folder };
            if nginx.listens() {
                return nginx;
            }
            let said = fs::read_to_string(nginx.folder.path().join("stderr")).unwrap();
            assert!(said.contains("in use"), "nginx does not start: {said}");
        }
        panic!("nginx finds no free port");
    }

    /// Whether it does; it may have ended instead.
    fn listens(&mut self) -> bool {
        let mut outcome = None;
        wait_until("nginx listens", || {
            outcome = match self.child.try_wait().unwrap() {
                Some(_) => Some(false),
                None => TcpStream::connect(self.address).is_ok().then_some(true),
            };
            outcome.is_some()
        });
        outcome == Some(true)
    }

    /// Ends it; the requests that it has sent to the servers, each as often as it has been sent.
    fn stop(mut self) -> Vec<String> {
        // nginx logs a request when its client has closed as well, and does not wait for that when it
        // ends: what was closed before this last request is logged before it.
        statuses(self.address, &[b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]);
        let log = self.folder.path().join("front.log");
        let has_end = || fs::read_to_string(&log).is_ok_and(|log| log.contains("GET /end"));
        wait_until("everything is logged", has_end);
        kill_process(Pid::from_child(&self.child), Signal::QUIT).unwrap();
        self.child.wait().unwrap();
        let log = fs::read_to_string(log).unwrap();
        let sent = |line: &str| {
            let (statuses, request) = line.split_once('|').unwrap();
            let n = if statuses == "-" { 0 } else { statuses.split(", ").count() };
            vec![request.to_owned(); n]
        };
        log.lines().flat_map(sent).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Writes the shipped configuration for this test, and what Debian's nginx.conf has around it.
fn configure(folder: &Path, address: SocketAddr, upstreams: [SocketAddr; 2]) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/nginx/mirrorlistd.conf");
    let shipped = fs::read_to_string(shipped).unwrap();
    let has_no_place = |line: &&str| {
        ["listen 443", "listen [::]", "ssl_"].iter().any(|word| line.trim().starts_with(word))
    };
    let mut config: String =
        shipped.lines().filter(|line| !has_no_place(line)).flat_map(|line| [line, "\n"]).collect();
    let [first, second] = upstreams.map(|upstream| upstream.to_string());
    for (from, to) in [
        ("127.0.0.1:18081", first),
        ("127.0.0.1:18082", second),
        ("listen 80;", format!("listen {address};")),
    ] {
        assert!(config.contains(from), "the shipped configuration has no {from}");
        config = config.replace(from, &to);
    }
    let here = folder.display();
    // One process, which ends when it is told to.
    let around = format!(
        "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log {here}/error.log;\n\
         events {{}}\nhttp {{\n\
         log_format front '$upstream_status|$request';\naccess_log {here}/front.log front;\n\
         client_body_temp_path {here}/body;\nproxy_temp_path {here}/proxy;\n\
         fastcgi_temp_path {here}/fastcgi;\nuwsgi_temp_path {here}/uwsgi;\n\
         scgi_temp_path {here}/scgi;\n{config}}}\n"
    );
    fs::write(folder.join("nginx.conf"), around).unwrap();
}

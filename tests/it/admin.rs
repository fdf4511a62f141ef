//! The operator's listener, over a unix socket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::server::{DEMO, HasBody, PATIENCE, Server, run, wait_until};

/// A server with an admin listener.
pub(crate) struct Watched {
    pub(crate) server: Server,
    socket: PathBuf,
}

impl Watched {
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), args)
    }

    #[track_caller]
    pub(crate) fn start_in(folder: tempfile::TempDir, args: &[&str]) -> Self {
        let socket = folder.path().join("admin");
        let address = format!("unix:{}", socket.to_str().expect("a UTF-8 path"));
        let server = Server::start_in(folder, &[&["--admin", &address], args].concat());
        Self { server, socket }
    }

    /// Its address, as options are written.
    pub(crate) fn admin_address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Status, header and body.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str) -> (u16, String, String) {
        let mut stream = UnixStream::connect(&self.socket).expect("the admin listener");
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a header");
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        (status, head.to_owned(), body.to_owned())
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.ask("GET", path);
        (status, body)
    }

    #[track_caller]
    fn metrics(&self) -> BTreeMap<Series, f64> {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200);
        parse(&text)
    }

    /// The sum of a metric over all of its series that have these labels.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let metrics = self.metrics();
        let has = |series: &Series, (key, value): &(&str, &str)| {
            series.labels.get(*key).is_some_and(|found| found == value)
        };
        let series = metrics.iter().filter(|(series, _)| {
            series.name == name && labels.iter().all(|label| has(series, label))
        });
        let values: Vec<f64> = series.map(|(_, value)| *value).collect();
        assert!(!values.is_empty(), "{name}{labels:?} is there");
        values.iter().sum()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
}

/// Parses the text format of OpenMetrics, and insists on what scrapers insist on: families are
/// declared once and before their samples, no series comes twice, and the end is marked.
#[track_caller]
fn parse(text: &str) -> BTreeMap<Series, f64> {
    let text = text.strip_suffix("# EOF\n").expect("the end is marked");
    let mut families = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').expect(line);
            assert!(families.insert(name, kind).is_none(), "{line} is declared twice");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect(line);
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect(line)),
            None => (series, ""),
        };
        let suffixes = ["", "_total", "_bucket", "_sum", "_count", "_info"];
        let is_declared = suffixes.iter().any(|suffix| {
            name.strip_suffix(suffix).is_some_and(|name| families.contains_key(name))
        });
        assert!(is_declared, "{line} has no family");
        let labels = labels.split("\",").filter(|label| !label.is_empty()).map(|label| {
            let (key, value) = label.split_once("=\"").expect(line);
            (key.to_owned(), value.strip_suffix('"').unwrap_or(value).to_owned())
        });
        let series = Series { name: name.to_owned(), labels: labels.collect() };
        let value = value.parse().expect(line);
        assert!(samples.insert(series, value).is_none(), "{line} comes twice");
    }
    samples
}

#[test]
fn each_page_is_where_it_is_said_to_be() {
    let watched = Watched::start(&["--demo"]);
    assert_eq!(watched.get("/healthz"), (200, "alive\n".into()));
    let (status, body) = watched.get("/readyz");
    assert_eq!(status, 200);
    let generation = watched.server.get(DEMO).header("mirrorlist-generation").map(str::to_owned);
    let generation = generation.expect("a generation");
    assert!(body.starts_with(&format!("ready\ngeneration {generation}\ndata of ")), "{body}");
    assert!(body.contains("last load published at "), "{body}");

    let (status, head, page) = watched.ask("GET", "/status");
    assert_eq!(status, 200);
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(page.contains(&generation), "{page}");
    for outside in ["src=", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} in {page}");
    }
    let (_, json) = watched.get("/status.json");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["data"]["generation"], generation.as_str());
    assert_eq!(json["readiness"], "ready");
    assert!(json["data"]["entries"]["hosts"].as_u64().is_some_and(|n| n > 0), "{json}");

    assert_eq!(watched.get("/nothing").0, 404);
    let (status, head, _) = watched.ask("POST", "/status");
    assert!(status == 405 && head.contains("\r\nallow: GET, HEAD\r\n"), "{head}");
    let (status, _, body) = watched.ask("HEAD", "/status");
    assert_eq!((status, body.as_str()), (200, ""));
    // Nothing of it is on the public listener.
    for path in ["/healthz", "/readyz", "/metrics", "/status", "/status.json", "/explain"] {
        assert_eq!(watched.server.get(path).status(), 404, "{path}");
    }
}

#[test]
fn the_index_and_the_handbook_name_each_page() {
    let watched = Watched::start(&["--demo"]);
    let (status, index) = watched.get("/");
    assert_eq!(status, 200);
    let chapter = include_str!("../../contrib/handbook/watching.md");
    let (_, table) = chapter.split_once("| path |").expect("the table");
    let (table, _) = table.split_once("\n\n").expect("its end");
    let mut paths: Vec<_> = index.lines().filter_map(|row| row.split(' ').next()).collect();
    for path in &paths {
        let query = if *path == "/explain.json" { "?repo=demo-9&arch=x86_64&ip=::1" } else { "" };
        assert_eq!(watched.get(&format!("{path}{query}")).0, 200, "{path}");
    }
    let mut told: Vec<_> = table.split('`').filter(|text| text.starts_with('/')).collect();
    paths.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, paths);
    assert_eq!(watched.get("/nothing"), (404, index.clone()));
}

#[test]
fn what_happens_is_counted() {
    let watched = Watched::start(&["--demo"]);
    let answer = watched.server.get(DEMO);
    watched.server.get("/metalink?repo=demo-9&arch=x86_64&ip=192.0.2.10&countme=2");
    watched.server.get("/metalink?repo=nothing&arch=x86_64&countme=7");
    watched.server.get("/nothing");
    let check = |name: &str, labels: &[(&str, &str)], expected: f64| {
        assert_eq!(watched.metric(name, labels), expected, "{name}{labels:?}");
    };
    check("mirrorlistd_requests_total", &[], 4.0);
    check("mirrorlistd_requests_total", &[("kind", "mirrorlist"), ("status", "2xx")], 1.0);
    check("mirrorlistd_requests_total", &[("kind", "metalink"), ("status", "4xx")], 1.0);
    check("mirrorlistd_requests_total", &[("kind", "other"), ("status", "4xx")], 1.0);
    check("mirrorlistd_answers_total", &[], 2.0);
    check("mirrorlistd_answer_seconds_count", &[], 4.0);
    check("mirrorlistd_answer_seconds_bucket", &[("le", "+Inf")], 4.0);
    check("mirrorlistd_connections_accepted_total", &[], 4.0);
    check("mirrorlistd_panics_total", &[], 0.0);
    check("mirrorlistd_ready", &[], 1.0);
    check("mirrorlistd_snapshot_info", &[], 1.0);
    let demo = [("repo", "demo-9"), ("arch", "x86_64")];
    check("mirrorlistd_countme_total", &demo, 1.0);
    check("mirrorlistd_countme_total", &[("repo", "other"), ("bucket", "other")], 1.0);
    assert!(watched.metric("mirrorlistd_sent_bytes_total", &[]) > answer.body.len() as f64);
    assert!(watched.metric("process_resident_memory_bytes", &[]) > 1e6);
    assert!(watched.metric("process_open_fds", &[]) > 3.0);
    // Clients are gone, and so are their connections.
    wait_until("connections are closed", || {
        watched.metric("mirrorlistd_connections_open", &[]) == 0.0
    });
    check("mirrorlistd_connections_waiting", &[], 0.0);
    check("mirrorlistd_requests_in_flight", &[], 0.0);
}

/// Asks on one connection, a header for each request.
#[track_caller]
fn ask_with(server: &Server, n_requests: usize, header: &str) {
    let mut client = server.connect();
    for _ in 0..n_requests / 10 {
        client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n{header}\r\n").repeat(10));
        for _ in 0..10 {
            assert_eq!(client.read_response(HasBody::Yes).status(), 200);
        }
    }
}

#[test]
fn clients_that_cannot_be_what_they_seem_are_counted_and_told_once() {
    let watched = Watched::start(&[]);
    let server = &watched.server;
    let private = |why| watched.metric("mirrorlistd_private_clients_total", &[("why", why)]);
    ask_with(server, 400, "X-Forwarded-For: 198.51.100.7\r\n");
    // Checks of a proxy speak for nobody.
    server.ask(&format!("GET {DEMO} HTTP/1.0\r\n\r\n"));
    assert_eq!((private("seen"), private("unnamed")), (0.0, 0.0));
    ask_with(server, 600, "X-Forwarded-For: 198.51.100.7, 10.1.2.3\r\n");
    assert_eq!((private("seen"), private("unnamed")), (600.0, 0.0));
    wait_until("the log says so", || server.stderr().contains("of clients have private addresses"));
    let line = "is a proxy missing from trusted_proxy?";
    assert_eq!(server.stderr().matches(line).count(), 1, "{}", server.stderr());
    ask_with(server, 2_000, "");
    assert_eq!((private("seen"), private("unnamed")), (600.0, 2_000.0));
    wait_until("the log says that nobody is named", || {
        server.stderr().contains("% of requests come from a trusted proxy that names no client")
    });
    let (_, page) = watched.get("/status");
    assert!(page.contains("Clients with private addresses"), "{page}");
    ask_with(server, 2_000, "X-Forwarded-For: 198.51.100.7\r\n");
    wait_until("the log says that it is over", || {
        server.stderr().contains("public addresses again")
    });
    assert_eq!(server.stderr().matches(line).count(), 1, "{}", server.stderr());
}

#[test]
fn nothing_that_a_client_sends_becomes_a_label() {
    let watched = Watched::start(&["--demo"]);
    watched.server.get(&format!("{DEMO}&countme=1"));
    let series = |watched: &Watched| watched.metrics().into_keys().collect::<Vec<_>>();
    let before = series(&watched);
    for target in [
        "/mirrorlist?repo=evil&arch=evil&countme=evil",
        "/metalink?repo=demo-9&arch=evil&countme=3",
        "/metalink?repo=demo-9%22%7D%0Aevil&arch=x86_64&countme=1",
        "/mirrorlist?path=evil&countme=1&country=evil&protocol=evil",
        "/mirrorlist?repo=demo-9&arch=x86_64&ip=evil&countme=99",
        "/evil",
    ] {
        watched.server.ask(&format!(
            "GET {target} HTTP/1.1\r\nHost: evil\r\nUser-Agent: evil\r\nX-Forwarded-For: evil\r\n\r\n"
        ));
    }
    watched.server.ask("EVIL /evil HTTP/1.1\r\nHost: evil\r\n\r\n");
    assert_eq!(series(&watched), before);
    assert!(!watched.get("/metrics").1.contains("evil"));
    assert!(!watched.get("/status").1.contains("evil"));
}

#[test]
fn it_answers_while_all_workers_are_busy() {
    let watched = Watched::start(&["--demo", "--workers", "1"]);
    let requests = format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(100);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Also when an assertion fails: the threads would go on for ever.
        let _end = End(&is_over);
        for _ in 0..8 {
            scope.spawn(|| {
                let stream =
                    TcpStream::connect(watched.server.address).expect("the server listens");
                let mut reading = stream.try_clone().expect("a second handle");
                let reader = thread::spawn(move || {
                    let mut buffer = [0; 64 * 1_024];
                    while reading.read(&mut buffer).is_ok_and(|n| n > 0) {}
                });
                let mut writing = &stream;
                while !is_over.load(Ordering::Relaxed) {
                    if writing.write_all(requests.as_bytes()).is_err() {
                        break;
                    }
                }
                drop(stream.shutdown(std::net::Shutdown::Both));
                reader.join().expect("no panic");
            });
        }
        let total = || watched.metric("mirrorlistd_requests_total", &[]);
        wait_until("the worker is busy", || total() > 1_000.0);
        let mut last = total();
        for _ in 0..20 {
            for path in ["/healthz", "/readyz", "/status", "/status.json"] {
                assert_eq!(watched.get(path).0, 200, "{path}");
            }
            wait_until("the worker goes on", || total() > last);
            last = total();
        }
    });
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn it_is_not_ready_while_it_stops_and_says_so_until_the_end() {
    let mut watched = Watched::start(&["--demo", "--grace", "1000"]);
    let mut client = watched.server.connect();
    client.send(&format!("GET {DEMO} HTTP/1.1\r\n"));
    assert_eq!(watched.server.get(DEMO).status(), 200);
    wait_until("the half request is seen", || {
        watched.metric("mirrorlistd_connections_waiting", &[("for", "header")]) == 1.0
    });
    watched.server.signal(Signal::TERM);
    wait_until("it is not ready", || watched.get("/readyz").0 == 503);
    assert!(watched.get("/readyz").1.starts_with("stopping\n"));
    assert_eq!(watched.get("/healthz").0, 200);
    assert_eq!(watched.metric("mirrorlistd_ready", &[]), 0.0);
    client.send("Host: a\r\n\r\n");
    assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    assert_eq!(watched.server.wait().code(), Some(0));
    assert!(!watched.socket.exists(), "the socket is removed");
}

#[test]
fn a_refused_reload_is_seen_everywhere_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("snapshot");
    let text = path.to_str().expect("a UTF-8 path").to_owned();
    assert!(run(&["compile", "--demo", "-o", &text]).status.success());
    let intact = std::fs::read(&path).expect("the snapshot");
    let watched = Watched::start_in(folder, &["--snapshot", &text]);
    let generation = watched.server.get(DEMO).header("mirrorlist-generation").map(str::to_owned);

    std::fs::write(&path, &intact[..intact.len() - 1]).expect("a write");
    watched.server.signal(Signal::HUP);
    wait_until("it is refused", || watched.get("/readyz").1.contains("last load refused"));
    let (status, body) = watched.get("/readyz");
    assert_eq!(status, 200, "the old data are served");
    assert!(body.contains(&text), "{body}");
    let (_, page) = watched.get("/status");
    assert!(page.contains("The last load was refused"), "{page}");
    let (_, json) = watched.get("/status.json");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(json["last_load"]["refused"].as_str().is_some_and(|why| why.contains(&text)), "{json}");
    assert_eq!(watched.metric("mirrorlistd_last_load_success", &[]), 0.0);
    assert_eq!(watched.metric("mirrorlistd_reloads_total", &[("outcome", "refused")]), 1.0);
    assert_eq!(watched.server.get(DEMO).header("mirrorlist-generation"), generation.as_deref());

    std::fs::write(&path, &intact).expect("a write");
    watched.server.signal(Signal::HUP);
    wait_until("it is published", || watched.get("/readyz").1.contains("last load published"));
    assert_eq!(watched.metric("mirrorlistd_last_load_success", &[]), 1.0);
    assert_eq!(watched.metric("mirrorlistd_reloads_total", &[("outcome", "published")]), 1.0);
}

#[test]
fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("admin");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    assert!(socket.exists());
    let watched = Watched::start_in(folder, &["--demo"]);
    assert_eq!(watched.get("/healthz").0, 200);
    let address = format!("unix:{}", socket.display());
    let output = run(&["--demo", "--port", "0", "--admin", &address]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains(&format!("cannot listen on {address}: Address already in use")),
        "{stderr}"
    );
    assert_eq!(watched.get("/healthz").0, 200);
}

#[test]
fn it_can_be_a_port_named_in_the_configuration() {
    let server = Server::start_with("[admin]\nlisten = '127.0.0.1:0'\n", &[]);
    server.wait_for_log("admin listener on http://");
    let stderr = server.stderr();
    let (_, address) = stderr.split_once("admin listener on http://").expect("its address");
    let address = address.lines().next().expect("a line");
    let mut stream = TcpStream::connect(address).expect("the admin listener");
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").expect("the server reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.0 200 OK\r\n") && text.ends_with("alive\n"), "{text}");
    for bad in ["9100", "unix:", "localhost"] {
        assert_eq!(run(&["--demo", "--admin", bad]).status.code(), Some(2), "{bad}");
    }
}

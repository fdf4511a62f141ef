//! Visits that a server makes by itself, of mirrors on loopback, and what clients get after them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Output;
use std::sync::Arc;

use lab::loopback::LoopbackMirror;
use lab::mirror::{Behaviour, Mirror};
use serde_json::Value;

use crate::scan::{Tree, repomd};
use crate::server::{Client, HasBody, Response, Server, free_port, patient, run, wait_until};

const REPOMD: &str = "9/x86_64/repodata/repomd.xml";
const KEYS: [&str; 3] = ["berlin", "lima", "oslo"];

/// A server of a catalog with three mirrors, which it visits.
struct Site {
    server: Server,
    tree: Tree,
    mirrors: Vec<LoopbackMirror>,
    /// Where pages of mirrors are for everybody.
    pages: SocketAddr,
}

impl Site {
    fn new() -> Self {
        let tree = Tree::new();
        tree.repository("9/x86_64", 1);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        scan(&tree, &path("index"));
        let mut catalog = "[distribution]\nname = \"Example\"\n\n\
             [[repository]]\nname = \"example\"\nversions = [\"9\"]\narches = [\"x86_64\"]\n\
             path = \"{version}/{arch}\"\n\n"
            .to_owned();
        let mut mirrors = Vec::new();
        for key in KEYS {
            // This one has what the primary never had.
            let content = repomd(if key == "lima" { 2 } else { 1 });
            let files = [(&*format!("/pub/{REPOMD}"), content.as_bytes())];
            let mirror = Arc::new(Mirror::new(Behaviour::Good, &files));
            let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let served = LoopbackMirror::start(ip, mirror, None);
            catalog += &format!(
                "[[mirror]]\nkey = \"{key}\"\nurls = [\"http://{}/pub\"]\ncountry = \"DE\"\n\n",
                served.address
            );
            mirrors.push(served);
        }
        fs::write(path("catalog.toml"), catalog).unwrap();
        let pages = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let config = format!(
            "catalog = '{}'\nindex = '{}'\nfindings_file = '{}'\nlog = 'none'\n\
             admin.listen = 'unix:{}'\n\n[control]\nstate = '{}'\nvisit_mirrors = true\n\
             visits_every = 1\nvisit_over = ['ipv4']\nallow_private_targets = true\n\
             public_pages = '{pages}'\n",
            path("catalog.toml"),
            path("index"),
            path("findings"),
            path("socket"),
            path("state"),
        );
        let file = path("control.toml");
        fs::write(&file, patient(&config)).unwrap();
        Self { server: Server::start_in(folder, &["--config", &file]), tree, mirrors, pages }
    }

    /// Runs a command of the program against the server.
    fn ask(&self, args: &[&str]) -> Output {
        let admin = format!("unix:{}", self.server.path("socket").display());
        run(&[args, &["--admin", &admin]].concat())
    }

    /// Visits a mirror, whether it is due or not: its task, if that was accepted.
    fn visit(&self, key: &str) -> Option<Value> {
        let mirror = format!("mirror={key}");
        let visit = self.ask(&["task", "run", "mirror.visit", &mirror, "--json", "--quiet"]);
        serde_json::from_slice(&visit.stdout).ok()
    }

    /// What everybody gets who asks so for a page, with further header fields.
    fn page(&self, request: &str, fields: &str) -> Response {
        let mut client = Client::connect(self.pages);
        client.send(&format!("{request} HTTP/1.1\r\nHost: mirrors.example.org\r\n{fields}\r\n"));
        client.read_response(if request.starts_with("HEAD") { HasBody::No } else { HasBody::Yes })
    }

    /// Which mirrors clients get.
    fn listed(&self) -> Vec<&'static str> {
        let body = self.server.get("/mirrorlist?repo=example-9&arch=x86_64").body;
        let has = |address: String| body.contains(&address);
        let served = KEYS.into_iter().zip(&self.mirrors);
        served.filter(|(_, served)| has(served.address.to_string())).map(|(key, _)| key).collect()
    }

    fn wait_for(&self, expected: &[&str]) {
        wait_until(&format!("{expected:?} are listed"), || self.listed() == expected);
    }
}

fn scan(tree: &Tree, index: &str) {
    let scanned = run(&["scan", tree.path("").to_str().unwrap(), "-o", index]);
    assert!(scanned.status.success(), "{scanned:?}");
}

#[test]
fn mirrors_are_visited_and_what_they_lack_is_not_listed() {
    let site = Site::new();
    // Each is visited by itself; what it has is due a minute later.
    wait_until("mirrors are visited", || site.visit("oslo").is_some());
    for key in KEYS {
        let task = site.visit(key).unwrap();
        assert_eq!((&task["state"], &task["result"]["visits"]), (&"completed".into(), &2.into()));
    }
    site.wait_for(&["berlin", "oslo"]);
    let list = String::from_utf8(site.ask(&["mirror", "list"]).stdout).unwrap();
    assert!(list.starts_with("MIRROR "), "{list}");
    let lima = list.lines().find(|line| line.starts_with("lima ")).unwrap();
    assert!(lima.contains("0 of 1") && lima.contains(" no "), "{list}");
    let shown = String::from_utf8(site.ask(&["mirror", "show", "lima"]).stdout).unwrap();
    assert!(shown.contains("repository 9/x86_64: "), "{shown}");
    let unknown = site.ask(&["mirror", "show", "olso"]);
    let reason = String::from_utf8(unknown.stderr).unwrap();
    assert!(reason.contains("did you mean `oslo`?"), "{reason}");
    // It was ahead of the scan; the others are behind for a while, and clients still accept that.
    site.tree.repository("9/x86_64", 2);
    scan(&site.tree, site.server.path("index").to_str().unwrap());
    site.wait_for(&KEYS);
    let shown = String::from_utf8(site.ask(&["mirror", "show", "lima"]).stdout).unwrap();
    assert!(shown.contains("ok  repository 9/x86_64: current"), "{shown}");
    let paused = site.ask(&["mirror", "pause", "berlin", "--reason", "moves"]);
    assert!(paused.status.success(), "{paused:?}");
    site.wait_for(&["lima", "oslo"]);
    let hidden = site.ask(&["mirror", "list", "--hidden", "--json"]);
    let hidden: Value = serde_json::from_slice(&hidden.stdout).unwrap();
    assert_eq!(hidden["mirrors"].as_array().unwrap().len(), 1, "{hidden}");
    assert_eq!(hidden["mirrors"][0]["why"], "paused");
    assert!(site.ask(&["mirror", "resume", "berlin"]).status.success());
    site.wait_for(&KEYS);
}

#[test]
fn everybody_may_see_pages_of_mirrors_and_nothing_else() {
    let site = Site::new();
    let get = |path: &str| site.page(&format!("GET {path}"), "");
    wait_until("mirrors are visited", || site.visit("oslo").is_some());
    wait_until("what was seen is on a page", || {
        let page = get("/mirror/oslo");
        page.status() == 200 && page.body.contains("IPv4\u{a0}works")
    });
    let first = get("/");
    assert_eq!((first.status(), first.header("location")), (303, Some("/mirrors")));
    let list = get("/mirrors");
    assert!(KEYS.iter().all(|key| list.body.contains(&format!("/mirror/{key}"))), "{}", list.body);
    let tag = list.header("etag").unwrap();
    let known = site.page("GET /mirrors", &format!("If-None-Match: {tag}\r\n"));
    // It may be another one meanwhile.
    let is_same = get("/mirrors").header("etag") == Some(tag);
    assert!(known.status() == 304 || !is_same, "{known:?}");
    let head = site.page("HEAD /mirrors", "");
    assert_eq!((head.status(), head.body.len()), (200, 0));
    let all: Value = serde_json::from_str(&get("/mirrors.json").body).unwrap();
    assert_eq!(all["mirrors"].as_array().unwrap().len(), KEYS.len(), "{all}");
    let status: Value = serde_json::from_str(&get("/mirrors/status.json").body).unwrap();
    assert_eq!(status["version"], 3);
    assert_eq!(get("/mirrors/mirmon.state").body.lines().count(), KEYS.len());
    for path in [
        "/metrics",
        "/healthz",
        "/readyz",
        "/status",
        "/explain",
        "/tasks",
        "/api/v1/tasks",
        "/api/v1/mirrors/oslo/pause",
    ] {
        for method in ["GET", "POST"] {
            let refused = site.page(&format!("{method} {path}"), "");
            assert_eq!(refused.status(), 404, "{method} {path}: {}", refused.body);
        }
    }
    for path in ["/mirrors", "/mirror/oslo"] {
        assert_eq!(site.page(&format!("POST {path}"), "").status(), 405);
    }
}

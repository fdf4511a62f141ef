//! A process that aborts in the middle of a sweep over mirrors: what it has seen is judged, and nobody is asked
//! again for that.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use checks::findings::Findings;
use lab::loopback::LoopbackMirror;
use lab::mirror::{Behaviour, Mirror};
use runtime::supervise::Supervisor;
use rustix::process::Signal;
use serde_json::Value;
use store::Store;
use store::operations::enqueue::Enqueue;
use store::operations::mirror::{LastVisits, OpenVisits};
use store::record::NewTask;
use store::sqlite::{Sqlite, system_clock};
use support::postgres::Postgres;

use crate::process::{Client, Node};
use crate::stores::{block_on, open, task};

tests! {
    a_sweep_that_is_killed_goes_on_where_it_was_on_sqlite,
    a_sweep_that_is_killed_goes_on_where_it_was_on_postgres,
}

const REPOMD: &str = "9/x86_64/repodata/repomd.xml";
const KEYS: [&str; 3] = ["berlin", "lima", "oslo"];
/// Where lives end.
const POINTS: [&str; 6] = [
    // The first write says what the primary has.
    "write_checks.committed:1",
    "record_visit.committed:1",
    "visit.recorded:2",
    "record_visit.committed:1",
    "write_checks.committed:1",
    "findings.renamed:1",
];

fn repomd(version: u32) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n\
         <revision>{version}</revision>\n<data type=\"primary\"><timestamp>{version}</timestamp></data>\n\
         </repomd>\n"
    )
}

/// A tree with a repository, and its index.
fn make_primary(folder: &Path) {
    let repodata = folder.join("tree/9/x86_64/repodata");
    fs::create_dir_all(&repodata).expect("a folder");
    fs::write(repodata.join("repomd.xml"), repomd(1)).expect("a write");
    for directory in repodata.ancestors().take_while(|above| *above != folder) {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    let mut scan = Command::new(support::program());
    scan.arg("scan").arg(folder.join("tree")).arg("-o").arg(folder.join("index"));
    let scanned = scan.output().expect("the program can be started");
    assert!(scanned.status.success(), "{scanned:?}");
}

/// Mirrors of it on loopback, each a base URL in the catalog.
fn make_mirrors(folder: &Path) -> Vec<(LoopbackMirror, Arc<Mirror>)> {
    let mut catalog = "[distribution]\nname = \"Example\"\n\n[[repository]]\nname = \"example\"\n\
         versions = [\"9\"]\narches = [\"x86_64\"]\npath = \"{version}/{arch}\"\n\n"
        .to_owned();
    let mirrors = KEYS.map(|key| {
        let files = [(&*format!("/pub/{REPOMD}"), repomd(1))];
        let files = files.each_ref().map(|(path, content)| (*path, content.as_bytes()));
        let mirror = Arc::new(Mirror::new(Behaviour::Good, &files));
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let served = LoopbackMirror::start(ip, Arc::clone(&mirror), None);
        catalog += &format!(
            "[[mirror]]\nkey = \"{key}\"\nurls = [\"http://{}/pub\"]\ncountry = \"DE\"\n\n",
            served.address
        );
        (served, mirror)
    });
    fs::write(folder.join("catalog.toml"), catalog).expect("a write");
    mirrors.into()
}

/// A visit to one mirror, which is not due.
fn one_visit(site: &str) -> NewTask {
    NewTask {
        kind: "mirror.visit".into(),
        queue: "net".into(),
        args: "{\"mirror\":\"lima\"}".into(),
        site: Some(site.to_owned()).filter(|site| !site.is_empty()),
        ..task()
    }
}

/// `site` is empty where one process has the store.
fn live_through_all(store: &str, site: &str, folder: &Path, open: impl Fn() -> Store) {
    make_primary(folder);
    let mirrors = make_mirrors(folder);
    let path = |name: &str| folder.join(name).display().to_string();
    let inputs = format!(
        "catalog = '{}'\nindex = '{}'\nfindings_file = '{}'",
        path("catalog.toml"),
        path("index"),
        path("findings"),
    );
    let more = "visit_mirrors = true\nvisits_every = 1\nvisit_over = [\"ipv4\"]\n\
                allow_private_targets = true";
    let mut node = Node::of_inputs(folder, "one", &inputs, store, more);
    for (n, point) in POINTS.into_iter().enumerate() {
        if n == 3 {
            // All were visited just now.
            block_on(open().run(Enqueue(one_visit(site)))).expect("it is accepted");
        }
        if point.starts_with("findings") {
            // Findings that are there already are not replaced.
            let _ = fs::remove_file(folder.join("findings"));
        }
        node.start_through(&["env", &format!("FAIL_AT={point}")]);
        let status = node.wait();
        let signal = status.signal();
        assert_eq!(signal, Some(Signal::ABORT.as_raw()), "{point}: {status}\n{}", node.log());
    }
    node.start();
    // One that begins now, and ends well, has judged all.
    let api = node.client();
    let mut state = sweep(&api);
    if state == "dropped" {
        // It was the one that ran in the life before, which nobody had ended yet. They are ended at once.
        state = sweep(&api);
    }
    assert_eq!(state, "completed", "{}", node.log());
    let listed = api.ask_until_answered("GET", "/api/v1/mirrors", "").body;
    let is_up = |mirror: &Value| mirror["state"] == "up" && mirror["listed"] == "yes";
    let mirrors_told = listed["mirrors"].as_array().expect("a list");
    assert!(mirrors_told.len() == KEYS.len() && mirrors_told.iter().all(is_up), "{listed}");
    let findings = fs::read(folder.join("findings")).expect("it is there");
    Findings::parse(&findings).expect("they can be read");
    // No further sweep begins, and those that run end.
    let reason = r#"{"reason": "a test"}"#;
    assert_eq!(api.ask_until_answered("POST", "/api/v1/queues/net/pause", reason).status, 200);
    until_none_runs(&api);
    node.stop();
    let store = open();
    let open_visits = OpenVisits { site: site.into(), limit: 9 };
    assert_eq!(block_on(store.run(open_visits)).expect("an answer"), []);
    for (key, (_, mirror)) in KEYS.iter().zip(&mirrors) {
        let last = LastVisits { site: site.into(), mirror: (*key).to_owned(), limit: 100 };
        let recorded = block_on(store.run(last)).expect("an answer").len();
        // A visit of this size is one request. Those of lives that ended before they were recorded are made again:
        // each of the four lives that end in the middle of visits may have had one.
        let n_asked = mirror.asked().len();
        assert!(recorded >= 1 && n_asked >= recorded, "{key}: {recorded} of {n_asked}");
        assert!(n_asked <= recorded + 4, "{key}: {recorded} of {n_asked} were recorded");
    }
}

/// Asks for a sweep, or for the one that runs already. Returns how it has ended.
fn sweep(api: &Client) -> String {
    let asked = api.ask_until_answered("POST", "/api/v1/tasks", r#"{"kind": "mirror.visit"}"#);
    assert_eq!(asked.status, 202, "{}", asked.body);
    api.wait_for_end(asked.body["task"]["id"].as_i64().expect("a number"))
}

fn until_none_runs(api: &Client) {
    loop {
        let target = "/api/v1/tasks?state=running&kind=mirror.visit&limit=1";
        let answer = api.ask_until_answered("GET", target, "");
        let running = answer.body["tasks"].as_array().expect("a list");
        let Some(id) = running.first().and_then(|task| task["id"].as_i64()) else { return };
        api.ask("GET", &format!("/api/v1/tasks/{id}?wait=1s"), "");
    }
}

fn a_sweep_that_is_killed_goes_on_where_it_was_on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join("state");
    live_through_all(&format!("state = \"{}\"", state.display()), "", folder.path(), || {
        let store = Sqlite::open(&state, system_clock(), &Supervisor::default());
        store.expect("nobody else has it").into()
    });
}

fn a_sweep_that_is_killed_goes_on_where_it_was_on_postgres() {
    let server = Postgres::start();
    let url = server.create_database("tasks");
    let folder = tempfile::tempdir().expect("a temporary folder");
    live_through_all(&format!("store = \"{url}\""), "one", folder.path(), || open(&url));
}

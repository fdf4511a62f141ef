//! `mirrorlistd mirror`: visits to mirrors on loopback, and what they lead to when they are judged again.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Output;
use std::sync::Arc;

use lab::loopback::LoopbackMirror;
use lab::mirror::{Behaviour, Mirror};
use serde_json::Value;

use crate::scan::Tree;
use crate::server::{command, run};

const REPOMD: &str = "9/x86_64/repodata/repomd.xml";

/// A primary tree with a repository, a catalog with two mirrors of it, and the first of these mirrors.
struct Site {
    tree: Tree,
    mirror: Arc<Mirror>,
    served: LoopbackMirror,
}

impl Site {
    /// The mirror has a copy of the tree, and serves it in that way.
    fn new(behaviour: Behaviour) -> Self {
        let tree = Tree::new();
        tree.repository("9/x86_64", 1);
        let repomd = fs::read(tree.path(REPOMD)).unwrap();
        let mirror = Arc::new(Mirror::new(behaviour, &[(&format!("/pub/{REPOMD}"), &repomd)]));
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let served = LoopbackMirror::start(ip, Arc::clone(&mirror), None);
        let site = Self { tree, mirror, served };
        let catalog = format!(
            "[distribution]\nname = \"Example\"\n\n\
             [[repository]]\nname = \"example\"\nversions = [\"9\"]\narches = [\"x86_64\"]\n\
             path = \"{{version}}/{{arch}}\"\n\n\
             [[mirror]]\nkey = \"berlin\"\nurls = [\"{}\"]\ncountry = \"DE\"\n\n\
             [[mirror]]\nkey = \"paris\"\nurls = [\"https://mirror.paris.example/pub\"]\n\
             country = \"FR\"\n",
            site.url()
        );
        fs::write(site.tree.beside("catalog.toml"), catalog).unwrap();
        site.scan();
        site
    }

    fn url(&self) -> String {
        format!("http://{}/pub", self.served.address)
    }

    fn scan(&self) {
        let index = self.tree.beside("index");
        let scanned = run(&["scan", self.tree.path("").to_str().unwrap(), "-o", &index]);
        assert!(scanned.status.success(), "{scanned:?}");
    }

    /// Visits a mirror over IPv4, so that nothing else is asked whether this machine has a network.
    fn visit(&self, key: &str, options: &[&str]) -> Output {
        let (catalog, index) = (self.tree.beside("catalog.toml"), self.tree.beside("index"));
        let args = ["mirror", "visit", key, "--catalog", &catalog, "--index", &index, "-4"];
        run(&[&args, options].concat())
    }

    /// Judges these records again.
    fn replay(&self, records: &[u8], options: &[&str]) -> Output {
        let file = self.tree.beside("visits.jsonl");
        fs::write(&file, records).unwrap();
        run(&[&["mirror", "replay", &file], options].concat())
    }
}

const LOCAL: &str = "--allow-private-targets";

/// The exit status, what was printed, and what was said beside that.
fn told(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_good_mirror_passes_each_gate() {
    let site = Site::new(Behaviour::Good);
    let (status, printed, steps) = told(site.visit("berlin", &[LOCAL]));
    let url = site.url();
    let gates: Vec<&str> = printed.lines().collect();
    assert_eq!(status, 0, "{printed} {steps}");
    assert_eq!(gates.len(), 4, "{printed}");
    assert_eq!(gates[0], "ok  mirror: listed");
    assert!(gates[1].starts_with(&format!("ok  {url} over IPv4: up for ")), "{printed}");
    assert!(gates[2].starts_with(&format!("?   {url} over IPv6: not tested")), "{printed}");
    assert_eq!(gates[3], "ok  repository 9/x86_64: current");
    // Each step stands beside that, in the order in which it was made.
    for step in
        ["probe of ", "connected to 127.0.0.1:", ": 206 after ", "hashes of ", ": 200 after "]
    {
        assert!(steps.contains(step), "{step}: {steps}");
    }
    assert_eq!(site.mirror.lines(), [format!("GET /pub/{REPOMD}"), format!("GET /pub/{REPOMD}")]);
}

#[test]
fn a_mirror_that_is_behind_is_told_from_one_that_fails() {
    let site = Site::new(Behaviour::Good);
    site.tree.repository("9/x86_64", 2);
    site.scan();
    let (status, printed, _) = told(site.visit("berlin", &[LOCAL]));
    assert_eq!(status, 0, "{printed}");
    assert!(printed.contains("ok  repository 9/x86_64: 1 version behind"), "{printed}");

    site.mirror.behave(Behaviour::Status(404, vec![]));
    let (status, printed, steps) = told(site.visit("berlin", &[LOCAL, "--tier", "hash"]));
    assert_eq!(status, 1, "{printed}");
    let curl = format!("'{}/{REPOMD}'", site.url());
    let line = steps.lines().find(|line| line.contains("repeat: curl -4 ")).unwrap();
    assert!(line.ends_with(&curl), "{line}");
}

#[test]
fn an_address_that_is_not_global_is_not_visited_unless_that_is_allowed() {
    let site = Site::new(Behaviour::Good);
    let (status, _, steps) = told(site.visit("berlin", &[]));
    assert_eq!(status, 1);
    assert!(steps.contains("blocked_address"), "{steps}");
    assert!(site.mirror.asked().is_empty());
}

#[test]
fn a_visit_is_made_as_the_configuration_says() {
    let site = Site::new(Behaviour::Good);
    let config = site.tree.beside("mirrorlistd.toml");
    let visit = |table: &str, options: &[&str]| {
        fs::write(&config, format!("[control]\n{table}\n")).unwrap();
        told(site.visit("berlin", &[&["--config", &config], options].concat()))
    };
    let settings = "allow_private_targets = true\ncontact = 'https://example.org/about'";
    let (status, _, steps) = visit(settings, &["--tier", "probe"]);
    assert_eq!(status, 0, "{steps}");
    let agent = || site.mirror.asked().last().unwrap().headers["user-agent"].clone();
    assert!(agent().contains("https://example.org/about"), "{}", agent());
    let n_asked = site.mirror.asked().len();
    assert_eq!(visit("contact = 'https://example.org/about'", &["--tier", "probe"]).0, 1);
    assert_eq!(site.mirror.asked().len(), n_asked, "it is not global");
    let (status, ..) = visit(settings, &["--tier", "probe", "--contact", "me@example.org"]);
    assert_eq!(status, 0);
    assert!(agent().contains("me@example.org"), "{}", agent());
    assert_eq!(visit("contact = 'a b'", &[]).0, 2);
}

#[test]
fn a_visit_that_is_recorded_is_judged_again_as_it_was() {
    for (behaviour, expected) in [(Behaviour::Good, 0), (Behaviour::Page, 1)] {
        let site = Site::new(behaviour);
        let (status, records, steps) = told(site.visit("berlin", &[LOCAL, "--json"]));
        assert_eq!(status, expected, "{steps}");
        let lines: Vec<Value> =
            records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<&str> = lines
            .iter()
            .map(|line| line.as_object().unwrap().keys().next().unwrap().as_str())
            .collect();
        assert_eq!(kinds, ["inventory", "primary", "visit", "visit"]);
        // Of this mirror, and nothing of others.
        assert_eq!(lines[0]["inventory"]["mirrors"].as_object().unwrap().len(), 1);
        assert_eq!(lines[2]["visit"]["mirror"], "berlin");

        let (status, text, _) = told(site.replay(records.as_bytes(), &[]));
        assert_eq!(status, 0);
        assert!(text.starts_with("berlin\n"), "{text}");
        assert!(text.contains(&format!("{} over IPv4: ", site.url())), "{text}");
        assert!(text.contains("\n1 mirrors, "), "{text}");

        let (status, json, _) = told(site.replay(records.as_bytes(), &["--json"]));
        assert_eq!(status, 0);
        let json: Value = serde_json::from_str(&json).unwrap();
        let gates = json["mirrors"]["berlin"]["gates"].as_array().unwrap();
        let passed: Vec<Option<bool>> = gates.iter().map(|gate| gate["passed"].as_bool()).collect();
        let is_good = expected == 0;
        assert_eq!(passed[3], Some(is_good), "{json:#}");
        // The visit printed the same gates.
        let (_, printed, _) = told(site.visit("berlin", &[LOCAL]));
        let marks: Vec<Option<bool>> = printed
            .lines()
            .map(|line| match line.split(' ').next().unwrap() {
                "ok" => Some(true),
                "NO" => Some(false),
                _ => None,
            })
            .collect();
        assert_eq!(marks, passed, "{printed} {json:#}");
    }
}

#[test]
fn a_key_that_does_not_exist_is_told_with_the_one_that_was_meant() {
    let site = Site::new(Behaviour::Good);
    let (status, printed, said) = told(site.visit("berlim", &[]));
    assert_eq!((status, &*printed), (1, ""));
    assert!(said.ends_with("there is no mirror `berlim`; did you mean `berlin`?\n"), "{said}");
    let (_, _, said) = told(site.visit("x", &[]));
    assert!(said.ends_with("there is no mirror `x`; there are berlin, paris\n"), "{said}");
    let records = r#"{"inventory":{"mirrors":{"berlin":{}}}}"#;
    let (status, printed, said) = told(site.replay(records.as_bytes(), &["--mirror", "berlim"]));
    assert_eq!((status, &*printed), (1, ""));
    assert!(said.ends_with("there is no mirror `berlim`; did you mean `berlin`?\n"), "{said}");
}

#[test]
fn what_is_wrong_on_the_command_line_is_told_from_what_is_wrong_with_the_data() {
    let site = Site::new(Behaviour::Good);
    let (status, _, said) = told(site.visit("berlin", &["--contact", "a b"]));
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("a contact is 1 to 200 visible characters"), "{said}");
    assert_eq!(told(site.visit("berlin", &["--tier", "listing"])).0, 2);
    assert_eq!(told(run(&["mirror"])).0, 2);
    fs::remove_file(site.tree.beside("index")).unwrap();
    assert_eq!(told(site.visit("berlin", &[])).0, 1);
}

#[test]
fn authorities_that_cannot_be_read_are_a_fault_of_the_configuration() {
    let site = Site::new(Behaviour::Good);
    let visit = |file: &str| {
        let (catalog, index) = (site.tree.beside("catalog.toml"), site.tree.beside("index"));
        let args = ["mirror", "visit", "berlin", "--catalog", &catalog, "--index", &index, "-4"];
        let mut command = command(&args);
        command.env_remove("SSL_CERT_DIR").env("SSL_CERT_FILE", file);
        let (status, _, said) = told(command.output().unwrap());
        assert!(said.contains(&format!("SSL_CERT_FILE={file}: no root certificate")), "{said}");
        status
    };
    assert_eq!(visit("/none.pem"), 2);
    assert_eq!(visit("/dev/null"), 2);
    // Nothing is mapped at its beginning: the system says that with the error of a broken disk.
    assert_eq!(visit("/proc/self/mem"), 1);
}

#[test]
fn records_that_cannot_be_read_are_named_with_their_line() {
    let site = Site::new(Behaviour::Good);
    let inventory = r#"{"inventory":{"mirrors":{"berlin":{}}}}"#;
    for (second, expected) in [
        ("{\"visit\":", "line 2: EOF while parsing"),
        ("\"visit\"", "line 2: invalid type"),
        ("{\"weather\":1}", "line 2: unknown variant `weather`"),
        ("{\"inventory\":{\"mirrors\":{},\"x\":1}}", "line 2: unknown field `x`"),
        ("{\"settings\":{\"window\":0}}", "line 2: "),
    ] {
        let (status, printed, said) =
            told(site.replay(format!("{inventory}\n{second}\n").as_bytes(), &[]));
        assert_eq!((status, &*printed), (1, ""), "{second}");
        assert!(said.contains(&format!("visits.jsonl: {expected}")), "{second}: {said}");
    }
    let (status, _, said) = told(run(&["mirror", "replay", &site.tree.beside("nowhere")]));
    assert_eq!(status, 1);
    assert!(said.contains("nowhere: No such file"), "{said}");
    // Nothing is no fault.
    let (status, printed, _) = told(site.replay(b"\n", &[]));
    assert_eq!((status, &*printed), (0, "0 mirrors, 0 events, 0 rounds with a fault of our own\n"));
}

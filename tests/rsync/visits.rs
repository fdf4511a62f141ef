//! `mirrorlistd mirror visit --tier listing`, as an operator runs it: by rsync and over HTTP, on loopback.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lab::loopback::LoopbackMirror;
use lab::mirror::{Behaviour, Mirror};

use crate::server::{self, Tree};

tests! {
    what_a_mirror_lacks_is_told_and_asked_for_over_http,
    what_cannot_be_listed_says_why,
}

const REPOMD: &str = "9/x86_64/repodata/repomd.xml";
const IMAGES: [(&str, u64); 3] =
    [("9/images/a.iso", 7), ("9/images/b.iso", 8), ("9/docs/README", 9)];

fn run(args: &[&str]) -> Output {
    Command::new(support::program()).args(args).output().expect("the program can be started")
}

/// Visits a mirror that has one file less by rsync and some others less over HTTP. Returns the status, the gates and
/// the steps.
fn visit(lacks_over_http: &[&str], options: &[&str]) -> (i32, String, String) {
    let primary = Tree::new(IMAGES.into_iter().chain([(REPOMD, 0)]));
    let repomd = "<?xml version=\"1.0\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n\
                  <revision>1</revision>\n<data type=\"primary\"><timestamp>1</timestamp></data>\n</repomd>\n";
    fs::write(primary.path().join(REPOMD), repomd).expect("a write");
    // What is younger than two days need not be there.
    let month_ago = SystemTime::now() - Duration::from_secs(30 * 86_400);
    for (name, _) in IMAGES {
        let file = fs::File::options().write(true).open(primary.path().join(name));
        file.and_then(|file| file.set_modified(month_ago)).expect("its time");
    }
    let mirror = Tree::new(IMAGES.into_iter().filter(|(name, _)| *name != "9/images/b.iso"));
    let address = mirror.serve();
    let contents = [0; 9];
    let paths =
        IMAGES.map(|(name, size)| (format!("/pub/{name}"), usize::try_from(size).expect("small")));
    let files =
        paths.iter().filter(|(path, _)| !lacks_over_http.iter().any(|no| path.ends_with(no)));
    let files: Vec<(&str, &[u8])> =
        files.map(|(path, size)| (&**path, &contents[..*size])).collect();
    let http = Arc::new(Mirror::new(Behaviour::Good, &files));
    let http = LoopbackMirror::start(IpAddr::V4(Ipv4Addr::LOCALHOST), http, None);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let catalog = format!(
        "[distribution]\nname = \"Example\"\n\n[[repository]]\nname = \"example\"\nversions = [\"9\"]\n\
         arches = [\"x86_64\"]\npath = \"{{version}}/{{arch}}\"\n\n\
         [[mirror]]\nkey = \"berlin\"\ncountry = \"DE\"\n\
         urls = [\"http://{}/pub\", \"rsync://{address}/pub\"]\n",
        http.address
    );
    fs::write(path("catalog.toml"), catalog).expect("a write");
    let tree = primary.path().display().to_string();
    let scanned = run(&["scan", &tree, "-o", &path("index")]);
    assert!(scanned.status.success(), "{scanned:?}");
    let (catalog, index) = (path("catalog.toml"), path("index"));
    let inputs = ["--catalog", &catalog, "--index", &index, "-4", "--allow-private-targets"];
    let words = ["mirror", "visit", "berlin", "--tier", "listing"];
    let tree = if options.is_empty() { vec!["--tree", &tree] } else { options.to_vec() };
    let visited = run(&[&words[..], &inputs[..], &tree[..]].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = visited.status.code().expect("a status");
    (status, text(&visited.stdout), text(&visited.stderr))
}

fn what_a_mirror_lacks_is_told_and_asked_for_over_http() {
    server::require();
    let (_, gates, steps) = visit(&["b.iso"], &[]);
    for line in [
        "rsync --list-only -r ",
        "9/images: 1 files are missing, 0 have another size, 1 are there",
        "9/images/b.iso",
        "1 of 2 directories lack something",
        "asks over HTTP for a file of 1 directories",
    ] {
        assert!(steps.contains(line), "{line}: {steps}\n{gates}");
    }
    let lacks = |gates: &str| gates.contains("9/images");
    assert!(lacks(&gates), "{gates}\n{steps}");
    // Clients get it.
    let (status, gates, steps) = visit(&[], &[]);
    assert!(steps.contains("9/images: 1 files are missing"), "{steps}");
    assert!(!lacks(&gates), "{status} {gates}\n{steps}");
}

fn what_cannot_be_listed_says_why() {
    server::require();
    let (status, _, steps) = visit(&[], &["--tree", "/nonexistent"]);
    assert_eq!(status, 1, "{steps}");
    assert!(steps.contains("/nonexistent"), "{steps}");
    let (status, _, steps) = visit(&[], &["--rsync-listing", "/etc/hostname"]);
    assert_eq!(status, 1, "{steps}");
    assert!(steps.contains("/etc/hostname"), "{steps}");
}

//! Catalogs that change while they are served.

use std::fs;

use rustix::process::Signal;

use super::SMALLEST;
use crate::admin::Watched;
use crate::server::wait_until;

const REQUEST: &str = "/mirrorlist?repo=baseos-9&arch=x86_64";

/// A server of a catalog in a folder, with one mirror a file.
fn start(options: &[&str]) -> Watched {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog");
    fs::create_dir_all(catalog.join("mirrors")).unwrap();
    let (head, _) = SMALLEST.split_once("[[mirror]]").unwrap();
    fs::write(catalog.join("distribution.toml"), head).unwrap();
    fs::write(catalog.join("mirrors/berlin.toml"), mirror("berlin")).unwrap();
    let catalog = catalog.to_str().unwrap().to_owned();
    Watched::start_in(folder, &[&["--catalog", &catalog, "-l", "none"], options].concat())
}

fn mirror(key: &str) -> String {
    format!("urls = [\"https://mirror.{key}.example/pub\"]\ncountry = \"DE\"\n")
}

fn lists(watched: &Watched, key: &str) -> bool {
    watched.server.get(REQUEST).body.contains(&format!("//mirror.{key}.example/"))
}

#[test]
fn a_signal_takes_up_what_was_edited() {
    let watched = start(&[]);
    assert!(lists(&watched, "berlin"));
    let file = watched.server.path("catalog/mirrors/berlin.toml");
    fs::write(&file, mirror("hamburg")).unwrap();
    watched.server.signal(Signal::HUP);
    wait_until("it is taken up", || lists(&watched, "hamburg"));
    assert!(!lists(&watched, "berlin"));
}

#[test]
fn a_faulty_catalog_changes_nothing_and_every_fault_is_logged() {
    let watched = start(&[]);
    let file = watched.server.path("catalog/mirrors/berlin.toml");
    fs::write(&file, "urls = [\"https://\"]\ncountry = \"Germany\"\n").unwrap();
    watched.server.signal(Signal::HUP);
    watched.server.wait_for_log("reload refused, serving the old data: ");
    let stderr = watched.server.stderr();
    let name = file.display();
    for fault in [format!("{name}:1: mirror.urls: "), format!("{name}:2: mirror.country: ")] {
        assert!(stderr.contains(&fault), "{stderr}");
    }
    let refused = stderr.lines().find(|line| line.contains("reload refused")).unwrap();
    assert!(refused.ends_with(" (and 1 more)"), "{refused}");
    assert!(lists(&watched, "berlin"));
    assert!(watched.get("/readyz").1.contains("(and 1 more)"), "{}", watched.get("/readyz").1);
}

#[test]
fn a_mirror_that_is_added_is_a_change_that_is_seen() {
    let watched = start(&["--watch", "--watch-quiet", "1"]);
    let mirrors = watched.server.path("catalog/mirrors");
    fs::write(mirrors.join("hamburg.toml"), mirror("hamburg")).unwrap();
    wait_until("it is taken up", || lists(&watched, "hamburg"));
    fs::write(mirrors.join("hamburg.toml"), mirror("bremen")).unwrap();
    wait_until("an edit is taken up", || lists(&watched, "bremen"));
    fs::remove_file(mirrors.join("hamburg.toml")).unwrap();
    wait_until("its removal is taken up", || !lists(&watched, "bremen"));
    assert!(lists(&watched, "berlin"));
}

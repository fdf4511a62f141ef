//! `--watch`: changed data files are taken up once they have been left alone.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use testdata::Message as _;

use crate::admin::Watched;
use crate::fixture::World;
use crate::previous::Store;
use crate::server::wait_until;

const QUIET: Duration = Duration::from_secs(1);
/// Long enough that pauses are shorter on a busy machine too.
const LONG_QUIET: &str = "3";
const REQUEST: &str = "/mirrorlist?repo=main-9&arch=x86_64";
const NAMES: [&str; 4] = ["cache.proto", "netblocks.txt", "continents.csv", "country.mmdb"];

/// A server that watches four files in the folder `data`, all of the same version.
fn start(quiet: &str) -> Watched {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    deliver(&data, 1, |_| {});
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let files = NAMES.map(path);
    let options = ["--cache", "--global-netblocks", "--cccsv", "--geoip"];
    let inputs = options.iter().copied().zip(files.iter().map(String::as_str));
    let mut args: Vec<&str> = inputs.flat_map(|(option, file)| [option, file]).collect();
    args.extend(["-l", "none", "--watch", "--watch-quiet", quiet]);
    Watched::start_in(folder, &args)
}

/// Replaces one file after the other, as rsync does, and calls `pause` after each.
fn deliver(data: &Path, version: u64, mut pause: impl FnMut(usize)) {
    let mut world = World::standard();
    world.list.time += version;
    let made = tempfile::tempdir_in(data.parent().unwrap()).unwrap();
    world.write(made.path(), &world.list.encode_to_vec());
    for (number, name) in NAMES.into_iter().enumerate() {
        fs::rename(made.path().join(name), data.join(name)).unwrap();
        pause(number);
    }
}

fn served(watched: &Watched) -> String {
    watched.server.get(REQUEST).header("mirrorlist-generation").unwrap().to_owned()
}

fn reloads(watched: &Watched, outcome: &str) -> f64 {
    let labels = [("trigger", "watch"), ("outcome", outcome)];
    watched.metric("mirrorlistd_reloads_total", &labels)
}

fn is_waiting(watched: &Watched) -> bool {
    watched.get("/status").1.contains("s of quiet")
}

/// Waits for longer than a change needs to be taken up.
fn wait_for_nothing() {
    thread::sleep(QUIET * 2);
}

#[test]
fn files_that_are_replaced_one_after_the_other_are_one_reload() {
    let watched = start(LONG_QUIET);
    let first = served(&watched);
    assert!(watched.get("/status").1.contains("watched, no change seen"));
    assert_eq!(watched.metric("mirrorlistd_watch", &[]), 1.0);
    deliver(&watched.server.path("data"), 2, |_| {
        wait_until("the change is seen", || is_waiting(&watched));
        thread::sleep(QUIET / 2);
        assert_eq!(served(&watched), first);
    });
    wait_until("it is taken up", || served(&watched) != first);
    thread::sleep(QUIET * 4);
    assert_eq!(reloads(&watched, "published"), 1.0, "{}", watched.server.stderr());
    assert_eq!(reloads(&watched, "refused"), 0.0);
    assert_eq!(watched.metric("mirrorlistd_reloads_total", &[("trigger", "signal")]), 0.0);
    assert!(watched.metric("mirrorlistd_watch_last_change_timestamp_seconds", &[]) > 1e9);
    let (_, json) = watched.get("/status.json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["watch"]["quiet_seconds"], 3);
    assert_eq!(json["watch"]["waiting"], false);
    assert_eq!(json["reloads"]["by_watch"], 1);
    assert!(watched.get("/readyz").1.contains("data files watched, last change at "));
}

#[test]
fn a_broken_file_is_refused_once_and_a_good_one_after_it_is_taken_up() {
    let watched = start("1");
    let first = served(&watched);
    let data = watched.server.path("data");
    let intact = fs::read(data.join("cache.proto")).unwrap();
    fs::write(data.join("cache.proto"), &intact[..intact.len() - 3]).unwrap();
    wait_until("it is refused", || reloads(&watched, "refused") > 0.0);
    wait_for_nothing();
    assert_eq!(reloads(&watched, "refused"), 1.0, "it is not tried again");
    assert_eq!(watched.server.stderr().matches("reload refused").count(), 1);
    assert_eq!(served(&watched), first);

    deliver(&data, 2, |_| {});
    wait_until("it is taken up", || served(&watched) != first);
    wait_until("that is known", || watched.get("/readyz").1.contains("last load published"));
}

#[test]
fn a_folder_that_is_gone_for_a_while_is_noticed_and_so_is_its_return() {
    let watched = start("1");
    let first = served(&watched);
    let (data, away) = (watched.server.path("data"), watched.server.path("away"));
    fs::rename(&data, &away).unwrap();
    wait_until("it is refused", || reloads(&watched, "refused") > 0.0);
    assert!(watched.get("/readyz").1.contains("cache.proto: No such file or directory"));
    wait_for_nothing();
    assert_eq!(reloads(&watched, "refused"), 1.0, "it is not tried again");
    assert_eq!(served(&watched), first);

    // The same files: nothing new in them, but what was refused is over.
    fs::rename(&away, &data).unwrap();
    wait_until("it is back", || reloads(&watched, "published") > 0.0);
    assert_eq!(served(&watched), first);
    wait_until("that is known", || watched.get("/readyz").1.contains("last load published"));

    deliver(&data, 2, |_| {});
    wait_until("it is taken up", || served(&watched) != first);
}

#[test]
fn what_a_signal_has_loaded_is_not_loaded_again() {
    let watched = start(LONG_QUIET);
    let first = served(&watched);
    deliver(&watched.server.path("data"), 2, |_| {});
    watched.server.signal(Signal::HUP);
    wait_until("it is taken up", || served(&watched) != first);
    wait_until("the change is seen", || {
        let (_, json) = watched.get("/status.json");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        json["watch"]["last_change"].is_string() && json["watch"]["waiting"] == false
    });
    assert_eq!(reloads(&watched, "published"), 0.0, "{}", watched.server.stderr());
    assert_eq!(reloads(&watched, "refused"), 0.0);
}

#[test]
fn a_snapshot_behind_a_link_is_watched_and_so_is_the_link() {
    let store = Store::new();
    store.compile(1, &[]);
    let first = store.generation("mirrors.snapshot");
    fs::rename(store.path("mirrors.snapshot"), store.path("1.snapshot")).unwrap();
    store.compile(2, &[]);
    let second = store.generation("mirrors.snapshot");
    fs::rename(store.path("mirrors.snapshot"), store.path("2.snapshot")).unwrap();
    let (link, next) = (store.text("current"), store.path("next"));
    std::os::unix::fs::symlink("1.snapshot", &link).unwrap();
    let args = ["--snapshot", &link, "-l", "none", "--watch", "--watch-quiet", "1"];
    let watched = Watched::start_in(store.folder, &args);
    assert_eq!(served(&watched), first);
    std::os::unix::fs::symlink("2.snapshot", &next).unwrap();
    fs::rename(&next, &link).unwrap();
    wait_until("it is taken up", || served(&watched) == second);
    // That is a moment later.
    wait_until("it is counted", || reloads(&watched, "published") == 1.0);
}

#[test]
fn nothing_is_taken_up_without_being_asked_for() {
    let store = Store::new();
    store.compile(1, &[]);
    let file = store.text("mirrors.snapshot");
    let first = store.generation("mirrors.snapshot");
    let watched = Watched::start_in(store.folder, &["--snapshot", &file, "-l", "none"]);
    assert!(watched.get("/status").1.contains("not watched"));
    assert_eq!(watched.metric("mirrorlistd_watch", &[]), 0.0);
    fs::write(&file, "x").unwrap();
    wait_for_nothing();
    assert_eq!(served(&watched), first);
    assert_eq!(watched.metric("mirrorlistd_reloads_total", &[]), 0.0);
}

#[test]
fn files_that_could_not_be_read_are_tried_again_although_they_are_the_same() {
    let watched = start("1");
    let first = served(&watched);
    let limit = |current| {
        let limit = Rlimit { current: Some(current), maximum: Some(1_024) };
        prlimit(Some(watched.server.pid()), Resource::Nofile, limit).unwrap();
    };
    limit(1);
    deliver(&watched.server.path("data"), 2, |_| {});
    let complaints = || watched.server.stderr().matches("Too many open files").count();
    wait_until("it is refused twice", || complaints() >= 2);
    limit(1_024);
    wait_until("it is taken up", || served(&watched) != first);
    // That is a moment later.
    wait_until("it is counted", || reloads(&watched, "published") == 1.0);
    let n_tries = || reloads(&watched, "refused") + reloads(&watched, "published");
    let before = n_tries();
    wait_for_nothing();
    assert_eq!(n_tries(), before, "{}", watched.server.stderr());
}

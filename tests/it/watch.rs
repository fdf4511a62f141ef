//! `--watch`: changed data files are taken up once they have been left alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use testdata::Message as _;

use crate::admin::Watched;
use crate::fixture::World;
use crate::golden;
use crate::previous_snapshot::Store;
use crate::server::wait_until;

/// A quiet time that passes, in seconds.
const SHORT: u64 = 1;
/// One that does not.
const ENDLESS: u64 = 3_600;
const REQUEST: &str = "/mirrorlist?repo=main-9&arch=x86_64";
const NAMES: [&str; 4] = ["cache.proto", "netblocks.txt", "continents.csv", "country.mmdb"];

/// A server that watches four files in the folder behind the link `data`, all of the same version.
fn start(quiet: u64) -> Watched {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    deliver(&data, 1);
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let files = NAMES.map(path);
    let options = ["--cache", "--global-netblocks", "--cccsv", "--geoip"];
    let inputs = options.iter().copied().zip(files.iter().map(String::as_str));
    let mut args: Vec<&str> = inputs.flat_map(|(option, file)| [option, file]).collect();
    let quiet = quiet.to_string();
    args.extend(["-l", "none", "--watch", "--watch-quiet", &quiet]);
    Watched::start_in(folder, &args)
}

/// Makes the files of a version, in a folder beside `data`.
fn make(data: &Path, version: u64) -> PathBuf {
    let mut world = World::standard();
    world.list.time += version;
    let folder = data.with_file_name(format!("data-{version}"));
    fs::create_dir(&folder).unwrap();
    world.write(&folder, &world.list.encode_to_vec());
    folder
}

/// Replaces all files at once: they are one change, however long a test is held up.
fn deliver(data: &Path, version: u64) {
    let link = data.with_file_name("data.new");
    symlink(make(data, version), &link).unwrap();
    fs::rename(link, data).unwrap();
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

/// Waits for longer than a change needs to be taken up with the quiet time that passes. Where nothing
/// is to happen, a machine on which it would take longer finds no fault that is not there.
fn wait_for_nothing() {
    thread::sleep(Duration::from_secs(2 * SHORT));
}

fn watch_of(watched: &Watched) -> serde_json::Value {
    let json: serde_json::Value = serde_json::from_str(&watched.get("/status.json").1).unwrap();
    json["watch"].clone()
}

#[test]
fn while_files_are_replaced_one_after_the_other_they_are_not_read() {
    let watched = start(ENDLESS);
    let first = served(&watched);
    assert!(watched.get("/status").1.contains("watched, no change seen"));
    assert_eq!(watched.metric("mirrorlistd_watch", &[]), 1.0);
    let data = watched.server.path("data");
    let made = make(&data, 2);
    for name in NAMES {
        fs::rename(made.join(name), data.join(name)).unwrap();
        wait_until("the change is seen", || is_waiting(&watched));
    }
    wait_for_nothing();
    assert_eq!(served(&watched), first);
    assert_eq!(watched.metric("mirrorlistd_reloads_total", &[]), 0.0);
    let watch = watch_of(&watched);
    assert_eq!((&watch["quiet_seconds"], &watch["waiting"]), (&ENDLESS.into(), &true.into()));
}

#[test]
fn files_that_have_been_quiet_are_read_once() {
    let watched = start(SHORT);
    let first = served(&watched);
    deliver(&watched.server.path("data"), 2);
    wait_until("it is taken up", || served(&watched) != first);
    wait_until("that is known", || reloads(&watched, "published") > 0.0);
    wait_for_nothing();
    assert_eq!(reloads(&watched, "published"), 1.0, "{}", watched.server.stderr());
    assert_eq!(reloads(&watched, "refused"), 0.0);
    assert_eq!(watched.metric("mirrorlistd_reloads_total", &[("trigger", "signal")]), 0.0);
    assert!(watched.metric("mirrorlistd_watch_last_change_timestamp_seconds", &[]) > 1e9);
    let watch = watch_of(&watched);
    assert_eq!((&watch["quiet_seconds"], &watch["waiting"]), (&SHORT.into(), &false.into()));
    let json: serde_json::Value = serde_json::from_str(&watched.get("/status.json").1).unwrap();
    assert_eq!(json["reloads"]["by_watch"], 1);
    assert!(watched.get("/readyz").1.contains("data files watched, last change at "));
}

#[test]
fn a_broken_file_is_refused_once_and_a_good_one_after_it_is_taken_up() {
    let watched = start(SHORT);
    let first = served(&watched);
    let data = watched.server.path("data");
    let intact = fs::read(data.join("cache.proto")).unwrap();
    fs::write(data.join("broken"), &intact[..intact.len() - 3]).unwrap();
    fs::rename(data.join("broken"), data.join("cache.proto")).unwrap();
    wait_until("it is refused", || reloads(&watched, "refused") > 0.0);
    watched.server.wait_for_log("reload refused");
    wait_for_nothing();
    assert_eq!(reloads(&watched, "refused"), 1.0, "it is not tried again");
    assert_eq!(watched.server.stderr().matches("reload refused").count(), 1);
    assert_eq!(served(&watched), first);

    deliver(&data, 2);
    wait_until("it is taken up", || served(&watched) != first);
    wait_until("that is known", || watched.get("/readyz").1.contains("last load published"));
}

#[test]
fn a_folder_that_is_gone_for_a_while_is_noticed_and_so_is_its_return() {
    let watched = start(SHORT);
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

    deliver(&data, 2);
    wait_until("it is taken up", || served(&watched) != first);
}

/// On a busy machine the quiet time may be over before the signal is heard: then it is tried again.
#[test]
fn what_a_signal_has_loaded_is_not_loaded_again() {
    const QUIET: u64 = 3;
    let watched = start(QUIET);
    let mut version = 1;
    wait_until("a signal is faster than the quiet time", || {
        version += 1;
        let (before, n_before) = (served(&watched), reloads(&watched, "published"));
        let change_before = watch_of(&watched)["last_change"].clone();
        deliver(&watched.server.path("data"), version);
        watched.server.signal(Signal::HUP);
        wait_until("it is taken up", || served(&watched) != before);
        wait_until("the change has been seen and is over", || {
            let watch = watch_of(&watched);
            watch["last_change"] != change_before && watch["waiting"] == false
        });
        wait_for_nothing();
        reloads(&watched, "published") == n_before
    });
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
    symlink("1.snapshot", &link).unwrap();
    let args = ["--snapshot", &link, "-l", "none", "--watch", "--watch-quiet", "1"];
    let watched = Watched::start_in(store.folder, &args);
    assert_eq!(served(&watched), first);
    symlink("2.snapshot", &next).unwrap();
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
    let watched = start(SHORT);
    let first = served(&watched);
    let limit = |current| {
        let limit = Rlimit { current: Some(current), maximum: Some(1_024) };
        prlimit(Some(watched.server.pid()), Resource::Nofile, limit).unwrap();
    };
    limit(1);
    deliver(&watched.server.path("data"), 2);
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

/// The exposition with `N` for whole numbers, `F` for others, and without the name of the data.
fn without_values(exposition: &str) -> String {
    let mask = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap();
        let kind = if value.contains(['.', 'e']) { "F" } else { "N" };
        match series.split_once("{generation=") {
            Some((name, _)) => format!("{name}{{generation=\"…\"}} {kind}\n"),
            None => format!("{series} {kind}\n"),
        }
    };
    let lines = exposition.lines();
    lines.map(|line| if line.starts_with('#') { format!("{line}\n") } else { mask(line) }).collect()
}

#[test]
fn metrics_keep_their_names_texts_and_labels() {
    let watched = start(SHORT);
    deliver(&watched.server.path("data"), 2);
    wait_until("it is taken up", || reloads(&watched, "published") > 0.0);
    let (status, exposition) = watched.get("/metrics");
    assert_eq!(status, 200);
    golden::check("metrics.txt", &without_values(&exposition));
}

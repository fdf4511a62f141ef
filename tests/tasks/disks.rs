//! Disks that are full, and folders that cannot be written, under a process that works.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use runtime::supervise::Supervisor;
use serde_json::json;
use store::Store;
use store::sqlite::{Sqlite, system_clock};
use support::debian::unmet;
use support::postgres::Postgres;
use support::tmpfs::Tmpfs;

use crate::process::Node;
use crate::stores::{block_on, open};
use crate::watched::Watched;

tests! {
    a_full_disk_of_postgres_loses_nothing_that_was_accepted,
    a_full_disk_of_the_log_of_postgres_loses_nothing_that_was_accepted,
    a_full_disk_of_sqlite_loses_nothing_that_was_accepted,
    a_folder_that_is_read_only_is_told_in_one_line,
}

/// How many requests are tried after the first that was refused.
const N_TRIED: usize = 20;
/// More tasks than fit into the room that a disk has when it is full.
const MANY: usize = 20_000;

fn mount(size: &str) -> Tmpfs {
    Tmpfs::mount(size).unwrap_or_else(|reason| unmet(format!("the suite of tasks {reason}")))
}

/// How many bytes are left: some tasks are still accepted, and cannot end.
const LEFT: u64 = 256 << 10;

/// Fills a file system but for [`LEFT`].
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file");
    let mut size = 1 << 20;
    while size > 0 {
        if file.write_all(&vec![1; size]).is_err() {
            size /= 2;
        }
    }
    let filled = file.metadata().expect("a size").len();
    file.set_len(filled.saturating_sub(LEFT)).expect("less takes no room");
}

/// Asks for tasks until the disk is full and a while longer, makes room with `recover`, and asks again.
fn nothing_is_lost(
    disk: &Tmpfs,
    store: &str,
    recover: impl FnOnce(),
    open: impl FnOnce() -> Store,
) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mark, ballast) = (folder.path().join("marks"), disk.path().join("ballast"));
    let mut node = Node::new(folder.path(), "one", store, "cpu = 8\nheartbeat_seconds = 3");
    node.start();
    let (watched, api) = (Watched::new(), node.client());
    let args = json!({ "seconds": 0, "mark": mark.to_str() });
    for n in 0..20 {
        watched.enqueue("me", &api, &format!("before {n}"), &args);
    }
    api.wait_until_idle();
    fill(&ballast);
    let mut refused = Vec::new();
    for n in 0..MANY {
        let request = format!("{n}");
        if let Err(error) = watched.try_enqueue("me", &api, &request, &args) {
            assert!(!error.contains('\n') && error.matches("the store").count() == 1, "{error}");
            if refused.is_empty() {
                println!("refused after {n}: {error}");
            }
            refused.push(request);
        }
        if refused.len() > N_TRIED {
            break;
        }
    }
    assert!(refused.len() > N_TRIED, "the disk was not full: {} were refused", refused.len());
    fs::remove_file(ballast).expect("it is there");
    recover();
    for request in &refused {
        watched.enqueue("me", &api, request, &args);
    }
    api.wait_until_idle();
    node.stop();
    block_on(watched.check(&mark, &open(), |_| Vec::new()));
}

fn a_full_disk_of_postgres_loses_nothing_that_was_accepted() {
    let disk = mount("80m");
    on_postgres(&disk, Postgres::start_in(disk.path(), None, &SMALL_LOG), "ERROR:  could not");
}

/// Then the server cannot even say no: it ends all its processes.
fn a_full_disk_of_the_log_of_postgres_loses_nothing_that_was_accepted() {
    let disk = mount("24m");
    let wal = disk.path().join("wal");
    let server = Postgres::start_in(&std::env::temp_dir(), Some(&wal), &SMALL_LOG);
    // A checkpoint would make room, if there is one in time: what is written must stay.
    server.query("postgres", "SELECT pg_create_physical_replication_slot('held', true)");
    on_postgres(&disk, server, "PANIC:  could not");
}

/// So that the log is not most of what is on the disk.
const SMALL_LOG: [&str; 2] = ["max_wal_size=4MB", "min_wal_size=2MB"];

fn on_postgres(disk: &Tmpfs, mut server: Postgres, logged: &str) {
    let url = server.create_database("a");
    nothing_is_lost(disk, &format!("store = \"{url}\""), || server.recover(), || open(&url));
    let log = server.log();
    let is_logged = |line: &str| line.contains(logged) && line.contains("No space left on device");
    assert!(log.lines().any(is_logged), "{log}");
}

fn a_full_disk_of_sqlite_loses_nothing_that_was_accepted() {
    // More than its log grows to before it is moved into the file of the database: what that log takes does not
    // come free with the room for everything else.
    let disk = mount("16m");
    let state = disk.path().join("state");
    nothing_is_lost(
        &disk,
        &format!("state = \"{}\"", state.display()),
        || {},
        || {
            let store = Sqlite::open(&state, system_clock(), &Supervisor::default());
            store.expect("nobody else has it").into()
        },
    );
}

fn a_folder_that_is_read_only_is_told_in_one_line() {
    let disk = mount("4m");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = disk.path().join("state");
    let in_folder = format!("state = \"{}\"", state.display());
    let mut node = Node::new(folder.path(), "one", &in_folder, "");
    node.start();
    node.client().wait_until_idle();
    node.stop();
    disk.remount("ro");
    let before = node.log();
    node.start();
    let status = node.wait();
    let log = node.log();
    let told = log.strip_prefix(&before).expect("a log that grows");
    assert_eq!(status.code(), Some(1), "{told}");
    let place = state.display().to_string();
    assert!(told.lines().count() == 1 && told.contains(&place), "{told}");
    // And when it can be written again, it works.
    disk.remount("rw");
    node.start();
    node.client().wait_until_idle();
    node.stop();
}

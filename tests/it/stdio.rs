//! Standard streams that cannot be written: nothing panics, and exit statuses are right.

use std::fs::{File, OpenOptions};
use std::process::Stdio;

use crate::previous_snapshot::Store;
use crate::server::command;

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reader is gone.
fn dead() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn commands_end_with_their_own_status_whatever_becomes_of_their_words() {
    let store = Store::new();
    store.compile(1, &[]);
    let (good, bad) = (store.text("mirrors.snapshot"), store.text("netblocks.txt"));
    let (out, tree, index) = (store.text("out"), store.text(""), store.text("index"));
    let inputs = store.inputs();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let compile = [&["compile", "-o", &out], &inputs[..]].concat();
    let quiet = ["-l", "none", "--port", "0"];
    let check = |file| [&["check", "--snapshot", file], &quiet[..]].concat();
    for (args, with_dead_stdout, with_full_stdout) in [
        (compile, 0, 1),
        (vec!["inspect", &good], 0, 1),
        (vec!["inspect", &good, "--mirrors"], 0, 1),
        (vec!["inspect", &good, "--mirrors", "--json"], 0, 1),
        (vec!["inspect", &bad], 1, 1),
        (vec!["inspect", &bad, "--json"], 1, 1),
        (check(&good), 0, 1),
        (check(&bad), 1, 1),
        (vec!["check", "--port", "x"], 2, 2),
        (vec!["serve", "--config", "/nonexistent"], 2, 2),
        (vec!["serve", "--snapshot", &bad, "-l", "none"], 1, 1),
        (vec!["generate", "man"], 0, 1),
        (vec!["scan", &tree, "-o", &index], 0, 1),
        (vec!["scan", &tree, "-o", &index, "--json"], 0, 1),
        (vec!["scan", &tree, "-o", &index, "--quiet"], 0, 0),
        (vec!["scan", &bad, "-o", &index], 1, 1),
    ] {
        let status = |stdout: Stdio, stderr: Stdio| {
            command(&args).stdin(Stdio::null()).stdout(stdout).stderr(stderr).status().unwrap()
        };
        // 101 is a panic, and a signal is no status at all.
        assert_eq!(status(dead(), dead()).code(), Some(with_dead_stdout), "{args:?}");
        assert_eq!(status(dead(), full().into()).code(), Some(with_dead_stdout), "{args:?}");
        assert_eq!(status(full().into(), full().into()).code(), Some(with_full_stdout), "{args:?}");
    }
}

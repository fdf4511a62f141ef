//! Suites with a runner of their own: nothing in them is a test that nobody runs, and what needs a
//! prepared host is in them and not here.

use std::fs;
use std::path::{Path, PathBuf};

/// Suites whose runner can leave tests out; [`support::debian::suite`] says why.
const SUITES: [&str; 5] = ["clients", "packaging", "faults", "tasks", "rsync"];

/// Where their sources are; each with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

#[test]
fn no_test_is_one_that_nobody_runs() {
    for (path, text) in SUITES.iter().flat_map(|suite| sources(suite)) {
        let marked = text.lines().any(|line| line.trim() == "#[test]");
        assert!(!marked, "{path:?} has #[test], which means nothing there: name it in tests! {{}}");
        let module = path.file_stem().unwrap().to_str().unwrap();
        if text.contains("\ntests! {") {
            let main = path.with_file_name("main.rs");
            let root = if main.exists() { main } else { path.with_file_name("suite.rs") };
            let is_run = fs::read_to_string(root).unwrap().contains(&format!("{module}::TESTS"));
            assert!(is_run, "the root of the suite does not run the tests of {path:?}");
        }
    }
    // And the manifest says so.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for suite in SUITES {
        // The suite of pages is one of the room that makes them, and does not need the program.
        let (folder, up, file) = match suite {
            "pages" => ("src/control", "../../", "suite.rs"),
            _ => ("", "", "main.rs"),
        };
        let manifest = fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        let path = format!("path = \"{up}tests/{suite}/{file}\"\nharness = false\n");
        assert!(manifest.contains(&path), "{suite} is run by Rust's own runner");
    }
}

#[test]
fn the_program_is_the_one_that_cargo_has_built_for_this_suite() {
    let built = Path::new(env!("CARGO_BIN_EXE_mirrorlistd"));
    assert_eq!(support::program().canonicalize().unwrap(), built.canonicalize().unwrap());
}

#[test]
fn what_needs_a_prepared_host_is_not_in_this_suite() {
    for (path, text) in sources("it") {
        if path.ends_with("suites.rs") {
            continue;
        }
        for word in ["strace", "unshare", "nsenter", "faketime", "apt-get", "mount"] {
            let runs = text.contains(&format!("Command::new(\"{word}\")"));
            assert!(!runs, "{path:?} runs {word}: suites that require it can say so");
        }
    }
}

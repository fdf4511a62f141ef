//! How many crates of others the program stands on, as a whole and where it answers and does nothing else:
//! the handbook says it, and Cargo counts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One target, so that the number is the same wherever it is counted.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The crates of others that a build takes.
fn crates(options: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--offline", "--package", "mirrorlistd", "--target", TARGET])
        .args(["--edges", "normal", "--prefix", "none"])
        .args(options)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines()
        .filter(|line| !line.starts_with("mirrorlistd"))
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn check_handbook(told: &str, crates: &BTreeSet<String>) {
    let chapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/handbook/install.md");
    let handbook = fs::read_to_string(chapter).unwrap().replace('\n', " ");
    assert!(handbook.contains(told), "{told}: {crates:?}");
}

#[test]
fn the_handbook_says_how_many_crates_the_program_takes() {
    let crates = crates(&[]);
    check_handbook(&format!("stands on {} crates of others as a whole", crates.len()), &crates);
}

#[test]
fn the_handbook_says_how_many_crates_the_answering_half_takes() {
    let crates = crates(&["--no-default-features"]);
    let not_for_answers = ["clap_complete", "clap_mangen", "quick-xml", "md-5", "sha1", "sha2"];
    let found: Vec<_> = not_for_answers.iter().filter(|name| crates.contains(**name)).collect();
    assert!(found.is_empty(), "these are for packaging and for scans only: {found:?}");
    check_handbook(&format!("stands on {} crates of others then", crates.len()), &crates);
}

#[test]
fn only_tests_are_built_with_points_to_abort_at() {
    let features = |edges: &str| {
        let output = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["tree", "--locked", "--offline", "--package", "mirrorlistd", "--all-features"])
            .args(["--prefix", "none", "--format", "{lib} {f}", "--edges", edges])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).unwrap();
        tree.lines()
            .any(|line| line.starts_with("mirrorlistd_store ") && line.contains("fail-points"))
    };
    assert!(features("normal,dev"), "the features of the store are found");
    assert!(!features("normal"), "a package aborts where FAIL_AT says");
}

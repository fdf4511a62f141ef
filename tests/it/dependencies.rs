//! How many crates of others the program stands on, where it answers and does nothing else: the handbook
//! says it, and Cargo counts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One target, so that the number is the same wherever it is counted.
const TARGET: &str = "x86_64-unknown-linux-gnu";

#[test]
fn the_handbook_says_how_many_crates_the_answering_half_takes() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO"))
        .current_dir(top)
        .args(["tree", "--locked", "--offline", "--package", "mirrorlistd", "--target", TARGET])
        .args(["--no-default-features", "--edges", "normal", "--prefix", "none"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = tree
        .lines()
        .filter(|line| !line.starts_with("mirrorlistd"))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let left_out = ["clap_complete", "clap_mangen"].iter().any(|name| crates.contains(name));
    assert!(!left_out, "these are for packaging only");
    let handbook = fs::read_to_string(top.join("contrib/handbook/install.md")).unwrap();
    let told = format!("stands on {} crates of others", crates.len());
    assert!(handbook.contains(&told), "it {told}: {crates:?}");
}

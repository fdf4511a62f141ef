//! `src/README.md` is the map of the sources: every room is on it. What it and CONTRIBUTING name is there.

use std::fs;
use std::path::Path;

/// What is told elsewhere: the map itself, and the crate documentation.
const NOT_ROOMS: [&str; 2] = ["README.md", "lib.rs"];

#[test]
fn every_room_is_on_the_map() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = fs::read_to_string(source.join("README.md")).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let rows = rows.map(|row| row.trim_start_matches("&emsp; ")).filter(|row| row.starts_with('`'));
    let named: Vec<String> = rows
        .flat_map(|rooms| rooms.split(", "))
        .map(|room| room.trim_matches('`').trim_end_matches('/').to_owned())
        .collect();
    for room in &named {
        let is_there = [room.clone(), format!("{room}.rs")].iter().any(|p| source.join(p).exists());
        assert!(is_there, "the map names {room}");
    }
    for entry in fs::read_dir(&source).unwrap() {
        let name = entry.unwrap().file_name();
        let name = name.to_str().unwrap();
        let is_named = named.iter().any(|room| room == name || format!("{room}.rs") == name);
        assert!(is_named || NOT_ROOMS.contains(&name), "src/{name} is not on the map: {named:?}");
    }
}

#[test]
fn what_is_named_to_contributors_is_there() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut n_paths = 0;
    for file in [".github/CONTRIBUTING.md", "src/README.md"] {
        let text = fs::read_to_string(top.join(file)).unwrap();
        for path in text.split('`').skip(1).step_by(2) {
            let is_path =
                ["src/", "tests/", "contrib/", "benches/"].iter().any(|top| path.starts_with(top));
            if is_path && !path.contains(' ') {
                n_paths += 1;
                assert!(top.join(path).exists(), "{file} names {path}");
            }
        }
    }
    assert!(n_paths > 30, "paths are found: {n_paths}");
}

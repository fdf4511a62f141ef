//! `src/README.md` is the map of the sources: every room is on it.

use std::fs;
use std::path::Path;

/// What is told elsewhere: the map itself, and the crate documentation.
const NOT_ROOMS: [&str; 2] = ["README.md", "lib.rs"];

#[test]
fn every_room_is_on_the_map() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = fs::read_to_string(source.join("README.md")).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let named: Vec<String> = rows
        .flat_map(|rooms| rooms.split(", "))
        .map(|room| room.trim_matches('`').trim_end_matches('/').to_owned())
        .collect();
    for entry in fs::read_dir(&source).unwrap() {
        let name = entry.unwrap().file_name();
        let name = name.to_str().unwrap();
        let is_named = named.iter().any(|room| room == name || format!("{room}.rs") == name);
        assert!(is_named || NOT_ROOMS.contains(&name), "src/{name} is not on the map: {named:?}");
    }
}

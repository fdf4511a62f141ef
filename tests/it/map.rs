//! `src/README.md` is the map of the sources: every room is on it. What it and CONTRIBUTING name is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What is told elsewhere: the map itself, and the crate documentation.
const NOT_ROOMS: [&str; 2] = ["README.md", "lib.rs"];
/// The program's own crate.
const PROGRAM: &str = "mirrorlistd";

#[test]
fn every_room_is_on_the_map() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let named = rooms_on_the_map();
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
fn a_room_stands_on_the_map_above_the_rooms_that_it_imports() {
    let map = rooms_on_the_map();
    let place = |room: &str| match room {
        PROGRAM => Some(0),
        _ => map.iter().position(|named| named == room),
    };
    for (room, imports) in imports() {
        for import in imports {
            assert!(place(&room) < place(&import), "{room} imports {import}, which is above it");
        }
    }
}

#[test]
fn the_crate_documentation_says_what_each_room_builds_on() {
    let text = crate_documentation();
    let rows = text.lines().skip_while(|line| !line.contains("| builds on |")).skip(2);
    let rows = rows.map_while(|line| line.strip_prefix("| "));
    let rows: BTreeMap<String, BTreeSet<String>> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_end_matches('|').split('|').collect();
            let [room, _, imports] = cells[..] else { panic!("three cells: {row}") };
            let names = |cell: &str| -> Vec<String> {
                cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
            };
            (names(room).concat(), names(imports).into_iter().collect())
        })
        .collect();
    assert_eq!(rows, imports());
}

#[test]
fn the_drawing_of_the_rooms_shows_them_one_line_above_what_they_build_on() {
    let imports = imports();
    let text = crate_documentation();
    let drawing = text.lines().skip_while(|line| *line != "# Rooms");
    let drawing = drawing.skip_while(|line| *line != "```text").skip(1);
    let lines: Vec<BTreeSet<&str>> = drawing
        .take_while(|line| *line != "```")
        .map(|line| line.split_whitespace().collect())
        .collect();
    let mut expected: Vec<BTreeSet<&str>> = Vec::new();
    for room in imports.keys() {
        let height = height(&imports, room);
        expected.resize(expected.len().max(height + 1), BTreeSet::new());
        expected[height].insert(room);
    }
    expected.reverse();
    assert_eq!(lines, expected);
}

/// How many rooms stand on each other below this one.
fn height(imports: &BTreeMap<String, BTreeSet<String>>, room: &str) -> usize {
    imports[room].iter().map(|import| height(imports, import) + 1).max().unwrap_or(0)
}

/// The rooms of the map, from the top.
fn rooms_on_the_map() -> Vec<String> {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/README.md");
    let map = fs::read_to_string(map).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let rows = rows.map(|row| row.trim_start_matches("&emsp; ")).filter(|row| row.starts_with('`'));
    rows.flat_map(|rooms| rooms.split(", "))
        .map(|room| room.trim_matches('`').trim_end_matches('/').to_owned())
        .collect()
}

/// The documentation of the program's crate, without the marks of comments.
fn crate_documentation() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The rooms that each room imports, by the manifests; not those that only its tests import.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut manifests = vec![(PROGRAM.to_owned(), top.join("Cargo.toml"))];
    for entry in fs::read_dir(top.join("src")).unwrap() {
        let folder = entry.unwrap();
        let manifest = folder.path().join("Cargo.toml");
        if manifest.exists() {
            manifests.push((folder.file_name().into_string().unwrap(), manifest));
        }
    }
    let rooms: BTreeSet<String> = manifests.iter().map(|(room, _)| room.clone()).collect();
    assert!(rooms.len() > 10, "the rooms are found: {rooms:?}");
    let imports_of = |manifest: &Path| {
        let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        let dependencies = dependencies.into_iter().flat_map(toml::Table::keys);
        dependencies.filter(|name| rooms.contains(*name)).cloned().collect()
    };
    manifests.iter().map(|(room, manifest)| (room.clone(), imports_of(manifest))).collect()
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

//! Imports point downwards only: the table in `src/lib.rs`, enforced.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules and their level; a module may use lower levels only. The longest matching path counts.
const LEVELS: [(&str, u8); 24] = [
    ("encode", 0),
    ("model", 1),
    ("supervise", 1),
    ("regular_file", 1),
    ("rate_limiter", 1),
    ("catalog", 2),
    ("snapshot", 2),
    ("log", 2),
    ("sources", 3),
    ("compile", 3),
    ("answer", 3),
    ("metrics", 3),
    ("build", 4),
    ("live", 4),
    ("http", 5),
    ("reload", 5),
    ("admin", 6),
    ("signal", 6),
    ("systemd", 6),
    ("config", 7),
    ("cli", 8),
    ("daemon", 9),
    ("commands", 10),
    ("main", 11),
];

/// Outside crates and the lowest level, or the only modules, that may use them.
const OUTSIDE: [(&str, Room); 13] = [
    ("tokio", Room::From(5)),
    ("hyper", Room::From(5)),
    ("arc_swap", Room::Only(&["live"])),
    ("bincode", Room::Only(&["snapshot::format"])),
    ("xxhash_rust", Room::Only(&["snapshot::format", "snapshot::networks"])),
    ("ip_network_table", Room::Only(&["snapshot::trie"])),
    ("maxminddb", Room::Only(&["sources::geography::country_database"])),
    ("toml", Room::Only(&["config"])),
    ("prometheus_client", Room::Only(&["admin::prometheus"])),
    ("clap", Room::From(6)),
    ("signal_hook", Room::Only(&["signal"])),
    ("listenfd", Room::Only(&["systemd::sockets"])),
    ("sd_notify", Room::Only(&["systemd::notify"])),
];

enum Room {
    From(u8),
    Only(&'static [&'static str]),
}

#[test]
fn imports_point_downwards_only() {
    let mut violations = Vec::new();
    let mut n_imports = 0;
    for (module, code) in modules() {
        let own_level = level_of(&module);
        for path in paths_after(&code, "crate::") {
            let top = |path: &str| room_of(path).map(|(room, _)| room);
            if top(&path).is_none() || top(&path) == top(&module) {
                continue;
            }
            n_imports += 1;
            if level_of(&path) >= own_level {
                violations.push(format!("{module} (level {own_level}) uses {path}"));
            }
        }
        for (name, room) in &OUTSIDE {
            if paths_after(&code, &format!("{name}::")).is_empty() {
                continue;
            }
            let allowed = match room {
                Room::From(level) => own_level >= *level,
                Room::Only(rooms) => rooms.iter().any(|room| is_within(&module, room)),
            };
            if !allowed {
                violations.push(format!("{module} uses the crate {name}"));
            }
        }
    }
    assert!(n_imports > 50, "the search finds imports: {n_imports}");
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn every_module_has_a_level_and_stays_readable() {
    for (module, code) in modules() {
        assert!(module == "lib" || room_of(&module).is_some(), "{module} has no level");
        let n_lines = code.lines().count();
        assert!(n_lines <= 600, "{module} has {n_lines} lines without its tests: split it");
    }
}

fn is_within(module: &str, room: &str) -> bool {
    module.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn room_of(module: &str) -> Option<(&'static str, u8)> {
    let rooms = LEVELS.iter().filter(|(room, _)| is_within(module, room));
    rooms.max_by_key(|(room, _)| room.len()).copied()
}

fn level_of(module: &str) -> u8 {
    room_of(module).map_or(u8::MAX, |(_, level)| level)
}

/// Module paths and their code, without comments and without unit tests.
fn modules() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 30, "the sources are found: {files:?}");
    files
        .into_iter()
        .map(|file| {
            let relative = file.strip_prefix(&root).unwrap().with_extension("");
            let mut parts: Vec<_> =
                relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            parts.pop_if(|last| last == "mod");
            let code = fs::read_to_string(&file).unwrap();
            let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            let code = code.lines().filter(is_code).collect::<Vec<_>>().join("\n");
            (parts.join("::"), code)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // A package of its own, such as one that stands in for a crate of others, has no modules here.
        if path.is_dir() && !path.join("Cargo.toml").exists() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The paths that follow `prefix`, `{…}` lists opened up by one step.
fn paths_after(code: &str, prefix: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let take = |text: &str| text.chars().take_while(|&c| is_path(c)).collect::<String>();
    let mut paths = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(is_path) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                paths.extend(list.split(',').map(|item| take(item.trim())));
            }
            None => paths.push(take(rest)),
        }
    }
    paths.retain(|path| !path.is_empty() || prefix != "crate::");
    paths
}

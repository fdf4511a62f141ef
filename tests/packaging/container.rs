//! `contrib/container/Containerfile`. No engine builds it here, so its parts are checked: what it
//! copies is enough to build the program. What comes of its last stage is run by [`crate::image`].

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::built::{PROGRAM, contrib_text, run};

tests! {
    it_knows_these_instructions_only,
    what_it_copies_is_enough_to_build,
    the_program_is_copied_from_where_it_is_built,
}

/// Instruction and the rest, with continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = contrib_text("container/Containerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').expect(line))
        .map(|(instruction, rest)| (instruction.to_owned(), rest.trim().to_owned()))
        .collect()
}

/// What follows each instruction of that name.
pub fn all(name: &str) -> Vec<String> {
    let found = instructions().into_iter().filter(|(instruction, _)| instruction == name);
    found.map(|(_, rest)| rest).collect()
}

/// What is copied from the repository into the stage that builds.
fn sources() -> Vec<PathBuf> {
    let copies = all("COPY").into_iter().filter(|rest| !rest.starts_with("--from"));
    let words = copies.flat_map(|rest| {
        let mut words: Vec<PathBuf> = rest.split_whitespace().map(PathBuf::from).collect();
        words.pop();
        words
    });
    words.collect()
}

/// The words of an instruction in the form of a list.
pub fn json_words(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn it_knows_these_instructions_only() {
    let known = [
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "EXPOSE",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    ];
    for (instruction, rest) in instructions() {
        assert!(known.contains(&instruction.as_str()), "{instruction} {rest}");
    }
    let stages = all("FROM");
    assert_eq!(stages.len(), 2);
    assert!(stages[0].ends_with(" AS build"), "{stages:?}");
    // Not root, by number: clusters that demand it cannot look names up.
    assert!(all("USER").iter().all(|user| user.parse::<u32>().is_ok_and(|user| user > 0)));
}

fn what_it_copies_is_enough_to_build() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources();
    assert!(!sources.is_empty());
    let folder = tempfile::tempdir().unwrap();
    for source in &sources {
        let from = root.join(source);
        assert!(from.exists(), "{source:?} is copied, and does not exist");
        let to = folder.path().join(source);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        symlink(from, to).unwrap();
    }
    // Every manifest and target is there.
    run(Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--no-deps", "--format-version", "1"])
        .current_dir(folder.path()));
    // So is every file that the compiler has read for the program and its library. What it read
    // stands beside what it made; only `cargo build` puts a copy beside the program.
    let mut n_files = 0;
    for entry in fs::read_dir(Path::new(PROGRAM).with_file_name("deps")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        // The program and every room.
        if !(name.starts_with("mirrorlistd") || name.starts_with("libmirrorlistd"))
            || !name.ends_with(".d")
        {
            continue;
        }
        let dependencies = fs::read_to_string(&path).unwrap();
        for file in dependencies.lines().filter_map(|line| Some(line.split_once(": ")?.1)) {
            for file in file.split_whitespace() {
                // Relative to the root, where it is of this workspace.
                let relative = Path::new(file).strip_prefix(root).unwrap_or(Path::new(file));
                // Clippy leaves such files as well, with what only it reads.
                if relative.is_absolute() || relative == Path::new(".clippy.toml") {
                    continue;
                }
                n_files += 1;
                let is_copied = sources.iter().any(|source| relative.starts_with(source));
                assert!(is_copied, "{file} is not copied");
            }
        }
    }
    assert!(n_files > 50, "{n_files} files");
}

fn the_program_is_copied_from_where_it_is_built() {
    let [work] = &all("WORKDIR")[..] else { panic!("one WORKDIR") };
    let copies = all("COPY");
    let copy = copies.iter().find_map(|rest| rest.strip_prefix("--from=build ")).unwrap();
    let (from, to) = copy.split_once(' ').unwrap();
    assert_eq!(from, format!("{work}/target/release/mirrorlistd"));
    assert!(all("RUN").iter().any(|line| line.contains("cargo build --release --locked")));
    assert_eq!(json_words(&all("ENTRYPOINT")[0]), [to]);
}

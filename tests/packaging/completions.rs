//! Shell completions and the manual page, as the packages hold them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::built::{PROGRAM, run};
use crate::packages;

tests! {
    bash_completes_options,
    zsh_reads_its_completions,
    fish_completes_options,
    the_manual_page_is_sound,
}

fn generated(what: &[&str]) -> (TempDir, PathBuf) {
    packages::require();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("generated");
    fs::write(&path, run(Command::new(PROGRAM).arg("generate").args(what))).unwrap();
    (folder, path)
}

fn bash_completes_options() {
    let (_folder, path) = generated(&["completions", "bash"]);
    run(Command::new("bash").arg("-n").arg(&path));
    let complete = "source \"$1\"; COMP_WORDS=(mirrorlistd --adm); COMP_CWORD=1; \
                    _mirrorlistd mirrorlistd --adm mirrorlistd; echo \"${COMPREPLY[@]}\"";
    let said = run(Command::new("bash").args(["-c", complete, "bash"]).arg(&path));
    assert_eq!(said.trim(), "--admin --admin-host");
}

fn zsh_reads_its_completions() {
    let (_folder, path) = generated(&["completions", "zsh"]);
    run(Command::new("zsh").args(["--no-rcs", "-n"]).arg(&path));
    assert!(fs::read_to_string(&path).unwrap().starts_with("#compdef mirrorlistd\n"));
}

fn fish_completes_options() {
    let (folder, path) = generated(&["completions", "fish"]);
    let complete = "source $argv[1]; complete --do-complete 'mirrorlistd --adm'";
    let said = run(Command::new("fish")
        .env("HOME", folder.path())
        .args(["--no-config", "-c", complete])
        .arg(&path));
    assert!(said.starts_with("--admin"), "{said}");
}

fn the_manual_page_is_sound() {
    let (_folder, path) = generated(&["man"]);
    let lint = run(Command::new("mandoc").args(["-T", "lint", "-W", "error"]).arg(&path));
    assert_eq!(lint, "");
    // What `man --warnings` does.
    let output = Command::new("groff").args(["-man", "-ww", "-Tutf8", "-z"]).arg(&path).output();
    assert_eq!(String::from_utf8_lossy(&output.unwrap().stderr), "");
    // Bold letters are written twice, with a backspace between.
    let text = run(Command::new("mandoc").args(["-T", "ascii"]).arg(&path));
    let letters: Vec<char> = text.chars().collect();
    let bold = |at: usize| letters.get(at + 1) == Some(&'\u{8}');
    let plain = |(at, &letter): (usize, &char)| (letter != '\u{8}' && !bold(at)).then_some(letter);
    let text: String = letters.iter().enumerate().filter_map(plain).collect();
    for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
        assert!(text.lines().any(|line| line == heading), "{heading} is not in\n{text}");
    }
    assert!(text.contains("--trusted-proxy"), "{text}");
}

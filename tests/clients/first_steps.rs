//! The first steps of the handbook: the commands and files of their chapter, with mirrors that exist.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::markdown::{Block, blocks};

use crate::client::Dnf;
use crate::director::Director;
use crate::packages;
use crate::repository::{PACKAGE, Version, repository};
use crate::web_server::WebServer;

tests! {
    the_first_steps_of_the_handbook_install_a_package_with_dnf_and_upgrade_it,
}

const CHAPTER: &str = include_str!("../../contrib/handbook/first-steps.md");

fn the_first_steps_of_the_handbook_install_a_package_with_dnf_and_upgrade_it() {
    packages::require();
    let folder = tempfile::Builder::new().prefix("first-steps").tempdir().unwrap();
    let folder = folder.path();
    add_packages(folder, Version::Old);
    let mirrors = [11, 12].map(|number| WebServer::start(&folder.join("tree"), number));

    let chapter = blocks(CHAPTER);
    let find = |language: &str| chapter.iter().find(|block| block.language == language).unwrap();
    let mut catalog = find("toml").text();
    for (name, mirror) in ["berlin", "paris"].iter().zip(&mirrors) {
        replace(&mut catalog, &format!("https://mirror.{name}.example/pub"), &mirror.url);
    }
    fs::write(folder.join("catalog.toml"), catalog).unwrap();

    let commands = chapter.iter().filter(|block| block.has_commands()).flat_map(Block::commands);
    let mut director = None;
    let mut dnf = None;
    let mut changes = Vec::new();
    for line in commands.map(|command| command.line) {
        if line.starts_with("mirrorlistd serve ") {
            director = Some(Director::start_in(folder, line.split(' ').skip(1)));
        } else if let Some(arguments) = line.strip_prefix("dnf ") {
            let director: &Director = director.as_ref().unwrap();
            let mut repo = find("ini").text();
            replace(&mut repo, "127.0.0.1:3000", &director.address.to_string());
            let system = folder.join("system");
            fs::create_dir(&system).unwrap();
            let system = Dnf::with_repo_file(system, 120, &repo);
            let arguments = arguments.replace("hello", PACKAGE);
            check_installed(&system, director, &arguments, "1.0");
            dnf = Some(system);
        } else {
            shell(folder, &line);
            changes.push(line);
        }
    }

    // "Scan again whenever the tree has changed."
    let (director, dnf) = (director.unwrap(), dnf.expect("the chapter installs a package"));
    director.wait_after(|| {
        add_packages(folder, Version::New);
        changes.iter().for_each(|line| shell(folder, line));
    });
    check_installed(&dnf, &director, "-y --refresh upgrade", "2.0");
}

/// Adds the package of a version to the tree.
fn add_packages(folder: &Path, version: Version) {
    let files = repository(version).files.iter();
    for (path, content) in files.filter(|(path, _)| path.ends_with(".rpm")) {
        let path = folder.join("tree/9/x86_64").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    shell(folder, "chmod -R a+rX tree");
}

/// Fails unless dnf succeeds, and has installed this version of the package.
#[track_caller]
fn check_installed(dnf: &Dnf, director: &Director, arguments: &str, version: &str) {
    let run = dnf.run(&arguments.split(' ').collect::<Vec<_>>());
    assert!(run.is_success(), "{run}\n{}", director.report());
    assert_eq!(dnf.installed(), version, "{run}\n{}", director.report());
}

/// Replaces what occurs once.
fn replace(text: &mut String, from: &str, to: &str) {
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    *text = text.replace(from, to);
}

/// Runs a command in a folder as a shell does that finds the program under test.
fn shell(folder: &Path, line: &str) {
    let program = support::program().parent().unwrap().display();
    let script = format!("PATH={program}:$PATH; umask 022; {line}");
    let output = Command::new("/bin/bash").args(["-ec", &script]).current_dir(folder).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

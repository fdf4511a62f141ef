//! The packages from outside: what is in them, and what Debian's own checker says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::built::{Built, PROGRAM, build, contrib, contrib_text, run};

tests! {
    both_packages_hold_the_same_files,
    configuration_files_are_kept_by_both,
    both_say_the_same_about_themselves,
    every_unit_chapter_and_catalog_is_listed,
    lintian_has_nothing_to_say,
    equal_programs_give_equal_packages,
}

/// Mode and owner of each file, by path.
type Content = BTreeMap<String, String>;

fn content_of_deb(path: &Path) -> Content {
    let listing = run(Command::new("dpkg-deb").arg("--contents").arg(path));
    let files = listing.lines().filter(|line| !line.starts_with('d'));
    let entry = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let owner = words[1].replace('/', " ");
        (words[5].trim_start_matches('.').to_owned(), format!("{} {owner}", words[0]))
    };
    files.map(entry).collect()
}

fn content_of_rpm(path: &Path) -> Content {
    let format = "[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME}\n]";
    let listing = run(Command::new("rpm").args(["-qp", "--queryformat", format]).arg(path));
    let files = listing.lines().filter_map(|line| line.split_once(' '));
    let files = files.filter(|(_, rest)| !rest.starts_with('d'));
    files.map(|(path, rest)| (path.to_owned(), rest.to_owned())).collect()
}

/// The lines of `contrib/package/files`, in words.
fn listed() -> Vec<Vec<String>> {
    let text = contrib_text("package/files");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn both_packages_hold_the_same_files() {
    let built = Built::get();
    let deb = content_of_deb(&built.deb);
    // The one folder that distributions do not agree on.
    let rpm: Content = content_of_rpm(&built.rpm)
        .into_iter()
        .map(|(path, rest)| (path.replace("zsh/site-functions", "zsh/vendor-completions"), rest))
        .collect();
    assert_eq!(deb, rpm);
    assert_eq!(deb.len(), listed().len(), "as many as are listed");
    assert_eq!(deb["/usr/bin/mirrorlistd"], "-rwxr-xr-x root root");
    for (path, rest) in deb.iter().filter(|(path, _)| !path.starts_with("/usr/bin/")) {
        assert_eq!(rest, "-rw-r--r-- root root", "{path}");
    }
}

fn configuration_files_are_kept_by_both() {
    let built = Built::get();
    let sorted = |command: &mut Command| {
        let mut lines: Vec<String> = run(command).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let deb = sorted(Command::new("dpkg-deb").arg("--info").arg(&built.deb).arg("conffiles"));
    let rpm = sorted(Command::new("rpm").arg("-qpc").arg(&built.rpm));
    assert_eq!(deb, rpm);
    assert_eq!(deb, ["/etc/logrotate.d/mirrorlistd", "/etc/mirrorlistd/mirrorlistd.toml"]);
}

fn both_say_the_same_about_themselves() {
    let built = Built::get();
    let field = |name: &str| {
        run(Command::new("dpkg-deb").arg("--field").arg(&built.deb).arg(name)).trim().to_owned()
    };
    let tag = |name: &str| {
        let format = format!("%{{{name}}}");
        run(Command::new("rpm").args(["-qp", "--queryformat", &format]).arg(&built.rpm))
    };
    assert_eq!(field("Version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(tag("VERSION"), env!("CARGO_PKG_VERSION"));
    let version = run(Command::new(PROGRAM).arg("--version"));
    assert_eq!(version.trim(), format!("mirrorlistd {}", field("Version")));
    assert_eq!(tag("LICENSE"), "MIT OR Apache-2.0");
    let description = field("Description");
    let (summary, text) = description.split_once('\n').unwrap();
    assert_eq!(summary, tag("SUMMARY"));
    let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(bare(text), bare(&tag("DESCRIPTION")));
    // Found in the program, not written down.
    assert!(field("Depends").contains("libc6 (>="), "{}", field("Depends"));
    let requires = run(Command::new("rpm").args(["-qp", "--requires"]).arg(&built.rpm));
    assert!(requires.contains("libc.so.6(GLIBC_"), "{requires}");
    assert!(fs::metadata(&built.deb).unwrap().len() < 20_000_000);
}

fn every_unit_chapter_and_catalog_is_listed() {
    let sources: Vec<String> = listed().into_iter().map(|words| words[2].clone()).collect();
    for folder in ["systemd", "handbook", "catalogs"] {
        for entry in fs::read_dir(contrib(folder)).unwrap() {
            let name = entry.unwrap().file_name();
            let name = format!("contrib/{folder}/{}", name.to_str().unwrap());
            assert!(sources.contains(&name), "{name} is in no package");
        }
    }
}

fn lintian_has_nothing_to_say() {
    // One script serves both formats, so Debian's own wrappers around systemctl are not used.
    let said = run(Command::new("lintian")
        .args(["--allow-root", "--fail-on", "error,warning"])
        .args(["--suppress-tags", "maintainer-script-calls-systemctl"])
        .arg(&Built::get().deb));
    assert_eq!(said, "");
}

fn equal_programs_give_equal_packages() {
    let built = Built::get();
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), &["deb", "rpm"]);
    for first in [&built.deb, &built.rpm] {
        let second = folder.path().join(first.file_name().unwrap());
        assert!(fs::read(first).unwrap() == fs::read(second).unwrap(), "{first:?} differs");
    }
}

//! pacman, with the list that the shipped catalog of Arch Linux answers for the client that asks.

use std::fs;
use std::path::Path;

use crate::client::{Run, run};
use crate::director::{Director, get};
use crate::packages;
use crate::proxy::command;
use crate::web_server::WebServer;

tests! {
    pacman_installs_a_package_from_the_mirrors_of_a_list,
}

const CATALOG: &str = include_str!("../../contrib/catalogs/arch.toml");

/// A package and the database of its repository, as makepkg and repo-add make them.
const MAKE_TREE: &str = r#"
mkdir -p package/usr/share tree/core/os/x86_64 database/fixture-1.0-1
echo installed >package/usr/share/fixture
printf '%s\n' 'pkgname = fixture' 'pkgver = 1.0-1' 'arch = any' 'size = 10' >package/.PKGINFO
file=tree/core/os/x86_64/fixture-1.0-1-any.pkg.tar.gz
tar -C package -czf $file .PKGINFO usr
printf '%%%s%%\n%s\n\n' FILENAME "${file##*/}" NAME fixture VERSION 1.0-1 ARCH any \
    CSIZE "$(stat -c %s $file)" SHA256SUM "$(sha256sum $file | cut -d ' ' -f 1)" \
    >database/fixture-1.0-1/desc
tar -C database -czf tree/core/os/x86_64/core.db fixture-1.0-1
"#;

fn pacman_installs_a_package_from_the_mirrors_of_a_list() {
    packages::require();
    let folder = tempfile::Builder::new().prefix("pacman").tempdir().unwrap();
    let folder = folder.path();
    shell(folder, MAKE_TREE);
    let mirror = WebServer::start(&folder.join("tree"), 12);
    // Nobody listens at the others.
    let catalog = CATALOG
        .replace("//mirror.berlin.example/", "//127.0.0.13:1/")
        .replace("//geo.mirror.example", "//127.0.0.14:1")
        .replace("https://mirror.lyon.example/arch", &mirror.url);
    fs::write(folder.join("catalog.toml"), catalog).unwrap();
    let director = Director::start_in(folder, ["--catalog", "catalog.toml"].into_iter());

    let list = get(director.address, "/pacman/mirrorlist");
    assert_eq!(list.status, 200, "{}", list.body);
    let urls: Vec<_> =
        list.body.lines().filter_map(|line| line.strip_prefix("Server = ")).collect();
    let is_listed = urls.contains(&format!("{}/$repo/os/$arch", mirror.url).as_str());
    assert!(urls.len() == 3 && is_listed, "{}", list.body);
    fs::write(folder.join("mirrorlist"), &list.body).unwrap();

    let conf = "[options]\nArchitecture = x86_64\nSigLevel = Never\n[core]\nInclude = mirrorlist\n";
    fs::write(folder.join("pacman.conf"), conf).unwrap();
    fs::create_dir_all(folder.join("root/database")).unwrap();
    check(&pacman(folder, &["-Sy", "--noscriptlet", "fixture"]), &director);
    let content = fs::read_to_string(folder.join("root/usr/share/fixture")).unwrap();
    assert_eq!(content, "installed\n");
    let installed = pacman(folder, &["-Q"]);
    assert_eq!(installed.output, "fixture 1.0-1\n", "{installed}");
}

#[track_caller]
fn check(run: &Run, director: &Director) {
    assert!(run.is_success(), "{run}\n{}", director.report());
}

/// Runs pacman for a system of its own.
fn pacman(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = command("/usr/bin/pacman", folder);
    command
        .args(["--config", "pacman.conf", "--root", "root", "--dbpath", "root/database"])
        .args(["--cachedir", "cache", "--logfile", "log", "--noconfirm"])
        .args(arguments);
    run(&format!("pacman {}", arguments.join(" ")), command)
}

#[track_caller]
fn shell(folder: &Path, script: &str) {
    let mut command = command("/bin/bash", folder);
    command.args(["-euc", script]);
    let run = run("bash", command);
    assert!(run.is_success(), "{run}");
}

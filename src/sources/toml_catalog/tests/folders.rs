//! A catalog in a folder.

use std::fs;
use std::path::Path;

use super::super::{files, read, write_folder};
use super::{SMALL, parsed};

/// Writes a catalog with two mirrors into a folder.
fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("catalog");
    let campus = "[[mirror]]\nkey = \"campus\"\nurls = [\"http://campus.example\"]\n";
    write_folder(&parsed(&format!("{SMALL}{campus}")), &path).expect("a folder");
    (folder, path)
}

#[track_caller]
fn refused(path: &Path) -> String {
    let told = read(path).expect_err("it is refused").to_string();
    told.replace(&format!("{}/", path.display()), "")
}

#[test]
fn a_mirror_is_a_file_and_its_name_is_the_key() {
    let (_parent, path) = folder();
    let (declaration, paths) = read(&path).unwrap_or_else(|faults| panic!("{faults}"));
    let keys: Vec<&str> = declaration.mirrors.iter().map(|mirror| mirror.key.as_str()).collect();
    assert_eq!(keys, ["berlin", "campus"]);
    let expected = ["distribution.toml", "mirrors/berlin.toml", "mirrors/campus.toml"];
    assert_eq!(paths, expected.map(|name| path.join(name)));
    let origin = declaration.mirrors[1].urls[0].origin.to_string();
    assert_eq!(origin, format!("{}:1", paths[2].display()));
    let mut watched = vec![path.clone(), path.join("mirrors")];
    watched.extend(paths);
    assert_eq!(files(&path), watched);
    assert_eq!(files(&path.join("absent")), [path.join("absent")]);
}

#[test]
fn faults_of_all_files_are_returned_with_their_places() {
    let (_parent, path) = folder();
    let mirror = |name: &str, text: &str| {
        fs::write(path.join("mirrors").join(name), text).expect("a write");
    };
    mirror("berlin.toml", "urls = [\"http://campus.example\"]\ncountry = \"Germany\"\n");
    mirror("c.toml", "[[mirror]]\nkey = \"c\"\n");
    mirror("d.toml", "key = \"d\"\nurls = [\"http://d.example\"]\n");
    mirror("e.toml", "urls = [\"http://e.example\"\n");
    mirror("f.toml", "\n\n\u{e9} = 1\n");
    fs::write(path.join("mirrors/g.toml"), b"a = 1\n# \xff\n").expect("a write");
    mirror("h i.toml", "");
    mirror("j.tml", "");
    mirror(".hidden.toml", "=");
    mirror("berlin.toml~", "=");
    fs::write(path.join("mirrors.toml"), "").expect("a write");
    fs::write(path.join("README.md"), "").expect("a write");
    let told = refused(&path);
    let starts = [
        "mirrors.toml: is not read: a folder holds distribution.toml and mirrors/KEY.toml",
        "mirrors/berlin.toml:2: mirror.country: \"Germany\" is no country",
        "mirrors/c.toml:1: a mirror's file in a folder holds its keys alone: leave the head",
        "mirrors/d.toml:1: mirror.key: is the name of the file in a folder, here \"d\": leave",
        "mirrors/e.toml:1: is no valid TOML here: ",
        "mirrors/f.toml:3: is no valid TOML here: ",
        "mirrors/g.toml:2: is no valid TOML here: a byte that is not UTF-8",
        "mirrors/h i.toml: is not read: a mirror's file is KEY.toml",
        "mirrors/j.tml: is not read: a mirror's file is KEY.toml",
    ];
    let lines: Vec<&str> = told.lines().collect();
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
    assert!(lines.len() >= starts.len(), "{told}");
}

#[test]
fn what_belongs_to_the_whole_catalog_is_refused_in_the_file_of_a_mirror() {
    let (_parent, path) = folder();
    let text = "urls = [\"http://campus.example\"]\nnetwroks = []\n[[network]]\n\
                prefix = \"192.0.2.0/24\"\nname = \"a\"\n[[route]]\nname = \"a\"\n[map.m]\na = \"b\"\n";
    fs::write(path.join("mirrors/campus.toml"), text).expect("a write");
    let told = refused(&path);
    let lines: Vec<&str> = told.lines().collect();
    let elsewhere = "is not a key of [[mirror]]: it belongs into distribution.toml";
    assert_eq!(
        lines,
        [
            "mirrors/campus.toml:2: mirror.netwroks: is not a key of [[mirror]]: did you mean `networks`?"
                .to_owned(),
            format!("mirrors/campus.toml:3: mirror.network: {elsewhere}"),
            format!("mirrors/campus.toml:6: mirror.route: {elsewhere}"),
            format!("mirrors/campus.toml:8: mirror.map: {elsewhere}"),
        ]
    );
}

#[test]
fn other_folders_hold_nothing_that_could_be_meant_for_the_catalog() {
    let (_parent, path) = folder();
    for name in ["docs", "routes", ".git"] {
        fs::create_dir(path.join(name)).expect("a folder");
        fs::write(path.join(name).join("README.md"), "").expect("a write");
    }
    fs::write(path.join(".git/config.toml"), "").expect("a write");
    read(&path).unwrap_or_else(|faults| panic!("{faults}"));
    fs::write(path.join("routes/b.toml"), "").expect("a write");
    fs::write(path.join("routes/a.toml"), "").expect("a write");
    assert_eq!(
        refused(&path),
        "routes: is a folder that is not read: move what belongs to the catalog into distribution.toml \
         or mirrors/KEY.toml, and keep the rest elsewhere; it holds `a.toml`"
    );
}

#[test]
fn what_is_between_files_is_checked() {
    let (_parent, path) = folder();
    fs::write(path.join("mirrors/b.toml"), "urls = [\"http://campus.example/\"]").expect("a write");
    assert_eq!(
        refused(&path),
        format!(
            "mirrors/campus.toml:1: mirror.urls: \"http://campus.example\" is listed twice: also at \
             {}/mirrors/b.toml:1",
            path.display()
        )
        .replace(&format!("{}/", path.display()), "")
    );
    fs::write(path.join("mirrors/b.toml"), "urls = [\"http://b.example\"]\ncarries = [\"x\"]")
        .expect("a write");
    assert!(refused(&path).starts_with("mirrors/b.toml:2: mirror.carries: \"x\" is no group"));
    let distribution = path.join("distribution.toml");
    let text = fs::read_to_string(&distribution).expect("a file");
    fs::remove_file(path.join("mirrors/b.toml")).expect("a removal");
    fs::write(&distribution, format!("{text}[[mirror]]\nkey = \"x\"\n")).expect("a write");
    assert!(
        refused(&path)
            .contains("mirror: is a file of its own in a folder: move it to mirrors/KEY.toml")
    );
}

#[test]
fn what_is_no_regular_file_is_refused_and_nothing_waits() {
    let (_parent, path) = folder();
    let mirrors = path.join("mirrors");
    let made = std::process::Command::new("mkfifo").arg(mirrors.join("fifo.toml")).status();
    assert!(made.expect("mkfifo").success());
    fs::create_dir(mirrors.join("folder.toml")).expect("a folder");
    let _socket =
        std::os::unix::net::UnixListener::bind(mirrors.join("socket.toml")).expect("a socket");
    std::os::unix::fs::symlink("nowhere", mirrors.join("dangling.toml")).expect("a link");
    fs::rename(mirrors.join("campus.toml"), path.join("campus")).expect("a rename");
    std::os::unix::fs::symlink("../campus", mirrors.join("linked.toml")).expect("a link");
    let file = fs::File::create(mirrors.join("large.toml")).expect("a file");
    file.set_len(12 << 30).expect("a sparse file");
    let told = refused(&path);
    let expected = [
        "mirrors/dangling.toml: No such file or directory (os error 2)",
        "mirrors/fifo.toml: is a pipe, not a regular file; write what it gives to a file first",
        "mirrors/folder.toml: is a directory, not a regular file; write what it gives to a file first",
        "mirrors/large.toml: is 12884901888 bytes long, more than the 4194304 that are accepted",
        "mirrors/socket.toml: is a socket or a device, not a regular file; write what it gives to a \
         file first",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_folder_without_its_files_says_which() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    assert_eq!(
        refused(path),
        "distribution.toml: No such file or directory (os error 2)\n\
         mirrors: No such file or directory (os error 2)"
    );
    fs::write(path.join("catalog.toml"), SMALL).expect("a write");
    assert!(
        refused(path)
            .starts_with("catalog.toml: is not read in a folder without distribution.toml: ")
    );
    assert!(read(&path.join("catalog.toml")).is_ok());
    let told = read(&path.join("absent.toml")).expect_err("it is absent").to_string();
    assert_eq!(
        told,
        format!("{}/absent.toml: No such file or directory (os error 2)", path.display())
    );
}

#[test]
fn a_folder_is_not_overwritten() {
    let (_parent, path) = folder();
    let error = write_folder(&parsed(SMALL), &path).expect_err("it is there");
    assert_eq!(
        error.to_string(),
        format!("{}: is there already; it is not changed", path.display())
    );
    let parent = path.parent().expect("a parent");
    assert_eq!(fs::read_dir(parent).expect("a folder").count(), 1, "nothing is left behind");
}

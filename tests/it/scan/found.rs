//! What a scan finds.

use std::process::Command;

use model::checksum::parse_hex;
use scan::{Options, Problem};

use super::{Tree, file, find_file, names, options, problems, times};

#[test]
fn directories_indexes_and_checksum_files_are_found() {
    let tree = Tree::new();
    tree.repository("9/os", 1_795_258_889);
    tree.write("9/images/SHA256SUMS", "abc");
    tree.write("9/images/a.iso", "");
    tree.write("README", "");
    tree.folder("9/os/Packages/a");
    let scan = tree.scan(None);
    assert_eq!(
        names(&scan.index),
        ["", "9", "9/images", "9/os", "9/os/Packages", "9/os/Packages/a", "9/os/repodata"]
    );
    let counts: Vec<_> = scan.index.directories().iter().map(|found| found.n_files).collect();
    assert_eq!(counts, [1, 0, 2, 0, 0, 0, 2]);
    let repomd = &file(&scan.index, "9/os/repodata/repomd.xml").versions[0];
    assert_eq!(repomd.timestamp, 1_795_258_889);
    assert_eq!(repomd.replaced, None);
    assert!(repomd.checksums.sha512.is_some());
    let sums = &file(&scan.index, "9/images/SHA256SUMS").versions[0];
    assert_eq!(sums.size, 3);
    assert_eq!(sums.checksums.md5, parse_hex("900150983cd24fb0d6963f7d28e17f72"));
    assert!(sums.timestamp > 1_700_000_000, "the time of modification");
    assert!(find_file(&scan.index, "9/images/a.iso").is_none());
    assert!(problems(&scan).is_empty());
    assert_eq!((scan.summary.listed, scan.summary.read, scan.summary.files), (2, 2, 5));
}

#[test]
fn a_repository_with_an_impossible_time_has_the_time_of_its_file() {
    let tree = Tree::new();
    let last = 253_402_300_799;
    tree.repository("last", last);
    tree.repository("late", last + 1);
    tree.repository("huge", u64::MAX);
    let scan = tree.scan(None);
    assert_eq!(times(&scan.index, "last/repodata/repomd.xml"), [last]);
    for name in ["late", "huge"] {
        let time = times(&scan.index, &format!("{name}/repodata/repomd.xml"))[0];
        assert!((1_700_000_000..last).contains(&time), "{name}: {time}");
    }
}

#[test]
fn what_others_may_not_read_is_not_released() {
    let tree = Tree::new();
    for (path, mode) in [("9", 0o755), ("10", 0o750), ("11", 0o711), ("12", 0o744)] {
        tree.repository(path, 1);
        tree.set_mode(path, mode);
    }
    tree.write("9/CHECKSUM", "secret");
    tree.set_mode("9/CHECKSUM", 0o640);
    // How the tree itself is served is up to the web server.
    tree.set_mode("", 0o700);
    let scan = tree.scan(None);
    assert_eq!(names(&scan.index), ["", "9", "9/repodata"]);
    assert!(find_file(&scan.index, "9/CHECKSUM").is_none());
    assert_eq!((scan.summary.unreleased_directories, scan.summary.unreleased_files), (3, 1));
    // Once it is released, it is there.
    tree.set_mode("10", 0o755);
    let scan = tree.scan(Some(&scan.index));
    assert_eq!(times(&scan.index, "10/repodata/repomd.xml"), [1]);
}

#[test]
fn links_within_the_tree_are_aliases_and_no_others_are_followed() {
    let tree = Tree::new();
    tree.repository("9.6/os", 1);
    tree.write("9.6/.repodata-5/CHECKSUM", "5");
    tree.link("9", "9.6");
    tree.link("latest", "9");
    tree.link("9.6/up", "../latest/os");
    tree.link("9.6/images", ".repodata-5");
    tree.link("9.6/CURRENT", "os/repodata/repomd.xml");
    tree.link("etc", "/etc");
    tree.link("out", "../..");
    tree.link("loop", "loop");
    tree.folder("10");
    tree.link("10/repomd.xml", "../9.6/os/repodata/repomd.xml");
    let scan = tree.scan(None);
    let aliases: Vec<_> =
        scan.index.aliases().iter().map(|alias| (&*alias.name, &*alias.target)).collect();
    assert_eq!(
        aliases,
        [("9", "9.6"), ("9.6/images", "9.6/.repodata-5"), ("9.6/up", "9.6/os"), ("latest", "9.6")]
    );
    assert_eq!(scan.index.resolve("latest/up/repodata"), "9.6/os/repodata");
    assert_eq!(names(&scan.index).len(), 6, "{:?}", names(&scan.index));
    assert_eq!(
        problems(&scan),
        [
            (Problem::LinkedIndex, vec!["10/repomd.xml"]),
            (Problem::LinkOutside, vec!["etc -> /etc", "out -> ../.."]),
            (Problem::LinkLoop, vec!["loop -> loop"]),
        ]
    );
}

#[test]
fn odd_names_and_special_files_are_reported_and_skipped() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let tree = Tree::new();
    tree.repository("9", 1);
    tree.folder("a\nb");
    std::fs::create_dir(tree.path("").join(OsStr::from_bytes(b"l\xe4tin"))).unwrap();
    tree.folder(&["x".repeat(200), "y".repeat(200), "z".repeat(200)].join("/"));
    tree.folder(&["d"; 70].join("/"));
    for name in [".~tmp~", "lost+found", ".snapshot", "9/.repodata"] {
        tree.folder(name);
    }
    let fifo = tree.path("9/CHECKSUM");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(tree.path("socket")).unwrap();
    let scan = tree.scan(None);
    let n_directories = 3 + 2 + 64;
    assert_eq!(scan.summary.directories, n_directories, "{:?}", names(&scan.index));
    let found = problems(&scan);
    assert_eq!(
        found.iter().map(|(problem, _)| *problem).collect::<Vec<_>>(),
        [Problem::NotText, Problem::Control, Problem::TooLong, Problem::TooDeep, Problem::Special]
    );
    assert_eq!(found[0].1, ["l\\xe4tin"]);
    assert_eq!(found[1].1, ["a\\nb"]);
    assert_eq!(found[4].1, ["9/CHECKSUM", "socket"]);
}

#[test]
fn the_number_of_threads_makes_no_difference() {
    let tree = Tree::new();
    for number in 0..40 {
        tree.repository(&format!("{}/{number}", number % 7), number);
        tree.link(&format!("link-{number}"), &format!("{}/{number}", number % 7));
    }
    let scans = [1, 2, 7].map(|n_threads| {
        let options = Options { n_threads, now: std::time::Duration::from_secs(1), ..options() };
        tree.try_scan(None, &options).unwrap().index
    });
    assert_eq!(scans[0].aliases().len(), 40);
    assert_eq!(scans[0], scans[1]);
    assert_eq!(scans[0], scans[2]);
}

#[test]
fn a_tree_that_is_none_is_refused_by_name() {
    let tree = Tree::new();
    tree.write("file", "");
    let refused = |path: &str| {
        let scan = scan::scan_tree(&tree.path(path), None, &options(), &scan::Progress::default());
        scan.unwrap_err().to_string()
    };
    assert!(refused("absent").ends_with("tree/absent: No such file or directory (os error 2)"));
    assert!(refused("file").ends_with("tree/file: Not a directory (os error 20)"));
}

//! `mirrorlistd scan`: what it prints, its exit status, and what becomes of the index.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Output, Stdio};

use index::Index;
use rustix::process::{Pid, Signal, kill_process};

use super::{Tree, repomd, times};
use crate::server::{run, wait_until};

impl Tree {
    fn index(&self) -> String {
        self.beside("index")
    }

    /// Runs the command on the tree.
    fn command(&self, options: &[&str]) -> Output {
        let (path, index) = (self.path(""), self.index());
        run(&[&["scan", path.to_str().unwrap(), "-o", &index], options].concat())
    }

    /// A scan of the tree that nobody listens to.
    fn scan_in_background(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorlistd"));
        command.arg("scan").arg(self.path("")).args(["-o", &self.index()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The inode of the index, if there is one.
    fn inode_of_index(&self) -> Option<u64> {
        fs::metadata(self.index()).ok().map(|meta| meta.ino())
    }

    fn json(&self, options: &[&str]) -> serde_json::Value {
        let output = self.command(&[&["--json"], options].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_scan_writes_an_index_and_says_what_is_in_it() {
    let tree = Tree::new();
    tree.repository("9", 1);
    tree.link("latest", "9");
    let output = tree.command(&[]);
    assert_eq!(output.status.code(), Some(0));
    let start = format!(
        "{}: 3 directories, 2 files, 1 with checksums (1 read), 0 earlier versions, 1 aliases, in ",
        tree.index()
    );
    assert!(text(&output.stdout).starts_with(&start), "{output:?}");
    assert!(output.stderr.is_empty(), "no progress but on a terminal: {output:?}");
    let index = Index::read(tree.index().as_ref()).unwrap();
    assert_eq!(times(&index, "9/repodata/repomd.xml"), [1]);
    // As soon as the clock has moved on, nothing is read again.
    wait_until("nothing is read again", || tree.json(&[])["read"] == 0);
    let quiet = tree.command(&["--quiet"]);
    assert!(quiet.status.success() && quiet.stdout.is_empty() && quiet.stderr.is_empty());
}

#[test]
fn json_has_all_that_text_has() {
    let tree = Tree::new();
    tree.repository("9", 1);
    tree.write("10/repodata/repomd.xml", &repomd(2));
    tree.folder("secret");
    tree.set_mode("secret", 0o700);
    let json = tree.json(&["--keep-versions", "3"]);
    for (key, value) in [
        ("written", serde_json::json!(true)),
        ("directories", 5.into()),
        ("files", 3.into()),
        ("with_checksums", 1.into()),
        ("read", 1.into()),
        ("unchanged", 0.into()),
        ("aliases", 0.into()),
        ("unreleased_directories", 1.into()),
        ("lost_directories", serde_json::Value::Null),
    ] {
        assert_eq!(json[key], value, "{key}: {json:#}");
    }
    let reason = "10/repodata/repomd.xml names repodata/2-primary.xml, which is missing";
    assert_eq!(json["problems"][0]["kind"], "unusable");
    assert_eq!(json["problems"][0]["examples"][0], reason);
    let output = tree.command(&[]);
    let expected = format!(
        "{}: cannot be used, and no version before is known: {reason}\n",
        tree.path("").display()
    );
    assert_eq!(text(&output.stderr), expected);
    assert!(text(&output.stdout).contains("may not read them: 1 directories, 0 files\n"));
}

#[test]
fn a_refused_scan_is_status_1_and_leaves_the_index() {
    let tree = Tree::new();
    for number in 0..4 {
        tree.repository(&number.to_string(), number);
    }
    assert!(tree.command(&[]).status.success());
    let before = fs::read(tree.index()).unwrap();
    for number in 0..3 {
        tree.remove(&number.to_string());
    }
    let output = tree.command(&[]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with("mirrorlistd: "), "{stderr}");
    assert!(stderr.contains("6 of 9 directories are gone since the last scan"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let json = tree.json(&[]);
    assert_eq!(json["written"], false);
    assert!(json["reason"].as_str().unwrap().contains("--allow-shrink"));
    assert_eq!(fs::read(tree.index()).unwrap(), before);
    let output = tree.command(&["--allow-shrink"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stdout = text(&output.stdout);
    assert!(stdout.contains("gone since the last scan: 6 directories, 3 files"), "{stdout}");
}

#[test]
fn a_damaged_index_is_not_replaced() {
    let tree = Tree::new();
    tree.repository("9", 1);
    for (content, reason) in [
        (
            "mirrors\n and more that is no index of a tree",
            "is no index file (it does not begin with \"treeidx\"), and is not replaced: name another file",
        ),
        (
            "treeidx\n",
            "is cut off: 8 bytes, where its header alone has 28; remove it to begin anew: the scan then \
             reads every file and knows no earlier versions",
        ),
    ] {
        fs::write(tree.index(), content).unwrap();
        let output = tree.command(&[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let expected = format!("mirrorlistd: {}: {reason}\n", tree.index());
        assert_eq!(text(&output.stderr), expected);
        assert_eq!(fs::read(tree.index()).unwrap(), content.as_bytes());
    }
    // An empty one holds nothing that could be lost.
    fs::write(tree.index(), "").unwrap();
    assert!(tree.command(&[]).status.success());
    fs::remove_file(tree.index()).unwrap();
    fs::create_dir(tree.index()).unwrap();
    let output = tree.command(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("is a directory, not a regular file"), "{output:?}");
}

/// Not only when a large tree has been walked.
#[test]
fn a_folder_that_cannot_be_written_is_noticed_first() {
    let tree = Tree::new();
    let output = run(&["scan", &tree.beside("no tree"), "-o", &tree.beside("absent/index")]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("absent/index: cannot be written: its lock file "), "{stderr}");
}

#[test]
fn a_link_in_the_place_of_the_index_stays() {
    let tree = Tree::new();
    tree.repository("9", 1);
    let (target, link) = (tree.beside("target"), tree.index());
    std::os::unix::fs::symlink("target", &link).unwrap();
    for _ in 0..2 {
        assert!(tree.command(&[]).status.success());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::symlink_metadata(&target).unwrap().is_file());
    }
}

#[test]
fn a_tree_without_any_repository_is_said_to_be_odd() {
    let tree = Tree::new();
    let output = tree.command(&[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("is it the top of the tree?"), "{output:?}");
}

#[test]
fn a_listing_of_rsync_gives_directories() {
    let tree = Tree::new();
    let listing = tree.beside("listing");
    fs::write(
        &listing,
        "drwxr-xr-x          4,096 2026/11/26 10:30:00 .\n\
         drwxr-xr-x          4,096 2026/11/26 10:30:00 9\n\
         -rw-r--r--            123 2026/11/26 10:30:00 9/a.rpm\n\
         lrwxrwxrwx              1 2026/11/26 10:30:00 latest -> 9\n",
    )
    .unwrap();
    let index = tree.index();
    let output = run(&["scan", "--rsync-listing", &listing, "-o", &index]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let start = format!("{index}: 2 directories, 1 files, 0 with checksums (0 read), ");
    assert!(text(&output.stdout).starts_with(&start), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    // Cut off.
    fs::write(&listing, "drwxr-xr-x          4,096 2026/11/26 10:30:00 .").unwrap();
    let output = run(&["scan", "--rsync-listing", &listing, "-o", &index]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("ends in the middle of line 1"), "{output:?}");
}

#[test]
fn contradictions_are_usage_errors() {
    for args in [
        &["scan"][..],
        &["scan", "tree"],
        &["scan", "-o", "index"],
        &["scan", "tree", "--rsync-listing", "listing", "-o", "index"],
        &["scan", "tree", "-o", "index", "--keep-versions", "-1"],
        &["scan", "tree", "-o", "index", "--keep-versions", "366"],
        &["scan", "tree", "-o", "index", "--threads", "0"],
        &["scan", "tree", "-o", "index", "--quiet", "--json"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

/// A scan that was stopped in the middle; killed on drop.
struct Stopped(Child);

impl Stopped {
    /// Starts scans until one is stopped after it has locked the index and before it has replaced it.
    /// Without `keep`, there is no index before.
    fn start(tree: &Tree, keep: bool) -> Self {
        let mut found = None;
        wait_until("a scan is stopped in the middle", || {
            if !keep {
                let _ = fs::remove_file(tree.index());
            }
            let before = tree.inode_of_index();
            let mut scan = Self(tree.scan_in_background().spawn().unwrap());
            while scan.0.try_wait().unwrap().is_none() {
                if scan.holds_lock() {
                    scan.signal(Signal::STOP);
                    while !matches!(scan.state(), 'T' | 'Z') {
                        std::hint::spin_loop();
                    }
                    if scan.holds_lock() && tree.inode_of_index() == before {
                        found = Some(scan);
                        return true;
                    }
                    return false;
                }
            }
            false
        });
        found.unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// The state of the process, as in ps.
    fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap()
    }

    fn holds_lock(&self) -> bool {
        let pid = self.0.id().to_string();
        // `1: FLOCK ADVISORY WRITE PID …`
        fs::read_to_string("/proc/locks").unwrap().lines().any(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.get(1) == Some(&"FLOCK") && words.get(4) == Some(&&*pid)
        })
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // Both fail where it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn of_two_scans_with_one_index_the_second_fails_at_once() {
    let tree = Tree::new();
    for number in 0..300 {
        tree.repository(&format!("{}/{number}", number % 17), number);
    }
    let reason = "is being written by another process; try again when that has ended";
    for keep in [false, true] {
        let mut first = Stopped::start(&tree, keep);
        let before = tree.inode_of_index();
        let second = tree.command(&[]);
        assert_eq!(second.status.code(), Some(1), "{second:?}");
        let stderr = text(&second.stderr);
        assert!(
            stderr.starts_with(&format!("mirrorlistd: {}: {reason}", tree.index())),
            "{stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert_eq!(tree.inode_of_index(), before);
        first.signal(Signal::CONT);
        assert!(first.0.wait().unwrap().success());
        assert!(tree.command(&[]).status.success());
        // Nor does one that is killed keep others out.
        drop(Stopped::start(&tree, keep));
        assert!(tree.command(&[]).status.success());
    }
}

/// Each is killed as soon as a trace of its next step is seen, or has ended by then.
#[test]
fn a_scan_that_is_killed_at_any_step_leaves_the_old_or_the_new_index() {
    const N_KILLS: u32 = 30;
    let tree = Tree::new();
    for number in 0..300 {
        tree.repository(&format!("{}/{number}", number % 17), number);
    }
    let scan = || tree.scan_in_background();
    assert!(scan().status().unwrap().success());
    let traces = || {
        let names = fs::read_dir(tree.beside("")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(".index.")).collect::<Vec<_>>()
    };
    let has_trace = |end: &str| traces().iter().any(|name| name.ends_with(end));
    for round in 0..N_KILLS {
        tree.repository("changing", u64::from(round));
        // Of the one that was killed before.
        traces().iter().for_each(|name| fs::remove_file(tree.beside(name)).unwrap());
        let before = tree.inode_of_index();
        let mut child = scan().spawn().unwrap();
        let is_reached = || match round % 4 {
            0 => true,
            1 => has_trace(".lock"),
            2 => has_trace(".tmp"),
            _ => tree.inode_of_index() != before,
        };
        while !is_reached() && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let index = Index::read(tree.index().as_ref()).unwrap();
        assert!(index.find("16/33/repodata").is_some(), "round {round}");
    }
    assert!(scan().status().unwrap().success());
    // What was killed has not been waited for in vain: the last state is there.
    let index = Index::read(tree.index().as_ref()).unwrap();
    assert_eq!(times(&index, "changing/repodata/repomd.xml")[0], u64::from(N_KILLS - 1));
}

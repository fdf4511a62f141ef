//! What a scan does not accept.

use std::fs;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Duration;

use scan::{Options, Problem, Progress, scan_tree};

use super::{Tree, file, find_file, names, options, problems, repomd, times};
use crate::server::wait_until;

const REPOMD: &str = "9/repodata/repomd.xml";

#[test]
fn a_half_written_repository_keeps_its_former_version() {
    let tree = Tree::new();
    tree.repository("9", 1);
    let first = tree.scan(None);
    // rsync in the order of names: the index before what it names.
    tree.write(REPOMD, &repomd(2));
    let half = tree.scan(Some(&first.index));
    assert_eq!(times(&half.index, REPOMD), [1]);
    let reason = format!("{REPOMD} names repodata/2-primary.xml, which is missing");
    assert_eq!(problems(&half), [(Problem::HeldBack, vec![&*reason])]);
    // Some of it.
    tree.write("9/repodata/2-primary.xml", "<");
    let half = tree.scan(Some(&half.index));
    assert_eq!(times(&half.index, REPOMD), [1]);
    let reason = format!("{REPOMD} names repodata/2-primary.xml with 3 bytes, but it has 1");
    assert_eq!(problems(&half), [(Problem::HeldBack, vec![&*reason])]);
    // Not for everybody yet.
    tree.write("9/repodata/2-primary.xml", "<2>");
    tree.set_mode("9/repodata/2-primary.xml", 0o600);
    let half = tree.scan(Some(&half.index));
    assert_eq!(times(&half.index, REPOMD), [1]);
    let reason = format!("{REPOMD} names repodata/2-primary.xml, which others may not read");
    assert_eq!(problems(&half), [(Problem::HeldBack, vec![&*reason])]);
    tree.set_mode("9/repodata/2-primary.xml", 0o644);
    let whole = tree.scan(Some(&half.index));
    assert_eq!(times(&whole.index, REPOMD), [2, 1]);
    assert!(problems(&whole).is_empty());
}

#[test]
fn a_broken_index_is_not_listed_at_first_and_held_back_later() {
    let tree = Tree::new();
    tree.write(REPOMD, "<repomd><data>");
    tree.write("9/CHECKSUM", "");
    let scan = tree.scan(None);
    assert!(find_file(&scan.index, REPOMD).is_none());
    let reasons = ["9/CHECKSUM is empty", "ends before its last element does: it is half-written"];
    let reasons = [reasons[0].to_owned(), format!("{REPOMD} {}", reasons[1])];
    let reasons: Vec<_> = reasons.iter().map(String::as_str).collect();
    assert_eq!(problems(&scan), [(Problem::Unusable, reasons)]);
    tree.repository("9", 1);
    let scan = tree.scan(Some(&scan.index));
    tree.write(REPOMD, "");
    let held = tree.scan(Some(&scan.index));
    assert_eq!(held.findings.count(Problem::HeldBack), 1);
    assert_eq!(file(&held.index, REPOMD).versions, file(&scan.index, REPOMD).versions);
}

#[test]
fn files_named_elsewhere_in_the_tree_count_and_those_outside_do_not() {
    let tree = Tree::new();
    let with = |href: &str| format!("<repomd><data><location href=\"{href}\"/></data></repomd>");
    tree.write("9/os/repodata/a", "");
    tree.write("9/shared/b", "");
    tree.write("beside", "");
    tree.link("9/os/linked", "../shared");
    tree.link("linked", "9");
    for (href, is_there) in [
        ("linked/b", true),
        ("../../linked/shared/b", true),
        ("repodata/a/b", false),
        ("absent/b", false),
        ("repodata/a", true),
        ("repodata/./a", true),
        ("../shared/b", true),
        ("../../beside", true),
        ("https://elsewhere.example/c", true),
        ("repodata/absent", false),
        ("../../../outside", false),
        ("repodata", false),
        ("/etc/passwd", false),
    ] {
        tree.write("9/os/repodata/repomd.xml", &with(href));
        let scan = tree.scan(None);
        let is_listed = find_file(&scan.index, "9/os/repodata/repomd.xml").is_some();
        assert_eq!(is_listed, is_there, "{href}: {:?}", problems(&scan));
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let tree = Tree::new();
    tree.write("CHECKSUM", "");
    let sparse = fs::File::options().write(true).open(tree.path("CHECKSUM")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let scan = tree.scan(None);
    let reason = "CHECKSUM is 1099511627776 bytes long, more than 16 MiB";
    assert_eq!(problems(&scan), [(Problem::Unusable, vec![reason])]);
}

#[test]
fn a_tree_that_has_lost_more_than_a_fifth_is_refused() {
    let tree = Tree::new();
    for number in 0..10 {
        tree.repository(&format!("{number}"), number);
    }
    let first = tree.scan(None);
    tree.remove("3");
    let second = tree.scan(Some(&first.index));
    let loss = second.summary.loss.as_ref().unwrap();
    assert_eq!((loss.directories.n, loss.listed.n, loss.files.n), (2, 1, 2));
    tree.remove("4");
    tree.remove("5");
    assert_eq!(
        tree.refused(Some(&first.index)),
        "/tree/: 6 of 21 directories are gone since the last scan, such as \"3\"; if that is right, \
         --allow-shrink accepts it"
    );
    let allowed = Options { allow_shrink: true, ..options() };
    let third = tree.try_scan(Some(&first.index), &allowed).unwrap();
    assert_eq!(names(&third.index).len(), 15);
    // A tree that is not mounted.
    tree.remove("");
    tree.folder("");
    assert!(tree.refused(Some(&third.index)).contains("14 of 15 directories are gone"));
}

#[test]
fn a_repository_that_is_gone_for_a_moment_is_looked_for_again() {
    for (name, away) in [("9/repodata", "9/.away"), ("9", ".away")] {
        let tree = Tree::new();
        tree.repository("9", 1);
        tree.folder("9/repodata/a\nb");
        let first = tree.scan(None);
        // As tools do that replace a directory: out, and in.
        fs::rename(tree.path(name), tree.path(away)).unwrap();
        let progress = Progress::default();
        let patient = Options { second_look: Duration::from_secs(3), ..options() };
        let scan = thread::scope(|scope| {
            let path = tree.path("");
            let (first, patient, progress) = (&first.index, &patient, &progress);
            let scan =
                scope.spawn(move || scan_tree(&path, Some(first), patient, progress).unwrap());
            wait_until("the first look is over", || progress.counts().0 == 3);
            fs::rename(tree.path(away), tree.path(name)).unwrap();
            scan.join().unwrap()
        });
        assert_eq!(times(&scan.index, REPOMD), [1], "{name}");
        let loss = scan.summary.loss.as_ref().unwrap();
        assert_eq!((loss.listed.n, loss.directories.n), (0, 0), "{name}");
        // The first walk has found the one, the second walk the other.
        let examples = match name {
            "9" => [".away/repodata/a\\nb", "9/repodata/a\\nb"],
            _ => ["9/.away/a\\nb", "9/repodata/a\\nb"],
        };
        let found = problems(&scan);
        let control = found.iter().find(|(problem, _)| *problem == Problem::Control);
        assert_eq!(control, Some(&(Problem::Control, examples.to_vec())));
    }
}

/// What the first walk has told of a directory is not told again by the second.
#[test]
fn a_directory_that_is_looked_at_twice_is_counted_once() {
    let tree = Tree::new();
    tree.repository("9", 1);
    tree.write("CHECKSUM", "1");
    tree.write("SHA256SUMS", "1");
    tree.repository("secret", 1);
    tree.folder("a\nb");
    let first = tree.scan(None);
    tree.remove("CHECKSUM");
    tree.set_mode("secret", 0o700);
    let allowed = Options { allow_shrink: true, ..options() };
    let second = tree.try_scan(Some(&first.index), &allowed).unwrap();
    assert_eq!(problems(&second), [(Problem::Control, vec!["a\\nb"])]);
    assert_eq!(second.findings.count(Problem::Control), 1);
    assert_eq!(second.summary.unreleased_directories, 1);
    assert_eq!((second.summary.read, second.summary.unchanged), (0, 2));
    assert_eq!(names(&second.index), ["", "9", "9/repodata"]);
}

#[test]
fn a_repomd_that_is_gone_while_its_directory_is_not_keeps_its_versions() {
    let tree = Tree::new();
    (0..8).for_each(|number| tree.write(&format!("9/{number}.rpm"), ""));
    let mut former = None;
    for number in [1, 2] {
        tree.repository("9", number);
        former = Some(tree.scan(former.as_ref()).index);
    }
    tree.remove(REPOMD);
    let without = tree.scan(former.as_ref());
    assert_eq!(times(&without.index, REPOMD), [2, 1]);
    let reason = format!("{REPOMD} is missing");
    assert_eq!(problems(&without), [(Problem::HeldBack, vec![&*reason])]);
    tree.repository("9", 3);
    let third = tree.scan(Some(&without.index));
    assert_eq!(times(&third.index, REPOMD), [3, 2, 1]);
    assert!(problems(&third).is_empty());
    // Not for ever.
    tree.remove(REPOMD);
    let day = Duration::from_secs(86_400);
    for (days, is_kept) in [(3, true), (5, false)] {
        let options = Options { now: options().now + day * days, allow_shrink: true, ..options() };
        let scan = tree.try_scan(Some(&third.index), &options).unwrap();
        assert_eq!(find_file(&scan.index, REPOMD).is_some(), is_kept, "after {days} days");
    }
}

/// A withdrawn file is not listed, but its versions count when it is there again.
#[test]
fn a_repomd_that_is_withdrawn_for_a_while_keeps_its_versions() {
    let tree = Tree::new();
    let mut former = None;
    for number in [1, 2] {
        tree.repository("9", number);
        former = Some(tree.scan(former.as_ref()).index);
    }
    let allowed = Options { allow_shrink: true, ..options() };
    for is_gone in [false, true] {
        tree.set_mode(REPOMD, 0o600);
        if is_gone {
            tree.remove(REPOMD);
        }
        let hidden = tree.try_scan(former.as_ref(), &allowed).unwrap();
        assert!(file(&hidden.index, REPOMD).is_withdrawn());
        assert_eq!((hidden.summary.listed, hidden.summary.earlier_versions), (0, 0));
        assert!(problems(&hidden).is_empty());
        former = Some(hidden.index);
    }
    tree.repository("9", 2);
    let scan = tree.scan(former.as_ref());
    assert_eq!(times(&scan.index, REPOMD), [2, 1]);
    assert_eq!(file(&scan.index, REPOMD).versions[0].replaced, None);
    tree.repository("9", 3);
    let scan = tree.scan(Some(&scan.index));
    assert_eq!(times(&scan.index, REPOMD), [3, 2, 1]);
    // Not for ever.
    tree.set_mode(REPOMD, 0o600);
    let later = options().now + Duration::from_secs(86_400 * 3);
    let hidden = tree.try_scan(Some(&scan.index), &allowed).unwrap();
    assert!(find_file(&hidden.index, REPOMD).is_some());
    for (days, is_known) in [(0, true), (2, false)] {
        let now = later + Duration::from_secs(86_400 * days);
        let options = Options { now, ..allowed.clone() };
        let scan = tree.try_scan(Some(&hidden.index), &options).unwrap();
        assert_eq!(find_file(&scan.index, REPOMD).is_some(), is_known, "{days}");
    }
}

/// Tools replace a file by renaming another one; what is read is wholly the one or the other.
#[test]
fn a_file_that_is_replaced_while_it_is_read_is_never_half_of_each() {
    let tree = Tree::new();
    let contents = ["a", "b"].map(|letter| letter.repeat(200_000));
    let known = contents.each_ref().map(|content| scan::digest::checksums(content.as_bytes()));
    tree.write("CHECKSUM", &contents[0]);
    let mut former = None;
    // A file that is about to take the other's place comes and goes.
    let allowed = Options { allow_shrink: true, ..options() };
    thread::scope(|scope| {
        let (stop, stopped) = mpsc::channel::<()>();
        let (tree, contents) = (&tree, &contents);
        scope.spawn(move || {
            for number in 1.. {
                if stopped.try_recv() == Err(TryRecvError::Disconnected) {
                    return;
                }
                tree.write(".new", &contents[number % 2]);
                fs::rename(tree.path(".new"), tree.path("CHECKSUM")).unwrap();
            }
        });
        for _ in 0..100 {
            let scan = tree.try_scan(former.as_ref(), &allowed).unwrap();
            if let Some(found) = find_file(&scan.index, "CHECKSUM") {
                assert!(known.contains(&found.versions[0].checksums), "half of each");
            }
            former = Some(scan.index);
        }
        drop(stop);
    });
}

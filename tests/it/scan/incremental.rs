//! A scan that builds on the one before gives what a scan of everything gives.

use std::collections::BTreeMap;
use std::time::Duration;

use index::{Index, Version};
use proptest::prelude::*;
use scan::{Options, Problem};

use super::{Tree, file, options, repomd, times};

const REPOMD: &str = "9/repodata/repomd.xml";

#[test]
fn what_is_as_it_was_is_not_read_again() {
    let tree = Tree::new();
    for number in 0..5 {
        tree.repository(&format!("{number}"), number);
    }
    tree.write("CHECKSUM", "1");
    let first = tree.scan(None);
    assert_eq!((first.summary.read, first.summary.unchanged), (6, 0));
    let second = tree.scan(Some(&first.index));
    assert_eq!((second.summary.read, second.summary.unchanged), (0, 6));
    assert_eq!(second.index.directories(), first.index.directories());
    tree.repository("3", 7);
    let third = tree.scan(Some(&second.index));
    assert_eq!((third.summary.read, third.summary.unchanged), (1, 5));
    assert_eq!(times(&third.index, "3/repodata/repomd.xml"), [7, 3]);
    assert_eq!(third.summary.earlier_versions, 1);
}

#[test]
fn a_stamp_that_is_too_young_does_not_count() {
    let tree = Tree::new();
    tree.write("CHECKSUM", "1");
    let at_once = Options { now: options().now - Duration::from_secs(10), ..options() };
    // The file is younger than the clock of the file system can tell, or this machine is slow.
    let first = tree.try_scan(None, &at_once).unwrap();
    let has_stamp = file(&first.index, "CHECKSUM").stamp.is_some();
    let second = tree.scan(Some(&first.index));
    assert_eq!(second.summary.read, if has_stamp { 0 } else { 1 });
    let third = tree.scan(Some(&second.index));
    assert_eq!(third.summary.read, 0);
}

#[test]
fn a_file_that_is_only_touched_has_no_earlier_version() {
    let tree = Tree::new();
    tree.repository("9", 1);
    tree.write("9/CHECKSUM", "1");
    let first = tree.scan(None);
    tree.repository("9", 1);
    tree.write("9/CHECKSUM", "1");
    let second = tree.scan(Some(&first.index));
    assert_eq!(second.summary.read, 2);
    assert_eq!(second.summary.earlier_versions, 0);
}

/// What `repomd.xml` names may go although `repomd.xml` itself stays as it is.
#[test]
fn a_repository_that_has_lost_a_file_is_held_back_until_it_is_complete() {
    let tree = Tree::new();
    tree.repository("9", 1);
    (0..8).for_each(|number| tree.write(&format!("9/{number}.rpm"), ""));
    let mut former = tree.scan(None).index;
    tree.remove("9/repodata/1-primary.xml");
    for _ in 0..2 {
        let scan = tree.scan(Some(&former));
        assert_eq!(scan.findings.count(Problem::HeldBack), 1);
        assert_eq!(times(&scan.index, REPOMD), [1]);
        former = scan.index;
    }
    tree.write("9/repodata/1-primary.xml", "<1>");
    let scan = tree.scan(Some(&former));
    assert_eq!(scan.findings.count(Problem::HeldBack), 0);
    assert_eq!((scan.summary.read, times(&scan.index, REPOMD)), (1, vec![1]));
    assert_eq!(tree.scan(Some(&scan.index)).summary.read, 0);
}

#[test]
fn a_file_that_changes_very_often_keeps_its_latest_versions_and_that_is_said() {
    let tree = Tree::new();
    let mut former: Option<Index> = None;
    for number in 1..=33_u64 {
        tree.write("CHECKSUM", &number.to_string());
        let scan = tree.scan(former.as_ref());
        let n_said = scan.findings.count(Problem::TooManyVersions);
        assert_eq!(n_said, u64::from(number == 33), "{number}");
        assert_eq!(scan.summary.earlier_versions, (number - 1).min(31));
        former = Some(scan.index);
    }
}

#[test]
fn earlier_versions_go_after_some_days() {
    let tree = Tree::new();
    let day = Duration::from_secs(86_400);
    let on_day = |number: u32| Options { now: options().now + day * number, ..options() };
    let mut former: Option<Index> = None;
    let mut seen = Vec::new();
    for number in 0..8 {
        if number < 4 {
            tree.repository("9", u64::from(number));
        }
        tree.wait_for_next_time();
        let scan = tree.try_scan(former.as_ref(), &on_day(number)).unwrap();
        seen.push(times(&scan.index, REPOMD));
        former = Some(scan.index);
    }
    let expected: [&[u64]; 8] =
        [&[0], &[1, 0], &[2, 1, 0], &[3, 2, 1, 0], &[3, 2, 1, 0], &[3, 2, 1], &[3, 2], &[3]];
    assert_eq!(seen, expected);
}

/// A change of the tree.
#[derive(Clone, Debug)]
enum Edit {
    Repository(u8, u64),
    /// Only `repomd.xml`, so that it names what may be missing.
    Half(u8, u64),
    Checksums(u8, u8),
    Package(u8, u8),
    /// Removes `repomd.xml`.
    Unlist(u8),
    /// Removes what a `repomd.xml` may name.
    RemoveNamed(u8, u64),
    Remove(u8),
    Rename(u8, u8),
    Mode(u8, bool),
    Link(u8, u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = 0_u8..5;
    prop_oneof![
        4 => (place.clone(), 0_u64..4).prop_map(|(place, number)| Edit::Repository(place, number)),
        1 => (place.clone(), 0_u64..4).prop_map(|(place, number)| Edit::Half(place, number)),
        2 => (place.clone(), 0_u8..4).prop_map(|(place, number)| Edit::Checksums(place, number)),
        2 => (place.clone(), 0_u8..4).prop_map(|(place, number)| Edit::Package(place, number)),
        1 => place.clone().prop_map(Edit::Unlist),
        1 => (place.clone(), 0_u64..4).prop_map(|(place, number)| Edit::RemoveNamed(place, number)),
        1 => place.clone().prop_map(Edit::Remove),
        1 => (place.clone(), place.clone()).prop_map(|(one, other)| Edit::Rename(one, other)),
        1 => (place.clone(), any::<bool>()).prop_map(|(place, is_released)| Edit::Mode(place, is_released)),
        1 => (place.clone(), place).prop_map(|(one, other)| Edit::Link(one, other)),
    ]
}

/// Places, one below another.
fn place(number: u8) -> &'static str {
    ["a", "a/b", "a/b/c", "d", "d/e"][usize::from(number)]
}

impl Edit {
    fn apply(&self, tree: &Tree) {
        match *self {
            Self::Repository(at, number) => tree.repository(place(at), number),
            Self::Half(at, number) => {
                tree.write(&format!("{}/repodata/repomd.xml", place(at)), &repomd(number));
            }
            Self::Checksums(at, number) => {
                tree.write(&format!("{}/CHECKSUM", place(at)), &number.to_string());
            }
            Self::Package(at, number) => tree.write(&format!("{}/{number}.rpm", place(at)), ""),
            Self::Unlist(at) => {
                // Fails where none is.
                let path = format!("{}/repodata/repomd.xml", place(at));
                let _ = std::fs::remove_file(tree.path(&path));
            }
            Self::RemoveNamed(at, number) => {
                let path = format!("{}/repodata/{number}-primary.xml", place(at));
                let _ = std::fs::remove_file(tree.path(&path));
            }
            Self::Remove(at) if tree.path(place(at)).exists() => tree.remove(place(at)),
            Self::Rename(from, to) => {
                // Fails where that would be a circle, or nothing is there.
                let _ = std::fs::rename(tree.path(place(from)), tree.path(place(to)));
            }
            Self::Mode(at, is_released) if tree.path(place(at)).exists() => {
                tree.set_mode(place(at), if is_released { 0o755 } else { 0o700 });
            }
            Self::Link(at, to) => {
                let path = tree.path(&format!("{}/link", place(at)));
                if path.symlink_metadata().is_ok() {
                    std::fs::remove_file(&path).unwrap();
                }
                let to_top = "../".repeat(place(at).split('/').count());
                let _ = std::os::unix::fs::symlink(format!("{to_top}{}", place(to)), path);
            }
            Self::Remove(_) | Self::Mode(..) => {}
        }
    }
}

/// Current versions of files by path.
fn current(index: &Index) -> BTreeMap<String, &Version> {
    let files = index.directories().iter().flat_map(|directory| {
        let path = |file: &index::File| format!("{}/{}", directory.name, file.name);
        directory.files.iter().map(move |file| (path(file), &file.versions[0]))
    });
    files.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn an_incremental_scan_equals_a_full_one(
        rounds in proptest::collection::vec(
            (proptest::collection::vec(edit(), 0..6), any::<bool>()), 1..6),
    ) {
        let tree = Tree::new();
        let mut former: Option<Index> = None;
        for (edits, is_later) in rounds {
            edits.iter().for_each(|edit| edit.apply(&tree));
            // Stamps count only if the next change is sure to get another one.
            let now = options().now - Duration::from_secs(if is_later { 0 } else { 10 });
            let options = Options { allow_shrink: true, now, ..options() };
            if is_later {
                tree.wait_for_next_time();
            }
            let incremental = tree.try_scan(former.as_ref(), &options).unwrap();
            let full = tree.try_scan(None, &options).unwrap();
            let counts = |index: &Index| -> Vec<_> {
                let directories = index.directories().iter();
                directories.map(|found| (found.name.clone(), found.n_files)).collect()
            };
            prop_assert_eq!(counts(&incremental.index), counts(&full.index));
            prop_assert_eq!(incremental.index.aliases(), full.index.aliases());
            let (now, all) = (current(&incremental.index), current(&full.index));
            for (path, version) in &all {
                prop_assert_eq!(now.get(path), Some(version), "{}", path);
            }
            // What only the incremental one lists was held back.
            let n_held = incremental.findings.count(Problem::HeldBack);
            prop_assert_eq!(now.len() as u64, all.len() as u64 + n_held);
            // A file comes back from the index as it went in.
            let bytes = incremental.index.encode().unwrap();
            prop_assert_eq!(&Index::decode(&bytes).unwrap(), &incremental.index);
            former = Some(incremental.index);
        }
    }
}

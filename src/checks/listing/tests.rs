//! Comparisons against a slow twin that keeps everything in maps of names.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::observation::DirectorySeen;

fn entry(kind: Kind, path: &str, size: u64, modified: u64) -> Entry<'_> {
    Entry { kind, path: Cow::Borrowed(path.as_bytes()), size, modified, is_released: true }
}

fn file(path: &str, size: u64) -> Entry<'_> {
    entry(Kind::File, path, size, 100)
}

fn directory(path: &str) -> Entry<'_> {
    entry(Kind::Directory, path, 4096, 100)
}

fn manifest(entries: &[Entry<'_>], former: Option<&Manifest>, now: u64) -> Manifest {
    let mut builder = ManifestBuilder::default();
    for entry in entries {
        builder.add(entry).unwrap();
    }
    builder.build(former.map_or(Since::Modified, Since::Former), now)
}

/// One line for each directory: its name, files present, missing, of other size, `?` if not all is known.
fn report(comparison: &Comparison<'_>, extent: Extent, settled: u64) -> Vec<String> {
    let line = |seen: DirectorySeen| {
        let DirectorySeen { directory, present, missing, other_size, is_whole } = seen;
        let known = if is_whole { "" } else { " ?" };
        format!("{directory}: {present} {missing} {other_size}{known}")
    };
    comparison.report(extent, settled).map(line).collect()
}

fn compared<'m>(manifest: &'m Manifest, top: &str, listing: &[Entry<'_>]) -> Comparison<'m> {
    let mut comparison = Comparison::new(manifest, top);
    listing.iter().for_each(|entry| comparison.add(entry));
    comparison
}

fn small() -> Manifest {
    let entries = [
        directory(""),
        file("TIME", 10),
        directory("a"),
        file("a/1", 1),
        file("a/2", 2),
        directory("a-b"),
        file("a-b/3", 3),
        file("a/c/4", 4),
        directory("empty"),
    ];
    manifest(&entries, None, 1_000)
}

#[test]
fn what_is_there_is_counted_by_directory() {
    let manifest = small();
    let names: Vec<_> = manifest.directories().collect();
    assert_eq!(names, ["", "a", "a-b", "a/c", "empty"]);
    let listing = [
        directory(""),
        file("a/2", 5),
        file("a/1", 1),
        file("a/new", 1),
        file("a-b/3", 3),
        directory("a/c"),
        directory("other"),
    ];
    let comparison = compared(&manifest, "", &listing);
    let whole = [": 0 1 0", "a: 1 0 1", "a-b: 1 0 0", "a/c: 0 1 0", "empty: 0 1 0"];
    assert_eq!(report(&comparison, Extent::Whole, 1_000), whole);
    // `a/c` may be a directory that the mirror could not read; the top was read.
    let gaps = [": 0 1 0", "a: 1 0 1", "a-b: 1 0 0", "empty: 0 1 0"];
    assert_eq!(report(&comparison, Extent::Gaps, 1_000), gaps);
    let cut = ["a: 1 0 1", "a-b: 1 0 0"];
    assert_eq!(report(&comparison, Extent::Cut, 1_000), cut);
    assert_eq!(comparison.n_extra(), 2);
}

#[test]
fn a_listing_of_a_category_is_of_a_part_of_the_tree() {
    let manifest = small();
    let listing = [directory(""), file("1", 1), file("2", 2), file("c/4", 4)];
    let comparison = compared(&manifest, "a", &listing);
    assert_eq!(report(&comparison, Extent::Whole, 1_000), ["a: 2 0 0", "a/c: 1 0 0"]);
    let nothing = compared(&manifest, "none", &listing);
    assert_eq!(report(&nothing, Extent::Whole, 1_000), [""; 0]);
}

#[test]
fn what_is_new_on_the_primary_is_not_missed_yet() {
    let first = manifest(&[file("a/1", 1), file("a/2", 2)], None, 1_000);
    let changed = entry(Kind::File, "a/2", 2, 200);
    let entries = [file("a/1", 1), changed, file("a/3", 3), file("new/4", 4)];
    let second = manifest(&entries, Some(&first), 2_000);
    let third = manifest(&entries, Some(&second), 3_000);
    assert_eq!(third, second, "what is as it was is there since then");
    let comparison = compared(&third, "", &[directory(""), directory("a")]);
    assert_eq!(report(&comparison, Extent::Whole, 1_999), [": 0 0 0", "a: 0 1 0"]);
    assert_eq!(report(&comparison, Extent::Whole, 2_000), [": 0 0 0", "a: 0 3 0", "new: 0 1 0"]);
}

#[test]
fn of_what_is_a_link_nothing_is_known() {
    let manifest = small();
    let link = |path| entry(Kind::Other, path, 9, 100);
    let listing = [directory(""), link("TIME"), link("a"), directory("a-b"), link("a-b/3")];
    let comparison = compared(&manifest, "", &listing);
    let whole = [": 1 0 0", "a-b: 1 0 0", "empty: 0 1 0"];
    assert_eq!(report(&comparison, Extent::Whole, 1_000), whole);
    assert!(comparison.is_there("") && comparison.is_there("a-b") && !comparison.is_there("a"));
    let above: Vec<_> = manifest.directories().filter(|name| comparison.has_below(name)).collect();
    assert_eq!(above, ["", "a"]);
    let within = comparison.lacking_within("a", 1_000).map(|(directory, ..)| directory);
    assert_eq!(within.collect::<Vec<_>>(), ["a", "a/c"]);
    let lacking = |directory| comparison.lacking(directory, 1_000).collect::<Vec<_>>();
    assert_eq!(lacking("a-b"), []);
    assert_eq!(lacking("a"), [(&b"1"[..], 1), (b"2", 2)]);
}

#[test]
fn what_is_listed_first_is_new_and_what_is_cut_says_nothing_of_the_rest() {
    let mut builder = ManifestBuilder::default();
    for entry in [directory("a"), file("a/1", 1), file("a/2", 2)] {
        builder.add(&entry).unwrap();
    }
    let manifest = builder.build(Since::Now, 1_000);
    let comparison = compared(&manifest, "", &[directory(""), file("a/1", 1)]);
    assert_eq!(report(&comparison, Extent::Whole, 999), [": 0 0 0", "a: 0 0 0"]);
    assert_eq!(report(&comparison, Extent::Whole, 1_000), [": 0 0 0", "a: 1 1 0"]);
    assert_eq!(report(&comparison, Extent::Cut, 1_000), [": 0 0 0"]);
}

#[test]
fn without_a_former_manifest_files_are_as_old_as_they_say() {
    let manifest =
        manifest(&[entry(Kind::File, "a", 1, 900), entry(Kind::File, "b", 1, 9_000)], None, 1_000);
    let comparison = compared(&manifest, "", &[directory("")]);
    assert_eq!(report(&comparison, Extent::Whole, 950), [": 0 1 0"]);
    assert_eq!(report(&comparison, Extent::Whole, 1_000), [": 0 2 0"]);
}

#[test]
fn what_the_primary_does_not_let_everybody_read_is_not_missed() {
    let closed = |entry: Entry<'static>| Entry { is_released: false, ..entry };
    let entries = [
        closed(directory("")),
        file("a/1", 1),
        file("a/b/2", 2),
        closed(directory("a/b")),
        file("a/b/c/3", 3),
        file("a/b-c/4", 4),
        closed(file("a/5", 5)),
    ];
    let manifest = manifest(&entries, None, 1_000);
    let names: Vec<_> = manifest.directories().collect();
    assert_eq!(names, ["", "a", "a/b-c"]);
    assert_eq!(manifest.n_files(), 2);
}

#[test]
fn directories_that_no_client_can_ask_for_are_skipped() {
    let long = "x".repeat(501);
    let mut builder = ManifestBuilder::default();
    for path in [&b"\xff/1"[..], b"a\nb/1", long.as_bytes(), b"ok/\xff"] {
        let path = Cow::Borrowed(path);
        for kind in [Kind::File, Kind::Directory] {
            let path = match kind {
                Kind::File => Cow::Owned([&path[..], b"/f"].concat()),
                _ => path.clone(),
            };
            let entry = Entry { kind, path, ..file("", 1) };
            builder.add(&entry).unwrap();
        }
    }
    assert_eq!(builder.n_skipped(), 8);
    builder.add(&Entry { path: Cow::Borrowed(b"ok/\xff"), ..file("", 1) }).unwrap();
    let manifest = builder.build(Since::Now, 1);
    assert_eq!(manifest.n_files(), 1, "names of files need not be text");
}

/// Few names, so that they meet; `a-b` sorts between `a` and `a/b`.
fn paths() -> impl Strategy<Value = String> {
    let segment = select(vec!["a", "b", "a-b", "a b", "c"]);
    proptest::collection::vec(segment, 0..4).prop_map(|segments| segments.join("/"))
}

fn entries() -> impl Strategy<Value = Vec<(Kind, String, u64, u64, bool)>> {
    let kind =
        prop_oneof![4 => Just(Kind::File), 2 => Just(Kind::Directory), 1 => Just(Kind::Other)];
    let entry = (kind, paths(), 0..3_u64, 0..4_u64, prop::bool::weighted(0.9));
    proptest::collection::vec(entry, 0..40)
}

fn entry_of(
    (kind, path, size, modified, is_released): &(Kind, String, u64, u64, bool),
) -> Entry<'_> {
    Entry { is_released: *is_released, ..entry(*kind, path, *size, *modified) }
}

/// Each directory of the primary with its time and its files: name, size, time of modification, since.
type SlowTree = BTreeMap<String, (u64, BTreeMap<String, (u64, u64, u64)>)>;

fn parents(path: &str) -> Vec<String> {
    let slashes = path.match_indices('/').map(|(at, _)| path.split_at(at).0.to_owned());
    let above = if path.is_empty() { None } else { Some(String::new()) };
    above.into_iter().chain(slashes).collect()
}

fn slow_tree(
    entries: &[(Kind, String, u64, u64, bool)],
    former: Option<&SlowTree>,
    now: u64,
) -> SlowTree {
    let mut directories = BTreeSet::new();
    let mut closed = BTreeMap::new();
    let mut files = BTreeMap::new();
    for (kind, path, size, modified, is_released) in entries {
        match kind {
            Kind::Directory => {
                directories.insert(path.clone());
                closed.insert(path.clone(), !is_released && !path.is_empty());
            }
            Kind::File if *is_released && !path.is_empty() => {
                files.insert(path.clone(), (*size, *modified));
            }
            _ => continue,
        }
        directories.extend(parents(path));
    }
    let is_closed = |path: &String| closed.get(path) == Some(&true);
    directories.retain(|path| !is_closed(path) && !parents(path).iter().any(is_closed));
    let tree = directories.into_iter().map(|path| {
        let known = former.and_then(|former| former.get(&path));
        let since = match (former, known) {
            (None, _) => 0,
            (_, Some((since, _))) => *since,
            (_, None) => now,
        };
        let own = files.iter().filter(|(file, _)| parents(file).last() == Some(&path));
        let own = own.map(|(file, &(size, modified))| {
            let name = file.rsplit('/').next().unwrap().to_owned();
            let same = known.and_then(|(_, files)| files.get(&name));
            let same = same.filter(|known| (known.0, known.1) == (size, modified));
            let since = match former {
                None => modified.min(now),
                Some(_) => same.map_or(now, |known| known.2),
            };
            (name, (size, modified, since))
        });
        (path.clone(), (since, own.collect()))
    });
    tree.collect()
}

fn slow_report(
    tree: &SlowTree,
    listing: &[(Kind, String, u64, u64, bool)],
    extent: Extent,
    settled: u64,
) -> Vec<DirectorySeen> {
    // Everything that must be there for a line to be there.
    let mut there: BTreeSet<String> = BTreeSet::new();
    let mut opened: BTreeSet<String> = BTreeSet::new();
    for (kind, path, ..) in listing {
        there.extend(parents(path));
        opened.extend(parents(path));
        if *kind == Kind::Directory {
            there.insert(path.clone());
        }
    }
    let is_linked = |path: &str| {
        // What the top is does not matter: it is listed.
        let is_it = |line: &(Kind, String, u64, u64, bool)| line.0 == Kind::Other && line.1 == path;
        !path.is_empty() && listing.iter().any(is_it)
    };
    let has = |path: &str, size: Option<u64>| {
        let is_it = |line: &&(Kind, String, u64, u64, bool)| line.0 == Kind::File && line.1 == path;
        let is_file =
            listing.iter().filter(is_it).any(|line| size.is_none_or(|size| size == line.2));
        is_file || is_linked(path)
    };
    let mut seen = Vec::new();
    let is_known = |path: &str| !is_linked(path) && !parents(path).iter().any(|on| is_linked(on));
    for (path, (since, files)) in tree.iter().filter(|(path, _)| is_known(path)) {
        let full =
            |name: &String| if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let old: Vec<_> = files.iter().filter(|(_, file)| file.2 <= settled).collect();
        let present =
            old.iter().filter(|(name, file)| has(&full(name), Some(file.0))).count() as u64;
        let listed = old.iter().filter(|(name, _)| has(&full(name), None)).count() as u64;
        let (is_there, is_new) = (there.contains(path), *since > settled);
        if old.is_empty() && !is_there && is_new {
            continue;
        }
        let absent = if old.is_empty() { u64::from(!is_there) } else { old.len() as u64 - listed };
        // The lowest directory on the way that is there.
        let lowest = parents(path).into_iter().chain([path.clone()]).rfind(|on| there.contains(on));
        let is_read = match extent {
            Extent::Whole => true,
            Extent::Gaps => lowest.is_some_and(|lowest| opened.contains(&lowest)),
            Extent::Cut => false,
        };
        let is_whole = absent == 0 || is_read;
        if is_whole || listed > present {
            seen.push(DirectorySeen {
                directory: path.clone(),
                present,
                missing: if is_whole { absent } else { 0 },
                other_size: listed - present,
                is_whole,
            });
        }
    }
    seen
}

proptest! {
    #[test]
    fn comparisons_are_those_of_the_slow_twin(
        first in entries(),
        second in entries(),
        listing in entries(),
        copied in proptest::collection::vec(any::<Index>(), 0..30),
        extent in select(vec![Extent::Whole, Extent::Gaps, Extent::Cut]),
        settled in 0..8_u64,
    ) {
        let build = |entries: &[_], former: Option<&Manifest>, now| {
            let entries: Vec<_> = entries.iter().map(entry_of).collect();
            manifest(&entries, former, now)
        };
        let former = build(&first, None, 3);
        let slow_former = slow_tree(&first, None, 3);
        let now = build(&second, Some(&former), 6);
        let slow_now = slow_tree(&second, Some(&slow_former), 6);
        // A mirror has some of what the primary has.
        let copied = copied.iter().filter(|_| !second.is_empty()).map(|at| at.get(&second).clone());
        let listing: Vec<_> = listing.into_iter().take(5).chain(copied).collect();
        for (manifest, tree) in [(&former, &slow_former), (&now, &slow_now)] {
            prop_assert_eq!(manifest.directories().collect::<Vec<_>>(), tree.keys().collect::<Vec<_>>());
            let entries: Vec<_> = listing.iter().map(entry_of).collect();
            let comparison = compared(manifest, "", &entries);
            let fast: Vec<_> = comparison.report(extent, settled).collect();
            prop_assert_eq!(fast, slow_report(tree, &listing, extent, settled));
        }
    }
}

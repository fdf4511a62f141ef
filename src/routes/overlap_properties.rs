//! Laws of the search for a path that two patterns match, next to one that tries every path.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::automaton::CutShort;
use super::common_path::CommonPaths;
use super::map::{CompiledMap, Lists};
use super::parse_pattern::parse;
use super::twin;
use super::written::{Map, Stored};

/// The characters of the paths that are tried. They are those that literals and names are made of, and
/// one of each class.
const ALPHABET: &str = "/.a9-";
/// How long the paths are that are tried.
const MAX_LENGTH: usize = 6;

/// All paths of the alphabet, the shortest first.
fn all_paths() -> Vec<String> {
    let mut paths = vec!["/".to_owned()];
    let mut start = 0;
    for _ in 1..MAX_LENGTH {
        let end = paths.len();
        for at in start..end {
            paths.extend(
                ALPHABET.chars().map(|next| format!("{}{next}", paths[at])).collect::<Vec<_>>(),
            );
        }
        start = end;
    }
    paths
}

fn stored() -> Stored {
    let entry = |name: &&str| ((*name).to_owned(), String::new());
    let map = |name: &str, entries: &[&str]| Map {
        name: name.to_owned(),
        entries: entries.iter().map(entry).collect(),
        place: 0,
    };
    let maps = vec![map("m", &["9", "a.9", "", ".", "a/", "99"]), map("n", &["9.", "..a", "-"])];
    let arches = ["9", "9a", "a-9"].map(str::to_owned).to_vec();
    Stored { routes: Vec::new(), maps, arches }
}

fn lists(stored: &Stored) -> Lists {
    let maps =
        stored.maps.iter().map(|map| CompiledMap::new(map.name.clone(), map.entries.clone()));
    Lists { arches: stored.arches.clone(), maps: maps.collect() }
}

fn pattern() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "a",
        "9",
        ".",
        "-",
        ".",
        "/",
        "/",
        "{x}",
        "{x}",
        "{y}",
        "{y:digits}",
        "{z:letters}",
        "{z:number}",
        "{w:word}",
        "{country}",
        "{arch}",
        "{v:map:m}",
        "{u:map:n}",
    ]);
    let pieces = proptest::collection::vec(piece, 0..5);
    let end = proptest::sample::select(vec![
        "", "", "", "/?", "/", "{p*}", "/{p*}/?", ".{p*}", "{p*}.", "{p*}a/?",
    ]);
    (pieces, end)
        .prop_map(|(pieces, end)| format!("/{}{end}", pieces.concat()))
        .prop_filter("no pattern", |text| parse(text, &lists(&stored())).is_ok())
}

/// The shortest path that two patterns have in common.
fn find(a: &str, b: &str, stored: &Stored) -> Option<String> {
    let lists = lists(stored);
    let [a, b] = [a, b].map(|text| parse(text, &lists).expect("a good pattern"));
    CommonPaths::new(&lists, 1_000_000).find(&a, &b).expect("small patterns")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_shortest_common_path_is_found(patterns in proptest::collection::vec(pattern(), 5)) {
        let stored = stored();
        let paths = all_paths();
        let matches = |pattern: &str, path: &str| twin::match_path(pattern, path, &stored).is_some();
        let matched: Vec<BTreeSet<usize>> = patterns.iter().map(|pattern| {
            (0..paths.len()).filter(|&at| matches(pattern, &paths[at])).collect()
        }).collect();
        for (a, paths_of_a) in patterns.iter().zip(&matched) {
            for (b, paths_of_b) in patterns.iter().zip(&matched) {
                let found = find(a, b, &stored);
                if let Some(path) = &found {
                    prop_assert!(matches(a, path) && matches(b, path), "{} {}: {}", a, b, path);
                }
                let shortest = paths_of_a.intersection(paths_of_b).next();
                let expected = shortest.map(|&at| paths[at].len());
                let length = found.as_ref().map(String::len).filter(|&length| length <= MAX_LENGTH);
                prop_assert_eq!(length, expected, "{} {}: {:?}", a, b, found);
            }
        }
    }
}

/// Compares the common path of two patterns, given in either order.
#[track_caller]
fn check(a: &str, b: &str, expected: Option<&str>) {
    let stored = stored();
    assert_eq!(find(a, b, &stored).as_deref(), expected, "{a} {b}");
    assert_eq!(find(b, a, &stored).as_deref(), expected, "{b} {a}");
}

#[test]
fn values_are_no_longer_than_they_may_be() {
    let (long, short) = ("a".repeat(65), "a".repeat(64));
    check("/{x}", &format!("/{short}"), Some(&format!("/{short}")));
    check("/{x}", &format!("/{long}"), None);
    check(&format!("/{{x}}{short}"), &format!("/{{x}}b{short}"), Some(&format!("/ab{short}")));
    check(&format!("/{{x}}{long}"), &format!("/b{long}{{x}}"), Some(&format!("/b{long}a")));
    check(&format!("/{{x}}b{long}"), &format!("/a{long}{{x}}"), None);
    check(&format!("/{{x:letters}}-{long}"), "/{y:word}-{z:letters}", None);
    let rest = "a".repeat(200);
    check(
        &format!("/{{p*}}.{rest}"),
        &format!("/b{rest}{{p*}}"),
        Some(&format!("/b{rest}.{rest}")),
    );
}

#[test]
fn dots_alone_are_no_value() {
    check("/.{x}", "/{y}.", Some("/.a."));
    check("/.{x:number}", "/{y:number}.", Some("/.0."));
    check("/{x:map:n}", "/{y:number}", Some("/9."));
    check("/{p*}", "/{x}.", Some("/a."));
    check("/.{p*}/?", "/{x}./", Some("/.a./"));
}

#[test]
fn a_search_that_is_cut_short_says_so() {
    let lists = Lists::default();
    let [a, b] =
        ["/{a}x{b:digits}", "/{a}y{b:digits}"].map(|text| parse(text, &lists).expect("a pattern"));
    assert_eq!(CommonPaths::new(&lists, 1_000).find(&a, &b), Ok(None));
    assert_eq!(CommonPaths::new(&lists, 5).find(&a, &b), Err(CutShort));
}

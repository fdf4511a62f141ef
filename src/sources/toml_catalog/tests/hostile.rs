//! Input that is made to take much time or memory.

use std::time::{Duration, Instant};

use super::super::parse;
use super::{SMALL, refused};

/// Far above what any of these takes, and far below what a quadratic step would take.
const PATIENCE: Duration = Duration::from_secs(30);

#[track_caller]
fn refused_soon(text: &str) -> String {
    let start = Instant::now();
    let told = refused(text);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert!(told.lines().count() <= 501 && told.lines().all(|line| line.len() < 4_000), "{told}");
    told
}

#[test]
fn a_million_keys_are_refused() {
    let keys: String = (0..1_000_000).map(|n| format!("k{n}=1\n")).collect();
    let told = refused_soon(&format!("{keys}{SMALL}"));
    assert!(told.starts_with("c.toml:1: k0: is not a key of a catalog"), "{told}");
    assert!(told.ends_with("and 999500 more faults like these"), "{told}");
}

#[test]
fn a_repeated_key_is_refused_however_often() {
    let told = refused_soon(&"a=1\n".repeat(500_000));
    assert!(told.starts_with("c.toml:2: a: is written twice"), "{told}");
}

#[test]
fn nesting_is_refused() {
    for text in [
        format!("a = {}", "[".repeat(1_000_000)),
        format!("a = {}{}", "[".repeat(500_000), "]".repeat(500_000)),
        format!("a = {}", "{a=".repeat(500_000)),
        format!("{} = 1", "a.".repeat(500_000) + "a"),
        format!("[{}]", "a.".repeat(500_000) + "a"),
        format!("a = {}1{}", format!("{{{}=", "a.".repeat(70) + "a").repeat(79), "}".repeat(79)),
    ] {
        refused_soon(&text);
    }
}

#[test]
fn many_tables_are_refused() {
    let forward: String = (0..100_000).map(|n| format!("[a{n}.x]\n")).collect();
    let again: String = (0..100_000).map(|n| format!("[a{n}]\n")).collect();
    refused_soon(&(forward + &again));
    refused_soon(&"[[mirror]]\n".repeat(300_000));
    refused_soon(&format!("{SMALL}{}", "[[network]]\nprefix = \"192.0.2.0/24\"\n".repeat(80_000)));
}

#[test]
fn many_redirects_are_followed() {
    let chain: String = (0..100_000).map(|n| format!("r{n} = \"r{}\"\n", n + 1)).collect();
    let told = refused_soon(&format!("{SMALL}[redirects]\n{chain}"));
    assert!(told.contains("redirects.r99999: leads to \"r100000\""), "{told}");
    let lost: String = (0..100_000).map(|n| format!("r{n} = \"lost\"\n")).collect();
    refused_soon(&format!("{SMALL}[redirects]\n{lost}"));
    let good = format!("{SMALL}[redirects]\n{chain}r100000 = \"baseos-9\"\n");
    assert!(parse("c.toml", &good).is_ok());
}

#[test]
fn many_repositories_are_counted_before_they_are_made() {
    let list = |n: usize| (0..n).map(|n| format!("\"v{n}\",")).collect::<String>();
    let text = SMALL
        .replace("\"9\", \"10\"", &list(2_000))
        .replace("\"x86_64\", \"aarch64\"", &list(2_000));
    let told = refused_soon(&text);
    assert!(told.contains("more than the 200000 that are accepted"), "{told}");
}

#[test]
fn many_parts_are_looked_up() {
    let list = |letter: char| (0..1_000).map(|n| format!("\"{letter}{n}\",")).collect::<String>();
    let text =
        SMALL.replace("\"9\", \"10\"", &list('v')).replace("\"x86_64\", \"aarch64\"", &list('a'));
    let text = text.replace("{version}/BaseOS", "x/{version}");
    let parts = "{ versions = [\"v999\"], arches = [\"a999\"], what = \"core\" },".to_owned();
    let other: String = (0..20_000).map(|n| format!("{{ versions = [\"w{n}\"] }},")).collect();
    refused_soon(&format!("{text}carries = [{parts}{other}]\n"));
}

#[test]
fn long_texts_are_cut_in_messages() {
    let long = "é".repeat(1_000_000);
    for text in [
        format!("{long} = 1"),
        format!("\"{long}\" = 1"),
        SMALL.replace("Example Linux", &long),
        SMALL.replace("\"DE\"", &format!("\"{long}\"")),
        SMALL.replace("{arch}/os", &format!("{{{long}}}")),
        SMALL.replace("\"10 Gbit/s\"", &"9".repeat(1_000_000)),
        SMALL.replace("\"10 Gbit/s\"", &format!("\"{}.{}Gbit/s\"", "9".repeat(99), "9".repeat(99))),
        format!("{SMALL}asns = [{}]", "9".repeat(1_000_000)),
        format!("{SMALL}carries = [\"{long}\"]"),
        format!("{SMALL}[redirects]\n\"{long}\" = \"x\""),
    ] {
        refused_soon(&text);
    }
}

//! Input that is made to take much time or memory.

use super::super::parse;
use super::{SMALL, parsed, refused};

/// What is said of a text, which is little, however long the text is.
#[track_caller]
fn refused_briefly(text: &str) -> String {
    let told = refused(text);
    assert!(told.lines().count() <= 501 && told.lines().all(|line| line.len() < 4_000), "{told}");
    told
}

#[test]
fn a_million_keys_are_refused() {
    let keys: String = (0..1_000_000).map(|n| format!("k{n}=1\n")).collect();
    let told = refused_briefly(&format!("{keys}{SMALL}"));
    assert!(told.starts_with("c.toml:1: k0: is not a key of a catalog"), "{told}");
    assert!(told.ends_with("and 999500 more faults like these"), "{told}");
}

#[test]
fn a_repeated_key_is_refused_however_often() {
    let told = refused_briefly(&"a=1\n".repeat(500_000));
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
        refused_briefly(&text);
    }
}

#[test]
fn many_tables_are_refused() {
    let forward: String = (0..100_000).map(|n| format!("[a{n}.x]\n")).collect();
    let again: String = (0..100_000).map(|n| format!("[a{n}]\n")).collect();
    refused_briefly(&(forward + &again));
    refused_briefly(&"[[mirror]]\n".repeat(300_000));
    refused_briefly(&format!(
        "{SMALL}{}",
        "[[network]]\nprefix = \"192.0.2.0/24\"\n".repeat(80_000)
    ));
}

#[test]
fn many_redirects_are_followed() {
    let chain: String = (0..100_000).map(|n| format!("r{n} = \"r{}\"\n", n + 1)).collect();
    let told = refused_briefly(&format!("{SMALL}[redirects]\n{chain}"));
    assert!(told.contains("redirects.r99999: leads to \"r100000\""), "{told}");
    let lost: String = (0..100_000).map(|n| format!("r{n} = \"lost\"\n")).collect();
    refused_briefly(&format!("{SMALL}[redirects]\n{lost}"));
    let good = format!("{SMALL}[redirects]\n{chain}r100000 = \"baseos-9\"\n");
    assert!(parse("c.toml", &good).is_ok());
}

#[test]
fn many_repositories_are_counted_before_they_are_made() {
    let list = |n: usize| (0..n).map(|n| format!("\"v{n}\",")).collect::<String>();
    let text = SMALL
        .replace("\"9\", \"10\"", &list(2_000))
        .replace("\"x86_64\", \"aarch64\"", &list(2_000));
    let told = refused_briefly(&text);
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
    refused_briefly(&format!("{text}carries = [{parts}{other}]\n"));
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
        refused_briefly(&text);
    }
}

#[test]
fn many_routes_are_counted() {
    let route =
        |n: usize| format!("[[route]]\nname=\"r{n}\"\npath=\"/{n}\"\ntarget={{path=\"x\"}}\n");
    let routes: String = (0..10_000).map(route).collect();
    let told = refused_briefly(&format!("{SMALL}{routes}"));
    // The first one too many is in line 15 + 256 * 4.
    let expected = "c.toml:1039: route: there are 10000 routes: a catalog has at most 256";
    assert_eq!(told, expected);
    let empty = refused_briefly(&format!("{SMALL}{}", "[[route]]\n".repeat(100_000)));
    assert!(empty.starts_with("c.toml:15: route.name: is missing"), "{empty}");
    refused_briefly(&format!("{SMALL}{}", "[[route.test]]\n".repeat(100_000)));
}

#[test]
fn many_entries_of_maps_are_counted() {
    let map =
        |value: &str| -> String { (0..1_000_000).map(|n| format!("k{n}={value}\n")).collect() };
    let told = refused_briefly(&format!("{SMALL}[map.m]\n{}", map("\"a\"")));
    let expected = "c.toml:15: map.m: the maps have 65537 entries: a catalog has at most 65536";
    assert_eq!(told, expected);
    let told = refused_briefly(&format!("{SMALL}[map.m]\n{}", map("1")));
    assert!(told.starts_with("c.toml:16: map.m.k0: 1 is no text"), "{told}");
    let maps: String = (0..100_000).map(|n| format!("[map.m{n}]\n")).collect();
    let told = refused_briefly(&format!("{SMALL}{maps}"));
    assert!(told.contains("map.m256: there are 100000 maps: a catalog has at most 256"), "{told}");
}

#[test]
fn many_parameters_and_tests_are_counted() {
    let head = "[[route]]\nname=\"a\"\npath=\"/{x}\"\ntarget={path=\"{x}\"}\n";
    let rules: String = (0..200_000).map(|n| format!("p{n}=\"-\"\n")).collect();
    let told = refused_briefly(&format!("{SMALL}{head}[route.query]\n{rules}"));
    assert!(told.contains("the routes name 200000 query parameters"), "{told}");
    let tests = "[[route.test]]\nget=\"/a/b\"\n".repeat(100_000);
    let told = refused_briefly(&format!("{SMALL}{head}{tests}"));
    assert!(told.ends_with("and 99500 more faults like these"), "{told}");
    let urls = "\"https://a\",".repeat(100_000);
    let head = head.replace("path=\"{x}\"", &format!("url=[{urls}]"));
    let told = refused_briefly(&format!("{SMALL}{head}"));
    assert_eq!(told, "c.toml:18: route.target.url: the list is too long: write at most 64");
}

/// Each route may lead to each repository, which is checked.
#[test]
fn routes_to_many_repositories_are_checked() {
    let list = |n: usize| (0..n).map(|n| format!("\"v{n}\",")).collect::<String>();
    let text = SMALL.replace("\"9\", \"10\"", &list(4_000));
    let route = |n: usize| {
        format!(
            "[[route]]\nname=\"r{n}\"\npath=\"/{n}/{{a}}/{{b}}\"\n\
             target={{repo=\"{{a}}-{{b}}-{n}\",arch=\"x86_64\"}}\n"
        )
    };
    let routes: String = (0..256).map(route).collect();
    let declaration = parsed(&format!("{text}{routes}"));
    assert_eq!(declaration.routes.len(), 256);
    assert_eq!(declaration.repositories[0].versions.len(), 4_000);
    // Names are looked up in large maps.
    let entries: String = (0..60_000).map(|n| format!("k{n}=\"baseos-v{n}\"\n")).collect();
    let route = |n: usize| {
        format!(
            "[[route]]\nname=\"r{n}\"\npath=\"/{n}/{{a}}/{{b}}\"\n\
             target={{repo=\"{{a|map:m}}{{b|map:m}}\",arch=\"x86_64\"}}\n"
        )
    };
    let routes: String = (0..8).map(route).collect();
    let declaration = parsed(&format!("{text}{routes}[map.m]\n{entries}"));
    assert_eq!(declaration.maps[0].entries.len(), 60_000);
}

#[test]
fn texts_of_routes_are_bounded() {
    let long = "é".repeat(1_000_000);
    let route = "[[route]]\nname = \"a\"\npath = \"/a\"\ntarget = { path = \"x\" }\n";
    for text in [
        route.replace("\"/a\"", &format!("\"/{long}\"")),
        route.replace("\"a\"", &format!("\"{long}\"")),
        route.replace("\"x\"", &format!("\"{long}\"")),
        route.replace("path = \"x\"", &format!("url = [\"{long}\"]")),
        format!("{route}query = {{ a = \"{long}\" }}"),
        format!("{route}query = {{ \"{long}\" = \"a\" }}"),
        format!("{route}format = \"{long}\""),
        format!("{route}options = {{ order = \"{long}\" }}"),
        format!("{route}rank = {}", "9".repeat(1_000_000)),
        format!("{route}[[route.test]]\nget = \"/{long}\""),
        format!("{route}[[route.test]]\nget = \"/a\"\nrepo = \"{long}\""),
        format!("{route}[map.\"{long}\"]\na = \"b\""),
        format!("{route}[map.m]\n\"{long}\" = \"b\""),
        format!("{route}[map.m]\na = \"{long}\""),
    ] {
        refused_briefly(&format!("{SMALL}{text}"));
    }
}

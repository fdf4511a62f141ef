//! Faults name the line, the key, the value and what would be right.

use super::super::keys;
use super::{SMALL, parsed, refused};

/// Appends a line to the mirror of a small catalog, which has 14 lines.
#[track_caller]
fn mirror_line(line: &str, expected: &str) {
    assert_eq!(
        refused(&format!("{SMALL}{line}\n")),
        format!("c.toml:15: mirror.{expected}"),
        "{line}"
    );
}

/// Replaces a part of a small catalog.
#[track_caller]
fn replaced(old: &str, new: &str, expected: &str) {
    assert!(SMALL.contains(old), "{old}");
    assert_eq!(refused(&SMALL.replacen(old, new, 1)), format!("c.toml:{expected}"), "{new}");
}

#[test]
fn values_are_refused_with_what_would_be_right() {
    replaced(
        "\"DE\"",
        "\"Germany\"",
        r#"13: mirror.country: "Germany" is no country: write its two letters, as in "DE""#,
    );
    replaced(
        "\"DE\"",
        "49",
        "13: mirror.country: 49 is no country: write its two letters, as in \"DE\"",
    );
    replaced(
        "\"DE\"",
        "\"XX\"",
        "13: mirror.country: \"XX\" is no country: write its two letters, as in \"DE\"",
    );
    for (key, code) in [("countries", "EU"), ("not_countries", "A1"), ("countries", " DE")] {
        let expected =
            format!("{key}: \"{code}\" is no country: write its two letters, as in \"DE\"");
        mirror_line(&format!("{key} = [\"{code}\"]"), &expected);
    }
    let told =
        refused(&format!("{SMALL}[[network]]\nprefix = \"192.0.2.0/24\"\ncountry = \"ZZ\"\n"));
    assert!(told.starts_with("c.toml:17: network.country: \"ZZ\" is no country: "), "{told}");
    replaced(
        "https://mirror.berlin.example/example",
        "https://me:secret@mirror.berlin.example/example",
        "12: mirror.urls: \"https://…@mirror.berlin.example/example\" holds a user name or a \
         password: write a base URL, as in \"https://mirror.example.org/pub\"",
    );
    replaced(
        "\"10 Gbit/s\"",
        "\"10 GB\"",
        "14: mirror.bandwidth: \"10 GB\" is no bandwidth: write a number and a unit, as in \"10 Gbit/s\" \
         or \"155 Mbit/s\"",
    );
    replaced("\"10 Gbit/s\"", "0", "14: mirror.bandwidth: 0 is not in 1 to 100000000 Mbit/s");
    mirror_line(
        "networks = [\"192.0.2.1/24\"]",
        "networks: \"192.0.2.1/24\" has bits set behind its length: write \"192.0.2.0/24\"",
    );
    mirror_line(
        "networks = [\"192.0.2.0/40\"]",
        "networks: \"192.0.2.0/40\" has an impossible prefix length: write a network, as in \
         \"192.0.2.0/24\" or \"2001:db8::/32\"",
    );
    mirror_line(
        "networks = []",
        "networks: is empty: leave the key out, or write what belongs into it",
    );
    mirror_line("city = \"\"", "city: is empty: leave the key out, or write what belongs into it");
    mirror_line("city = 5", "city: 5 is no text: write it in quotes");
    mirror_line(
        "asns = [1.10]",
        "asns: 1.10 is no number of an autonomous system: write it as in 64496, \"AS64496\" or \
         \"1.10\"",
    );
    mirror_line(
        "private = \"yes\"",
        "private: \"yes\" is no switch: write true or false, without quotes",
    );
    mirror_line(
        "private = true",
        "private: no client would get this mirror: name its clients with `networks` or `asns`",
    );
    mirror_line("coordinates = [91.0, 0]", "coordinates: 91.0 is not in -90 to 90 degrees north");
    mirror_line("coordinates = [0, nan]", "coordinates: nan is not in -180 to 180 degrees east");
    mirror_line(
        "coordinates = [1]",
        "coordinates: a list is no pair of coordinates: write degrees north and east, as in \
         [52.52, 13.40]",
    );
    mirror_line(
        "load = 50",
        "load: 50 is no number from 0 to 1: write the part of its share, as in 0.5",
    );
    for (load, shown) in
        [("-0.1", "-0.1"), ("nan", "nan"), ("\"50 %\"", "\"50 %\""), ("[1]", "a list")]
    {
        let line = format!("load = {load}");
        let told = "is no number from 0 to 1: write the part of its share, as in 0.5";
        mirror_line(&line, &format!("load: {shown} {told}"));
    }
    mirror_line(
        "max_share = 30",
        "max_share: 30 is no number above 0, to 1: write the part of the clients near it, as in 0.3",
    );
    mirror_line(
        "max_share = 0.0",
        "max_share: 0.0 is no number above 0, to 1: write `load = 0` for a mirror that nobody should get",
    );
    mirror_line(
        "ip_versions = [4, 5]",
        "ip_versions: 5 is no version of IP: write 4 or 6, as in [4, 6]",
    );
    mirror_line(
        "ip_versions = 4",
        "ip_versions: 4 is no list: write it in brackets, as in [\"a\", \"b\"]",
    );
    mirror_line(
        "ip_versions = [6, 6]",
        "ip_versions: 6 occurs twice in the list: keep one of them",
    );
    mirror_line(
        "countries = [\"FR\", \"fr\"]",
        "countries: \"fr\" occurs twice in the list: keep one of them",
    );
    mirror_line(
        "not_countries = [\"BE\"]\ncountries = [\"FR\"]",
        "not_countries: and `countries` exclude each other: keep one of them",
    );
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    mirror_line("netwroks = []", "netwroks: is not a key of [[mirror]]: did you mean `networks`?");
    mirror_line(
        "max_shares = 1",
        "max_shares: is not a key of [[mirror]]: did you mean `max_share`?",
    );
    mirror_line(
        "ipversions = [4]",
        "ipversions: is not a key of [[mirror]]: did you mean `ip_versions`?",
    );
    mirror_line("path = \"x\"", "path: is not a key of [[mirror]]: it belongs into [[repository]]");
    let told = refused(&format!("urls = []\n{SMALL}"));
    assert_eq!(told, "c.toml:1: urls: is not a key of a catalog: it belongs into [[mirror]]");
    let told = refused(&format!("{SMALL}[[mirrors]]\nkey = \"x\"\n"));
    assert_eq!(told, "c.toml:15: mirrors: is not a key of a catalog: did you mean `mirror`?");
    let told =
        refused(&format!("{SMALL}carries = [{{ what = \"baseos\", arch = [\"x86_64\"] }}]\n"));
    assert_eq!(
        told,
        "c.toml:15: mirror.carries.arch: is not a key of a table in `carries`: did you mean \
         `arches`?"
    );
}

#[test]
fn keys_that_are_missing_are_faults_of_their_table() {
    replaced(
        "urls = [\"https://mirror.berlin.example/example\", \"rsync://mirror.berlin.example/example\"]\n",
        "",
        "10: mirror.urls: is missing: write urls = [\"https://mirror.example.org/pub\"]",
    );
    replaced(
        "country = \"DE\"",
        "city = \"Berlin\"",
        "13: mirror.city: means nothing without `country`: write that, too",
    );
    assert_eq!(
        refused(""),
        "c.toml:1: distribution: is missing: write [distribution] and below it name = \"Example Linux\"\n\
         c.toml:1: repository: is missing: write [[repository]] and below it name = \"baseos\"\n\
         c.toml:1: mirror: is missing: write [[mirror]] and below it key = \"berlin\""
    );
    assert_eq!(
        refused("[distribution]\nname = \"x\""),
        "c.toml:1: repository: is missing: write [[repository]] and below it name = \"baseos\"\n\
         c.toml:1: mirror: is missing: write [[mirror]] and below it key = \"berlin\""
    );
}

#[test]
fn heads_in_the_wrong_brackets_are_refused() {
    replaced(
        "[[mirror]]",
        "[mirror]",
        "10: mirror: a table is no list of tables: write its head in double brackets, as in [[mirror]]",
    );
    replaced(
        "[[repository]]",
        "[repository]",
        "4: repository: a table is no list of tables: write its head in double brackets, as in \
         [[repository]]",
    );
    replaced(
        "[distribution]",
        "[[distribution]]",
        "1: distribution: a list is no single table: write one table, with its head in single brackets",
    );
}

#[test]
fn templates_are_checked() {
    replaced(
        "{version}/BaseOS/{arch}/os",
        "{verison}/os",
        "8: repository.path: \"{verison}/os\" holds {verison}: did you mean `version`?",
    );
    replaced(
        "{version}/BaseOS/{arch}/os",
        "{version/os",
        "8: repository.path: \"{version/os\" holds a single brace: the words that are replaced are \
         written as in {arch}",
    );
    replaced(
        "versions = [\"9\", \"10\"]\n",
        "",
        "7: repository.path: \"{version}/BaseOS/{arch}/os\" holds {version}, but the repository has no \
         versions",
    );
    replaced(
        "{version}/BaseOS/{arch}/os",
        "$releasever/BaseOS/$basearch/os",
        "8: repository.path: \"$releasever/BaseOS/$basearch/os\" is no directory: write {arch} or \
         {version} for what clients replace",
    );
    replaced(
        "{version}/BaseOS/{arch}/os",
        "https://m.example/{version}/os",
        "8: repository.path: \"https://m.example/{version}/os\" is no directory: write only what \
         follows a mirror's URL",
    );
    let told = refused(&SMALL.replace("{version}/BaseOS/{arch}/os", "../x"));
    assert!(told.starts_with("c.toml:8: repository.path: \"../x\" is no directory: "), "{told}");
    let told = refused(&SMALL.replace("{version}/BaseOS/{arch}/os", "/"));
    assert!(told.starts_with("c.toml:8: repository.path: is empty: if `repodata` is at"), "{told}");
    let told = refused(&SMALL.replace("{arch}/os", "{arch}/repodata"));
    assert!(told.ends_with("write the directory that holds `repodata`"), "{told}");
    let told = refused(&SMALL.replace("{arch}/os", &"{arch}/".repeat(65)));
    assert!(told.contains("repository.path: holds 5") && told.contains(" bytes when"), "{told}");
    let text = SMALL.replace("groups", "aliases");
    let told = refused(&text.replace("path =", "name_template = \"x-{version}\"\npath ="));
    assert!(told.contains("repository.aliases: mean nothing, as `name_template`"), "{told}");
}

#[test]
fn all_faults_are_returned_at_once_and_in_order() {
    let text = SMALL
        .replace("\"DE\"", "\"Germany\"")
        .replace("[\"x86_64\", \"aarch64\"]", "[\"x86+64\"]")
        .replace("\"https://mirror", "\"htps://mirror")
        .replace("name = \"Example Linux\"", "nam = \"Example Linux\"");
    let told = refused(&format!("{text}carries = [\"baseos\", 5]\n"));
    let places: Vec<String> = told
        .lines()
        .map(|line| line.splitn(4, ':').skip(1).take(2).collect::<Vec<_>>().join(":"))
        .collect();
    assert_eq!(
        places,
        [
            "1: distribution.name",
            "2: distribution.nam",
            "7: repository.arches",
            "12: mirror.urls",
            "13: mirror.country",
            "15: mirror.carries",
        ],
        "{told}"
    );
}

#[test]
fn every_key_of_every_table_is_read() {
    for table in keys::TABLES {
        for key in table.names() {
            let text = format!("{}\n{key} = 1979-05-27\n", table.head);
            let told = refused(&text);
            let start = format!("c.toml:2: {}.{key}: 1979-05-27 is no ", table.name);
            assert!(told.contains(&start), "{text}{told}");
        }
    }
    for key in keys::CARRIED.names() {
        let told = refused(&format!("{SMALL}carries = [{{ {key} = 1979-05-27 }}]\n"));
        assert!(told.contains(&format!("15: mirror.carries.{key}: 1979-05-27 is no")), "{told}");
    }
}

#[test]
fn what_occurs_twice_is_refused_with_both_places() {
    let mirror = "[[mirror]]\nkey = \"berlin\"\nurls = [\"http://b.example\"]\n";
    assert_eq!(
        refused(&format!("{SMALL}{mirror}")),
        "c.toml:15: mirror.key: \"berlin\" is the key of two mirrors: also at c.toml:10"
    );
    let mirror = mirror.replacen("berlin", "b", 1);
    assert_eq!(
        refused(&format!("{SMALL}{mirror}formerly = [\"berlin\"]\n")),
        "c.toml:15: mirror.formerly: \"berlin\" is the key of two mirrors: also at c.toml:10"
    );
    assert_eq!(
        refused(&format!(
            "{SMALL}{}",
            mirror.replace("http://b.example", "https://MIRROR.berlin.example/example/")
        )),
        "c.toml:17: mirror.urls: \"https://mirror.berlin.example/example\" is listed twice: also at \
         c.toml:12"
    );
    let network = "[[network]]\nprefix = \"192.0.2.0/24\"\nname = \"x\"\n";
    assert_eq!(
        refused(&format!("{SMALL}{network}{network}")),
        "c.toml:18: network.prefix: 192.0.2.0/24 is described twice: also at c.toml:15"
    );
    let repository = "[[repository]]\nname = \"baseos\"\nversions = [\"10\"]\narches = [\"i686\"]\n\
        path = \"x/{version}\"\n";
    let other = parsed(&format!("{SMALL}{repository}"));
    assert_eq!(other.repositories.len(), 2);
    assert_eq!(
        refused(&format!("{SMALL}{}", repository.replace("i686", "aarch64"))),
        "c.toml:15: repository: repo=baseos-10 with arch=aarch64 is made twice: also at c.toml:4"
    );
    let told = refused(&format!("{SMALL}{}", repository.replace("\"baseos\"", "\"core\"")));
    assert_eq!(
        told,
        "c.toml:4: repository.groups: \"core\" is a repository, too: mirrors could not say which they \
         carry; see c.toml:15"
    );
    let alias = "aliases = [\"baseos\"]\n";
    let told = refused(&SMALL.replace("groups", &format!("{alias}groups")));
    assert!(
        told.starts_with(
            "c.toml:4: repository.aliases: repo=baseos-9 has a meaning already: see c.toml:4"
        ),
        "{told}"
    );
}

#[test]
fn redirects_end_at_a_repository() {
    let redirects = |lines: &str| format!("{SMALL}[redirects]\n{lines}\n");
    let good = parsed(&redirects("a = \"b\"\nb = \"baseos-9\"\n\"c.1\" = \"b\""));
    assert_eq!(good.redirects.len(), 3);
    for (lines, expected) in [
        (
            "a = \"baseos-11\"",
            "16: redirects.a: leads to \"baseos-11\", which is no name of a repository: did you mean `baseos-10`?",
        ),
        ("a = \"b\"\nb = \"c\"\nc = \"b\"", "18: redirects.c: leads in a circle: b to c to b"),
        ("a = \"a\"", "16: redirects.a: leads in a circle: a to a"),
        (
            "baseos-9 = \"baseos-10\"",
            "16: redirects.baseos-9: repo=baseos-9 has a meaning already: see c.toml:4",
        ),
        (
            "a = \"b c\"",
            "16: redirects.a: \"b c\" is no name of a repository: write letters, digits and `. _ + ~ - /`, beginning with a letter or digit",
        ),
        (
            "a.b = \"baseos-9\"",
            "16: redirects.a: a table is no text: write a name in quotes, as in \"baseos\"",
        ),
    ] {
        assert_eq!(refused(&redirects(lines)), format!("c.toml:{expected}"), "{lines}");
    }
}

#[test]
fn what_a_mirror_carries_exists() {
    for (carries, expected) in [
        ("[\"bseos\"]", "\"bseos\" is no group and no repository: did you mean `baseos`?"),
        (
            "[{ versions = [\"8\"] }]",
            "\"8\" is no version of what the mirror carries: did you mean `9`?",
        ),
        (
            "[\"core\", { what = \"core\", arches = [\"arm64\"] }]",
            "\"arm64\" is no architecture of what the mirror carries; known are `aarch64`, `x86_64`",
        ),
        ("[\"core\", \"core\"]", "\"core\" occurs twice in the list: keep one of them"),
        ("[{}]", "is empty: leave `carries` out for a mirror that carries everything"),
    ] {
        mirror_line(&format!("carries = {carries}"), &format!("carries: {expected}"));
    }
    let pair =
        "[[repository]]\nname = \"old\"\nversions = [\"8\"]\narches = [\"i686\"]\npath = \"x\"\n";
    let mirror = "[[mirror]]\nkey = \"b\"\nurls = [\"http://b.example\"]\n\
        carries = [{ versions = [\"8\"], arches = [\"x86_64\"] }]\n";
    assert_eq!(
        refused(&format!("{SMALL}{pair}{mirror}")),
        "c.toml:23: mirror.carries: names no repository: none has one of these versions with one of \
         these architectures"
    );
}

#[test]
fn sources_are_asked_for_by_one_architecture() {
    let text = SMALL.replace("\"baseos\"", "\"baseos-source\"");
    let told = refused(&text);
    assert!(
        told.starts_with("c.toml:4: repository.arches: repo=baseos-source-9 holds \"source\""),
        "{told}"
    );
    let sources = text.replace("[\"x86_64\", \"aarch64\"]", "[\"source\"]");
    parsed(&sources);
    // Other names are asked for in the same way.
    let alias = |text: &str, alias: &str| {
        text.replace("groups", &format!("aliases = [\"{alias}\"]\ngroups"))
    };
    let write = "another name, or one that leads to a repository with arches = [\"source\"]";
    let expected = |line: u64, key: &str, repo: &str| {
        format!(
            "c.toml:{line}: {key}: repo={repo} holds \"source\", so that every request for it means \
             arch=source: write {write}"
        )
    };
    let told = refused(&alias(SMALL, "base-source"));
    let faults =
        ["base-source-9", "base-source-10"].map(|repo| expected(4, "repository.aliases", repo));
    assert_eq!(told, faults.join("\n"));
    parsed(&alias(&sources, "base-source"));
    parsed(&alias(&sources, "base-src"));
    let redirects = "[redirects]\na-source = \"b\"\nb = \"c-source\"\nc-source = \"";
    let told = refused(&format!("{SMALL}{redirects}baseos-9\"\n"));
    let faults = [(16, "a-source"), (18, "c-source")];
    let faults = faults.map(|(line, from)| expected(line, &format!("redirects.{from}"), from));
    assert_eq!(told, faults.join("\n"));
    parsed(&format!("{sources}{redirects}baseos-source-9\"\n"));
}

#[test]
fn faults_of_repositories_do_not_make_faults_of_what_refers_to_them() {
    let text = SMALL.replace("\"9\", \"10\"", "\"9\", \"ten!\"");
    let told = refused(&format!("{text}carries = [{{ versions = [\"10\"] }}]\n"));
    assert_eq!(told.lines().count(), 1, "{told}");
}

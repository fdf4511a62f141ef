//! The whole reader, on hand-made files that show every feature, and on AlmaLinux's own.

mod real_files;

use super::*;
use crate::declared::Carries;
use crate::declared::check::{Scope, check};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/almalinux")
}

/// A mirror in one line.
fn shown(mirror: &Mirror) -> String {
    let mut line = mirror.key.as_str().to_owned();
    for url in &mirror.urls {
        line += &format!(" {}", url.url.as_str());
    }
    if let Some(place) = &mirror.place {
        line += &format!(" in {} {:?} {:?}", place.country, place.state, place.city);
    }
    for asn in &mirror.asns {
        line += &format!(" AS{asn}");
    }
    for network in &mirror.networks {
        line += &format!(" {network}");
    }
    for (flag, word) in [(mirror.private, " private"), (mirror.monopoly, " monopoly")] {
        line += if flag { word } else { "" };
    }
    if let Carries::Only(parts) = &mirror.carries {
        let parts = parts.iter().filter_map(|part| part.what.as_deref());
        line += &format!(" carries {}", parts.collect::<Vec<_>>().join(","));
    }
    if let Some(reason) = &mirror.disabled {
        line += &format!(" disabled: {reason}");
    }
    line
}

fn shown_repository(repository: &Repository) -> String {
    let Repository { name, name_template, versions, arches, path, groups, .. } = repository;
    let (versions, arches) = (versions.join(" "), arches.join(" "));
    format!("{name}: {name_template} of {versions} for {arches} at {path} in {}", groups.join(" "))
}

#[test]
fn every_key_of_a_mirror_counts_or_is_named() {
    let mut report = Report::default();
    let declaration = read(&fixture(), &mut report).expect("it is read");
    let mirrors: Vec<String> = declaration.mirrors.iter().map(shown).collect();
    assert_eq!(
        mirrors,
        [
            "berlin.example http://berlin.example/almalinux https://berlin.example/almalinux \
             rsync://berlin.example/almalinux in DE Some(\"Berlin\") Some(\"Berlin\") AS64496 \
             AS64511 AS65546 carries current",
            "campus.example http://campus.example/alma in FR None None 192.0.2.0/24 \
             2001:db8:100::/48 private monopoly carries current",
            "closed.example https://closed.example in US None None private carries current \
             disabled: private, without subnets and ASNs",
            "cloud.example http://cloud.example/almalinux in US Some(\"Virginia\") None private \
             carries current disabled: cloud mirror of aws without subnets, for nobody outside the \
             cloud",
            "kitten.example http://kitten.example/almalinux in NO None None AS64500 carries current",
            "kitten.example-kitten http://kitten.example/almalinux-kitten \
             https://kitten.example/almalinux-kitten in NO None None AS64500 carries module-kitten",
            "odd.example http://odd.example/almalinux AS64497 carries current",
            "typing.example http://typing.example in NO None Some(\"Oslo\") carries current",
            "vault.example http://vault.example carries vault",
        ]
    );
    let sponsor = declaration.mirrors[0].sponsor.as_ref().expect("a sponsor");
    assert_eq!(sponsor.name, "Berlin University of Examples");
    assert_eq!(sponsor.url.as_deref(), Some("https://www.berlin.example/"));
    assert_eq!(declaration.mirrors[0].owner.as_deref(), Some("mirror@berlin.example"));
    let lines = report.details();
    let golden = fixture().join("report.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, lines.join("\n") + "\n").expect("a write");
    }
    let expected = fs::read_to_string(&golden).expect("the golden file");
    assert!(!expected.contains("secret"));
    assert_eq!(lines, expected.lines().collect::<Vec<_>>());
}

#[test]
fn an_address_of_nobody_is_left_out_and_named() {
    let mirror = b"name: m.example\nemail: not a mail\naddress: {http: 'http://m.example'}\n";
    let mut report = Report::default();
    let declaration = parse(&config_with("", ""), [("m.yml", &mirror[..])], &mut report);
    let declaration = declaration.expect("it is read").expect("a mirror");
    assert_eq!(declaration.mirrors[0].owner, None);
    let expected = "m.yml:2: text that is no mail address, skipped: `email` is \"not a mail\": write a \
                    mail address, or a URL of http or https";
    assert!(report.lines().iter().any(|line| line == expected), "{:?}", report.lines());
}

#[test]
fn each_version_has_its_names_and_directories() {
    let mut report = Report::default();
    let declaration = read(&fixture(), &mut report).expect("it is read");
    let repositories: Vec<String> = declaration.repositories.iter().map(shown_repository).collect();
    assert_eq!(
        repositories,
        [
            "baseos: {version}-{name} of 8.10 9.8 for x86_64 aarch64 at {version}/BaseOS/{arch}/os \
             in current",
            "baseos: {version}-{name} of 10.2 for x86_64 x86_64_v2 aarch64 at \
             {version}/BaseOS/{arch}/os in current",
            "baseos: {version}-{name} of 10-kitten for x86_64 x86_64_v2 aarch64 at \
             {version}/BaseOS/{arch}/os in module-kitten",
            "baseos: {version}-{name} of 9.7 9.8-beta for x86_64 aarch64 at \
             {version}/BaseOS/{arch}/os in vault",
            "baseos: {version}-{name} of 10.1 for x86_64 x86_64_v2 aarch64 at \
             {version}/BaseOS/{arch}/os in vault",
            "crb: {version}-{name} of 8.10 9.8 for x86_64 aarch64 at {version}/CRB/{arch}/os in \
             current",
            "crb: {version}-{name} of 10.2 for x86_64 x86_64_v2 aarch64 at \
             {version}/CRB/{arch}/os in current",
            "crb: {version}-{name} of 10-kitten for x86_64 x86_64_v2 aarch64 at \
             {version}/CRB/{arch}/os in module-kitten",
            "crb: {version}-{name} of 9.7 9.8-beta for x86_64 aarch64 at {version}/CRB/{arch}/os \
             in vault",
            "crb: {version}-{name} of 10.1 for x86_64 x86_64_v2 aarch64 at \
             {version}/CRB/{arch}/os in vault",
            "rt: {version}-{name} of 8.10 9.8 10.2 for x86_64 at {version}/RT/{arch}/os in current",
            "rt: {version}-{name} of 10-kitten for x86_64 at {version}/RT/{arch}/os in \
             module-kitten",
            "rt: {version}-{name} of 9.7 9.8-beta 10.1 for x86_64 at {version}/RT/{arch}/os in \
             vault",
            "baseos-source: {version}-{name} of 8.10 9.8 10.2 10-kitten 9.7 9.8-beta 10.1 for source \
             at {version}/BaseOS/Source in vault",
            "isos: isos/{version} of 8.10 9.8 for x86_64 aarch64 at {version}/isos/{arch} in current",
            "isos: isos/{version} of 10.2 for x86_64 x86_64_v2 aarch64 at {version}/isos/{arch} in \
             current",
            "isos: isos/{version} of 9.7 9.8-beta for x86_64 aarch64 at {version}/isos/{arch} in vault",
            "isos: isos/{version} of 10.1 for x86_64 x86_64_v2 aarch64 at {version}/isos/{arch} in \
             vault",
            "isos: isos/{version} of 10-kitten for x86_64 x86_64_v2 aarch64 at {version}/isos/{arch} in \
             module-kitten",
        ]
    );
    let redirects = declaration.redirects.iter().map(|r| format!("{} to {}", r.from, r.to));
    let redirects: Vec<String> = redirects.collect();
    assert_eq!(redirects.len(), 12);
    assert_eq!(redirects[0], "8-baseos to 8.10-baseos");
    assert_eq!(redirects[11], "10-baseos-source to 10.2-baseos-source");
}

/// What `config.yml` gets by changing a text of the fixture's.
fn config_with(from: &str, to: &str) -> Vec<u8> {
    let text = fs::read_to_string(fixture().join(CONFIG)).expect("the fixture");
    assert!(from.is_empty() || text.contains(from), "{from:?}");
    text.replacen(from, to, 1).into_bytes()
}

#[track_caller]
fn refused(from: &str, to: &str, expected: &str) {
    let mut report = Report::default();
    let mirror = ("m.yml", &b"name: m.example\naddress: {http: 'http://m.example'}\n"[..]);
    let error = parse(&config_with(from, to), [mirror], &mut report).expect_err(to);
    assert_eq!(error.to_string(), expected, "{from:?} {to:?}");
}

#[test]
fn a_fault_in_config_yml_is_one_line_with_its_place() {
    let version = "write a version, such as \"9.8\"";
    for (from, to, expected) in [
        (
            "config_version: 3",
            "config_version: 4",
            "config.yml:2: `config_version` is \"4\": versions 2 and 3 of the format are known",
        ),
        (
            "mirrors_dir: mirrors.d",
            "mirrors_dir: ../etc",
            "config.yml:4: `mirrors_dir` is \"../etc\": write the name of a folder beside this file, such as mirrors.d",
        ),
        (
            "mirrors_dir: mirrors.d",
            "mirrors_dir: /etc",
            "config.yml:4: `mirrors_dir` is \"/etc\": write the name of a folder beside this file, such as mirrors.d",
        ),
        (
            "  - \"9.8\"",
            "  - \"9/8\"",
            "config.yml:9: `versions` is \"9/8\": write a list of versions, such as [\"9\", \"9.8\"]",
        ),
        (
            "\"9\": \"9.8\"",
            "\"9\": []",
            &format!("config.yml:17: `duplicated_versions.9` is a list: {version}"),
        ),
        (
            "\"9\": \"9.8\"",
            "\"9\": \"10\"",
            "config.yml:17: `duplicated_versions.9` is \"10\": this is a major itself, write a full version",
        ),
        (
            "vault_versions:",
            "vault_versions: 9.7\nxs:",
            "config.yml:19: `vault_versions` is \"9.7\": write a list of versions, such as [\"9\", \"9.8\"]",
        ),
        (
            "http://vault.example/",
            "http://a:secret@vault.example/",
            "config.yml:23: `vault_mirror` is \"http://…@vault.example/\": it holds a user name or a password; write the base URL of the vault, such as https://vault.example/",
        ),
        (
            "  \"9\": [x86_64, aarch64]\n",
            "",
            "config.yml:25: `arches.9.7` is missing: list its architectures here, or those of its major version",
        ),
        (
            "  \"9\": [x86_64, aarch64]",
            "  \"9\": []",
            "config.yml:27: `arches.9` is an empty list: write a list of architectures, such as [x86_64, aarch64]",
        ),
        (
            "  - https",
            "  - gopher",
            "config.yml:31: `required_protocols` is \"gopher\": write a list of protocols, such as [http, https]",
        ),
        (
            "path: CRB/$basearch/os/",
            "path: CRB/$releasever/os/",
            "config.yml:36: `repos.path` is \"CRB/$releasever/os/\": write a directory below that of a version, such as BaseOS/$basearch/os/",
        ),
        (
            "path: CRB/$basearch/os/",
            "path: ../../etc",
            "config.yml:36: `repos.path` is \"../../etc\": write a directory below that of a version, such as BaseOS/$basearch/os/",
        ),
        (
            "name: crb",
            "name: baseos",
            "config.yml:35: `repos.name` is \"baseos\": another repository has this name",
        ),
        (
            "name: crb",
            "name: vault",
            "config.yml:35: `repos.name` is \"vault\": a group of repositories has this name, write another",
        ),
        (
            "name: crb",
            "name: beta-baseos",
            "config.yml:35: `repos.name` is \"9.8-beta-baseos\": another version and repository make the same name",
        ),
        (
            "BaseOS/Source/",
            "BaseOS/$basearch/Source/",
            "config.yml:42: `repos.path` is \"BaseOS/$basearch/Source/\": a repository of sources has no architecture, remove $basearch",
        ),
        (
            "vault: true",
            "vault: perhaps",
            "config.yml:43: `repos.vault` is \"perhaps\": write true or false",
        ),
        (
            "repos:",
            "repos: {}\nxs:",
            "config.yml:32: `repos` is a mapping: write a list of repositories, each with name and path",
        ),
        (
            "vault_mirror: http://vault.example/\n",
            "",
            "config.yml:2: `vault_mirror` is missing: write the base URL of the vault, such as https://vault.example/",
        ),
        (
            "...\n",
            "versions: []\n",
            "config.yml:44: `versions` is in line 5 already: remove one of them",
        ),
        ("    - \"10\"", "\t- \"10\"", ""),
    ] {
        if expected.is_empty() {
            let error = parse(&config_with(from, to), [], &mut Report::default());
            let error = error.expect_err(to).to_string();
            assert!(error.starts_with("config.yml:14: this is no YAML: "), "{error}");
        } else {
            refused(from, to, expected);
        }
    }
}

#[test]
fn versions_and_repositories_are_bounded_together() {
    let versions: Vec<String> = (0..4_000).map(|i| format!("\"9.{i}x\"")).collect();
    let repos: String = (0..200).map(|i| format!("  - {{name: r{i}, path: r{i}}}\n")).collect();
    let text = String::from_utf8(config_with("\"9.7\"", &versions.join("\n  - "))).expect("text");
    let text = text.replacen("repos:\n", &format!("repos:\n{repos}"), 1);
    let error = parse(text.as_bytes(), [], &mut Report::default()).expect_err("too many");
    assert!(error.to_string().ends_with(
        "`versions` is too long: at most 100000 combinations of version, repository and architecture are read"
    ), "{error}");
}

#[test]
fn a_key_like_one_that_keeps_clients_away_costs_the_mirror() {
    let good = ("good.yml", &b"name: good.example\naddress: {http: 'http://good.example'}\n"[..]);
    for (key, meant) in [
        ("privat", "private"),
        ("privte", "private"),
        ("PRIVATE_", "private"),
        ("monopol", "monopoly"),
        ("cloud-type", "cloud_type"),
        // Both spellings of one key.
        ("private: false\nPrivate", "private"),
    ] {
        let text = format!("name: m.example\naddress: {{http: 'http://m.example'}}\n{key}: true\n");
        let mut report = Report::default();
        let mirrors = [("m.yml", text.as_bytes()), good];
        let declaration = parse(&config_with("", ""), mirrors, &mut report);
        let declaration = declaration.expect(key).expect(key);
        let found = declaration.mirrors.iter().map(|mirror| mirror.key.as_str());
        assert!(!found.clone().any(|key| key == "m.example"), "{key}");
        assert!(found.clone().any(|key| key == "good.example"), "{key}");
        let (line, key) = key.rsplit_once('\n').map_or((3, key), |(_, key)| (4, key));
        let expected = format!(
            "m.yml:{line}: mirror left out: `{key}` is no known key: write `{meant}` if it is meant, or \
             remove the line"
        );
        assert!(report.details().contains(&expected), "{expected}\n{:#?}", report.details());
    }
    // Others are named, and cost nothing.
    let text = b"name: m.example\naddress: {http: 'http://m.example'}\nsponsr: me\nprimary: true\n";
    let mut report = Report::default();
    let declaration = parse(&config_with("", ""), [("m.yml", &text[..])], &mut report);
    let declaration = declaration.expect("it is read").expect("one mirror");
    assert_eq!(declaration.mirrors[0].key.as_str(), "m.example");
}

/// However `cloud_type` is misspelt, its regions say that the mirror is not for everybody.
#[test]
fn regions_without_a_cloud_cost_the_mirror() {
    let missing = "`cloud_type` is missing: write the cloud of `cloud_regions`, such as aws, or remove \
                   these";
    let misspelt =
        "`cloud_region` is no known key: write `cloud_regions` if it is meant, or remove the line";
    for (keys, expected) in [
        ("provider: aws\ncloud_regions: [us-east-1]", Some((4, missing))),
        ("cloud_type:\ncloud_regions: [us-east-1]", Some((4, missing))),
        ("cloud_regions: [us-east-1]\nsubnets: [192.0.2.0/24]", Some((3, missing))),
        ("provider: aws\ncloud_region: [us-east-1]", Some((4, misspelt))),
        ("cloud_regions: []", None),
        ("cloud_regions:", None),
    ] {
        let text = format!("name: m.example\naddress: {{http: 'http://m.example'}}\n{keys}\n");
        let good = &b"name: good.example\naddress: {http: 'http://good.example'}\n"[..];
        let mut report = Report::default();
        let mirrors = [("m.yml", text.as_bytes()), ("good.yml", good)];
        let declaration = parse(&config_with("", ""), mirrors, &mut report);
        let declaration = declaration.expect(keys).expect(keys);
        let is_left = declaration.mirrors.iter().any(|mirror| mirror.key.as_str() == "m.example");
        assert_eq!(is_left, expected.is_none(), "{keys}");
        if let Some((line, reason)) = expected {
            let told = format!("m.yml:{line}: mirror left out: {reason}");
            assert!(report.details().contains(&told), "{told}\n{:#?}", report.details());
        }
    }
}

#[test]
fn a_vault_that_has_nothing_is_no_mirror() {
    let text = String::from_utf8(config_with("", "")).expect("text");
    let without_versions =
        text.replace("vault_versions:\n  - \"9.7\"\n  - \"9.8-beta\"\n  - \"10.1\"\n", "");
    let (before, _) =
        without_versions.split_once("  - name: baseos-source").expect("the vault's repository");
    let without_both = format!("{before}...\n");
    let mirror = ("m.yml", &b"name: m.example\naddress: {http: 'http://m.example'}\n"[..]);
    for (config, expected) in [
        (&text, &["m.example", "vault.example"][..]),
        (&without_versions, &["m.example", "vault.example"]),
        (&without_both, &["m.example"]),
    ] {
        let mut report = Report::default();
        let declaration = parse(config.as_bytes(), [mirror], &mut report).expect("it is read");
        let mut declaration = declaration.expect("a mirror");
        let keys: Vec<_> = declaration.mirrors.iter().map(|mirror| mirror.key.as_str()).collect();
        assert_eq!(keys, expected);
        let faults = check(&mut declaration, Scope::ALL);
        assert!(faults.is_empty(), "{faults}");
    }
}

#[test]
fn a_folder_without_a_usable_mirror_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let error = |path: &Path| read(path, &mut Report::default()).expect_err("it fails").to_string();
    let start = path.display();
    assert_eq!(error(path), format!("{start}/config.yml: No such file or directory (os error 2)"));
    fs::copy(fixture().join(CONFIG), path.join(CONFIG)).expect("a copy");
    assert_eq!(error(path), format!("{start}/mirrors.d: No such file or directory (os error 2)"));
    let mirrors = path.join(USUAL_FOLDER);
    fs::create_dir(&mirrors).expect("a folder");
    let none = |n| format!("{start}/mirrors.d: holds no mirror that can be used in {n} files");
    assert_eq!(error(path), none(0));
    fs::write(mirrors.join("a.yml"), "name: 1").expect("a file");
    assert_eq!(error(path), none(1));
}

#[test]
fn what_is_no_file_of_sane_size_is_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mirrors = folder.path().join(USUAL_FOLDER);
    fs::create_dir(&mirrors).expect("a folder");
    fs::copy(fixture().join(CONFIG), folder.path().join(CONFIG)).expect("a copy");
    let path = |name: &str| mirrors.join(name);
    fs::write(path("good.yml"), "name: m.example\naddress: {http: 'http://m.example'}\n")
        .expect("");
    fs::create_dir(path("folder.yml")).expect("a folder");
    std::os::unix::fs::symlink("/nowhere", path("gone.yml")).expect("a link");
    std::os::unix::fs::symlink("/dev/zero", path("zero.yml")).expect("a link");
    fs::File::create(path("huge.yml")).and_then(|file| file.set_len(1 << 40)).expect("sparse");
    fs::write(path(".hidden.yml"), "").expect("a file");
    let mut report = Report::default();
    let declaration = read(folder.path(), &mut report).expect("one mirror is left");
    assert_eq!(declaration.mirrors[0].key.as_str(), "m.example");
    let mut lines = report.details();
    lines.retain(|line| line.starts_with("mirrors.d") && !line.contains("without a country"));
    lines.sort();
    assert_eq!(
        lines,
        [
            "mirrors.d/gone.yml:1: mirror left out: No such file or directory (os error 2)",
            "mirrors.d/huge.yml:1: mirror left out: is 1099511627776 bytes long, more than the 65536 \
             that are accepted",
            "mirrors.d/zero.yml:1: mirror left out: is a device, not a regular file; write what it \
             gives to a file first",
            "mirrors.d:1: not a mirror's file (NAME.yml), skipped: .hidden.yml",
            "mirrors.d:1: not a mirror's file (NAME.yml), skipped: folder.yml",
        ]
    );
}

#[test]
fn what_is_watched_is_what_is_read() {
    let watched = files(&fixture());
    assert_eq!(watched[0], fixture().join(CONFIG));
    assert_eq!(watched[1], fixture().join(USUAL_FOLDER));
    assert_eq!(watched.len(), 2 + 15, "{watched:?}");
    let nowhere = Path::new("/nowhere");
    assert_eq!(files(nowhere), [nowhere.join(CONFIG), nowhere.join(USUAL_FOLDER)]);
}

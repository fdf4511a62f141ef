//! `mirrorlistd import`: the catalog that it writes gives the answers of the data that it was made from.

use std::path::Path;

use answer::Options;
use catalog::Report;
use sources::declared::Declaration;
use sources::declared::check::{Scope, check};
use sources::{CatalogFormat, Inputs, almalinux, mirrormanager, toml_catalog};
use testdata::Message as _;
use testdata::mirrormanager::StringStringMap;

use super::Files;
use super::almalinux::{fixture, serve};
use crate::fixture::{Answer, NOWHERE, Public, Server, World};
use crate::server::run;
use serve::build_snapshot::build;

/// Addresses in the networks of the fixtures, and in none.
const CLIENTS: [&str; 7] = [
    NOWHERE,
    "192.0.2.7",
    "192.0.2.200",
    "198.51.100.1",
    "198.51.100.70",
    "203.0.113.9",
    "2001:db8:1000::1",
];

/// What clients notice of an answer; the order within a tier is random.
fn noticed(answer: &Answer) -> (u16, String, Option<String>, Vec<String>) {
    let mut urls = answer.urls();
    urls.sort_unstable();
    (answer.status, answer.header().to_owned(), answer.found.clone(), urls)
}

/// Compares all repositories for all clients, and returns the number of answers with a list.
#[track_caller]
fn compare(one: &Server, other: &Server, step: usize) -> usize {
    let kept: Vec<_> = other.snapshot().repository_names().iter().collect();
    let mut n_lists = 0;
    for name in one.snapshot().repository_names().iter().step_by(step) {
        let (repo, arch) = name.rsplit_once('+').unwrap();
        for client in CLIENTS {
            let request = format!("/mirrorlist?repo={repo}&arch={arch} from {client}");
            let (one, other) = (one.get(&request), other.get(&request));
            if !kept.contains(&name) {
                // Its directory is on no mirror.
                assert_eq!((one.status, other.status), (404, 404), "{request}");
                continue;
            }
            assert_eq!(noticed(&one), noticed(&other), "{request}");
            n_lists += usize::from(one.status == 200);
        }
    }
    n_lists
}

/// Writes a declaration as a catalog, which must say the same, and serves it.
#[track_caller]
fn serve_written(declaration: &Declaration, files: &Files) -> Server {
    let faults = check(&mut declaration.clone(), Scope::ALL);
    assert!(faults.is_empty(), "{faults}");
    let folder = files.path("imported");
    toml_catalog::write_folder(declaration, &folder).unwrap();
    let (read, _) = toml_catalog::read(&folder).unwrap_or_else(|faults| panic!("{faults}"));
    let mut expected = declaration.clone().without_places();
    // Files are read in the order of their names.
    expected.mirrors.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(format!("{:?}", read.without_places()), format!("{expected:?}"));
    let inputs = files.inputs_of(CatalogFormat::Toml, folder);
    Server::new(build(&inputs, None).unwrap(), &Options::default())
}

#[test]
fn almalinux_files_answer_the_same_as_a_catalog() {
    let files = Files::new("");
    let declaration = almalinux::read(&fixture(), &mut Report::default()).unwrap();
    let imported = serve_written(&declaration, &files);
    let n_lists = compare(&serve(&fixture()), &imported, 1);
    assert!(n_lists > 300, "{n_lists}");
}

/// `cargo test --test it -- --ignored real`
#[test]
#[ignore = "needs AlmaLinux's own files in shared/data/almalinux beside the working copy"]
fn almalinux_real_files_answer_the_same_as_a_catalog() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut beside = top.ancestors().map(|folder| folder.join("shared/data/almalinux"));
    let folder = beside.find(|folder| folder.is_dir()).expect("AlmaLinux's files");
    let files = Files::new("");
    let declaration = almalinux::read(&folder, &mut Report::default()).unwrap();
    let imported = serve_written(&declaration, &files);
    let n_lists = compare(&serve(&folder), &imported, 97);
    assert!(n_lists > 300, "{n_lists}");
}

/// Serves MirrorManager's data as they are, and as a catalog. Also returns what is reported of the latter.
#[track_caller]
fn serve_both(mut world: World) -> (Server, Server, String) {
    let files = Files::new("");
    let folder = files.path("mirrormanager");
    std::fs::create_dir(&folder).unwrap();
    world.netblocks = "198.51.100.0/24 64500\n".into();
    world.countries = super::COUNTRIES.to_vec();
    let original = world.write(&folder, &world.list.encode_to_vec());
    let cache = original.cache.clone();
    let original = build(&Inputs::MirrorManager(original), None).unwrap();
    let original = Server::new(original, &Options::default());
    let mut report = Report::default();
    let declaration = mirrormanager::declare(&cache, "Standard", &mut report).unwrap();
    (original, serve_written(&declaration, &files), report.lines().join("\n"))
}

#[test]
fn mirrormanager_data_answer_the_same_as_a_catalog() {
    let (original, imported, lines) = serve_both(World::standard());
    let n_lists = compare(&original, &imported, 1);
    assert!(n_lists > 20, "{n_lists}");
    for problem in [
        "repository whose directory no mirror carries, left out: gone-7+x86_64",
        "checksums are no part of a catalog",
        "directory of no repository",
        "directory that path= finds by another name now",
    ] {
        assert!(lines.contains(problem), "{problem}:\n{lines}");
    }
}

/// MirrorManager has URLs for each category of directories, so that two directories can have one path
/// below the URLs of different mirrors. A catalog has one list of mirrors for each path.
#[test]
fn of_repositories_at_one_path_of_other_mirrors_only_the_first_is_kept() {
    let mut world = World::empty();
    world.mirror(1, "DE", 1_000, Public, &["https"], "berlin");
    world.mirror(2, "FR", 1_000, Public, &["https"], "paris");
    world.directory("pub/fedora/9/os", "9/os", &[1]);
    world.directory("pub/epel/9/os", "9/os", &[2]);
    world.repository("a+x86_64", "pub/fedora/9/os");
    world.repository("b+x86_64", "pub/epel/9/os");
    world.repository("c+x86_64", "pub/epel/9/os");
    let (original, imported, lines) = serve_both(world);
    let [one, other] =
        [&original, &imported].map(|server| server.get("/mirrorlist?repo=a&arch=x86_64"));
    assert_eq!(one.mirrors(), ["berlin"]);
    assert_eq!(noticed(&one), noticed(&other));
    for repo in ["b", "c"] {
        let request = format!("/mirrorlist?repo={repo}&arch=x86_64");
        assert_eq!((original.get(&request).status, imported.get(&request).status), (200, 404));
    }
    let problem =
        "repository at the same path as another of other mirrors, left out: b+x86_64 (and 1 more";
    assert!(lines.contains(problem), "{lines}");
}

/// MirrorManager takes any two letters for a country. A mirror that is for clients of none must not
/// become one for everybody.
#[test]
fn countries_that_do_not_exist_are_left_out_of_a_catalog() {
    let mut world = World::empty();
    for (number, country, name) in
        [(1, "DE", "berlin"), (2, "XX", "xanadu"), (3, "FR", "hidden"), (4, "FR", "paris")]
    {
        world.mirror(number, country, 1_000, Public, &["https"], name);
    }
    world.restrict(3, &["XX"]);
    world.restrict(4, &["!XX"]);
    world.list.netblock_country_cache = vec![StringStringMap::new("198.51.100.0/24", "QQ")];
    world.directory("pub/9/os", "9/os", &[1, 2, 3, 4]);
    world.repository("a+x86_64", "pub/9/os");
    world.list.repository_redirect_cache = vec![StringStringMap::new("a-source", "a")];
    let (_, imported, lines) = serve_both(world);
    let mut mirrors = imported.get("/mirrorlist?repo=a&arch=x86_64").mirrors();
    mirrors.sort();
    assert_eq!(mirrors, ["berlin", "paris", "xanadu"]);
    for problem in [
        "mirror listed in a country that does not exist, left out: 2 listed in XX",
        "country of clients that does not exist, left out: XX of mirror 3 (and 1 more",
        "network in a country that does not exist, left out: 198.51.100.0/24 in QQ",
        "redirect that leads from or to nothing, left out: a-source to a",
    ] {
        assert!(lines.contains(problem), "{problem}:\n{lines}");
    }
}

#[test]
fn import_writes_a_new_folder_and_overwrites_none() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("catalog");
    let (files, output) = (fixture(), output.to_str().unwrap().to_owned());
    let args = ["import", "--almalinux", files.to_str().unwrap(), "-o", &output];
    let first = run(&args);
    let stderr = String::from_utf8(first.stderr).unwrap();
    assert_eq!(first.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("mirrors.d/broken-1.yml:4: mirror left out: `private` is"), "{stderr}");
    let stdout = String::from_utf8(first.stdout).unwrap();
    assert_eq!(
        stdout,
        format!(
            "{output}: 9 mirrors, 19 repositories; mirrorlistd check --catalog {output} reads them\n"
        )
    );
    assert_eq!(run(&["check", "--catalog", &output]).status.code(), Some(0));
    let second = run(&args);
    assert_eq!(second.status.code(), Some(1));
    let stderr = String::from_utf8(second.stderr).unwrap();
    assert!(stderr.contains("is there already; it is not changed"), "{stderr}");
    let neither = run(&["import", "-o", &output]);
    assert_eq!(neither.status.code(), Some(2));
    let both = run(&["import", "--almalinux", "a", "--cache", "c", "-o", &output]);
    assert_eq!(both.status.code(), Some(2));
    // AlmaLinux's files say the name.
    let named = run(&["import", "--almalinux", "a", "--name", "n", "-o", &output]);
    assert_eq!(named.status.code(), Some(2));
}

#[test]
fn import_refuses_names_that_a_catalog_cannot_hold() {
    let long = "n".repeat(201);
    for name in ["", " ", "two\nlines", " Example", &long] {
        let output = run(&["import", "--cache", "c", "--name", name, "-o", "/nonexistent/o"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name:?} {stderr}");
        let expected = "write one line of at most 200 characters, without blanks around it";
        assert!(stderr.contains(expected), "{name:?} {stderr}");
    }
}

/// The reason of a cloud mirror without subnets quotes its cloud, which may be longer than a text for
/// people.
#[test]
fn import_writes_nothing_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("mirrors.d")).unwrap();
    std::fs::copy(fixture().join("config.yml"), path("config.yml")).unwrap();
    let cloud = "x".repeat(300);
    let mirror =
        format!("name: m.example\naddress: {{http: 'http://m.example'}}\ncloud_type: {cloud}\n");
    std::fs::write(path("mirrors.d/m.yml"), mirror).unwrap();
    let (files, output) = (folder.path().to_str().unwrap(), path("catalog"));
    let result = run(&["import", "--almalinux", files, "-o", output.to_str().unwrap()]);
    let stderr = String::from_utf8(result.stderr).unwrap();
    assert_eq!(result.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("the data make no catalog:"), "{stderr}");
    assert!(stderr.contains(": mirror.disabled: \"cloud mirror of xxx"), "{stderr}");
    assert!(!output.exists());
}

/// A folder of more mirrors than are read in one would be of no use.
#[test]
fn import_writes_no_folder_that_is_too_large_to_be_read() {
    const N_MIRRORS: i64 = 10_001;
    let mut world = World::empty();
    let names: Vec<String> = (1..=N_MIRRORS).map(|number| format!("m{number}")).collect();
    for (number, name) in (1..).zip(&names) {
        world.mirror(number, "DE", 1_000, Public, &["https"], name);
    }
    world.directory("pub/9/os", "9/os", &(1..=N_MIRRORS).collect::<Vec<_>>());
    world.repository("a+x86_64", "pub/9/os");
    let folder = tempfile::tempdir().unwrap();
    let cache = world.write(folder.path(), &world.list.encode_to_vec()).cache;
    let output = folder.path().join("catalog");
    let before = std::fs::read_dir(folder.path()).unwrap().count();
    let paths = [&cache, &output].map(|path| path.to_str().unwrap());
    let result = run(&["import", "--cache", paths[0], "-o", paths[1]]);
    let stderr = String::from_utf8(result.stderr).unwrap();
    assert_eq!(result.status.code(), Some(1), "{stderr}");
    let expected =
        "catalog: would hold 10001 mirrors, more than the 10000 entries that are accepted\n";
    assert!(stderr.ends_with(expected), "{stderr}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before);
}

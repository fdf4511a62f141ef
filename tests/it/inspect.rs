//! `inspect`: what a snapshot says of each mirror, an index of each repository, and a geography file of its
//! tables.

use std::process::Output;

use index::{Alias, Directory, File, Index, Stamp, Version};
use model::checksum::Checksums;
use sources::Report;
use sources::geography::table;
use sources::geography::table_file::Tables;
use testdata::mirrormanager::{IntRepeatedIntMap, IntRepeatedStringMap};

use crate::fixture::{Private, Public, World};
use crate::golden;
use crate::server::command;

/// The standard world with what it lacks: a mirror of an unknown country that is public for some
/// directories, one that serves nobody and one that refuses a country, and several systems.
fn world() -> World {
    let mut world = World::standard();
    world.mirror(10, "", 1, Private, &["https"], "half");
    world.directory("pub/private", "private", &[10]);
    world.mirror(9, "US", 10, Public, &["https"], "closed");
    world.restrict(9, &["nowhere"]);
    world.mirror(100, "US", 10, Public, &["https"], "partial");
    let refused = IntRepeatedStringMap::new(100, ["!DE".to_owned(), "!FR".to_owned()]);
    world.list.host_country_allowed_cache.push(refused);
    world.list.host_asn_cache.push(IntRepeatedIntMap::new(64_497, [3, 100]));
    world.directory("pub/public", "public", &[9, 100]);
    let public = world.list.mirror_list_cache.last_mut().unwrap();
    public.by_host_id.push(IntRepeatedIntMap::new(10, [100]));
    public.global.push(10);
    world
}

fn inspect(world: &World, options: &[&str]) -> String {
    printed(&run("mirrors.snapshot", &world.compile().unwrap().bytes, options))
}

/// Runs the command on a file of that name in an own folder.
fn run(name: &str, bytes: &[u8], options: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    let args = [&["inspect", name], options].concat();
    command(&args).current_dir(folder.path()).output().unwrap()
}

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// An index with a repository that has an earlier version, one that is held back, one at the top, and
/// checksums of images.
fn index() -> Vec<u8> {
    let version = |timestamp, byte: u8, replaced| Version {
        timestamp,
        size: 3_000 + u64::from(byte),
        checksums: Checksums {
            md5: Some([byte; 16]),
            sha1: Some([byte; 20]),
            sha256: Some([byte; 32]),
            sha512: Some([[byte; 32]; 2]),
        },
        replaced,
    };
    let stamp = Some(Stamp { size: 1, modified: (1, 0), changed: (2, 0), inode: 3 });
    let file = |name: &str, stamp, versions| File { name: name.into(), versions, stamp };
    let directory = |name: &str, n_files, files| Directory { name: name.into(), n_files, files };
    let current = version(1_790_000_000, 0x11, None);
    let earlier = version(1_789_000_000, 0x22, Some(1_790_000_100));
    let directories = vec![
        directory("", 1, vec![]),
        directory("9", 1, vec![file("CHECKSUM", stamp, vec![version(1_780_000_000, 0x33, None)])]),
        directory("9/os", 0, vec![]),
        directory("9/os/repodata", 4, vec![file("repomd.xml", stamp, vec![current, earlier])]),
        directory("9/src", 0, vec![]),
        directory("9/src/repodata", 0, vec![]),
        directory("repodata", 3, vec![file("repomd.xml", None, vec![version(1, 0x44, None)])]),
    ];
    let aliases = vec![Alias { name: "latest".into(), target: "9".into() }];
    Index::new(1_790_000_200, directories, aliases).unwrap().encode().unwrap()
}

#[test]
fn an_index_is_told_from_a_snapshot_by_its_content() {
    // The name says something else.
    let printed = |options: &[&str]| printed(&run("mirrors.snapshot", &index(), options));
    golden::check("inspect_index.txt", &printed(&[]));
    golden::check("inspect_index.json", &printed(&["--json", "--repositories"]));
    golden::check("inspect_repositories.txt", &printed(&["--repositories"]));
}

/// A geography file with networks of both families in the tables that are asked for.
fn geography(has_countries: bool, has_systems: bool) -> Vec<u8> {
    let mut report = Report::default();
    let countries =
        b"network,country_code,lat,lon\n192.0.2.0/24,DE,52.5,13.4\n198.51.100.0/24,FR,48.8,2.4\n\
        203.0.113.0/24,DE\n2001:db8::/33,DE,52.5,13.4\n2001:db8:8000::/33,AU\n";
    let systems = b"192.0.2.0/24 64496\n2001:db8::/32 64496\n2001:db8::/48 64497\n";
    let tables = Tables {
        countries: has_countries.then(|| table::countries("c", countries, &mut report).unwrap()),
        systems: has_systems.then(|| table::systems("s", systems, &mut report).unwrap()),
    };
    assert!(report.is_empty(), "{report:?}");
    tables.encode().unwrap()
}

#[test]
fn a_geography_file_is_counted_by_table_and_family() {
    let show = |bytes: &[u8], options: &[&str]| printed(&run("mirrors.snapshot", bytes, options));
    golden::check("inspect_geography.txt", &show(&geography(true, true), &[]));
    golden::check("inspect_geography.json", &show(&geography(false, true), &["--json"]));
}

#[test]
fn a_damaged_geography_file_and_a_file_of_another_kind_are_told_apart() {
    let mut bytes = geography(true, false);
    *bytes.last_mut().unwrap() ^= 1;
    let unknown =
        "is no snapshot, no index of a tree and no file of `mirrorlistd geography build`\n";
    for (bytes, expected) in [
        (bytes, "is damaged: its checksum is "),
        (b"network,country_code\n".to_vec(), unknown),
        (Vec::new(), unknown),
    ] {
        let output = run("file", &bytes, &[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with(&format!("mirrorlistd: file: {expected}")), "{stderr}");
    }
}

#[test]
fn what_a_file_cannot_list_is_a_usage_error() {
    for (bytes, option, expected) in [
        (
            geography(true, true),
            "--mirrors",
            "mirrorlistd: file: holds tables of networks, and no mirrors: ",
        ),
        (
            geography(true, true),
            "--repositories",
            "mirrorlistd: file: holds tables of networks, and no repositories: ",
        ),
        (index(), "--mirrors", "mirrorlistd: file: is the index of a tree, which has no mirrors: "),
        (
            world().compile().unwrap().bytes,
            "--repositories",
            "mirrorlistd: file: is no index of a tree: ",
        ),
        (vec![], "--repositories", "mirrorlistd: file: is no index of a tree: "),
    ] {
        let output = run("file", &bytes, &[option]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with(expected), "{stderr}");
    }
}

#[test]
fn a_damaged_index_is_one() {
    let mut bytes = index();
    *bytes.last_mut().unwrap() ^= 1;
    let output = run("primary.index", &bytes, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["intact"], false);
    let reason = verdict["reason"].as_str().unwrap();
    assert!(reason.starts_with("primary.index: is damaged: its checksum is "), "{reason}");
    assert_eq!(output.stderr, format!("mirrorlistd: {reason}\n").as_bytes());
}

#[test]
fn mirrors_are_listed_in_the_order_of_their_keys() {
    golden::check("inspect_mirrors.txt", &inspect(&world(), &["--mirrors"]));
}

#[test]
fn scripts_read_them_as_json() {
    golden::check("inspect_mirrors.json", &inspect(&world(), &["--mirrors", "--json"]));
}

/// The list is added to what `--json` says without it.
#[test]
fn only_who_asks_for_mirrors_gets_them() {
    let parse = |options: &[&str]| -> serde_json::Value {
        serde_json::from_str(&inspect(&world(), options)).unwrap()
    };
    let mut long = parse(&["--mirrors", "--json"]);
    let mirrors = long.as_object_mut().unwrap().remove("mirrors").unwrap();
    assert_eq!(mirrors.as_array().unwrap().len(), 11);
    assert_eq!(long, parse(&["--json"]));
}

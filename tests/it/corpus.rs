//! The inputs of the fuzz targets, without a fuzzer: what it has found stays found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sources::Report;
use sources::geography::table;
use sources::geography::table_file::Tables;
use testdata::Message as _;
use testdata::mirrormanager::{IntRepeatedIntMap, StringRepeatedIntMap};
use testdata::mmdb;

use crate::fixture::{Private, Public, World, details};
use laws::TARGETS;

/// What a person still reads.
const MAX_BYTES: usize = 4_096;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_corpus_keeps_every_law() {
    for (name, target) in TARGETS {
        let folder = folder("corpus").join(name);
        let files = names(&folder);
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let bytes = fs::read(folder.join(&file)).unwrap();
            assert!(bytes.len() < MAX_BYTES, "{name}/{file} is too long to be read");
            // The next line of a failure is the law; this one says which input broke it.
            let kept = std::panic::catch_unwind(|| target(&bytes));
            assert!(kept.is_ok(), "{name}/{file}");
        }
    }
}

/// A small index, as a file.
fn index() -> Vec<u8> {
    let directory = |name: &str, files| index::Directory { name: name.into(), n_files: 3, files };
    let version = |replaced| index::Version {
        timestamp: 1_795_258_889,
        size: 4_711,
        checksums: model::checksum::Checksums { sha256: Some([7; 32]), ..Default::default() },
        replaced,
    };
    let stamp = index::Stamp { size: 4_711, modified: (1, 2), changed: (3, 4), inode: 5 };
    let file = index::File {
        name: "repomd.xml".into(),
        versions: vec![version(None), version(Some(1_795_258_900))],
        stamp: Some(stamp),
    };
    let directories =
        vec![directory("", vec![]), directory("9", vec![]), directory("9/repodata", vec![file])];
    let alias = index::Alias { name: "latest".into(), target: "9".into() };
    index::Index::new(1_795_258_900, directories, vec![alias]).unwrap().encode().unwrap()
}

/// A small file of `mirrorlistd geography build`.
fn geography() -> Vec<u8> {
    let mut report = Report::default();
    let countries = b"network,country_code,continent_code\n192.0.2.0/24,DE,EU\n2001:db8::/32,,AS\n";
    let systems = b"192.0.2.0/24 64500\n192.0.2.128/25 None\n2001:db8::/32 {1,2}\n";
    let tables = Tables {
        countries: table::countries("c", countries, &mut report).ok(),
        systems: table::systems("s", systems, &mut report).ok(),
    };
    tables.encode().unwrap()
}

#[test]
fn every_target_is_fuzzed_and_has_a_corpus() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let sources = names(&folder("fuzz_targets"));
    let sources: BTreeSet<_> =
        sources.iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(sources, targets);
    assert_eq!(names(&folder("corpus")), targets);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for target in targets {
        assert!(manifest.contains(&format!("name = \"{target}\"\n")), "{target}");
    }
}

/// Seeds that no editor can write: a small world, as the formats have it. A change of the snapshot's
/// layout makes its seeds useless; `UPDATE_GOLDEN=1 cargo test` writes them anew.
#[test]
fn binary_seeds_are_of_today() {
    let mut world = World::empty();
    world.mirror(1, "DE", 1_000, Public, &["https", "http", "rsync"], "berlin");
    world.mirror(2, "FR", 100, Private, &["http"], "campus");
    world.mirror(3, "US", 10, Public, &["ftp"], "a&b\"<");
    world.repository("main-9+x86_64", "pub/9");
    world.directory("pub/9", "9", &[1, 2, 3]);
    world.directory("pub/9/repodata", "9/repodata", &[1, 2, 3]);
    world.file("pub/9/repodata", "repomd.xml", &[details(2, '2'), details(1, '1')]);
    world.list.host_netblock_cache = vec![StringRepeatedIntMap::new("192.0.2.128/25", [2])];
    world.list.host_asn_cache = vec![IntRepeatedIntMap::new(64_500, [3])];
    world.countries.truncate(3);
    world.netblocks = "198.51.100.0/24 64500\n".into();
    let snapshot = folder("corpus").join("snapshot/small");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let bytes = world.compile().unwrap().bytes;
        for (file, bytes) in [
            ("mirrormanager/small", &world.list.encode_to_vec()),
            ("country_table/small", &mmdb::write(world.layout, &world.countries)),
            ("system_table/small", &mmdb::write_systems(&[("198.51.100.0/24", 64_500)])),
            ("country_table/built", &geography()),
            ("system_table/built", &geography()),
            ("geography_file/small", &geography()),
            ("snapshot/small", &bytes),
            ("forged_snapshot/small", &bytes),
            ("index/small", &index()),
        ] {
            let file = folder("corpus").join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
    }
    let read = snapshot::format::read(&snapshot);
    assert!(read.is_ok(), "UPDATE_GOLDEN=1 cargo test: {:?}", read.err());
    let read = fs::read(folder("corpus").join("geography_file/small"));
    let read = Tables::decode(&read.unwrap());
    assert!(read.is_ok(), "UPDATE_GOLDEN=1 cargo test: {:?}", read.err());
    let read = index::Index::read(&folder("corpus").join("index/small"));
    assert!(read.is_ok(), "UPDATE_GOLDEN=1 cargo test: {:?}", read.err());
}

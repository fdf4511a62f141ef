//! The built-in demo: a catalog with an index, tables and answers that are those of MirrorManager's data
//! with the same mirrors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use answer::Options;
use index::{Directory, File, Index, Version};
use model::checksum::{Checksums, parse_hex};
use serve::build_snapshot::build;
use sources::{Inputs, MirrorManagerFiles};
use testdata::mirrormanager::{FileDetailsCacheDirectoryType, FileDetailsType};

use crate::fixture::Server;

/// Where MirrorManager's data have the tree of the demo.
const TOP: &str = "pub/demo/";

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo").join(name)
}

fn serve(inputs: &Inputs) -> Server {
    Server::new(build(inputs, None).unwrap(), &Options::default())
}

/// What a scan of the demo's tree would find, from the details of the same files in MirrorManager's data.
fn index() -> Index {
    let list = testdata::demo::mirror_list();
    let mut files: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for directory in &list.mirror_list_cache {
        let name = directory.directory.strip_prefix(TOP).unwrap();
        let ancestors = name.match_indices('/').map(|(at, _)| &name[..at]);
        for name in ancestors.chain(["", name]) {
            files.entry(name.to_owned()).or_default();
        }
    }
    for FileDetailsCacheDirectoryType { directory, file_details_cache_files } in
        &list.file_details_cache
    {
        let of_directory = files.get_mut(directory.strip_prefix(TOP).unwrap()).unwrap();
        for file in file_details_cache_files {
            let details = &file.file_details;
            // Each was replaced when the next newer one was made.
            let newer = std::iter::once(None).chain(details.iter().map(|it| Some(it.time_stamp)));
            let versions = details.iter().zip(newer).map(|(it, replaced)| version(it, replaced));
            let versions = versions.collect();
            let name = file.filename.as_str().into();
            of_directory.push(File { name, versions, stamp: None });
        }
    }
    let directory = |(name, files): (String, Vec<File>)| Directory {
        name: name.into(),
        n_files: files.len() as u64,
        files,
    };
    let directories = files.into_iter().map(directory).collect();
    Index::new(list.time, directories, Vec::new()).unwrap()
}

fn version(details: &FileDetailsType, replaced: Option<u64>) -> Version {
    fn bytes<const N: usize>(hex: &Option<String>) -> Option<[u8; N]> {
        Some(parse_hex(hex.as_ref()?).unwrap())
    }
    let sha512 = bytes::<64>(&details.sha512).map(|sum| {
        let (first, second) = sum.split_first_chunk::<32>().unwrap();
        [*first, second.try_into().unwrap()]
    });
    Version {
        timestamp: details.time_stamp,
        size: details.size,
        checksums: Checksums {
            md5: bytes(&details.md5),
            sha1: bytes(&details.sha1),
            sha256: bytes(&details.sha256),
            sha512,
        },
        replaced,
    }
}

#[test]
fn the_generated_files_of_the_demo_are_those_of_today() {
    let folder = tempfile::tempdir().unwrap();
    testdata::demo::write(folder.path()).unwrap();
    let read = |path: PathBuf| std::fs::read(path).unwrap();
    let mut made = vec![("tree.index", index().encode().unwrap())];
    for name in ["country.mmdb", "global_netblocks.txt"] {
        made.push((name, read(folder.path().join(name))));
    }
    for (name, made) in made {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(kept(name), &made).unwrap();
        }
        assert!(read(kept(name)) == made, "data/demo/{name}: UPDATE_GOLDEN=1 writes it anew");
    }
}

#[test]
fn the_demo_compiles_without_a_diagnostic() {
    let compiled = build(&Inputs::Demo, None).unwrap();
    assert_eq!(compiled.report.lines(), [""; 0]);
    let stats = compiled.snapshot.stats();
    assert!(stats.hosts >= 20 && stats.public_hosts < stats.hosts, "{stats:?}");
    assert!(stats.netblocks > 0 && stats.asns > 0 && stats.country_overrides > 0, "{stats:?}");
}

#[test]
fn the_demo_answers_as_the_same_data_of_mirrormanager() {
    let folder = tempfile::tempdir().unwrap();
    testdata::demo::write(folder.path()).unwrap();
    let path = |name: &str| folder.path().join(name);
    let files = MirrorManagerFiles {
        cache: path("mirrorlist_cache.proto"),
        global_netblocks: path("global_netblocks.txt"),
        country_continent: path("country_continent.csv"),
        geoip: path("country.mmdb"),
        findings: None,
    };
    let [demo, other] = [Inputs::Demo, Inputs::MirrorManager(files)].map(|inputs| serve(&inputs));
    let repositories = [
        "demo-9&arch=x86_64",
        "demo-9&arch=aarch64",
        "demo-updates-9&arch=x86_64",
        "demo-updates-9&arch=aarch64",
        "demo-source-9&arch=source",
        "demo-latest&arch=x86_64",
        "demo-old-8&arch=x86_64",
        "demo-8&arch=x86_64",
    ];
    let clients = [
        "192.0.2.10",
        "192.0.2.200",
        "198.51.100.7",
        "203.0.113.1",
        "198.18.0.1",
        "198.18.0.200",
        "198.18.1.1",
        "198.18.4.1",
        "2001:db8:100::1",
        "2001:db8:1000::1",
        "2001:db8:9::1",
        "1.1.1.1",
    ];
    // Within a tier the order is by chance, and mirrors have other numbers.
    let sorted = |server: &Server, request: &str| {
        let answer = server.get(request);
        // Directories have other names in MirrorManager's data.
        let body = answer.body.replace(TOP, "");
        let preference = |line: &str| match line.split_once("preference=\"") {
            Some((head, tail)) => head.to_owned() + tail.split_once('"').unwrap().1,
            None => line.to_owned(),
        };
        let mut lines: Vec<String> = body.lines().map(preference).collect();
        lines.sort();
        (answer.status, answer.log, answer.found, lines)
    };
    for format in ["mirrorlist", "metalink"] {
        for repository in repositories {
            for client in clients {
                for more in ["", "&country=jp", "&protocol=rsync"] {
                    let request = format!("/{format}?repo={repository}{more} from {client}");
                    assert_eq!(sorted(&demo, &request), sorted(&other, &request), "{request}");
                }
            }
        }
    }
}

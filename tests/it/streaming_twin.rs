//! Law: what the compiler reads as a stream is what prost decodes as a whole.
//!
//! Generated data of Fedora's shape, with everything odd that real data holds, is decoded by prost
//! into structs; then every directory, mirror, file and repository of the snapshot is compared with
//! what stands there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use compile::Compiled;
use model::base_url::BaseUrl;
use model::geo::Country;
use serve::build_snapshot::build;
use snapshot::{Snapshot, contains, members};
use sources::{Inputs, MirrorManagerFiles};
use testdata::Message as _;
use testdata::fedora::{Shape, generate};
use testdata::mirrormanager::{FileDetailsType, MirrorList, MirrorListCacheType};

/// How one mirror serves one directory.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Serves {
    urls: Vec<String>,
    public: bool,
    countries: BTreeSet<String>,
    /// The bits of 1 / weight.
    mean: u32,
}

fn generated(shape: &Shape, folder: &Path) -> (MirrorList, Snapshot) {
    generate(shape, folder, &mut |_, _, _| {}).unwrap();
    let files = MirrorManagerFiles {
        cache: folder.join("mirrorlist_cache.proto"),
        global_netblocks: folder.join("global_netblocks.txt"),
        country_continent: folder.join("country_continent.csv"),
        geoip: folder.join("GeoLite2-Country.mmdb"),
        findings: None,
    };
    let list = MirrorList::decode(&*std::fs::read(&files.cache).unwrap()).unwrap();
    let Compiled { snapshot, .. } = build(&Inputs::MirrorManager(files), None).unwrap();
    (list, snapshot)
}

/// By the message.
fn expected(list: &MirrorList, directory: &MirrorListCacheType) -> Vec<Serves> {
    let urls: BTreeMap<i64, &str> =
        list.hc_url_cache.iter().rev().map(|entry| (entry.key, entry.value.as_str())).collect();
    let bandwidth = |host: i64| list.host_bandwidth_cache.iter().find(|entry| entry.key == host);
    let mut seen = BTreeSet::new();
    let first = directory.by_host_id.iter().filter(|entry| seen.insert(entry.key));
    let serves = |entry: &testdata::mirrormanager::IntRepeatedIntMap| Serves {
        urls: entry
            .value
            .iter()
            .filter_map(|id| urls.get(id))
            .filter_map(|url| BaseUrl::parse(url).ok())
            .map(|url| url.as_str().to_owned())
            .collect(),
        public: directory.global.contains(&entry.key),
        countries: directory
            .by_country
            .iter()
            .filter(|country| country.value.contains(&entry.key))
            .map(|country| country.key.to_uppercase())
            .collect(),
        mean: (1.0 / bandwidth(entry.key).map_or(1, |entry| entry.value.max(1) as u32) as f32)
            .to_bits(),
    };
    let mut all: Vec<Serves> = first.map(serves).collect();
    all.sort();
    all
}

/// By the snapshot.
fn found(snapshot: &Snapshot, name: &str, countries: &BTreeSet<String>) -> Vec<Serves> {
    let directory = snapshot.directory(snapshot.find_directory(name).unwrap()).unwrap();
    let layout = directory.layout;
    let mut all: Vec<Serves> = members(directory.carriers)
        .map(|host| Serves {
            urls: layout.slots()[host.index()]
                .iter()
                .flat_map(|&slot| snapshot.urls(slot))
                .map(|(_, url)| url.to_owned())
                .collect(),
            public: contains(layout.public(), host),
            countries: countries
                .iter()
                .filter(|code| contains(layout.in_country(Country::parse(code).unwrap()), host))
                .cloned()
                .collect(),
            mean: snapshot.hosts().weight(host).mean().to_bits(),
        })
        .collect();
    all.sort();
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(shape: &Shape) {
    let folder = tempfile::tempdir().unwrap();
    let (list, snapshot) = generated(shape, folder.path());
    assert_eq!(snapshot.created(), list.time);
    assert_eq!(snapshot.stats().directories, list.mirror_list_cache.len());
    let keys = list.mirror_list_cache.iter().flat_map(|directory| &directory.by_country);
    let countries: BTreeSet<String> = keys.map(|entry| entry.key.to_uppercase()).collect();
    for directory in &list.mirror_list_cache {
        let name = &directory.directory;
        assert_eq!(
            found(&snapshot, name, &countries),
            expected(&list, directory),
            "{name} of seed {}",
            shape.seed
        );
        let view = snapshot.directory(snapshot.find_directory(name).unwrap()).unwrap();
        assert_eq!(view.name, name);
        assert_eq!(Some(view.subpath), directory.subpath.as_deref());
    }
    check_files(&list, &snapshot);
    for entry in &list.repo_arch_to_directory_name {
        let repository = snapshot.find_repository(&entry.key).unwrap();
        assert_eq!(repository.path, entry.value);
        let directory = repository.directory.and_then(|id| snapshot.directory(id));
        assert_eq!(directory.map(|view| view.name), Some(&*entry.value));
    }
    for entry in &list.disabled_repository_cache {
        assert_eq!(snapshot.is_disabled(&entry.key), entry.value);
    }
    for entry in &list.repository_redirect_cache {
        assert_eq!(snapshot.find_redirect(&entry.key), Some(&*entry.value));
    }
}

fn check_files(list: &MirrorList, snapshot: &Snapshot) {
    for details in &list.file_details_cache {
        let directory = snapshot.find_directory(&details.directory).unwrap();
        let directory = snapshot.directory(directory).unwrap();
        for file in &details.file_details_cache_files {
            let versions = snapshot.find_file(&directory, &file.filename).unwrap().versions.iter();
            let versions: Vec<FileDetailsType> = versions
                .map(|version| FileDetailsType {
                    time_stamp: version.timestamp,
                    size: version.size,
                    md5: version.checksums.md5.map(|sum| hex(&sum)),
                    sha1: version.checksums.sha1.map(|sum| hex(&sum)),
                    sha256: version.checksums.sha256.map(|sum| hex(&sum)),
                    sha512: version.checksums.sha512.map(|sum| hex(sum.as_flattened())),
                })
                .collect();
            assert_eq!(versions, file.file_details);
        }
    }
}

#[test]
fn every_directory_is_read_as_prost_reads_it() {
    for seed in 1..=5 {
        check(&Shape { seed, ..Shape::small() });
    }
}

#[test]
fn more_mirrors_than_a_word_of_bits_and_more_private_ones_are_no_different() {
    check(&Shape {
        hosts: 130,
        base_urls: 700,
        private_percent: 50,
        carried_percent: 40,
        seed: 7,
        ..Shape::small()
    });
}

#[test]
fn tidy_data_compiles_without_a_diagnostic() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { quirks: false, ..Shape::small() };
    generate(&shape, folder.path(), &mut |_, _, _| {}).unwrap();
    let files = MirrorManagerFiles {
        cache: folder.path().join("mirrorlist_cache.proto"),
        global_netblocks: folder.path().join("global_netblocks.txt"),
        country_continent: folder.path().join("country_continent.csv"),
        geoip: folder.path().join("GeoLite2-Country.mmdb"),
        findings: None,
    };
    let compiled = build(&Inputs::MirrorManager(files), None).unwrap();
    assert_eq!(compiled.report.lines(), [""; 0]);
}

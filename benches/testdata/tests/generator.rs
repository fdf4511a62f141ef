//! Generates a small folder and reads it back with independent means.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use testdata::Message;
use testdata::fedora::{Shape, generate};
use testdata::mirrormanager::MirrorList;
use testdata::network::Network;

const NAMES: [&str; 7] = [
    "mirrorlist_cache.proto",
    "global_netblocks.txt",
    "country_continent.csv",
    "GeoLite2-Country.mmdb",
    "requests.txt",
    "metalink.lua",
    "mirrorlist.lua",
];

fn generated(shape: &Shape) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    generate(shape, folder.path(), &mut |_, _, _| {}).unwrap();
    folder
}

fn mirror_list(folder: &Path) -> MirrorList {
    MirrorList::decode(&fs::read(folder.join(NAMES[0])).unwrap()[..]).unwrap()
}

#[test]
fn the_same_shape_gives_the_same_bytes_and_another_seed_others() {
    let [first, again] = [Shape::small(), Shape::small()].map(|shape| generated(&shape));
    let other = generated(&Shape { seed: 2, ..Shape::small() });
    for name in NAMES {
        let read = |folder: &tempfile::TempDir| fs::read(folder.path().join(name)).unwrap();
        assert!(read(&first) == read(&again), "{name} differs between runs");
        let is_constant = name.ends_with(".csv") || name.ends_with(".lua");
        assert_eq!(read(&first) == read(&other), is_constant, "{name}");
    }
}

#[test]
fn the_report_tells_sizes_and_numbers_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { quirks: false, ..Shape::small() };
    let written = generate(&shape, folder.path(), &mut |_, _, _| {}).unwrap();
    assert_eq!(written.iter().map(|file| file.name).collect::<Vec<_>>(), NAMES);
    for file in &written {
        assert_eq!(fs::metadata(folder.path().join(file.name)).unwrap().len(), file.n_bytes);
    }
    assert_eq!(written[0].records[0], (shape.directories, "directories"));
    assert_eq!(written[1].records, [(shape.asn_prefixes, "lines")]);
    assert_eq!(written[3].records, [(shape.country_prefixes, "prefixes")]);
}

#[test]
fn the_protobuf_has_the_numbers_of_its_shape() {
    let shape = Shape::small().scaled(3, 2);
    let list = mirror_list(generated(&shape).path());
    assert_eq!(list.host_max_connection_cache.len(), shape.hosts);
    assert_eq!(list.hc_url_cache.len(), shape.base_urls);
    assert_eq!(list.mirror_list_cache.len(), shape.directories);
    assert_eq!(list.host_netblock_cache.len(), shape.netblocks);
    assert_eq!(list.repo_arch_to_directory_name.len(), shape.repositories);
    let names: BTreeSet<_> = list.mirror_list_cache.iter().map(|one| &one.directory).collect();
    assert_eq!(names.len(), shape.directories);
}

#[test]
fn every_reference_in_the_protobuf_leads_somewhere() {
    let list = mirror_list(generated(&Shape::small()).path());
    let hosts: BTreeSet<i64> = list.host_max_connection_cache.iter().map(|one| one.key).collect();
    let urls: BTreeSet<i64> = list.hc_url_cache.iter().map(|one| one.key).collect();
    let countries: BTreeMap<i64, String> = (list.host_country_cache.iter())
        .map(|one| (one.key, one.value.to_ascii_uppercase()))
        .collect();
    let directories: BTreeSet<&str> =
        list.mirror_list_cache.iter().map(|one| one.directory.as_str()).collect();

    for directory in &list.mirror_list_cache {
        let subpath = directory.subpath.as_deref().unwrap();
        assert!(directory.directory.ends_with(&format!("/{subpath}")), "{subpath}");
        let carriers: BTreeSet<i64> = directory.by_host_id.iter().map(|one| one.key).collect();
        assert!(carriers.is_subset(&hosts));
        assert!(directory.global.iter().all(|host| carriers.contains(host)));
        for row in &directory.by_host_id {
            assert!(!row.value.is_empty() && row.value.iter().all(|url| urls.contains(url)));
        }
        let mut expect: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for host in &directory.global {
            if let Some(country) = countries.get(host) {
                expect.entry(country).or_default().push(*host);
            }
        }
        let by_country: BTreeMap<&str, Vec<i64>> = (directory.by_country.iter())
            .map(|one| (one.key.as_str(), one.value.clone()))
            .collect();
        assert_eq!(by_country, expect);
    }
    for repository in &list.repo_arch_to_directory_name {
        assert!(directories.contains(repository.value.as_str()));
        assert!(directories.contains(format!("{}/repodata", repository.value).as_str()));
    }
    for details in &list.file_details_cache {
        assert!(directories.contains(details.directory.as_str()));
    }
    let referring = (list.host_netblock_cache.iter().map(|one| &one.value))
        .chain(list.host_asn_cache.iter().map(|one| &one.value));
    assert!(referring.flatten().all(|host| hosts.contains(host)));
}

#[test]
fn clients_have_a_country_and_a_system_and_ask_for_what_exists() {
    let folder = generated(&Shape::small());
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    let asn_table: Vec<(Network, String)> = (read("global_netblocks.txt").lines())
        .map(|line| line.split_once(' ').unwrap())
        .map(|(network, asn)| (network.parse().unwrap(), asn.to_owned()))
        .filter(|(network, _): &(Network, _)| network.length > 0)
        .collect();
    let countries = maxminddb::Reader::open_readfile(folder.path().join(NAMES[3])).unwrap();
    countries.verify().unwrap();
    let list = mirror_list(folder.path());
    let known: BTreeSet<&str> =
        list.repo_arch_to_directory_name.iter().map(|one| one.key.as_str()).collect();

    let (mut n_lines, mut n_v6) = (0, 0);
    for line in read("requests.txt").lines() {
        let (target, client) = line.split_once('\t').unwrap();
        let (repo, arch) =
            (target.strip_prefix("/metalink?repo=").unwrap()).split_once("&arch=").unwrap();
        assert!(known.contains(format!("{repo}+{arch}").as_str()), "{target}");
        let client: IpAddr = client.parse().unwrap();
        n_lines += 1;
        n_v6 += usize::from(client.is_ipv6());
        assert!(asn_table.iter().any(|(network, _)| contains(*network, client)), "{client}");
        assert!(countries.lookup(client).unwrap().has_data(), "{client}");
    }
    assert_eq!((n_lines, n_v6), (200, 40));
    for one in &list.host_asn_cache {
        assert!(asn_table.iter().any(|(_, asn)| *asn == one.key.to_string()), "{}", one.key);
    }
}

#[test]
fn quirks_are_there_only_when_asked_for() {
    // Enough hosts that each quirk befalls some.
    let quirky = Shape { hosts: 300, base_urls: 1_200, netblocks: 200, ..Shape::small() };
    let tidy = mirror_list(generated(&Shape { quirks: false, ..quirky.clone() }).path());
    assert_eq!(tidy.host_country_cache.len(), 300);
    assert_eq!(tidy.host_bandwidth_cache.len(), 300);
    let is_lower_case = |list: &MirrorList| {
        list.host_country_cache.iter().any(|one| one.value.contains(char::is_lowercase))
    };
    assert!(!is_lower_case(&tidy));
    let quirky = mirror_list(generated(&quirky).path());
    assert!(quirky.host_country_cache.len() < 300);
    assert!(quirky.host_bandwidth_cache.len() < 300);
    assert!(is_lower_case(&quirky));
    let single = quirky.host_netblock_cache.iter().filter(|one| !one.key.contains('/')).count();
    assert!((10..30).contains(&single), "{single}");
    let has_host_bits = |text: &str| {
        let network: Network = text.parse().unwrap();
        network.inside(network.length, 0) != network
    };
    assert!(quirky.host_netblock_cache.iter().any(|one| has_host_bits(&one.key)));
    assert!(!tidy.host_netblock_cache.iter().any(|one| has_host_bits(&one.key)));
}

fn contains(network: Network, address: IpAddr) -> bool {
    let bits = |address| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    network.address.is_ipv4() == address.is_ipv4()
        && (bits(network.address) ^ bits(address)).leading_zeros() >= u32::from(network.length)
}

//! Tables that do not fit together: each pair that does not join is told with an example, in the same
//! words by the load and by `check`, which calls such data fine.

use testdata::mirrormanager::{
    IntIntMap, IntRepeatedIntMap, IntRepeatedStringMap, IntStringMap, StringRepeatedIntMap,
    StringStringMap,
};
use testdata::mmdb;

use crate::fixture::World;

/// A change to a world.
type Change = Box<dyn FnOnce(&mut World)>;

fn push<T: 'static>(table: fn(&mut World) -> &mut Vec<T>, entry: T) -> Change {
    Box::new(move |world| table(world).push(entry))
}

#[test]
fn what_does_not_join_is_told_and_does_no_harm() {
    let netblock = |key: &str, hosts: &[i64]| {
        let entry = StringRepeatedIntMap::new(key, hosts.to_vec());
        push(|w| &mut w.list.host_netblock_cache, entry)
    };
    let asn = |asn, host| push(|w| &mut w.list.host_asn_cache, IntRepeatedIntMap::new(asn, [host]));
    let allowed = |host, code: &str| {
        let entry = IntRepeatedStringMap::new(host, [code.to_owned()]);
        push(|w| &mut w.list.host_country_allowed_cache, entry)
    };
    let by_hand = |code: &str| {
        let entry = StringStringMap::new("198.18.9.0/24", code);
        push(|w| &mut w.list.netblock_country_cache, entry)
    };
    let no_continent = "country whose continent no table knows";
    let cases: Vec<(Change, String)> = vec![
        (netblock("11.0.0.0/8", &[99]), "cache.proto: HostNetblockCache: mirror carries nothing, skipped: 11.0.0.0/8 of mirror 99".into()),
        (asn(64_496, 99), "cache.proto: HostAsnCache: mirror carries nothing, skipped: AS64496 of mirror 99".into()),
        (asn(65_000, 1), "cache.proto: HostAsnCache: AS number to which no network belongs: 65000".into()),
        (asn(0, 1), "cache.proto: HostAsnCache: AS number that no AS has, skipped: 0".into()),
        (asn(23_456, 1), "cache.proto: HostAsnCache: AS number that no AS has, skipped: 23456".into()),
        (asn(1_i64 << 32, 1), "cache.proto: HostAsnCache: not an AS number, skipped: 4294967296".into()),
        (
            push(|w| &mut w.list.host_country_cache, IntStringMap::new(99, "DE")),
            "cache.proto: HostCountryCache: mirror carries nothing, skipped: 99".into(),
        ),
        (
            push(|w| &mut w.list.host_bandwidth_cache, IntIntMap::new(99, 1)),
            "cache.proto: HostBandwidthCache: mirror carries nothing, skipped: 99".into(),
        ),
        (allowed(99, "DE"), "cache.proto: HostCountryAllowedCache: mirror carries nothing, skipped: 99".into()),
        (
            allowed(1, "QQ"),
            "cache.proto: HostCountryAllowedCache: country that the table of continents does not know, used: mirror 1 allows QQ".into(),
        ),
        (
            allowed(1, "!QQ"),
            "cache.proto: HostCountryAllowedCache: country that the table of continents does not know, used: mirror 1 allows !QQ".into(),
        ),
        (by_hand("QQ"), format!("cache.proto: NetblockCountryCache: {no_continent}: 198.18.9.0/24 in QQ")),
        (by_hand("XX"), "cache.proto: NetblockCountryCache: code of no place, skipped: 198.18.9.0/24 in XX".into()),
        (
            Box::new(|w| w.countries.push(("198.18.9.0/24", "QQ"))),
            format!("country.mmdb: country: {no_continent}: QQ"),
        ),
        (
            Box::new(|w| w.list.host_country_cache[3].value = "FR".into()),
            "cache.proto: MirrorListCache: mirror listed in another country than its own: mirror 4 of FR in ES".into(),
        ),
        (netblock("0.0.0.0/0", &[1]), "cache.proto: HostNetblockCache: network that covers much of the Internet, used: 0.0.0.0/0".into()),
        (netblock("::/0", &[1]), "cache.proto: HostNetblockCache: network that covers much of the Internet, used: ::/0".into()),
        (
            netblock("192.168.0.0/16", &[1]),
            "cache.proto: HostNetblockCache: network of private addresses, which no client from the Internet has: 192.168.0.0/16".into(),
        ),
        (
            Box::new(|w| w.list.host_bandwidth_cache[0].value = 10_000_000_000),
            "cache.proto: HostBandwidthCache: bandwidth missing or out of range, taken as 1: mirror 1: 10000000000".into(),
        ),
        (
            Box::new(|w| w.list.host_bandwidth_cache[0].value = -5),
            "cache.proto: HostBandwidthCache: bandwidth missing or out of range, taken as 1: mirror 1: -5".into(),
        ),
        (
            Box::new(|w| w.netblocks.push_str("203.0.113.0/25 EXAMPLE\n")),
            "netblocks.txt:7: names no AS number and hides no wider network, skipped: 203.0.113.0/25 EXAMPLE".into(),
        ),
        (
            Box::new(|w| w.netblocks.push_str("203.0.113.0/25 {64500,x}\n")),
            "netblocks.txt:7: part of the ASN column is no AS number, left out: 203.0.113.0/25 {64500,x}".into(),
        ),
    ];
    let usual = World::standard().serve().report.details();
    for (change, expected) in cases {
        let mut world = World::standard();
        change(&mut world);
        let report = world.serve().report;
        let new: Vec<_> = report.details().into_iter().filter(|l| !usual.contains(l)).collect();
        assert_eq!(new, [expected]);
        assert_eq!(report.harmful_lines(), [""; 0]);
    }
}

#[test]
fn data_without_a_time_are_told() {
    let mut world = World::standard();
    world.list.time = 0;
    let told =
        "cache.proto: Time: when the data were made is not said, so nobody can tell their age: 0";
    let lines = world.serve().report.lines();
    assert!(lines.iter().any(|line| line == told), "{lines:#?}");
}

#[test]
fn a_country_of_mirrors_without_a_continent_is_told_in_both_tables() {
    let mut world = World::standard();
    world.mirror(9, "QQ", 10, crate::fixture::Public, &["https"], "nowhere");
    world.directory("pub/more", "more", &[9]);
    let lines = world.serve().report.lines();
    for table in ["HostCountryCache", "MirrorListCache"] {
        let start = format!("cache.proto: {table}: country whose continent no table knows: ");
        assert!(lines.iter().any(|line| line.starts_with(&start)), "{lines:#?}");
    }
}

#[test]
fn a_network_that_everybody_claims_is_told() {
    let mut world = World::standard();
    let numbers: Vec<i64> = (100..160).collect();
    for &number in &numbers {
        world.mirror(number, "DE", 10, crate::fixture::Public, &["https"], &format!("m{number}"));
    }
    world.directory("pub/more", "more", &numbers);
    world.list.host_netblock_cache.push(StringRepeatedIntMap::new("11.0.0.0/8", numbers));
    let lines = world.serve().report.lines();
    let told = "cache.proto: HostNetblockCache: network that many mirrors claim, used: 11.0.0.0/8 of 60 mirrors";
    assert!(lines.iter().any(|line| line == told), "{lines:#?}");
}

#[test]
fn records_that_name_no_place_are_counted() {
    let mut world = World::standard();
    let place: &[(&str, &str)] = &[("country_code", "DE")];
    let [a, b]: [&[(&str, &str)]; 2] = [&[("asn", "1")], &[("asn", "2")]];
    let networks = [("192.0.2.0/24", place), ("198.18.0.0/24", a), ("198.18.1.0/24", b)];
    world.database = Some(mmdb::write_records("Test", &networks));
    let lines = world.serve().report.lines();
    let told = "country.mmdb: country: names neither a country nor a continent: \
                198.18.0.0/24 and others of its record (and 1 more like it)";
    assert!(lines.iter().any(|line| line == told), "{lines:#?}");
}

/// Counted as one that carries something, its network could hide the mirrors of a wider one.
#[test]
fn a_mirror_that_only_a_directory_names_that_is_left_out_carries_nothing() {
    let mut world = World::standard();
    world.mirror(9, "DE", 10, crate::fixture::Public, &["https"], "late");
    world.directory("pub/test/9/x86_64", "9/x86_64", &[9]);
    world.list.host_netblock_cache.push(StringRepeatedIntMap::new("203.0.113.0/24", [9]));
    let lines = world.serve().report.lines();
    for told in [
        "cache.proto: MirrorListCache: directory occurs twice, first kept: pub/test/9/x86_64",
        "cache.proto: HostNetblockCache: mirror carries nothing, skipped: 203.0.113.0/24 of mirror 9",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(told)), "{lines:#?}");
    }
}

/// One by its own name and one by that of its index: a directory that is taken from its index is taken
/// once.
#[test]
fn two_repositories_of_a_directory_that_is_missing_are_one_directory() {
    let mut world = World::standard();
    world.directory("pub/test/new/repodata", "new/repodata", &[1]);
    world.repository("new-1+x86_64", "pub/test/new");
    world.repository("new-2+x86_64", "pub/test/new/repodata/repodata");
    let told = "cache.proto: MirrorListCache: directory of a repository is missing, taken from that of \
                its index: pub/test/new";
    let lines = world.serve().report.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with(told)).count(), 1, "{lines:#?}");
}

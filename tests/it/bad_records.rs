//! Bad records: each costs itself and a diagnostic that names it, and nothing else is lost.

use testdata::mirrormanager::{
    FileDetailsCacheDirectoryType, IntIntMap, IntRepeatedIntMap, IntRepeatedStringMap,
    IntStringMap, StringBoolMap, StringRepeatedIntMap, StringStringMap,
};

use crate::fixture::{World, check_mirrors};

const LIST: &str = "/mirrorlist?repo=main-9&arch=x86_64";

/// Diagnostics of the world beyond those that the standard one has on purpose.
fn diagnostics(world: &World) -> Vec<String> {
    let ours: Vec<String> = World::standard().serve().report.details();
    let report = world.serve().report;
    assert_eq!(report.count() as usize, report.details().len());
    report.details().into_iter().filter(|line| !ours.contains(line)).collect()
}

/// `change` makes one diagnostic, and the standard world is served as before.
#[track_caller]
fn check_diagnostic(change: impl FnOnce(&mut World), expected: &str) {
    let mut world = World::standard();
    let request = format!("{LIST} from 192.0.2.130");
    let before = world.serve().get(&request);
    change(&mut world);
    assert_eq!(diagnostics(&world), [expected]);
    assert_eq!(world.serve().get(&request), before, "something else was lost");
}

#[test]
fn the_standard_world_has_the_diagnostics_it_is_made_for() {
    assert_eq!(
        World::standard().serve().report.lines(),
        [
            "cache.proto: RepoArchToDirectoryName: repository whose directory no mirror carries: \
             gone-7+x86_64 in pub/test/7/x86_64",
            "cache.proto: RepoArchToDirectoryName: repository without details of repomd.xml, it has \
             no metalink: old-8+x86_64 in pub/test/8/x86_64 (and 1 more like it)",
        ]
    );
}

#[test]
fn bad_lines_of_the_asn_table_cost_themselves_only() {
    let mut world = World::standard();
    world.netblocks.push_str("\n10.9.0.0/16\n  \n10.8.0.1/16 7\nnonsense/8 5\n10.7.0.0/40 5\n");
    assert_eq!(
        diagnostics(&world),
        [
            "netblocks.txt:7: blank line, skipped: ",
            "netblocks.txt:9: blank line, skipped: ",
            "netblocks.txt:8: line without an ASN, skipped: 10.9.0.0/16",
            "netblocks.txt:10: prefix with host bits set, cleared: 10.8.0.1/16 7",
            "netblocks.txt:11: not a network prefix, skipped: nonsense/8 5",
            "netblocks.txt:12: not a network prefix, skipped: 10.7.0.0/40 5",
        ]
    );
    check_mirrors(&world, &format!("{LIST} from 198.51.100.1"), "isp / berlin madrid / newyork");
}

#[test]
fn a_line_of_the_continent_table_without_a_comma_costs_itself_only() {
    check_diagnostic(
        |world| world.continents.push_str("GB EU\n"),
        "continents.csv:10: line without a comma, skipped: GB EU",
    );
}

#[test]
fn a_zero_bandwidth_counts_as_one() {
    check_diagnostic(
        |world| world.list.host_bandwidth_cache[0] = IntIntMap::new(1, 0),
        "cache.proto: HostBandwidthCache: bandwidth missing or out of range, taken as 1: \
         mirror 1: 0",
    );
    check_diagnostic(
        |world| world.list.host_bandwidth_cache.retain(|entry| entry.key != 1),
        "cache.proto: HostBandwidthCache: bandwidth missing or out of range, taken as 1: \
         mirror 1: none",
    );
}

#[test]
fn a_mirror_without_a_country_is_served_without() {
    check_diagnostic(
        |world| world.list.host_country_cache.retain(|entry| entry.key != 1),
        "cache.proto: HostCountryCache: mirror without a country: 1",
    );
    check_diagnostic(
        |world| world.list.host_country_cache[0].value = "Germany".into(),
        "cache.proto: HostCountryCache: not a country code, skipped: mirror 1 in Germany",
    );
}

#[test]
fn a_url_that_would_break_lists_is_skipped() {
    for (url, reason) in [
        ("http://berlin.example/\u{1}", "http://berlin.example/\\u{1} holds a control character"),
        ("http://berlin.example/a b", "http://berlin.example/a b holds a blank"),
        ("", " is empty"),
        ("berlin.example", "berlin.example has no scheme out of https, http, ftp, rsync"),
        ("http:///x", "http:///x names no host"),
    ] {
        check_diagnostic(
            // The plain HTTP URL of a mirror that has https as well.
            |world| world.list.hc_url_cache[1].value = url.into(),
            &format!("cache.proto: HCUrlCache: URL that cannot be listed, skipped: 11 {reason}"),
        );
    }
}

#[test]
fn netblocks_with_host_bits_are_cleared_and_bad_ones_skipped() {
    let netblock = |key: &'static str| {
        move |world: &mut World| {
            world.list.host_netblock_cache.push(StringRepeatedIntMap::new(key, [1]));
        }
    };
    let table = "cache.proto: HostNetblockCache: ";
    check_diagnostic(
        netblock("11.1.2.3/8"),
        &format!("{table}prefix with host bits set, cleared: 11.1.2.3/8"),
    );
    check_diagnostic(
        netblock("somewhere"),
        &format!("{table}not a network prefix, skipped: somewhere"),
    );
    let mut world = World::standard();
    netblock("11.1.2.3/8")(&mut world);
    check_mirrors(&world, &format!("{LIST} from 11.200.0.1"), "berlin / isp madrid newyork");
}

#[test]
fn dangling_ids_are_reported_and_skipped() {
    check_diagnostic(
        |world| world.list.mirror_list_cache[1].by_host_id[0].value.push(4_711),
        "cache.proto: MirrorListCache: URL id that HCUrlCache does not have, skipped: 4711",
    );
    check_diagnostic(
        |world| {
            let entry = StringRepeatedIntMap::new("11.0.0.0/8", [4_711]);
            world.list.host_netblock_cache.push(entry);
        },
        "cache.proto: HostNetblockCache: mirror carries nothing, skipped: \
         11.0.0.0/8 of mirror 4711",
    );
    check_diagnostic(
        |world| world.repository("lost+x86_64", "pub/lost"),
        "cache.proto: RepoArchToDirectoryName: repository whose directory no mirror carries: \
         lost+x86_64 in pub/lost",
    );
    check_diagnostic(
        |world| world.file("pub/lost", "repomd.xml", &[crate::fixture::details(1, 'a')]),
        "cache.proto: FileDetailsCache: directory that no mirror carries, skipped: pub/lost",
    );
}

/// A change to a world.
type Change = Box<dyn FnOnce(&mut World)>;

#[test]
fn duplicate_keys_are_reported_in_every_table() {
    let changes: Vec<(Change, &str)> = vec![
        (
            Box::new(|w| w.list.hc_url_cache.push(IntStringMap::new(20, "http://b.example"))),
            "HCUrlCache: URL id occurs twice, first kept: 20 http://b.example",
        ),
        (
            Box::new(|w| w.list.host_country_cache.push(IntStringMap::new(1, "US"))),
            "HostCountryCache: key occurs twice, first kept: 1",
        ),
        (
            Box::new(|w| w.list.host_bandwidth_cache.push(IntIntMap::new(1, 5))),
            "HostBandwidthCache: key occurs twice, first kept: 1",
        ),
        (
            Box::new(|w| {
                let entry = IntRepeatedStringMap::new(6, ["DE".to_owned()]);
                w.list.host_country_allowed_cache.push(entry);
            }),
            "HostCountryAllowedCache: key occurs twice, first kept: 6",
        ),
        (
            Box::new(|w| w.list.host_asn_cache.push(IntRepeatedIntMap::new(64_500, [1]))),
            "HostAsnCache: AS number occurs twice, first kept: 64500",
        ),
        (
            Box::new(|w| {
                let entry = StringRepeatedIntMap::new("192.0.2.128/25", [2]);
                w.list.host_netblock_cache.push(entry);
            }),
            "HostNetblockCache: prefix occurs twice, mirrors joined: 192.0.2.128/25",
        ),
        (
            Box::new(|w| {
                let entry = StringStringMap::new("198.18.0.128/25", "DE");
                w.list.netblock_country_cache.push(entry);
            }),
            "NetblockCountryCache: prefix occurs twice, first kept: 198.18.0.128/25",
        ),
        (
            Box::new(|w| {
                let redirects = &mut w.list.repository_redirect_cache;
                redirects.push(StringStringMap::new("latest", "old-8"));
            }),
            "RepositoryRedirectCache: name occurs twice, first kept: latest",
        ),
        (
            Box::new(|w| {
                w.list.disabled_repository_cache.push(StringBoolMap::new("main-9", true));
            }),
            "DisabledRepositoryCache: name occurs twice, first kept: main-9",
        ),
        (
            Box::new(|w| w.repository("main-9+x86_64", "pub/test")),
            "RepoArchToDirectoryName: name occurs twice, first kept: main-9+x86_64",
        ),
        (
            Box::new(|w| {
                let twice = ["AS", "AF"].map(|to| StringStringMap::new("JP", to));
                w.list.country_continent_redirect_cache.extend(twice);
            }),
            "CountryContinentRedirectCache: name occurs twice, first kept: JP",
        ),
        (
            Box::new(|w| w.directory("pub/test/9/x86_64", "elsewhere", &[1])),
            "MirrorListCache: directory occurs twice, first kept: pub/test/9/x86_64",
        ),
        (
            Box::new(|w| {
                let hosts = &mut w.list.mirror_list_cache[1].by_host_id;
                hosts.push(IntRepeatedIntMap::new(1, [50]));
            }),
            "MirrorListCache: mirror listed twice in a directory, first kept: 1",
        ),
        (
            Box::new(|w| {
                w.list.file_details_cache.push(FileDetailsCacheDirectoryType {
                    directory: "pub/test/9/images".into(),
                    ..Default::default()
                });
            }),
            "FileDetailsCache: directory occurs twice, files joined: pub/test/9/images",
        ),
    ];
    for (change, expected) in changes {
        check_diagnostic(change, &format!("cache.proto: {expected}"));
    }
}

#[test]
fn values_of_a_wrong_form_are_reported_and_left_out() {
    let changes: Vec<(Change, &str)> = vec![
        (
            Box::new(|w| w.list.host_asn_cache.push(IntRepeatedIntMap::new(-1, [1]))),
            "HostAsnCache: not an AS number, skipped: -1",
        ),
        (
            Box::new(|w| {
                let entry = StringStringMap::new("198.18.7.0/24", "Canada");
                w.list.netblock_country_cache.push(entry);
            }),
            "NetblockCountryCache: not a country code, skipped: 198.18.7.0/24 in Canada",
        ),
        (
            Box::new(|w| w.directory("pub/li\nne", "line", &[1])),
            "MirrorListCache: directory name holds a control character, skipped: pub/li\\nne",
        ),
        (
            Box::new(|w| w.repository("a\tb+x86_64", "pub/test")),
            "RepoArchToDirectoryName: name holds a control character, skipped: a\\tb+x86_64",
        ),
        (
            Box::new(|w| {
                let redirects = &mut w.list.repository_redirect_cache;
                redirects.push(StringStringMap::new("x", ""));
            }),
            "RepositoryRedirectCache: redirect to no usable name, skipped: x to ",
        ),
        (
            Box::new(|w| {
                let file = &mut w.list.file_details_cache[0].file_details_cache_files[0];
                file.file_details[0].sha1 = Some("cafe".into());
            }),
            "FileDetailsCache: checksum of a wrong form, left out: cafe",
        ),
    ];
    for (change, expected) in changes {
        check_diagnostic(change, &format!("cache.proto: {expected}"));
    }
}

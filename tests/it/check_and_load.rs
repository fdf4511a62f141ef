//! One faulty data set: `check`, `compile`, a start and a reload find the same faults in it, and
//! each of them is told with its place and its value.
//!
//! To add a fault, add a line to [`FAULTS`]. A kind of diagnostic is told once, by its first record,
//! so each line stands for a kind of its own.

use rustix::process::Signal;
use serde_json::Value;
use testdata::Message as _;
use testdata::mirrormanager::{
    FileDetailsCacheDirectoryType, IntIntMap, IntRepeatedIntMap, IntRepeatedStringMap,
    IntStringMap, StringBoolMap, StringRepeatedIntMap, StringStringMap,
};

use crate::admin::Watched;
use crate::fixture::{World, details};
use crate::previous_snapshot::Store;
use crate::server::{run, wait_until};

/// What is made wrong in the standard world, and what is told about it: file, place, problem, value.
type Fault = (fn(&mut World), &'static str);

const FAULTS: &[Fault] = &[
    // The text files.
    (|world| world.netblocks.push('\n'), "netblocks.txt:7: blank line, skipped: "),
    (
        |world| world.netblocks.push_str("10.9.0.0/16\n"),
        "netblocks.txt:7: line without an ASN, skipped: 10.9.0.0/16",
    ),
    (
        |world| world.netblocks.push_str("10.8.0.1/16 7\n"),
        "netblocks.txt:7: prefix with host bits set, cleared: 10.8.0.1/16 7",
    ),
    (
        |world| world.netblocks.push_str("10.0.0.0/40 680\n"),
        "netblocks.txt:7: not a network prefix, skipped: 10.0.0.0/40 680",
    ),
    (
        |world| world.continents.push_str("GB EU\n"),
        "continents.csv:10: line without a comma, skipped: GB EU",
    ),
    // Mirrors.
    (
        |world| world.list.host_bandwidth_cache[0] = IntIntMap::new(1, 0),
        "HostBandwidthCache: bandwidth missing or out of range, taken as 1: mirror 1: 0",
    ),
    (
        |world| world.list.host_country_cache.retain(|entry| entry.key != 3),
        "HostCountryCache: mirror without a country: 3",
    ),
    (
        |world| world.list.hc_url_cache[0].value += "/",
        "HCUrlCache: URL in an odd form, mended: 10 https://berlin.example/test/ to \
         https://berlin.example/test",
    ),
    (
        |world| world.list.hc_url_cache.push(IntStringMap::new(990, "http://idle.example")),
        "HCUrlCache: URL that no mirror uses: 990 http://idle.example",
    ),
    (
        |world| {
            let circle = StringStringMap::new("round", "round");
            world.list.repository_redirect_cache.push(circle);
        },
        "RepositoryRedirectCache: redirect in a circle, skipped: round to round",
    ),
    (
        |world| world.directory("pub//odd/", "odd", &[1]),
        "MirrorListCache: directory name with odd slashes or dots, mended: pub//odd/ to pub/odd",
    ),
    (
        |world| world.list.host_country_cache[0].value = "Germany".into(),
        "HostCountryCache: not a country code, skipped: mirror 1 in Germany",
    ),
    (
        |world| world.list.hc_url_cache[1].value = "http://berlin.example/\u{1}".into(),
        "HCUrlCache: URL that cannot be listed, skipped: 11 http://berlin.example/\\u{1} holds a \
         control character",
    ),
    (
        |world| world.list.hc_url_cache.push(IntStringMap::new(20, "http://b.example")),
        "HCUrlCache: URL id occurs twice, first kept: 20 http://b.example",
    ),
    (
        |world| {
            let entry = IntRepeatedStringMap::new(6, ["DE".to_owned()]);
            world.list.host_country_allowed_cache.push(entry);
        },
        "HostCountryAllowedCache: key occurs twice, first kept: 6",
    ),
    // Networks and countries.
    (
        |world| world.list.host_asn_cache.push(IntRepeatedIntMap::new(-1, [1])),
        "HostAsnCache: not an AS number, skipped: -1",
    ),
    (
        |world| {
            let entry = StringRepeatedIntMap::new("10.1.2.3/8", [1]);
            world.list.host_netblock_cache.push(entry);
        },
        "HostNetblockCache: prefix with host bits set, cleared: 10.1.2.3/8",
    ),
    (
        |world| {
            let entry = StringRepeatedIntMap::new("10.0.0.0/8", [4_711]);
            world.list.host_netblock_cache.push(entry);
        },
        "HostNetblockCache: mirror carries nothing, skipped: 10.0.0.0/8 of mirror 4711",
    ),
    (
        |world| {
            let entry = StringStringMap::new("198.18.7.0/24", "Canada");
            world.list.netblock_country_cache.push(entry);
        },
        "NetblockCountryCache: not a country code, skipped: 198.18.7.0/24 in Canada",
    ),
    // Directories, files and repositories.
    (
        |world| world.directory("pub/li\nne", "line", &[1]),
        "MirrorListCache: directory name holds a control character, skipped: pub/li\\nne",
    ),
    (
        |world| world.list.mirror_list_cache[1].by_host_id[0].value.push(4_711),
        "MirrorListCache: URL id that HCUrlCache does not have, skipped: 4711",
    ),
    (
        |world| world.file("pub/lost", "repomd.xml", &[details(1, 'a')]),
        "FileDetailsCache: directory that no mirror carries, skipped: pub/lost",
    ),
    (
        |world| {
            world.list.file_details_cache.push(FileDetailsCacheDirectoryType {
                directory: "pub/test/9/images".into(),
                ..Default::default()
            });
        },
        "FileDetailsCache: directory occurs twice, files joined: pub/test/9/images",
    ),
    (
        |world| {
            let file = &mut world.list.file_details_cache[0].file_details_cache_files[0];
            file.file_details[0].sha1 = Some("cafe".into());
        },
        "FileDetailsCache: checksum of a wrong form, left out: cafe",
    ),
    (
        |world| world.list.disabled_repository_cache.push(StringBoolMap::new("main-9", true)),
        "DisabledRepositoryCache: name occurs twice, first kept: main-9",
    ),
    (
        |world| {
            let redirects = &mut world.list.repository_redirect_cache;
            redirects.push(StringStringMap::new("x", ""));
        },
        "RepositoryRedirectCache: redirect to no usable name, skipped: x to ",
    ),
    (
        |world| {
            let redirects = &mut world.list.repository_redirect_cache;
            redirects.push(StringStringMap::new("plain-9", "main-9"));
        },
        "RepositoryRedirectCache: redirect of a repository that exists, which no request finds now: \
         plain-9 to main-9",
    ),
    (
        |world| world.repository("main-9", "pub/test/9/x86_64"),
        "RepoArchToDirectoryName: repository without an architecture, skipped: main-9 in \
         pub/test/9/x86_64",
    ),
    (
        |world| world.repository("main-source-9+x86_64", "pub/test/9/source"),
        "RepoArchToDirectoryName: repository of sources for another architecture, no request finds \
         it: main-source-9+x86_64 in pub/test/9/source",
    ),
    (
        |world| world.repository("a\tb+x86_64", "pub/test"),
        "RepoArchToDirectoryName: name holds a control character, skipped: a\\tb+x86_64",
    ),
];

/// Whether a line tells this fault, in whatever file the program says that it is.
fn tells(line: &str, fault: &str) -> bool {
    line.split(" (and ").next().is_some_and(|line| line.ends_with(fault))
}

#[test]
fn each_fault_alone_is_told_with_its_place_and_value() {
    for (change, fault) in FAULTS {
        let mut world = World::standard();
        change(&mut world);
        let lines = world.serve().report.details();
        assert!(lines.iter().any(|line| tells(line, fault)), "{fault:?} is not in {lines:#?}");
    }
}

#[test]
fn check_compile_start_and_reload_find_the_same() {
    let mut world = World::standard();
    FAULTS.iter().for_each(|(change, _)| change(&mut world));
    let store = Store::new();
    world.write(store.folder.path(), &world.list.encode_to_vec());
    let inputs = store.inputs();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let expected = world.serve().report.lines();
    // The problem without file, place and value: in one set, the records move each other's lines.
    let problem = |fault: &'static str| fault.split(": ").nth(1).unwrap();
    for (_, fault) in FAULTS {
        let told = expected.iter().any(|line| line.contains(problem(fault)));
        assert!(told, "{fault:?} is lost among the others: {expected:#?}");
    }

    let quiet = ["--port", "0", "-l", "none", "--json"];
    let output = run(&[&["check"], &inputs[..], &quiet].concat());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["data"]["diagnostic_lines"], Value::from(expected.clone()), "check");
    assert_eq!(json["data"]["diagnostics"], expected.len());

    let snapshot = store.text("faulty.snapshot");
    let output = run(&[&["compile", "-o", &snapshot], &inputs[..]].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().collect::<Vec<_>>(), expected, "compile: {stderr}");

    let watched = Watched::start_in(store.folder, &[&inputs[..], &["-l", "none"]].concat());
    let logged = |n_loads: usize, last: &str| {
        // The log has a thread of its own: its lines come in order, and later than what they tell of.
        wait_until("the load is told", || watched.server.stderr().contains(last));
        let stderr = watched.server.stderr();
        for line in &expected {
            let found = stderr.lines().filter(|logged| logged.ends_with(line)).count();
            assert_eq!(found, n_loads, "{line:?} is not in the log {n_loads} times: {stderr}");
        }
        let of_data = |line: &&str| {
            let (_, rest) = line.split_once("Z ").unwrap_or(("", line));
            ["cache.proto:", "netblocks.txt:", "continents.csv:", "country.mmdb:"]
                .iter()
                .any(|file| rest.contains(&format!(" {file}")))
        };
        let n_lines = stderr.lines().filter(of_data).count();
        assert_eq!(n_lines, n_loads * expected.len(), "{stderr}");
        let (_, metrics) = watched.get("/metrics");
        let metric = format!("\nmirrorlistd_data_diagnostics {}\n", expected.len());
        assert!(metrics.contains(&metric), "{metrics}");
    };
    logged(1, " loaded generation ");
    watched.server.signal(Signal::HUP);
    logged(2, " reloaded generation ");
}

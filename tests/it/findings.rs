//! What checks have found out of mirrors, in answers.

use answer::Options;
use answer::policy::Policy;
use checks::findings::{MirrorFindings, Standing, UrlFindings};
use model::families::{Families, IpVersion, Reach};
use model::host_set::members;
use model::mirror_key::MirrorKey;
use proptest::prelude::*;
use proptest::sample::select;
use sources::Inputs;

use crate::fixture::{Public, Server, World, cause, details};
use crate::nearest_twin::globe::{DIRECTORY, Globe, Mirror, client, host_of};
use crate::server::command;

const REPOSITORY: &str = "/mirrorlist?repo=main-9&arch=x86_64";
const METALINK: &str = "/metalink?repo=main-9&arch=x86_64";

/// The standard world, in which checks have found this, by the numbers of mirrors.
fn world(found: impl IntoIterator<Item = (i64, MirrorFindings)>) -> World {
    let mut world = World::standard();
    world.findings.mirrors =
        found.into_iter().map(|(number, found)| (number.to_string(), found)).collect();
    world
}

fn hidden() -> MirrorFindings {
    MirrorFindings { hidden: Some(cause("down")), ..MirrorFindings::default() }
}

fn in_directories<const N: usize>(directories: [(&str, Standing); N]) -> MirrorFindings {
    let directories = directories.map(|(name, standing)| (name.to_owned(), standing)).into();
    MirrorFindings { directories, ..MirrorFindings::default() }
}

fn behind() -> MirrorFindings {
    in_directories([("", Standing::Behind(cause("old")))])
}

fn out_of(directory: &str) -> MirrorFindings {
    in_directories([(directory, Standing::Hidden(cause("gone")))])
}

fn without_urls(urls: &[&str]) -> MirrorFindings {
    let out = UrlFindings { hidden: Some(cause("down")), ..UrlFindings::default() };
    let urls = urls.iter().map(|&url| (url.to_owned(), out.clone())).collect();
    MirrorFindings { urls, ..MirrorFindings::default() }
}

/// The mirrors of an answer by their names.
fn names(server: &Server, request: &str) -> String {
    server.get(request).mirrors().join(" ")
}

#[track_caller]
fn check(found: impl IntoIterator<Item = (i64, MirrorFindings)>, request: &str, expected: &str) {
    let server = world(found).serve();
    assert_eq!(names(&server, request), expected, "{:#?}", server.report.lines());
}

const GERMANS: &str = "/mirrorlist?repo=main-9&arch=x86_64&country=de,fr,es";

#[test]
fn a_mirror_that_is_down_is_not_listed() {
    let request = format!("{REPOSITORY}&country=fr");
    check([], &request, "isp");
    // As if it was not there: its neighbours on the continent are listed.
    let server = world([(3, hidden()), (4, hidden())]).serve();
    assert_eq!(names(&server, &request), "berlin");
    assert!(server.report.lines().iter().all(|line| !line.contains("findings")));
}

#[test]
fn a_url_that_does_not_work_is_not_listed() {
    let request = format!("{METALINK}&country=de");
    let urls = |found| {
        let answer = world([(1, found)]).serve().get(&request);
        let urls = answer.urls();
        urls.iter().map(|url| url.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(urls(MirrorFindings::default()), ["https", "http", "rsync"]);
    // Findings may be written in another form than the canonical one.
    assert_eq!(urls(without_urls(&["HTTPS://Berlin.example:443/test/"])), ["http", "rsync"]);
    assert_eq!(urls(without_urls(&["rsync://berlin.example/test"])), ["https", "http"]);
    let all = ["https", "http", "rsync"].map(|scheme| format!("{scheme}://berlin.example/test"));
    // The mirror is left out, so those on the continent are listed.
    let without = without_urls(&all.each_ref().map(|url| &**url));
    let listed = names(&world([(1, without)]).serve(), &request);
    assert!(!listed.is_empty() && !listed.contains("berlin"), "{listed}");
}

#[test]
fn the_narrowest_directory_counts() {
    let request = |path: &str| format!("/mirrorlist?path={path}&country=fr,es");
    let found = in_directories([
        ("pub/test", Standing::Hidden(cause("gone"))),
        // Odd slashes are no other directory.
        ("/pub/test/9//x86_64/", Standing::Current),
        ("pub/test/9/x86", Standing::Hidden(cause("none is named so"))),
        ("pub/test/9/source", Standing::Current),
        ("pub/test/9/source/repodata", Standing::Hidden(cause("gone"))),
    ]);
    let server = world([(3, found)]).serve();
    for (path, expected) in [
        ("pub/test", "madrid"),
        ("pub/test/9/plain", "madrid"),
        ("pub/test/9/x86_64", "isp madrid"),
        ("pub/test/9/x86_64/repodata", "isp madrid"),
        ("pub/test/9/source", "isp madrid"),
        ("pub/test/9/source/repodata", "madrid"),
    ] {
        let found = names(&server, &request(path));
        let mut found: Vec<_> = found.split(' ').collect();
        found.sort_unstable();
        assert_eq!(found.join(" "), expected, "{path}");
    }
    let lines = server.report.lines();
    let expected = "findings.json: directories: directory that the catalog does not have, skipped: \
                    pub/test/9/x86 of mirror 3";
    assert!(lines.iter().any(|line| line == expected), "{lines:#?}");
}

#[test]
fn a_mirror_that_is_behind_is_listed_after_all_others() {
    // Of the client's network, its system, its country: whatever the tier.
    for (number, name, client) in
        [(2, "campus", "192.0.2.130"), (3, "isp", "198.51.100.1"), (1, "berlin", "192.0.2.1")]
    {
        let request = format!("{REPOSITORY} from {client}");
        let before = names(&world([]).serve(), &request);
        assert!(before.starts_with(name), "{before}");
        let after = names(&world([(number, behind())]).serve(), &request);
        assert!(after.ends_with(name), "{after}");
        assert_eq!(before.split(' ').count(), after.split(' ').count());
    }
    // Those that are behind are in the order of tiers as well.
    let found = [1, 2, 3, 4].map(|number| (number, behind()));
    let request = format!("{REPOSITORY} from 192.0.2.130");
    let listed = names(&world(found).serve(), &request);
    // The network, the system, the country, the continent.
    assert_eq!(listed, "newyork campus isp berlin madrid");
}

#[test]
fn mirrors_that_are_behind_keep_no_current_one_out() {
    // Germany, France and Spain have enough, but all of them are old.
    let found = [1, 3, 4].map(|number| (number, behind()));
    let mut world = world(found);
    world.options.minimum = 2;
    let request = format!("{REPOSITORY} from 192.0.2.1");
    let listed = names(&world.serve(), &request);
    assert!(listed.starts_with("newyork berlin"), "{listed}");
    world.options.shaping.max_mirrors = Some(1);
    assert_eq!(names(&world.serve(), &request), "newyork");
    // Who asks for these countries gets them all the same.
    let listed = names(&world.serve(), &format!("{REPOSITORY}&country=de"));
    assert_eq!(listed, "berlin");
}

#[test]
fn a_slow_mirror_has_half_of_its_weight() {
    let found = MirrorFindings { is_slow: true, ..MirrorFindings::default() };
    let server = world([(1, found.clone()), (8, found)]).serve();
    let hosts = server.snapshot().hosts();
    let bandwidths = (0..)
        .map(model::ids::HostId)
        .map_while(|host| hosts.key(host).map(|key| (key.to_string(), hosts.bandwidth(host))));
    let bandwidths: Vec<_> = bandwidths.collect();
    for (key, expected) in [("1", 500), ("2", 100), ("8", 5)] {
        assert!(bandwidths.contains(&(key.to_owned(), expected)), "{bandwidths:?}");
    }
    let mut world = World::standard();
    world.list.host_bandwidth_cache.iter_mut().for_each(|entry| entry.value = 1);
    world.findings =
        self::world([(1, MirrorFindings { is_slow: true, ..Default::default() })]).findings;
    assert_eq!(world.serve().snapshot().hosts().bandwidth(model::ids::HostId(0)), 1);
}

#[test]
fn versions_of_ip_are_known_where_they_were_tested() {
    let tested = |v4, v6| UrlFindings { hidden: None, families: Families { v4, v6 } };
    let found = |families| MirrorFindings {
        urls: [("https://newyork.example/test".to_owned(), families)].into(),
        ..MirrorFindings::default()
    };
    let mut world = world([(5, found(tested(Reach::Unknown, Reach::Fails)))]);
    let families = |world: &World| {
        let server = world.serve();
        let snapshot = server.snapshot();
        let all = snapshot.layouts().iter().flat_map(|layout| layout.slots().iter().flatten());
        let mut urls = all.flat_map(|slot| snapshot.urls(*slot));
        let (index, _) = urls.find(|(_, url)| url.contains("newyork")).unwrap();
        snapshot.url_families(index)
    };
    assert_eq!(families(&world), Families { v4: Reach::Unknown, v6: Reach::Fails });
    // What was not tested is as the catalog says.
    world.findings = self::world([(5, found(tested(Reach::Fails, Reach::Unknown)))]).findings;
    assert_eq!(families(&world), Families { v4: Reach::Fails, v6: Reach::Unknown });
    let listed = names(&world.serve(), &format!("{METALINK}&country=us&ip_version=4"));
    assert!(!listed.contains("newyork"), "{listed}");
}

#[test]
fn a_list_is_never_emptied() {
    let everybody = || (1..=8).map(|number| (number, hidden()));
    let server = world(everybody()).serve();
    let expected = names(&world([]).serve(), GERMANS);
    let sorted = |names: &str| {
        let mut names: Vec<_> = names.split(' ').map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(sorted(&names(&server, GERMANS)), sorted(&expected));
    let lines = server.report.lines();
    let expected = "findings.json: directories: directory that findings would empty, mirrors that they leave \
                    out are listed last: pub/test (and 10 more like it)";
    assert!(lines.iter().any(|line| line == expected), "{lines:#?}");

    // A private mirror, one of rsync alone and one that serves some countries are no list for everybody.
    let but = |kept: &[i64]| {
        let found: Vec<_> = everybody().filter(|(number, _)| !kept.contains(number)).collect();
        let lines = world(found).serve().report.lines();
        lines.iter().any(|line| line.contains("would empty"))
    };
    assert!(but(&[2, 6, 7, 8]) && !but(&[4]) && !but(&[5]));
}

#[test]
fn what_comes_back_is_last_and_what_is_paused_does_not() {
    // Tokyo is current, and serves Japan alone.
    let paused = MirrorFindings { is_decided: true, ..hidden() };
    let found = [(1, paused.clone()), (3, hidden()), (4, out_of("pub/test")), (5, hidden())];
    let server = world(found).serve();
    let listed = names(&server, GERMANS);
    assert!(listed == "isp madrid" || listed == "madrid isp", "{listed}");
    let listed = names(&server, &format!("{REPOSITORY}&country=jp,us,de,es"));
    assert!(!listed.contains("berlin"), "{listed}");
    // Not even the last one.
    let server = world((1..=8).map(|number| (number, paused.clone()))).serve();
    assert_eq!(names(&server, GERMANS), "");
}

#[test]
fn where_all_are_behind_lists_are_no_longer_than_where_none_is() {
    let listed = |found: Vec<(i64, MirrorFindings)>| {
        let mut world = world(found);
        world.options.minimum = 2;
        world.serve().get_seeded(&format!("{REPOSITORY} from 192.0.2.1"), 3).body
    };
    let all = (1..=8).map(|number| (number, behind())).collect();
    assert_eq!(listed(all), listed(Vec::new()));
}

#[test]
fn a_directory_that_keeps_its_mirrors_keeps_their_urls_as_well() {
    // The images lose all of theirs, the others do not.
    let https = [
        "https://berlin.example/test",
        "https://madrid.example/test",
        "https://newyork.example/test",
    ];
    let found = |number: i64| {
        let mut found = without_urls(&https);
        if [1, 3, 4, 5, 6, 8].contains(&number) {
            found.directories = out_of("pub/test/9/images").directories;
        }
        (number, found)
    };
    let server = world((1..=8).map(found)).serve();
    let urls = |path: &str| {
        let answer = server.get(&format!("/mirrorlist?path={path}&country=es&protocol=https,http"));
        answer.urls().iter().map(|url| (*url).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(urls("pub/test/9/plain"), ["http://madrid.example/test/9/plain/"]);
    assert_eq!(
        urls("pub/test/9/images"),
        ["https://madrid.example/test/9/images/", "http://madrid.example/test/9/images/"]
    );
}

#[test]
fn findings_about_what_is_not_there_are_reported() {
    let mut world = world([(
        1,
        without_urls(&["https://berlin.example/other", "no url", "https://campus.example/test"]),
    )]);
    for key in ["99", "berlin", "x\ny"] {
        world.findings.mirrors.insert(key.into(), hidden());
    }
    let server = world.serve();
    let lines = server.report.lines();
    for expected in [
        "findings.json: mirrors: mirror that the catalog does not have, skipped: 99 (and 2 more like it)",
        "findings.json: urls: base URL that the mirror does not have, skipped: \
         https://berlin.example/other of mirror 1 (and 2 more like it)",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{lines:#?}");
    }
    assert_eq!(names(&server, &format!("{REPOSITORY}&country=de")), "berlin");
}

/// The primary has a version that no mirror has yet.
#[test]
fn a_new_version_reaches_metalinks_before_any_mirror_has_it() {
    let request = |client: &str| format!("{METALINK} from {client}");
    let clients =
        ["192.0.2.1", "192.0.2.130", "198.51.100.1", "203.0.113.1", "198.18.0.1", "233.252.0.1"];
    let all =
        |found: fn() -> MirrorFindings| world((1..=8).map(|number| (number, found()))).serve();
    let (checked, unchecked) = (all(behind), world([]).serve());
    for client in clients {
        let [new, old] =
            [&checked, &unchecked].map(|server| server.get_seeded(&request(client), 3));
        assert!(!new.urls().is_empty());
        // All of them are equal again: the list is what it would be without checks.
        assert_eq!(new.body, old.body);
        let (current, alternate) = ("3".repeat(64), "2".repeat(64));
        let place = |hash: &str| new.body.find(hash).unwrap();
        assert!(place(&current) < new.body.find("<mm0:alternates>").unwrap());
        assert!(place(&alternate) > new.body.find("<mm0:alternates>").unwrap());
    }
    // Even if somebody took old content for unknown content.
    let emptied = all(|| out_of("pub"));
    for client in clients {
        assert_eq!(
            emptied.get_seeded(&request(client), 3).body,
            unchecked.get_seeded(&request(client), 3).body
        );
    }
}

fn mirrors() -> impl Strategy<Value = Vec<Mirror>> {
    let country = select(vec!["DE", "DE", "FR", "JP", ""]);
    let reach = || select(vec![Reach::Unknown, Reach::Works, Reach::Fails]);
    let mirror = (country, 1..50_i64, any::<bool>(), 1..=100_u8, reach(), any::<bool>()).prop_map(
        |(country, bandwidth, is_behind, max_share, v6, is_limited)| Mirror {
            is_behind,
            max_share: if is_limited { max_share } else { 100 },
            families: Families { v4: Reach::Unknown, v6 },
            ..Mirror::of(country, bandwidth)
        },
    );
    prop::collection::vec(mirror, 1..9)
}

fn globe(mirrors: Vec<Mirror>) -> Globe {
    Globe {
        mirrors,
        centres: vec![("DE", (51, 10)), ("FR", (48, 15)), ("JP", (36, 138))],
        areas: vec![("DE", None), ("FR", None)],
        netblocks: vec![(0, vec![0])],
        ..Globe::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// What is behind changes the order of a list alone, where all mirrors are listed.
    #[test]
    fn lists_are_those_of_nobody_behind_but_that_these_are_last(
        mirrors in mirrors(),
        is_nearest: bool,
        network in 0..3_u8,
        seed: u64,
    ) {
        let mut mirrors = mirrors;
        mirrors.iter_mut().for_each(|mirror| mirror.max_share = 100);
        let is_behind: Vec<bool> = mirrors.iter().map(|mirror| mirror.is_behind).collect();
        let mut others = mirrors.clone();
        others.iter_mut().for_each(|mirror| mirror.is_behind = false);
        let listed = |mirrors: Vec<Mirror>| {
            let mut server = globe(mirrors).serve(Options { minimum: 99, ..Options::default() });
            server.options.policy = if is_nearest { Policy::Nearest } else { Policy::Tiers };
            let request = format!("/mirrorlist?path={DIRECTORY} from {}", client(network, false));
            let answer = server.get_seeded(&request, seed);
            answer.urls().iter().map(|url| host_of(url)).collect::<Vec<_>>()
        };
        let mut expected = listed(others);
        expected.sort_by_key(|&mirror| is_behind[mirror]);
        prop_assert_eq!(listed(mirrors), expected);
    }

    /// Whatever the rules of an answer are, a mirror that is behind is never before one that is not; but one
    /// of the first may be the only one that is known to work over IPv6.
    #[test]
    fn no_mirror_that_is_behind_is_before_a_current_one(
        mirrors in mirrors(),
        is_nearest: bool,
        spread: bool,
        max in prop::option::of(1..6_usize),
        minimum in 1..6_usize,
        network in 0..3_u8,
        (is_v6, families) in any::<(bool, bool)>(),
        seed: u64,
    ) {
        let mut server = globe(mirrors.clone()).serve(Options { minimum, families, ..Options::default() });
        server.options.policy = if is_nearest { Policy::Nearest } else { Policy::Tiers };
        server.options.shaping.max_mirrors = max;
        server.options.shaping.spread = spread;
        let request = format!("/mirrorlist?path={DIRECTORY} from {}", client(network, is_v6));
        let answer = server.get_seeded(&request, seed);
        let mut listed: Vec<usize> = answer.urls().iter().map(|url| host_of(url)).collect();
        let works = |mirror: usize| mirrors[mirror].families.over(IpVersion::V6) == Reach::Works;
        let mut current = listed.iter().filter(|&&mirror| !mirrors[mirror].is_behind);
        if families && is_v6 && !current.any(|&mirror| works(mirror)) {
            let first = listed.iter().position(|&mirror| works(mirror));
            if let Some(first) = first.filter(|&first| first < 4) {
                listed.remove(first);
            }
        }
        let is_sorted = listed.iter().is_sorted_by_key(|&mirror| mirrors[mirror].is_behind);
        prop_assert!(is_sorted, "{:?} of {:?}", listed, mirrors);
        prop_assert!(!answer.urls().is_empty());
    }
}

#[test]
fn findings_are_read_by_compile_and_their_faults_are_told_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::standard();
    let list = testdata::Message::encode_to_vec(&world.list);
    let files = world.write(folder.path(), &list);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let findings = path("f.json");
    let run = || {
        let (cache, networks) = (files.cache.display(), files.global_netblocks.display());
        let (continents, countries) = (files.country_continent.display(), files.geoip.display());
        let line = format!(
            "compile -c {cache} -g {networks} --cccsv {continents} --geoip {countries} \
             --findings {findings} -o {}",
            path("out.snapshot")
        );
        let words: Vec<&str> = line.split(' ').collect();
        let output = command(&words).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let missing = format!("{findings}: No such file or directory (os error 2)");
    let (code, error) = run();
    assert!(code == Some(1) && error.contains(&missing) && error.lines().count() == 1, "{error}");

    std::fs::write(&findings, "{\"format\":1,\n\"made\":\"today\"}").unwrap();
    let (code, error) = run();
    let expected = format!("{findings}:2: invalid type: string \"today\", expected u64");
    assert!(code == Some(1) && error.contains(&expected) && error.lines().count() == 1, "{error}");

    let found = self::world([(3, hidden()), (12, hidden())]).findings;
    std::fs::write(&findings, found.to_json()).unwrap();
    let (code, error) = run();
    let expected = "f.json: mirrors: mirror that the catalog does not have, skipped: 12";
    assert!(code == Some(0) && error.contains(expected), "{error}");
    let snapshot = snapshot::format::read(std::path::Path::new(&path("out.snapshot"))).unwrap();
    let directory = snapshot.find_directory("pub/test").and_then(|id| snapshot.directory(id));
    let keys = members(directory.unwrap().carriers).map(|host| snapshot.hosts().key(host).cloned());
    assert!(!keys.flatten().any(|key| key == MirrorKey::Number(3)));

    // They are watched as other inputs are.
    let files = sources::MirrorManagerFiles { findings: Some(findings.clone().into()), ..files };
    let inputs = Inputs::MirrorManager(files);
    let before = inputs.revision();
    std::fs::write(&findings, "{}").unwrap();
    assert_eq!(before.find_changed(&inputs.revision()), Some(findings));
}

#[test]
fn a_url_that_two_mirrors_have_is_taken_from_one_of_them_alone() {
    let mut world = World::standard();
    world.mirror(9, "BR", 10, Public, &["https"], "berlin");
    world.directory("pub/shared", "shared", &[1, 9]);
    world.file("pub/shared", "f", &[details(1, '1')]);
    world.findings = self::world([(1, without_urls(&["https://berlin.example/test"]))]).findings;
    let server = world.serve();
    let answer = server.get("/metalink?path=pub/shared/f&country=br");
    assert_eq!(answer.urls(), ["https://berlin.example/test/shared/f"]);
    let answer = server.get("/metalink?path=pub/shared/f&country=de&protocol=https,http");
    assert_eq!(answer.urls(), ["http://berlin.example/test/shared/f"]);
}

//! Requests: paths, parameters, what they lead to, and whose address decides.

use answer::Format;
use answer::requester::Requesters;

use crate::fixture::{NOWHERE, World, check, check_golden, check_in, check_mirrors};

const US_LIST: &str = "200\n# repo = main-9 arch = x86_64 country = US \n\
                       https://newyork.example/test/9/x86_64/\n";

fn get(request: &str) -> crate::fixture::Answer {
    World::standard().serve().get(request)
}

#[test]
fn the_end_of_the_path_decides_the_format_whatever_stands_before() {
    for (path, format) in [
        ("/mirrorlist", Some(Format::Mirrorlist)),
        ("/metalink", Some(Format::Metalink)),
        ("/any/prefix//mirrorlist", Some(Format::Mirrorlist)),
        ("/metalink/mirrorlist", Some(Format::Mirrorlist)),
        ("/mirrorlist/", None),
        ("/mirrorlists", None),
        ("/Metalink", None),
        ("/xmirrorlist", None),
        ("mirrorlist", None),
        ("/", None),
        ("", None),
    ] {
        assert_eq!(Format::of_path(path), format, "{path}");
    }
}

#[test]
fn of_equal_parameters_the_last_counts() {
    check("/mirrorlist?repo=x&country=de&repo=main-9&arch=y&country=us&arch=x86_64", US_LIST);
}

#[test]
fn parameters_come_in_any_order_and_unknown_ones_are_tolerated() {
    check(
        "/mirrorlist?countme=3&country=us&arch=x86_64&infra=stock&content=centos&repo=main-9\
         &release=9&%ff=%ff&&=&x",
        US_LIST,
    );
}

#[test]
fn a_plus_sign_stays_one() {
    check(
        "/mirrorlist?path=pub/test/9/c++%20notes&country=US",
        "200\n# path = pub/test/9/c++ notes country = US \n\
         https://newyork.example/test/9/c++%20notes/\n",
    );
}

#[test]
fn without_path_or_repo_and_arch_the_answer_is_a_hint() {
    let hint = "200\n# either path=, or repo= and arch= must be specified";
    for query in ["", "?", "?repo=main-9", "?arch=x86_64", "?country=de", "?repos=a&arch=b"] {
        check(&format!("/mirrorlist{query}"), hint);
    }
    check_golden("error_nothing_asked.txt", &get("/mirrorlist"));
}

#[test]
fn path_beats_repo() {
    check(
        "/mirrorlist?repo=main-9&arch=x86_64&path=pub/test&country=us",
        "200\n# path = pub/test country = US \nhttps://newyork.example/test/\n",
    );
    let answer = get("/mirrorlist?repo=main-9&arch=x86_64&path=nowhere");
    assert_eq!(answer.text(), "404\nerror: invalid path");
}

#[test]
fn slashes_of_a_path_are_trimmed_and_collapsed() {
    check(
        "/mirrorlist?path=///pub//test///9/x86_64//&country=us",
        "200\n# path = pub/test/9/x86_64 country = US \nhttps://newyork.example/test/9/x86_64/\n",
    );
}

#[test]
fn the_last_element_of_a_path_may_be_any_file_of_a_known_directory() {
    check(
        "/mirrorlist?path=pub/test/9/x86_64/no-such-file&country=us",
        "200\n# path = pub/test/9/x86_64/no-such-file country = US \n\
         https://newyork.example/test/9/x86_64/no-such-file\n",
    );
}

#[test]
fn an_unknown_path_is_not_found() {
    for path in ["pub/nothing/here", "pub/test/9/nothing/file", "x", "", "/", "pub/tes"] {
        let answer = get(&format!("/mirrorlist?path={path}"));
        assert_eq!(answer.text(), "404\nerror: invalid path", "{path}");
        assert_eq!(answer.content_type, "text/plain");
    }
    check_golden("error_invalid_path.txt", &get("/mirrorlist?path=pub/nothing/here"));
}

#[test]
fn a_repository_with_source_in_its_name_has_the_arch_source_only() {
    for arch in ["x86_64", "source", "", "noarch"] {
        check(
            &format!("/mirrorlist?repo=main-source-9&arch={arch}&country=us"),
            "200\n# repo = main-source-9 arch = source country = US \n\
             https://newyork.example/test/9/source/\n",
        );
    }
    let answer = get("/mirrorlist?repo=main-9&arch=source");
    assert_eq!(answer.status, 404);
}

#[test]
fn a_redirected_repository_is_answered_under_its_new_name() {
    check("/mirrorlist?repo=latest&arch=x86_64&country=us", US_LIST);
}

#[test]
fn the_arch_is_forced_by_the_name_asked_for_not_by_the_new_one() {
    let mut world = World::standard();
    let redirects = &mut world.list.repository_redirect_cache;
    redirects.push(testdata::mirrormanager::StringStringMap::new("old", "main-source-9"));
    let answer = world.serve().get("/mirrorlist?repo=old&arch=x86_64");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header(), "# repo = main-source-9 arch = x86_64 error: invalid repo or arch");
}

#[test]
fn a_redirect_is_followed_to_its_end() {
    let mut world = World::standard();
    let redirects = &mut world.list.repository_redirect_cache;
    redirects.push(testdata::mirrormanager::StringStringMap::new("older", "latest"));
    redirects.push(testdata::mirrormanager::StringStringMap::new("self", "self"));
    let server = world.serve();
    let answer = server.get("/mirrorlist?repo=older&arch=x86_64&country=us");
    assert_eq!(answer.text(), US_LIST);
    assert_eq!(server.get("/mirrorlist?repo=self&arch=x86_64").status, 404);
}

#[test]
fn a_disabled_repository_is_an_answer_without_mirrors() {
    check("/mirrorlist?repo=old-8&arch=x86_64", "200\nrepo disabled");
    // Whatever the architecture, and even where the repository is otherwise unknown.
    check("/mirrorlist?repo=old-8&arch=sparc", "200\nrepo disabled");
    check_golden("error_repo_disabled.txt", &get("/mirrorlist?repo=old-8&arch=x86_64"));
}

#[test]
fn the_redirect_is_applied_before_disabled_repositories_are_looked_up() {
    let mut world = World::standard();
    let redirects = &mut world.list.repository_redirect_cache;
    redirects.push(testdata::mirrormanager::StringStringMap::new("ancient", "old-8"));
    redirects.push(testdata::mirrormanager::StringStringMap::new("old-8", "main-9"));
    check_in(&world, "/mirrorlist?repo=old-8&arch=x86_64&country=us", US_LIST);
    // What leads there leads on.
    check_in(&world, "/mirrorlist?repo=ancient&arch=x86_64&country=us", US_LIST);
    world.list.repository_redirect_cache.pop();
    check_in(&world, "/mirrorlist?repo=ancient&arch=x86_64", "200\nrepo disabled");
}

#[test]
fn a_directory_of_a_disabled_repository_is_still_found_by_path() {
    assert_eq!(get("/mirrorlist?path=pub/test/8/x86_64").status, 200);
}

#[test]
fn an_unknown_repository_lists_those_there_are() {
    let answer = get("/mirrorlist?repo=main-9&arch=sparc");
    assert_eq!((answer.status, &*answer.content_type), (404, "text/plain"));
    check_golden("error_unknown_repository.txt", &answer);
}

#[test]
fn a_repository_whose_directory_nobody_carries_says_so() {
    let answer = get("/mirrorlist?repo=gone-7&arch=x86_64");
    assert_eq!(answer.status, 404);
    check_golden("error_not_carried.txt", &answer);
}

#[test]
fn ip_beats_the_address_of_the_connection() {
    let world = World::standard();
    let request = |ip: &str, from: &str| {
        world
            .serve()
            .get(&format!("/mirrorlist?repo=main-9&arch=x86_64{ip} from {from}"))
            .header()
            .to_owned()
    };
    let french = request("", "198.51.100.1");
    assert!(french.contains("Using ASN 64500 country = FR "), "{french}");
    assert_eq!(request("&ip=198.51.100.1", "192.0.2.1"), french);
    assert_eq!(request("&ip=", "198.51.100.1"), french);
}

#[test]
fn mapped_addresses_are_the_ipv4_addresses_they_hold() {
    let mut world = World::standard();
    world.options.private_for_ip = Requesters::Trusted;
    let list = "/mirrorlist?repo=main-9&arch=x86_64";
    let tiers = "campus / isp / berlin / madrid / newyork";
    for address in ["192.0.2.130", "::ffff:192.0.2.130", "::ffff:c000:282"] {
        check_mirrors(&world, &format!("{list}&ip={address} from 127.0.0.1"), tiers);
        check_mirrors(&world, &format!("{list} from {address}"), tiers);
    }
}

#[test]
fn country_codes_in_any_case_and_any_number_are_one() {
    check("/mirrorlist?repo=main-9&arch=x86_64&country=us,US,uS,Us,us", US_LIST);
    check("/mirrorlist?repo=main-9&arch=x86_64&country=,us,", US_LIST);
}

#[test]
fn netblock_zero_switches_netblocks_and_systems_off() {
    let world = World::standard();
    for (parameter, tiers) in [
        ("", "campus / isp / berlin / madrid / newyork"),
        ("&netblock=1", "campus / isp / berlin / madrid / newyork"),
        ("&netblock=0", "berlin / isp madrid / newyork"),
        ("&netblock=", "berlin / isp madrid / newyork"),
        ("&netblock", "berlin / isp madrid / newyork"),
        ("&netblock=true", "berlin / isp madrid / newyork"),
    ] {
        let request = format!("/mirrorlist?repo=main-9&arch=x86_64{parameter} from 192.0.2.130");
        check_mirrors(&world, &request, tiers);
    }
}

#[test]
fn what_names_repo_arch_and_an_address_is_logged_as_it_was_asked() {
    let log = |request: &str| get(request).log;
    assert_eq!(
        log("/mirrorlist?repo=latest&arch=x86_64 from 198.51.100.1").as_deref(),
        Some("198.51.100.1 FR latest x86_64")
    );
    assert_eq!(
        log("/metalink?repo=main-9&arch=x86_64&ip=::ffff:203.0.113.9 from 127.0.0.1").as_deref(),
        Some("203.0.113.9 JP main-9 x86_64")
    );
    let nowhere = format!("{NOWHERE} N/A main-9 x86_64");
    assert_eq!(log("/mirrorlist?repo=main-9&arch=x86_64").as_deref(), Some(&*nowhere));
    assert_eq!(
        log("/mirrorlist?path=pub/test&repo=main-9&arch=x86_64").as_deref(),
        Some(&*nowhere),
        "also where the path decides"
    );
    // A file without details is met after the address step.
    assert!(log("/metalink?repo=main-9&arch=x86_64&path=pub/test/x").is_some());
    // Whatever the answer is.
    for repo in ["old-8", "unknown", "a%20b"] {
        for path in ["mirrorlist", "metalink"] {
            let answer = get(&format!("/{path}?repo={repo}&arch=x86_64 from 198.51.100.1"));
            let repo = repo.replace("%20", " ");
            let expected = format!("198.51.100.1 FR {repo} x86_64");
            assert_eq!(answer.log.as_deref(), Some(&*expected), "{}", answer.status);
        }
    }
    for unlogged in [
        "/mirrorlist?path=pub/test",
        "/mirrorlist?repo=main-9",
        "/mirrorlist?repo=main-9&arch=x86_64&ip=nobody",
        "/mirrorlist?repo=unknown&arch=x86_64&ip=nobody",
    ] {
        assert_eq!(log(unlogged), None, "{unlogged}");
    }
}

#[test]
fn an_empty_protocol_or_country_asks_for_nothing() {
    let world = World::standard();
    for query in ["", "&country=", "&protocol=", "&country=&protocol=&ip="] {
        let request = format!("/mirrorlist?repo=main-9&arch=x86_64{query} from 192.0.2.130");
        check_mirrors(&world, &request, "campus / isp / berlin / madrid / newyork");
    }
}

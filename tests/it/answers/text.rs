//! The text answer: its first line and its URLs.

use crate::fixture::{World, check, check_golden, check_in};

/// In the campus netblock, the ISP's system, Germany and Europe: every tier has one mirror left, so
/// there is one order only.
const CAMPUS: &str = "192.0.2.130";

fn get(request: &str) -> crate::fixture::Answer {
    World::standard().serve().get(request)
}

#[test]
fn a_list_by_repository_names_every_tier_that_contributed() {
    let answer = get(&format!("/mirrorlist?repo=main-9&arch=x86_64 from {CAMPUS}"));
    assert_eq!((answer.status, &*answer.content_type), (200, "text/plain"));
    assert_eq!(answer.found.as_deref(), Some("Netblock"));
    assert_eq!(answer.location, None);
    check_golden("list_by_repository.txt", &answer);
}

#[test]
fn a_list_by_path_of_a_directory_ends_urls_with_a_slash() {
    let answer = get(&format!("/mirrorlist?path=pub/test/9/x86_64 from {CAMPUS}"));
    check_golden("list_by_path_of_a_directory.txt", &answer);
}

#[test]
fn a_list_by_path_of_a_file_ends_urls_with_the_file() {
    let answer = get(&format!("/mirrorlist?path=pub/test/9/images/disc.iso from {CAMPUS}"));
    check_golden("list_by_path_of_a_file.txt", &answer);
}

#[test]
fn time_adds_a_second_line() {
    let answer = get(&format!("/mirrorlist?repo=main-9&arch=x86_64&time from {CAMPUS}"));
    check_golden("list_with_time.txt", &answer);
    let with_value = get(&format!("/mirrorlist?repo=main-9&arch=x86_64&time=0 from {CAMPUS}"));
    assert_eq!(with_value.body, answer.body);
}

#[test]
fn protocols_are_listed_up_to_as_many_urls_per_mirror_as_were_named() {
    let answer =
        get(&format!("/mirrorlist?repo=main-9&arch=x86_64&protocol=http,https from {CAMPUS}"));
    check_golden("list_with_protocols.txt", &answer);
}

#[test]
fn time_and_protocols_go_together() {
    let request = format!("/mirrorlist?repo=main-9&arch=x86_64&protocol=rsync&time from {CAMPUS}");
    check_golden("list_with_protocol_and_time.txt", &get(&request));
}

#[test]
fn an_empty_list_says_why_on_its_first_line() {
    let answer = get("/mirrorlist?repo=main-9&arch=x86_64&protocol=gopher");
    assert_eq!(answer.status, 200);
    check_golden("list_without_mirrors.txt", &answer);
    let answer = get("/mirrorlist?repo=main-9&arch=x86_64&protocol=gopher&time");
    check_golden("list_without_mirrors_with_time.txt", &answer);
}

#[test]
fn an_empty_list_without_a_protocol_says_why_too() {
    let mut world = World::standard();
    // Only the private mirrors carry it, and the client is a stranger.
    world.directory("pub/test/secret", "secret", &[2, 7]);
    check_in(
        &world,
        "/mirrorlist?path=pub/test/secret",
        "200\n# path = pub/test/secret error: no mirror can be listed\n",
    );
}

#[test]
fn only_what_contributed_is_named() {
    check(
        "/mirrorlist?path=pub/test/9/x86_64&country=us",
        "200\n# path = pub/test/9/x86_64 country = US \n\
         https://newyork.example/test/9/x86_64/\n",
    );
}

#[test]
fn several_countries_are_named_one_after_the_other() {
    let answer = get("/mirrorlist?repo=main-9&arch=x86_64&country=fr,us,global");
    assert_eq!(
        answer.header(),
        "# repo = main-9 arch = x86_64 country = FR country = US country = global "
    );
}

#[test]
fn a_tier_is_named_even_if_better_ones_hold_its_mirrors_already() {
    // The ISP's mirror is the only French one.
    check(
        "/mirrorlist?repo=main-9&arch=x86_64&protocol=ftp from 198.51.100.1",
        "200\n# repo = main-9 arch = x86_64 Using ASN 64500 country = FR country = global \
         protocol = ftp\n\
         ftp://isp.example/test/9/x86_64/\n",
    );
}

#[test]
fn one_url_per_mirror_and_https_first_whatever_the_order_in_the_data() {
    let answer = get("/mirrorlist?repo=main-9&arch=x86_64&country=es");
    assert_eq!(answer.urls(), ["https://madrid.example/test/9/x86_64/"]);
    let answer = get("/mirrorlist?repo=main-9&arch=x86_64&country=es&protocol=http,https");
    assert_eq!(
        answer.urls(),
        ["https://madrid.example/test/9/x86_64/", "http://madrid.example/test/9/x86_64/"]
    );
}

#[test]
fn http_is_preferred_to_ftp_and_rsync_is_not_listed_unasked() {
    let answer = get("/mirrorlist?repo=main-9&arch=x86_64&country=fr");
    assert_eq!(answer.urls(), ["http://isp.example/test/9/x86_64/"]);
    let answer = get("/mirrorlist?repo=main-9&arch=x86_64&country=ca");
    assert!(!answer.body.contains("toronto"), "{}", answer.body);
    let answer = get("/mirrorlist?repo=main-9&arch=x86_64&country=ca&protocol=rsync");
    assert_eq!(answer.urls(), ["rsync://toronto.example/test/9/x86_64/"]);
}

#[test]
fn several_urls_of_the_only_asked_protocol_give_one_line() {
    let mut world = World::standard();
    world.mirror(9, "AU", 10, crate::fixture::Public, &["https", "https", "http"], "sydney");
    world.directory("pub/test/twice", "twice", &[9]);
    let second = world.list.hc_url_cache.iter_mut().find(|url| url.key == 91);
    second.unwrap().value = "https://sydney.example/second".into();
    let lines = |query: &str| {
        world.serve().get(&format!("/mirrorlist?path=pub/test/twice{query}")).urls().len()
    };
    assert_eq!(lines(""), 1);
    assert_eq!(lines("&protocol=https"), 1);
    assert_eq!(lines("&protocol=https,http"), 2);
    assert_eq!(lines("&protocol=https,http,ftp"), 3);
}

#[test]
fn a_directory_at_the_base_url_has_no_subpath() {
    check(
        "/mirrorlist?path=pub/test&country=US",
        "200\n# path = pub/test country = US \nhttps://newyork.example/test/\n",
    );
}

#[test]
fn odd_characters_of_paths_are_percent_encoded_in_urls_only() {
    check(
        "/mirrorlist?path=pub/test/9/c++%20notes/%C3%BC%25.txt&country=US",
        "200\n# path = pub/test/9/c++ notes/ü%.txt country = US \n\
         https://newyork.example/test/9/c++%20notes/%C3%BC%25.txt\n",
    );
}

#[test]
fn a_redirect_has_the_first_web_url_and_no_body() {
    let answer = get(&format!("/mirrorlist?path=pub/test/9/images/d.iso&redirect from {CAMPUS}"));
    assert_eq!(answer.status, 302);
    assert_eq!(answer.content_type, "text/plain");
    assert_eq!(answer.location.as_deref(), Some("https://campus.example/test/9/images/d.iso"));
    assert_eq!(answer.body, "");
}

#[test]
fn a_redirect_keeps_to_the_protocol_and_the_country_asked_for() {
    let location = |query: &str| {
        let answer = get(&format!("/mirrorlist?path=pub/test/9/images/d.iso&redirect=1{query}"));
        answer.location.unwrap_or(answer.body)
    };
    assert_eq!(location("&country=es"), "https://madrid.example/test/9/images/d.iso");
    assert_eq!(location("&country=es&protocol=http"), "http://madrid.example/test/9/images/d.iso");
    assert_eq!(location("&country=fr"), "http://isp.example/test/9/images/d.iso");
    assert_eq!(location("&protocol=rsync,ftp"), "error: no mirror offers this over http or https");
}

#[test]
fn a_redirect_without_a_web_url_is_not_found() {
    let answer = get("/mirrorlist?path=pub/test/9/images/d.iso&redirect&protocol=rsync");
    assert_eq!((answer.status, answer.location), (404, None));
    check_golden(
        "redirect_without_web_mirror.txt",
        &World::standard()
            .serve()
            .get("/mirrorlist?path=pub/test/9/images/d.iso&redirect&protocol=rsync"),
    );
}

#[test]
fn a_redirect_is_plain_ascii() {
    let mut world = World::standard();
    world.list.hc_url_cache[0].value = "https://berlin.example/tëst".into();
    world.directory("pub/test/9/ü", "9/ü", &[1]);
    let answer = world.serve().get("/mirrorlist?path=pub/test/9/ü/a b&redirect");
    assert_eq!(answer.location.as_deref(), Some("https://berlin.example/t%C3%ABst/9/%C3%BC/a%20b"));
}

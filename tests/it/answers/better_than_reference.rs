//! Where the reference is wrong: what is done instead.

use testdata::mirrormanager::{IntIntMap, IntRepeatedIntMap, StringStringMap};

use crate::fixture::{Public, World, check_golden, check_in, check_mirrors};

const LIST: &str = "/mirrorlist?repo=main-9&arch=x86_64";

fn get(request: &str) -> crate::fixture::Answer {
    World::standard().serve().get(request)
}

#[test]
fn the_list_of_repositories_ends_at_a_line_within_its_limit() {
    const MAX_BYTES: usize = 256 * 1_024;
    let mut world = World::standard();
    for number in 0..12_000 {
        world.repository(&format!("r\u{fc}-{number:05}+x86_64"), "pub/test");
    }
    let server = world.serve();
    let body = server.get("/mirrorlist?repo=none&arch=none").body;
    let lines: Vec<&str> = body.lines().collect();
    let (last, rest) = lines.split_last().unwrap();
    let more = format!("# and more: there are {} in all", server.snapshot().stats().repositories);
    assert_eq!(*last, more);
    assert!(rest[2..].iter().all(|line| line.starts_with("# repo=") && line.contains("&arch=")));
    let listed: usize = rest[2..].iter().map(|line| line.len() + 1).sum();
    assert!(listed <= MAX_BYTES && listed > MAX_BYTES - 40, "{listed}");
    for path in ["metalink", "metalink4"] {
        let metalink = server.get(&format!("/{path}?repo=none&arch=none"));
        assert!(metalink.body.contains(&more));
        crate::lint_law::check(&metalink);
    }
    // What fits is listed whole.
    let standard = World::standard().serve().get("/mirrorlist?repo=none&arch=none").body;
    assert!(!standard.contains("and more"), "{standard}");
}

#[test]
fn mirrors_of_zero_negative_and_missing_bandwidth_are_served() {
    let mut world = World::standard();
    world.list.host_bandwidth_cache = vec![
        IntIntMap::new(1, 0),
        IntIntMap::new(3, -7),
        IntIntMap::new(4, i64::MAX),
        IntIntMap::new(5, 1),
    ];
    check_mirrors(&world, &format!("{LIST}&country=global"), "berlin isp madrid newyork");
}

#[test]
fn a_url_with_a_control_character_is_refused_when_compiling_and_nothing_else_is() {
    let mut world = World::standard();
    world.list.hc_url_cache[0].value = "https://berlin.example/te\nst".into();
    let server = world.serve();
    assert!(
        server.report.lines().iter().any(|line| line
            == "cache.proto: HCUrlCache: URL that cannot be listed, skipped: \
                10 https://berlin.example/te\\nst holds a control character"),
        "{:?}",
        server.report.lines()
    );
    let answer = server.get(&format!("{LIST}&country=de"));
    assert_eq!(answer.urls(), ["http://berlin.example/test/9/x86_64/"]);
}

#[test]
fn markup_in_urls_and_names_is_escaped() {
    let mut world = World::standard();
    world.list.hc_url_cache[0].value = "https://berlin.example/a&b=<\">".into();
    let body = world.serve().get("/metalink?repo=main-9&arch=x86_64&country=de").body;
    assert!(body.contains(">https://berlin.example/a&amp;b=%3C%22%3E/9/x86"), "{body}");
}

#[test]
fn comments_cannot_be_closed_by_what_they_hold() {
    for request in [
        "/metalink?repo=--%3E%3Cevil%3E&arch=--",
        "/metalink?path=pub/test/9/images/--%3E%3Cevil%3E--",
        "/metalink?repo=main-9&arch=x86_64&ip=--%3E%3Cevil%3E-",
    ] {
        let body = get(request).body;
        let (_, comment) = body.split_once("<!--").unwrap();
        let (comment, rest) = comment.split_once("--").unwrap();
        assert!(comment.contains("<evil>"), "{comment}");
        assert_eq!(rest, ">\n</metalink>\n", "{body}");
    }
}

#[test]
fn values_are_decoded_once() {
    let body = get("/mirrorlist?path=pub%2Ftest%2F9%2Fimages%2Fa%252Fb&country=us").body;
    assert_eq!(
        body,
        "# path = pub/test/9/images/a%2Fb country = US \n\
         https://newyork.example/test/9/images/a%252Fb\n"
    );
}

#[test]
fn values_that_are_no_text_are_refused_with_a_reason() {
    for (query, reason) in [
        ("repo=%ff", "the value of repo= is not UTF-8"),
        ("repo=a&arch=%c3%28", "the value of arch= is not UTF-8"),
        ("path=a%0ab", "the value of path= holds a control character"),
        ("path=a%00b", "the value of path= holds a control character"),
        ("path=pub/test&ip=%0d", "the value of ip= holds a control character"),
        ("path=pub/test&country=%7f", "the value of country= holds a control character"),
        ("path=pub/test&protocol=%1b", "the value of protocol= holds a control character"),
    ] {
        let answer = get(&format!("/mirrorlist?{query}"));
        assert_eq!(answer.text(), format!("400\nerror: {reason}\n"), "{query}");
        let answer = get(&format!("/metalink?{query}"));
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(&format!("<!-- error: {reason}\n")), "{}", answer.body);
    }
}

#[test]
fn an_asked_protocol_is_never_widened() {
    // No German mirror speaks FTP, so the French one is the best.
    let world = World::standard();
    check_mirrors(&world, &format!("{LIST}&protocol=ftp from 192.0.2.1"), "isp");
    check_mirrors(&world, &format!("{LIST}&protocol=rsync from 198.51.100.1"), "berlin / toronto");
    for request in ["", "&country=us", "&country=global"] {
        let answer = get(&format!("{LIST}&protocol=https{request} from 192.0.2.1"));
        assert!(!answer.urls().is_empty());
        assert!(answer.urls().iter().all(|url| url.starts_with("https://")), "{}", answer.body);
    }
}

#[test]
fn an_asked_country_without_the_protocol_falls_back_until_it_is_found() {
    let world = World::standard();
    // Spain has no rsync, Europe has.
    let request = format!("{LIST}&country=es&protocol=rsync from 198.18.0.1");
    check_mirrors(&world, &request, "berlin");
    // Australia has no mirror and no continent to fall back to: the client's own country, then its
    // continent, then the world.
    let request = format!("{LIST}&country=au from 192.0.2.130");
    check_mirrors(&world, &request, "berlin / isp madrid / newyork");
    let request = format!("{LIST}&country=au&protocol=ftp from 198.18.0.1");
    check_mirrors(&world, &request, "isp");
}

#[test]
fn protocols_are_known_in_any_case_and_unknown_ones_match_nothing() {
    let world = World::standard();
    let request = format!("{LIST}&country=de&protocol=RSYNC,gopher");
    check_mirrors(&world, &request, "berlin");
    let answer = world.serve().get(&request);
    assert_eq!(
        answer.header(),
        "# repo = main-9 arch = x86_64 country = DE protocol = RSYNC,gopher"
    );
}

#[test]
fn no_mirror_with_the_protocol_is_an_empty_list_with_a_reason() {
    check_in(
        &World::standard(),
        &format!("{LIST}&protocol=gopher,news"),
        "200\n# repo = main-9 arch = x86_64 protocol = gopher,news error: no mirror offers this \
         protocol\n",
    );
}

#[test]
fn country_restrictions_hold_in_every_tier_but_netblock_and_system() {
    let mut world = World::standard();
    // The American mirror serves Canada only.
    world.restrict(5, &["CA"]);
    check_mirrors(&world, &format!("{LIST} from 198.18.0.1"), "berlin isp madrid");
    check_mirrors(&world, &format!("{LIST} from 198.18.0.200"), "newyork / berlin isp madrid");
    check_mirrors(&world, &format!("{LIST} from 192.0.2.1"), "berlin / isp madrid");
    check_mirrors(&world, &format!("{LIST}&country=us from 198.18.0.200"), "newyork");
    check_mirrors(&world, LIST, "berlin isp madrid");
    let netblock = testdata::mirrormanager::StringRepeatedIntMap::new("203.0.113.0/24", [5]);
    world.list.host_netblock_cache.push(netblock);
    check_mirrors(
        &world,
        &format!("{LIST} from 203.0.113.1"),
        "newyork / tokyo / berlin isp madrid",
    );
    world.list.host_netblock_cache.pop();
    world.list.host_asn_cache.push(IntRepeatedIntMap::new(64_497, [5]));
    check_mirrors(
        &world,
        &format!("{LIST} from 203.0.113.1"),
        "newyork / tokyo / berlin isp madrid",
    );
}

#[test]
fn an_asked_country_whose_mirrors_are_all_restricted_falls_back() {
    let mut world = World::standard();
    // Japan's mirror serves Japan only, and Asia has no other.
    let request = format!("{LIST}&country=jp from 192.0.2.1");
    check_mirrors(&world, &request, "berlin / isp madrid / newyork");
    world.restrict(4, &["ES"]);
    let request = format!("{LIST}&country=es from 198.18.0.1");
    check_mirrors(&world, &request, "berlin isp");
}

#[test]
fn a_system_is_named_only_if_a_mirror_of_it_contributes() {
    // System 64496 has a mirror that carries nothing.
    let mut world = World::standard();
    world.list.host_asn_cache.push(IntRepeatedIntMap::new(64_496, [99]));
    let header = world.serve().get(&format!("{LIST} from 192.0.2.1")).header().to_owned();
    assert!(!header.contains("ASN"), "{header}");
    // The ISP offers no https.
    let header = get(&format!("{LIST}&protocol=https from 198.51.100.1")).header().to_owned();
    assert!(!header.contains("ASN") && !header.contains("FR"), "{header}");
}

#[test]
fn one_bad_key_does_not_end_the_search_for_a_country() {
    let mut world = World::standard();
    world.list.netblock_country_cache = vec![
        StringStringMap::new("not a prefix", "ES"),
        StringStringMap::new("198.18.0.0/15", "JP"),
        StringStringMap::new("198.18.0.0/33", "ES"),
        StringStringMap::new("198.18.0.0/24", "FR"),
    ];
    let answer = world.serve().get(&format!("{LIST} from 198.18.0.1"));
    assert_eq!(answer.log.as_deref(), Some("198.18.0.1 FR main-9 x86_64"));
}

#[test]
fn countries_protocols_and_parameters_are_limited_with_a_reason() {
    let many =
        |n: usize| (0..n).map(|i| format!("A{}", (b'A' + i as u8) as char)).collect::<Vec<_>>();
    for (query, expected) in [
        (format!("&country={}", many(16).join(",")), 200),
        (format!("&country={}", many(17).join(",")), 400),
        (format!("&country={}", ["global"; 64].join(",")), 200),
        (format!("&protocol={}", many(16).join(",")), 200),
        (format!("&protocol={}", many(17).join(",")), 400),
        ("&a=b".repeat(30), 200),
        ("&a=b".repeat(31), 400),
    ] {
        assert_eq!(get(&format!("{LIST}{query}")).status, expected, "{query}");
    }
    let refused = get(&format!("{LIST}&country={}", many(17).join(",")));
    check_golden("error_too_many_countries.txt", &refused);
}

#[test]
fn an_ip_that_is_no_address_is_refused_with_a_reason() {
    for ip in ["nobody", "192.0.2.256", "192.0.2.1/24", "[2001:db8::1]", "1", "fe80::1%25eth0"] {
        let answer = get(&format!("{LIST}&ip={ip}"));
        let decoded = ip.replace("%25", "%");
        assert_eq!(answer.text(), format!("400\nerror: ip={decoded} is no address\n"));
    }
    check_golden("error_bad_address.txt", &get(&format!("{LIST}&ip=nobody")));
}

#[test]
fn of_duplicate_keys_the_first_counts_whatever_follows() {
    let mut world = World::standard();
    let list = &mut world.list;
    list.repo_arch_to_directory_name.push(StringStringMap::new("main-9+x86_64", "pub/test"));
    list.repository_redirect_cache.push(StringStringMap::new("latest", "old-8"));
    list.hc_url_cache.push(testdata::mirrormanager::IntStringMap::new(50, "https://other.example"));
    list.host_country_cache.push(testdata::mirrormanager::IntStringMap::new(5, "JP"));
    let mut again = list.mirror_list_cache[1].clone();
    again.by_host_id.clear();
    list.mirror_list_cache.push(again);
    check_in(
        &world,
        "/mirrorlist?repo=latest&arch=x86_64&country=us",
        "200\n# repo = main-9 arch = x86_64 country = US \n\
         https://newyork.example/test/9/x86_64/\n",
    );
}

#[test]
fn a_private_only_directory_is_listed_for_its_own_networks() {
    let mut world = World::standard();
    world.directory("pub/test/secret", "secret", &[2]);
    check_mirrors(&world, "/mirrorlist?path=pub/test/secret from 192.0.2.130", "campus");
    world.mirror(30, "BR", 1, Public, &["https"], "rio");
    world.directory("pub/test/secret2", "secret2", &[2, 30]);
    check_mirrors(&world, "/mirrorlist?path=pub/test/secret2 from 192.0.2.130", "campus / rio");
}

#[test]
fn no_line_of_a_list_is_too_long_for_a_client() {
    let longest = format!("/mirrorlist?path=pub/test/9/x86_64/{}", "%5E".repeat(482));
    let answer = get(&longest);
    assert_eq!(answer.status, 200);
    assert!(answer.body.lines().skip(1).all(|line| line.len() < 4_095), "{}", answer.body);
    let longer = get(&format!("{longest}%5E%5E"));
    assert_eq!(longer.status, 400);
    assert_eq!(longer.body, "error: the value of path= is longer than 500 bytes\n");
}

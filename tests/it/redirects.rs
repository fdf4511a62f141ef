//! Redirects that must not break what stands before the server: their headers are small, and none leads
//! back to the server that was asked.

use std::net::IpAddr;

use answer::redirect::{self, Redirect};
use answer::requester::Requester;
use answer::shaping::{Fallback, Shaping};
use answer::{Endpoint, Format, Options, Request, Scratch, respond};
use model::tier::Tier;
use proptest::prelude::*;
use serve::http::response::MAX_HEADER_BYTES;

use crate::fixture::{self, NOW, Public, World, details, used_text};
use crate::server::{DEMO, HasBody, Server, patient};

const NOWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 18, 255, 1));

/// The redirect for a query, or the text instead of it.
fn redirect_for(
    server: &fixture::Server,
    query: &str,
    host: &str,
    seed: u64,
) -> Result<Redirect, String> {
    let request = Request {
        endpoint: Endpoint::BuiltIn(Format::Mirrorlist),
        query,
        requester: Requester::untrusted(NOWHERE),
        host,
        now: NOW,
    };
    let (mut rng, mut body) = (fastrand::Rng::with_seed(seed), used_text());
    let mut scratch = Scratch::default();
    let reply =
        respond(&server.edition, &server.options, &request, &mut rng, &mut scratch, &mut body);
    let body = String::from_utf8(body.into_bytes()).expect("documents are UTF-8");
    reply.redirect.map(|redirect| *redirect).ok_or(body)
}

#[test]
fn the_tier_is_that_of_the_mirror_that_clients_are_sent_to() {
    let server = World::standard().serve();
    let found = |host: &str| {
        let requester = Requester::untrusted([192, 0, 2, 1].into());
        let query = "path=pub/test/x&redirect=1";
        let endpoint = Endpoint::BuiltIn(Format::Mirrorlist);
        let request = Request { endpoint, query, requester, host, now: NOW };
        let (mut rng, mut scratch) = (fastrand::Rng::with_seed(1), Scratch::default());
        let mut body = used_text();
        let options = &server.options;
        respond(&server.edition, options, &request, &mut rng, &mut scratch, &mut body).found
    };
    assert_eq!(found("elsewhere.example"), Some(Tier::Geoip));
    assert_eq!(found("berlin.example"), Some(Tier::Continent));
}

/// A world of mirrors with these base URLs, all of which carry `pub/test`.
fn world_of(bases: &[&str]) -> World {
    let mut world = World::empty();
    let numbers: Vec<i64> = (1..).take(bases.len()).collect();
    for (&number, base) in numbers.iter().zip(bases) {
        world.mirror(number, "DE", 1_000, Public, &["https"], "x");
        let url = world.list.hc_url_cache.last_mut().unwrap();
        url.value = (*base).to_owned();
    }
    world.directory("pub/test", "test", &numbers);
    world.file("pub/test", "known.iso", &[details(1, '1')]);
    world
}

fn bytes(redirect: &Redirect) -> usize {
    let header = |name: &str, value: &str| name.len() + ": \r\n".len() + value.len();
    header("location", &redirect.location)
        + redirect.link.as_ref().map_or(0, |link| header("link", link))
        + redirect.digest.as_ref().map_or(0, |digest| header("digest", digest))
}

#[test]
fn further_mirrors_give_way_first_then_the_checksum_then_the_redirect() {
    let far = format!("https://far.example/{}", "f".repeat(800));
    let server = world_of(&["https://near.example", &far]).serve();
    // A name of 9 bytes that is known has a checksum; only short ones do here.
    let full = redirect_for(&server, "path=pub/test/known.iso&redirect", "", 1).unwrap();
    assert!(full.link.is_some());
    assert_eq!(full.digest.as_deref().map(str::len), Some(52));
    let mut server = world_of(&["https://near.example", &far, "https://third.example"]).serve();
    server.options.redirect_links = 20;
    let long = format!("path=pub/test/{}&redirect", "%20".repeat(480));
    let mut n_links = [0; 3];
    for seed in 0..50 {
        let redirect = redirect_for(&server, &long, "", seed).unwrap();
        assert!(redirect.location.ends_with(&"%20".repeat(480)));
        n_links[redirect.link.map_or(0, |link| link.matches("rel=duplicate").count())] += 1;
    }
    // Two of 1,500 bytes do not fit.
    assert_eq!(n_links, [50, 0, 0]);
}

#[test]
fn a_mirror_whose_url_is_too_long_is_passed_over() {
    let wide = format!("https://wide.example/{}", "x".repeat(970));
    let long = format!("path=pub/test/{}&redirect=1", "%20".repeat(480));
    let server = world_of(&[&wide, "https://slim.example"]).serve();
    for seed in 0..20 {
        let redirect = redirect_for(&server, &long, "", seed).unwrap();
        assert!(redirect.location.starts_with("https://slim.example/"), "{redirect:?}");
    }
    let server = world_of(&[&wide]).serve();
    let refusal = redirect_for(&server, &long, "", 1).unwrap_err();
    assert_eq!(
        refusal,
        "error: the URL of the file is too long for a redirect; ask without redirect="
    );
    assert!(redirect_for(&server, "path=pub/test/x&redirect=1", "", 1).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn headers_of_redirects_are_bounded_whatever_paths_and_urls_hold(
        bases in prop::collection::vec("[a-z0-9/\u{fc}\u{20ac}~%&=-]{0,330}", 1..8),
        files in prop::collection::vec("[a-z \u{e4}&?#%+\"<>]{1,160}", 1..8),
        links in 0_usize..=20,
        fallback in prop::option::of("[a-z\u{fc}]{1,450}"),
    ) {
        let bases: Vec<_> = (0..).zip(&bases).map(|(n, base)| format!("https://m{n}.example/{base}")).collect();
        let bases: Vec<_> = bases.iter().map(String::as_str).collect();
        let fallback = fallback.map(|path| format!("https://f.example/{path}"));
        let fallback = fallback.as_deref().and_then(|url| Fallback::parse(url).ok());
        let mut server = world_of(&bases).serve();
        server.options = Options {
            redirect_links: links,
            shaping: Shaping { fallback, ..Shaping::default() },
            ..Options::default()
        };
        for file in files.iter().map(String::as_str).chain(["known.iso"]) {
            let file: String = file.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let redirect = redirect_for(&server, &format!("path=pub/test/{file}&redirect"), "", 1);
            if let Ok(redirect) = redirect {
                prop_assert!(bytes(&redirect) <= redirect::MAX_BYTES, "{redirect:?}");
            }
        }
    }
}

#[test]
fn the_headers_of_every_kind_of_answer_fit_a_proxys_buffer() {
    let wide = format!("https://wide.example/{}", "w".repeat(900));
    let world = world_of(&[&wide, &wide.replace("wide", "broad"), "https://slim.example"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let snapshot = folder.path().join("mirrors.snapshot");
    std::fs::write(&snapshot, world.compile().unwrap().bytes).expect("a write");
    let config = folder.path().join("mirrorlistd.toml");
    let text = patient("[answer]\ncompress = true\nredirect_links = 20\n");
    std::fs::write(&config, text).expect("a write");
    let (snapshot, config) = (snapshot.to_str().unwrap(), config.to_str().unwrap());
    let args = ["--log", "none", "--config", config, "--snapshot", snapshot].map(str::to_owned);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let server = Server::start_in(folder, &args);
    let accept = "Accept-Encoding: gzip, zstd\r\nConnection: close\r\n";
    let longest = "x".repeat(8_000);
    let mut largest = 0;
    let check = |method: &str, target: &str, headers: &str| {
        let mut client = server.connect();
        client.send(&format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{accept}{headers}\r\n"));
        let response = client.read_response(HasBody::No);
        (response.status(), response.header_bytes())
    };
    let mut statuses = Vec::new();
    for (method, target, headers) in [
        ("GET", DEMO.to_owned(), ""),
        ("GET", "/mirrorlist?path=pub/test".into(), ""),
        ("GET", "/metalink?path=pub/test/known.iso".into(), ""),
        ("GET", "/metalink4?path=pub/test/known.iso".into(), ""),
        ("GET", "/mirrorlist?path=pub/test&format=json".into(), ""),
        ("GET", "/mirrorlist?path=pub/test/known.iso&redirect".into(), ""),
        ("GET", format!("/mirrorlist?path=pub/test/{}&redirect", "%20".repeat(300)), ""),
        ("GET", format!("/mirrorlist?path=pub/test/{}&redirect", "%20".repeat(486)), ""),
        ("HEAD", format!("/mirrorlist?path=pub/test/{}&redirect", "%20".repeat(486)), ""),
        ("GET", format!("/mirrorlist?path=pub/test/{}", "%20".repeat(600)), ""),
        ("GET", format!("/metalink?{longest}"), ""),
        ("PUT", longest.clone(), ""),
        ("OPTIONS", "/mirrorlist".into(), ""),
        ("POST", "/mirrorlist".into(), "Content-Length: 9\r\n"),
        ("GET", "/nowhere".into(), ""),
        ("GET", "/mirrorlist".into(), "Host: b\r\n"),
    ] {
        let (status, n_bytes) = check(method, &target, headers);
        assert!(n_bytes <= MAX_HEADER_BYTES, "{method} {target}: {n_bytes} bytes");
        // What is not a redirect's own.
        if status != 302 {
            assert!(n_bytes <= MAX_HEADER_BYTES - redirect::MAX_BYTES, "{target}: {n_bytes}");
        }
        largest = largest.max(n_bytes);
        statuses.push(status);
    }
    let expected = [404, 200, 200, 200, 200, 302, 302, 302, 302, 400, 414, 405, 204, 413, 404, 400];
    assert_eq!(statuses, expected);
    assert!(largest > 1_500, "the long ones are long: {largest}");
}

#[test]
fn nobody_is_redirected_to_the_server_that_was_asked() {
    let bases = ["https://dl.example", "https://dl.example/x", "http://dl.example:8080"];
    let written = ["https://dl.example", "https://DL.example:443/x", "http://dl.example.:8080"];
    let server = world_of(&written).serve();
    for seed in 0..20 {
        for (host, expected) in [
            ("dl.example", &["http://dl.example:8080"][..]),
            ("DL.EXAMPLE.:80", &["http://dl.example:8080"][..]),
            ("dl.example:8080", &bases[..2]),
            ("other.example", &bases[..]),
            ("", &bases[..]),
        ] {
            let redirect = redirect_for(&server, "path=pub/test/x&redirect=1", host, seed).unwrap();
            let link = redirect.link.unwrap_or_default();
            let mut urls: Vec<_> = link
                .split(", ")
                .filter_map(|entry| Some(entry.strip_prefix('<')?.split_once('>')?.0))
                .chain([redirect.location.as_str()])
                .map(|url| url.strip_suffix("/test/x").expect("the file"))
                .collect();
            urls.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(urls, expected, "{host}");
        }
    }
}

#[test]
fn with_nothing_but_itself_to_redirect_to_there_is_no_redirect() {
    let none = "error: no mirror offers this over http or https";
    let mut server = world_of(&["https://dl.example"]).serve();
    let query = "path=pub/test/x&redirect=1";
    assert_eq!(redirect_for(&server, query, "dl.example", 1).unwrap_err(), none);
    // Lists are not concerned: a client may well fetch from there.
    assert!(redirect_for(&server, "path=pub/test/x", "dl.example", 1).unwrap_err().contains("dl."));
    let fallback = |url: &str| Some(Fallback::parse(url).unwrap());
    server.options.shaping.fallback = fallback("https://dl.example/pub");
    assert_eq!(redirect_for(&server, query, "dl.example", 1).unwrap_err(), none);
    server.options.shaping.fallback = fallback("https://origin.example/all");
    let redirect = redirect_for(&server, query, "dl.example", 1).unwrap();
    assert_eq!(redirect.location, "https://origin.example/all/pub/test/x");
    // A limit on the mirrors of an answer does not count the one that is passed over.
    let mut server = world_of(&["https://dl.example", "https://next.example"]).serve();
    server.options.shaping.max_mirrors = Some(1);
    for seed in 0..20 {
        let redirect = redirect_for(&server, query, "dl.example", seed).unwrap();
        assert_eq!((&*redirect.location, redirect.link), ("https://next.example/test/x", None));
    }
}

#[test]
fn the_host_is_that_of_the_request() {
    let server = Server::start(&[]);
    let target = "/mirrorlist?path=9/os/x86_64/&redirect&ip=192.0.2.200&country=FR";
    let location = |head: &str| {
        let response = server.ask(&format!("GET {head}\r\n\r\n"));
        assert_eq!(response.status(), 302, "{head}");
        response.header("location").expect("a location").to_owned()
    };
    let mut asked = Vec::new();
    // Ten times, because the order is by chance.
    for _ in 0..10 {
        let first = location(&format!("{target} HTTP/1.1\r\nHost: a"));
        let host = model::base_url::authority(&first).to_owned();
        for head in [
            format!("{target} HTTP/1.1\r\nHost: {host}"),
            format!("{target} HTTP/1.0\r\nHost: {}:80", host.to_uppercase()),
            format!("http://{host}{target} HTTP/1.1\r\nHost: a"),
        ] {
            let other = location(&head);
            assert_ne!(model::base_url::authority(&other), host, "{head}");
        }
        asked.push(host);
    }
    assert!(!asked.is_empty());
}

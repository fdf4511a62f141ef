//! Each URL is listed once in an answer, for the mirror that ranks best.

use testdata::mirrormanager::IntRepeatedIntMap;

use crate::fixture::{Public, World};

/// Mirrors of DE and FR at one server: they share https, `one` has plain HTTP besides, `other` ftp.
fn world() -> World {
    let mut world = World::empty();
    world.mirror(1, "DE", 1, Public, &["https", "http"], "shared");
    world.mirror(2, "FR", 1, Public, &["https", "ftp"], "shared");
    world.mirror(3, "FR", 1, Public, &["https"], "shared");
    world.mirror(4, "ES", 1, Public, &["https"], "own");
    world.directory("pub/x", "x", &[1, 2, 3, 4]);
    world
}

const SHARED: &str = "https://shared.example/test/x/f";

#[test]
fn a_url_of_two_mirrors_is_listed_for_the_one_that_ranks_best() {
    let mut world = world();
    world.file("pub/x", "f", &[crate::fixture::details(1, '1')]);
    let server = world.serve();
    for format in ["mirrorlist?", "mirrorlist?format=json&", "metalink?", "metalink4?"] {
        for seed in 0..10 {
            let request = format!("/{format}path=pub/x/f&protocol=https,http,ftp&country=de,fr,es");
            let body = server.get_seeded(&request, seed).body;
            // JSON names the best URL of a mirror twice.
            let url = if format.contains("json") {
                format!("\"urls\":[\"{SHARED}")
            } else {
                SHARED.into()
            };
            assert_eq!(body.matches(&url).count(), 1, "{body}");
            for other in ["ftp://shared.example/test/x/f", "https://own.example/test/x/f"] {
                assert!(body.contains(other), "{other}: {body}");
            }
            assert!(!body.contains("\"urls\":[]") && !body.contains("\"url\":\"\""), "{body}");
        }
    }
    // One URL of each: who has no other has none, and is not named.
    let german = server.get("/mirrorlist?path=pub/x/f from 192.0.2.1");
    assert_eq!(german.urls()[0], SHARED);
    assert_eq!(german.urls().len(), 3, "{}", german.body);
    let french = server.get("/mirrorlist?path=pub/x/f from 198.51.100.1");
    assert_eq!(french.urls().iter().filter(|url| *url == SHARED).count(), 1);
    assert!(french.urls().contains(&"http://shared.example/test/x/f".into()), "{}", french.body);
    for seed in 0..10 {
        let answer = server.get_seeded("/mirrorlist?path=pub/x/f&redirect&country=de,fr,es", seed);
        assert!(answer.location.is_some());
    }
}

#[test]
fn who_has_nothing_left_to_list_is_not_named_and_takes_no_place() {
    let mut world = world();
    world.options.shaping.max_mirrors = Some(2);
    world.options.minimum = 5;
    let server = world.serve();
    for seed in 0..20 {
        let request = "/mirrorlist?path=pub/x&protocol=https from 192.0.2.1";
        let answer = server.get_seeded(request, seed);
        let mut urls = answer.urls();
        assert_eq!(urls[0], "https://shared.example/test/x/");
        urls.sort();
        assert_eq!(urls, ["https://own.example/test/x/", "https://shared.example/test/x/"]);
    }
    // The same list of URLs in another order, and one mirror that has only what another one has.
    let mut world = World::empty();
    world.mirror(1, "DE", 1, Public, &["https", "http"], "shared");
    world.mirror(2, "FR", 1, Public, &["https"], "own");
    world.directory("pub/x", "x", &[1, 2]);
    world.list.mirror_list_cache[0].by_host_id[1] = IntRepeatedIntMap::new(2, [11, 10]);
    let server = world.serve();
    let answer = server.get("/metalink?path=pub/x/f from 192.0.2.1");
    assert_eq!(answer.status, 404, "no file is known there");
    let answer = server.get("/mirrorlist?path=pub/x&protocol=https,http from 192.0.2.1");
    assert_eq!(
        answer.text(),
        "200\n# path = pub/x country = DE protocol = https,http\n\
         https://shared.example/test/x/\nhttp://shared.example/test/x/\n"
    );
}

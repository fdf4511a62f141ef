//! Hashes of repositories.

use checks::observation::End;
use model::families::IpVersion;

use super::stage::{BOTH, REPOMD, V4, V6, hash_plan, over, repositories, routes, urls, visit};
use crate::authority::EXPIRED_SINCE;
use crate::mirror::{Behaviour, Mirror};
use crate::network::Listener;
use crate::world::World;

const URL: &str = "http://m.example.org/pub";
const FILES: &[(&str, &[u8])] = &[
    ("/pub/9/a/repodata/repomd.xml", REPOMD),
    ("/pub/9/b/repodata/repomd.xml", b"<repomd>another</repomd>"),
    ("/pub/9/c/repodata/repomd.xml", REPOMD),
];
const NAMES: &[&str] = &["9/a", "9/b", "9/gone", "9/c"];

#[tokio::test(start_paused = true)]
async fn all_repositories_are_read_over_one_connection() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", BOTH, Behaviour::Good, FILES);
    let (visited, _) = visit(&world, &hash_plan(&[URL], NAMES)).await;
    let expected = ["9/a good", "9/b other", "9/gone missing", "9/c good"];
    assert_eq!(repositories(&visited), expected);
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 good"]);
    let visit = &visited.visit;
    assert_eq!((visit.requests, visit.end.clone()), (4, End::Complete));
    assert_eq!(visit.bytes as usize, FILES.iter().map(|file| file.1.len()).sum::<usize>());
    assert_eq!(world.network.attempts().len(), 1);
    assert_eq!(mirror.lines()[0], "GET /pub/9/a/repodata/repomd.xml");
    assert_eq!(mirror.asked()[0].headers.get("range"), None);
    // Over the first route that works.
    let plan = over(&[IpVersion::V6, IpVersion::V4], hash_plan(&[URL], NAMES));
    let (visited, _) = super::stage::visit(&world, &plan).await;
    assert_eq!(urls(&visited), ["http://m.example.org/pub 6 good"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_visit_asks_for_what_has_changed() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    let mut plan = hash_plan(&[URL], NAMES);
    let (visited, _) = visit(&world, &plan).await;
    plan.hints = visited.hints;
    assert_eq!(plan.hints.files.len(), 3);
    let (visited, _) = visit(&world, &plan).await;
    let expected = ["9/a good", "9/b other", "9/gone missing", "9/c good"];
    assert_eq!(repositories(&visited), expected);
    assert_eq!(visited.visit.bytes, 0);
    assert_eq!(visited.hints, plan.hints);
    let sent = &mirror.asked()[4].headers["if-none-match"];
    assert_eq!(*sent, Mirror::etag(REPOMD));
    // What has gone is forgotten, and what is not asked for this time is not.
    world.mirror("m.example.org", &[V4], Behaviour::Good, &FILES[1..2]);
    plan.trees[0].repositories.remove(3);
    let (visited, _) = visit(&world, &plan).await;
    assert_eq!(repositories(&visited), ["9/a missing", "9/b other", "9/gone missing"]);
    assert_eq!(visited.visit.bytes, 0);
    let kept: Vec<_> = visited.hints.files.keys().map(String::as_str).collect();
    let url = |name: &str| format!("http://m.example.org/pub/9/{name}/repodata/repomd.xml");
    assert_eq!(kept, [url("b"), url("c")]);
}

#[tokio::test(start_paused = true)]
async fn what_has_not_changed_is_what_that_host_had() {
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Good, &FILES[..1]);
    let other: &[u8] = b"<repomd>another</repomd>";
    let files = [("/pub/9/a/repodata/repomd.xml", other)];
    world.mirror("n.example.org", &["8.8.4.4"], Behaviour::Good, &files);
    let mut plan = hash_plan(&[URL, "http://n.example.org/pub"], &["9/a"]);
    for _ in 0..2 {
        let (visited, _) = visit(&world, &plan).await;
        assert_eq!(repositories(&visited), ["9/a good", "9/a other"]);
        plan.hints = visited.hints;
    }
}

#[tokio::test(start_paused = true)]
async fn each_tree_is_read_over_its_own_route() {
    let world = World::default();
    world.mirror("m.example.org", BOTH, Behaviour::Good, FILES);
    let mut plan = hash_plan(&[URL], &["9/a"]);
    let mut other = plan.trees[0].clone();
    plan.trees[0].routes = routes(URL, &[IpVersion::V4]);
    other.routes = routes(URL, &[IpVersion::V6]);
    plan.trees.push(other);
    let (visited, _) = visit(&world, &plan).await;
    let expected = ["http://m.example.org/pub 4 good", "http://m.example.org/pub 6 good"];
    assert_eq!(urls(&visited), expected);
}

#[tokio::test(start_paused = true)]
async fn a_route_over_which_nothing_can_be_asked_is_recorded() {
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    let mut plan = over(&[IpVersion::V6, IpVersion::V4], hash_plan(&[URL], &["9/a"]));
    let (visited, _) = visit(&world, &plan).await;
    let v4 = "http://m.example.org/pub 4 good";
    assert_eq!(urls(&visited), ["http://m.example.org/pub 6 no address", v4]);
    plan.versions = vec![IpVersion::V4];
    let (visited, _) = visit(&world, &plan).await;
    assert_eq!(urls(&visited), ["http://m.example.org/pub 6 not tested", v4]);
}

#[tokio::test(start_paused = true)]
async fn every_way_to_end_a_body_is_understood() {
    for behaviour in [
        Behaviour::Chunked,
        Behaviour::NoLength,
        Behaviour::CloseAfterEach,
        Behaviour::CloseSilently,
        Behaviour::NoRanges,
    ] {
        let world = World::default();
        let mirror = world.mirror("m.example.org", &[V4], behaviour.clone(), FILES);
        let (visited, lines) = visit(&world, &hash_plan(&[URL], NAMES)).await;
        let expected = ["9/a good", "9/b other", "9/gone missing", "9/c good"];
        assert_eq!(repositories(&visited), expected, "{behaviour:?} {lines:#?}");
        // A connection that has ended between two requests is no failure, and no reason to wait.
        assert!(visited.visit.millis < 10, "{behaviour:?}");
        assert_eq!(mirror.asked().len(), 4, "{behaviour:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_is_read_over_the_first_leg_that_works() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", BOTH, Behaviour::Good, FILES);
    let expired = world.authority.certify(&["m.example.org"], EXPIRED_SINCE);
    for address in BOTH {
        world.listen(address, 443, Listener::Tls(mirror.clone(), expired.clone()));
    }
    world.listen(V4, 80, Listener::Silent);
    let plan = hash_plan(&[URL, "https://m.example.org/pub"], &["9/a"]);
    let (visited, _) = visit(&world, &plan).await;
    assert_eq!(
        urls(&visited),
        [
            "https://m.example.org/pub 4 tls_expired",
            "https://m.example.org/pub 6 tls_expired",
            "http://m.example.org/pub 4 connect_timeout",
            "http://m.example.org/pub 6 good",
        ]
    );
    assert_eq!(repositories(&visited), ["9/a good"]);
    assert_eq!(visited.visit.repositories[0].url, URL);
    assert_eq!(visited.visit.urls[3].address.unwrap().to_string(), V6);
}

#[tokio::test(start_paused = true)]
async fn hosts_of_a_mirror_are_read_each() {
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    world.mirror("n.example.org", &["8.8.4.4"], Behaviour::Good, &FILES[..1]);
    let base = [URL, "http://n.example.org/pub", "https://m.example.org/pub"];
    let (visited, _) = visit(&world, &hash_plan(&base, &["9/a", "9/b"])).await;
    assert_eq!(repositories(&visited), ["9/a good", "9/b other", "9/a good", "9/b missing"]);
    let expected = ["https://m.example.org/pub 4 good", "http://n.example.org/pub 4 good"];
    assert_eq!(urls(&visited), expected);
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_gets_busy_is_left_alone_and_what_was_read_is_kept() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    let limit = Behaviour::Status(429, vec![]);
    // Its patience ends with the time, at two requests a second after the first ten.
    let names = ["9/a"; 20];
    let plan = hash_plan(&[URL], &names);
    let (visited, _) = tokio::join!(visit(&world, &plan), async {
        tokio::time::sleep(std::time::Duration::from_millis(1_250)).await;
        mirror.behave(limit);
    });
    let visited = visited.0;
    assert_eq!(visited.visit.end, End::Busy(None));
    assert_eq!(repositories(&visited).len(), 12);
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 busy"]);
}

//! Samples of files.

use checks::observation::{DirectorySeen, End};

use super::stage::{V4, sample_plan, urls, visit};
use crate::mirror::Behaviour;
use crate::world::World;

const URL: &str = "http://m.example.org/pub";
const FILES: &[(&str, &[u8])] =
    &[("/pub/a/1.rpm", b"one"), ("/pub/a/2.rpm", b"two"), ("/pub/b/empty", b"")];
const WANTED: &[(&str, u64)] =
    &[("a/1.rpm", 3), ("a/2.rpm", 4), ("a/3.rpm", 5), ("b/empty", 0), ("b/a b", 1)];

fn seen(directory: &str, present: u64, missing: u64, other_size: u64) -> DirectorySeen {
    DirectorySeen { directory: directory.into(), present, missing, other_size, is_whole: false }
}

#[tokio::test(start_paused = true)]
async fn files_are_asked_for_by_head_and_by_get_before_one_is_missing() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    let (visited, _) = visit(&world, &sample_plan(&[URL], WANTED)).await;
    assert_eq!(visited.visit.directories, [seen("a", 1, 1, 1), seen("b", 1, 1, 0)]);
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 good"]);
    assert_eq!(visited.visit.bytes, 1, "of the one that has another size");
    assert_eq!(
        mirror.lines(),
        [
            "HEAD /pub/a/1.rpm",
            "HEAD /pub/a/2.rpm",
            "GET /pub/a/2.rpm",
            "HEAD /pub/a/3.rpm",
            "GET /pub/a/3.rpm",
            "HEAD /pub/b/empty",
            "HEAD /pub/b/a%20b",
            "GET /pub/b/a%20b",
        ]
    );
    assert_eq!(world.network.attempts().len(), 1);
    assert!(!visited.hints.head_is_refused);
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_refuses_head_is_asked_for_a_byte_which_is_remembered() {
    for status in [403, 405, 501] {
        let world = World::default();
        let mirror = world.mirror("m.example.org", &[V4], Behaviour::HeadRefused(status), FILES);
        let mut plan = sample_plan(&[URL], WANTED);
        let (visited, _) = visit(&world, &plan).await;
        assert_eq!(visited.visit.directories, [seen("a", 1, 1, 1), seen("b", 1, 1, 0)]);
        assert!(visited.hints.head_is_refused);
        let methods: Vec<_> = mirror.asked().into_iter().map(|asked| asked.method).collect();
        assert_eq!(methods, ["HEAD", "GET", "GET", "GET", "GET", "GET"]);
        assert_eq!(mirror.asked()[1].headers["range"], "bytes=0-0");
        assert!(visited.visit.millis < 10, "{}", visited.visit.millis);
        plan.hints = visited.hints;
        visit(&world, &plan).await;
        assert_eq!(mirror.asked()[6].method, "GET");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_refuses_all_is_unknown() {
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Status(403, vec![]), FILES);
    let (visited, _) = visit(&world, &sample_plan(&[URL], WANTED)).await;
    assert!(visited.visit.directories.is_empty());
    assert!(!visited.hints.head_is_refused);
    assert_eq!(visited.visit.end, End::Complete);
}

#[tokio::test(start_paused = true)]
async fn a_size_that_is_not_said_is_no_other_size() {
    for behaviour in [Behaviour::NoLength, Behaviour::Chunked, Behaviour::Encoded] {
        let world = World::default();
        world.mirror("m.example.org", &[V4], behaviour.clone(), FILES);
        let (visited, _) = visit(&world, &sample_plan(&[URL], WANTED)).await;
        let expected = [seen("a", 2, 1, 0), seen("b", 1, 1, 0)];
        assert_eq!(visited.visit.directories, expected, "{behaviour:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_ranges_sends_no_whole_package() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::Huge(10 << 30), FILES);
    let mut plan = sample_plan(&[URL], &[("a/1.rpm", 10 << 30), ("a/2.rpm", 3)]);
    plan.hints.head_is_refused = true;
    let (visited, _) = visit(&world, &plan).await;
    assert_eq!(visited.visit.directories, [seen("a", 1, 0, 1)]);
    assert!(mirror.sent() < 512 << 10, "{}", mirror.sent());
}

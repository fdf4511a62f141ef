//! Budgets: what was learned before they end is kept.

use std::time::Duration;

use checks::observation::{End, Tier};
use model::families::IpVersion;
use tokio::time::sleep;
use visits::Visited;
use visits::limits::Limits;

use super::stage::{FILES, V4, hash_plan, over, plan, repositories, sample_plan, urls, visit_by};
use crate::mirror::Behaviour;
use crate::names::Answer;
use crate::network::Listener;
use crate::world::World;

const URL: &str = "http://m.example.org/pub";

async fn read_hashes(limits: Limits, n: usize) -> Visited {
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    let plan = hash_plan(&[URL], &vec!["9/os"; n]);
    visit_by(&world.crawler(limits), &plan).await.0
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted() {
    let visited = read_hashes(Limits { requests: 5, ..Limits::default() }, 20).await;
    assert_eq!(visited.visit.end, End::Budget("requests".into()));
    assert_eq!((visited.visit.requests, repositories(&visited).len()), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted() {
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Endless, FILES);
    let limits = Limits { bytes: 100_000, ..Limits::default() };
    let plan = hash_plan(&[URL], &["9/os"; 3]);
    let visited = visit_by(&world.crawler(limits), &plan).await.0;
    assert_eq!(visited.visit.end, End::Budget("bytes".into()));
    assert!(visited.visit.bytes < 200_000, "{}", visited.visit.bytes);
    assert_eq!(visited.visit.requests, 1);
}

#[tokio::test(start_paused = true)]
async fn time_is_counted() {
    let limits = Limits { visit: Duration::from_millis(5_250), ..Limits::default() };
    let visited = read_hashes(limits, 100).await;
    assert_eq!(visited.visit.end, End::Budget("wall".into()));
    // Ten at once, and two a second.
    assert_eq!(repositories(&visited).len(), 20);
    assert!((5_250..5_260).contains(&visited.visit.millis), "{}", visited.visit.millis);
}

#[tokio::test(start_paused = true)]
async fn a_probe_has_a_minute_for_each_url_and_version() {
    let world = World::default();
    let names = ["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4"];
    world.names.add("m.example.org", &names);
    for address in names {
        world.listen(address, 80, Listener::Silent);
    }
    let plan = plan(Tier::Probe, &[URL]);
    let limits = Limits { probe: Duration::from_secs(15), ..Limits::default() };
    let visited = visit_by(&world.crawler(limits), &plan).await.0;
    assert_eq!(visited.visit.end, End::Budget("wall".into()));
    assert!((30_000..30_010).contains(&visited.visit.millis), "{}", visited.visit.millis);
    // It was tried, so that the next visit begins with another one.
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 budget"]);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_takes_all_of_the_time_was_tried() {
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Drip, FILES);
    let limits = || Limits { visit: Duration::from_secs(3), ..Limits::default() };
    let sample = sample_plan(&[URL], &[("9/os/repodata/repomd.xml", 3)]);
    for plan in [hash_plan(&[URL], &["9/os"]), sample] {
        world.names.script("m.example.org", vec![Answer::Never]);
        let visited = visit_by(&world.crawler(limits()), &plan).await.0;
        assert_eq!(visited.visit.end, End::Budget("wall".into()));
        assert_eq!(urls(&visited), ["http://m.example.org/pub 4 budget"]);
        world.names.add("m.example.org", &[V4]);
    }
    let plan = hash_plan(&[URL], &["9/os"]);
    let visited = visit_by(&world.crawler(limits()), &plan).await.0;
    assert_eq!(visited.visit.end, End::Budget("wall".into()));
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 budget"]);
    let (crawler, mut rng) = (world.crawler(Limits::default()), fastrand::Rng::with_seed(1));
    let cancelled = sleep(Duration::from_secs(1));
    let visited = crawler.visit(&plan, &mut rng, &mut (), cancelled).await;
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 cancelled"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_mirror_that_takes_all_of_the_time_works() {
    let limits = Limits { visit: Duration::from_millis(5_250), ..Limits::default() };
    let visited = read_hashes(limits, 100).await;
    assert_eq!(visited.visit.end, End::Budget("wall".into()));
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 good"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_cancels_gets_what_was_learned() {
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    let plan = over(&[IpVersion::V4], hash_plan(&[URL], &["9/os"; 100]));
    let crawler = world.crawler(Limits::default());
    let mut rng = fastrand::Rng::with_seed(1);
    let cancelled = sleep(Duration::from_millis(2_250));
    let visited = crawler.visit(&plan, &mut rng, &mut (), cancelled).await;
    assert_eq!(visited.visit.end, End::Cancelled);
    assert_eq!(repositories(&visited).len(), 14);
    assert_eq!(visited.hints.files.len(), 1);
    assert_eq!(world.network.n_open(), 0);
}

//! Politeness of many visits at once.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use checks::observation::End;
use tokio::task::JoinSet;
use tokio::time::Instant;
use visits::limits::Limits;

use super::stage::{FILES, V4, hash_plan, repositories};
use crate::mirror::Behaviour;
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn many_visits_to_one_host_put_no_more_on_it_than_one() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    // Another name of the same address.
    world.names.add("n.example.org", &[V4]);
    let crawler = world.crawler(Limits::default());
    let mut visits = JoinSet::new();
    for n in 0..10 {
        let url = ["http://m.example.org/pub", "http://n.example.org/pub"][n % 2];
        let (crawler, plan) = (crawler.clone(), hash_plan(&[url], &["9/os"; 10]));
        visits.spawn(async move {
            let mut rng = fastrand::Rng::with_seed(n as u64);
            crawler.visit(&plan, &mut rng, &mut (), pending()).await
        });
    }
    while let Some(visited) = visits.join_next().await {
        let visited = visited.unwrap();
        assert_eq!((visited.visit.end.clone(), repositories(&visited).len()), (End::Complete, 10));
    }
    assert_eq!(world.network.most_open(), 2);
    let times: Vec<Instant> = mirror.asked().iter().map(|asked| asked.at).collect();
    assert_eq!(times.len(), 100);
    // 10 at once, then 2 a second: 90 more take 45 seconds.
    for pair in times.windows(11) {
        let took = pair[10].duration_since(pair[0]);
        assert!(took >= Duration::from_millis(499), "{took:?}");
    }
    let all = times[99].duration_since(times[0]);
    assert!((Duration::from_secs(44)..Duration::from_secs(47)).contains(&all), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn mirrors_that_redirect_to_each_other_do_not_block_each_other() {
    let world = World::default();
    for (name, address, to) in [
        ("a.example.org", "8.8.8.1", "b.example.com"),
        ("b.example.com", "8.8.8.2", "a.example.org"),
    ] {
        world.mirror(name, &[address], Behaviour::Redirect(format!("http://{to}/x")), &[]);
    }
    let crawler = world.crawler(Limits::default());
    let mut visits = JoinSet::new();
    for n in 0..8 {
        let url = ["http://a.example.org", "http://b.example.com"][n % 2];
        let (crawler, plan) = (crawler.clone(), hash_plan(&[url], &["9/os"; 3]));
        visits.spawn(async move {
            let mut rng = fastrand::Rng::with_seed(n as u64);
            crawler.visit(&plan, &mut rng, &mut (), pending()).await
        });
    }
    while let Some(visited) = visits.join_next().await {
        let visited = visited.unwrap();
        assert_eq!(repositories(&visited), ["9/os redirect_refused"; 3]);
        assert!(visited.visit.millis < 60_000, "{}", visited.visit.millis);
    }
    assert!(world.network.most_open() <= 2);
}

#[tokio::test(start_paused = true)]
async fn so_many_mirrors_are_visited_at_once_and_no_more() {
    let world = World::default();
    let mut mirrors = Vec::new();
    for n in 0..30 {
        let (name, address) = (format!("m{n}.example.org"), format!("8.8.8.{n}"));
        mirrors.push(world.mirror(&name, &[&address], Behaviour::Silent, FILES));
    }
    let limits = Limits { mirrors: 10, ..Limits::default() };
    let crawler = Arc::new(world.crawler(limits));
    let mut visits = JoinSet::new();
    let start = Instant::now();
    for n in 0..30 {
        let url = format!("http://m{n}.example.org/pub");
        let (crawler, plan) = (Arc::clone(&crawler), hash_plan(&[&url], &["9/os"]));
        visits.spawn(async move {
            let mut rng = fastrand::Rng::with_seed(n);
            crawler.visit(&plan, &mut rng, &mut (), pending()).await
        });
    }
    while let Some(visited) = visits.join_next().await {
        // Waiting for the others does not count.
        assert!(visited.unwrap().visit.millis < 10_100);
    }
    // Each one takes 10 seconds to be given up.
    let took = start.elapsed();
    assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&took), "{took:?}");
}

//! The real network: loopback, with real sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::Arc;

use checks::observation::Tier;
use model::families::IpVersion;
use visits::Crawler;
use visits::guard::Guard;
use visits::limits::Limits;
use visits::network::Tcp;

use super::stage::{FILES, hash_plan, plan, repositories, urls, visit_by};
use crate::authority::GOOD_UNTIL;
use crate::loopback::LoopbackMirror;
use crate::mirror::{Behaviour, Mirror};
use crate::world::World;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// A crawler on the real network, which does not wait before a retry.
fn crawler(world: &World) -> Crawler {
    let limits = Limits {
        retry_least: std::time::Duration::ZERO,
        retry_most: std::time::Duration::ZERO,
        ..Limits::default()
    };
    let mut crawler = world.crawler(limits);
    crawler.network = Arc::new(Tcp::default());
    crawler.guard = Guard { allow_private_targets: true };
    crawler
}

#[tokio::test]
async fn a_mirror_on_loopback_is_visited_over_http_and_https() {
    let world = World::default();
    let crawler = crawler(&world);
    for (ip, version) in [(V4, IpVersion::V4), (V6, IpVersion::V6)] {
        if TcpListener::bind((ip, 0)).is_err() {
            eprintln!("this machine has no {ip}");
            continue;
        }
        let mirror = Arc::new(Mirror::new(Behaviour::Good, FILES));
        let tls = world.authority.certify(&[&ip.to_string()], GOOD_UNTIL);
        let plain = LoopbackMirror::start(ip, Arc::clone(&mirror), None);
        let secure = LoopbackMirror::start(ip, Arc::clone(&mirror), Some(tls));
        let base =
            [format!("http://{}/pub", plain.address), format!("https://{}/pub", secure.address)];
        let base = [&*base[0], &*base[1]];
        let (visited, lines) = visit_by(&crawler, &plan(Tier::Probe, &base)).await;
        let good = base.map(|url| format!("{url} {} good", version.as_str()));
        let seen = urls(&visited);
        assert!(good.iter().all(|good| seen.contains(good)), "{seen:?} {lines:#?}");
        assert_eq!(seen.iter().filter(|line| line.ends_with("no address")).count(), 2);
        let (visited, _) = visit_by(&crawler, &hash_plan(&base, &["9/os", "9/gone"])).await;
        assert_eq!(repositories(&visited), ["9/os good", "9/gone missing"]);
    }
}

#[tokio::test]
async fn connections_that_are_refused_or_reset_are_told_apart() {
    let world = World::default();
    let crawler = crawler(&world);
    let closed = TcpListener::bind((V4, 0)).unwrap().local_addr().unwrap();
    let mirror = Arc::new(Mirror::new(Behaviour::HangUp, FILES));
    let resets = LoopbackMirror::start(V4, Arc::clone(&mirror), None);
    let base = [format!("http://{closed}/pub"), format!("http://{}/pub", resets.address)];
    let mut plan = plan(Tier::Probe, &[&base[0], &base[1]]);
    plan.versions = vec![IpVersion::V4];
    let (visited, lines) = visit_by(&crawler, &plan).await;
    let seen = urls(&visited);
    assert_eq!(seen[0], format!("{} 4 connect_refused", base[0]), "{lines:#?}");
    assert_eq!(seen[2], format!("{} 4 truncated", base[1]), "{lines:#?}");
    assert_eq!(mirror.asked().len(), 2);
}

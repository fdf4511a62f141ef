//! What is not public is not reached: through URLs, DNS, redirects, or a name that changes its address.

use checks::class::FailureClass;
use checks::observation::Tier;
use visits::guard::Guard;
use visits::limits::Limits;

use super::stage::{FILES, V4, class, plan, probe_v4, urls, visit, visit_by};
use crate::mirror::Behaviour;
use crate::names::Answer;
use crate::world::World;

/// Addresses that lead into our own network, in the forms that an attacker may write them.
const PRIVATE: &[&str] = &[
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::10.0.0.1",
    "2002:7f00:1::1",
    "2001:0:a00:1::1",
];

#[tokio::test(start_paused = true)]
async fn names_of_private_addresses_lead_nowhere() {
    for address in PRIVATE {
        let world = World::default();
        world.mirror("m.example.org", &[address], Behaviour::Good, FILES);
        let (visited, _) = visit(&world, &plan(Tier::Probe, &["http://m.example.org/pub"])).await;
        let blocked = |seen: &checks::observation::UrlSeen| {
            class(&seen.outcome) == Some(FailureClass::BlockedAddress)
        };
        assert!(visited.visit.urls.iter().any(blocked), "{address}: {:?}", urls(&visited));
        assert!(world.network.attempts().is_empty(), "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn urls_of_private_addresses_and_of_other_services_lead_nowhere() {
    let world = World::default();
    for url in [
        "http://127.0.0.1/pub",
        "http://[::1]/pub",
        "http://[::ffff:a00:1]/pub",
        "http://169.254.169.254/latest",
        "http://8.8.8.8:22/pub",
        "http://8.8.8.8:25/pub",
    ] {
        let (visited, _) = visit(&world, &plan(Tier::Probe, &[url])).await;
        assert!(urls(&visited).iter().any(|line| line.ends_with("blocked_address")), "{url}");
    }
    assert!(world.network.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn private_addresses_among_others_are_left_out() {
    let world = World::default();
    world.mirror("m.example.org", &["127.0.0.1", V4], Behaviour::Good, FILES);
    assert_eq!(probe_v4(&world).await.0, None);
    assert_eq!(world.network.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn redirects_to_private_addresses_lead_nowhere() {
    use FailureClass::{Missing, RedirectRefused};
    for (to, expected) in [
        // Those of another site look as those of a name that nobody has.
        ("http://127.0.0.1", Missing),
        ("http://m.example.org:22", RedirectRefused),
        ("http://inside.example.com", Missing),
        ("http://8.8.4.4:22", Missing),
        // It has no address of IPv4 at all.
        ("http://[::1]:8080", Missing),
    ] {
        let world = World::default();
        world.mirror("m.example.org", &[V4], Behaviour::Redirect(to.into()), &[]);
        world.mirror("inside.example.com", &["10.0.0.1"], Behaviour::Good, FILES);
        let (class, _) = probe_v4(&world).await;
        // The mirror sends its clients there, so it is the mirror's fault.
        assert_eq!(class, Some(expected), "{to}");
        assert_eq!(world.network.attempts().len(), 1, "{to}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_changes_its_address_after_it_was_vetted_leads_nowhere() {
    let world = World::default();
    let inside = world.mirror("inside.example.org", &["10.0.0.1"], Behaviour::Good, FILES);
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::CloseAfterEach, FILES);
    let answer = |address: &str| Answer::Addresses(vec![address.parse().unwrap()]);
    world.names.script("m.example.org", vec![answer(V4), answer("10.0.0.1")]);
    let base = ["http://m.example.org/pub", "https://m.example.org/pub"];
    let (visited, _) = visit(&world, &plan(Tier::Probe, &base)).await;
    // The address that was vetted holds for all connections of a visit.
    assert_eq!(urls(&visited)[0], "http://m.example.org/pub 4 good");
    assert_eq!(urls(&visited)[2], "https://m.example.org/pub 4 good");
    assert_eq!(mirror.asked().len(), 2);
    // The next visit looks again, and vets again.
    let (visited, _) = visit(&world, &plan(Tier::Probe, &base)).await;
    assert_eq!(urls(&visited)[0], "http://m.example.org/pub 4 blocked_address");
    assert!(world.network.attempts().iter().all(|address| address.ip().to_string() == V4));
    assert!(inside.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn private_mirrors_are_visited_where_that_is_allowed() {
    let world = World::default();
    world.mirror("m.example.org", &["10.0.0.1", "::1"], Behaviour::Good, FILES);
    let mut crawler = world.crawler(Limits::default());
    crawler.guard = Guard { allow_private_targets: true };
    let (visited, _) = visit_by(&crawler, &plan(Tier::Probe, &["http://m.example.org/pub"])).await;
    let expected = ["http://m.example.org/pub 4 good", "http://m.example.org/pub 6 good"];
    assert_eq!(urls(&visited), expected);
}

//! Law: priorities of apt say what the order of other formats does. apt draws among mirrors of equal priority.

use std::collections::BTreeMap;

use answer::Options;
use answer::policy::Policy;
use model::families::IpVersion;

use crate::fixture::{Public, Server, World};

const BERLIN: &str = "192.0.2.1";
const BERLIN_V6: &str = "2001:db8::1";
const POLICIES: [Policy; 2] = [Policy::Tiers, Policy::Nearest];

/// German mirrors, and one of France with the name `fr`. Those named `v4…` and `v6…` work over this version of
/// IP alone, and those named `small` get a hundredth of the clients at most.
fn serve(policy: Policy, names: &[&'static str]) -> Server {
    let mut world = World::empty();
    world.options = Options { policy, families: true, minimum: 99, ..Options::default() };
    for (number, &name) in (1..).zip(names) {
        let country = if name == "fr" { "FR" } else { "DE" };
        world.mirror(number, country, 100, Public, &["https"], name);
        match name.get(..2) {
            Some("v4") => world.of_one_version.push((name, IpVersion::V4)),
            Some("v6") => world.of_one_version.push((name, IpVersion::V6)),
            _ if name == "small" => world.max_shares.push((number, 1)),
            _ => {}
        }
    }
    world.directory("pub/d", "d", &(1..=names.len() as i64).collect::<Vec<_>>());
    world.routes = "route a\npath /apt\ntarget path pub/d\nformat apt".to_owned();
    world.serve()
}

/// The names of mirrors by priority, those of one in the order of the list.
fn steps(server: &Server, client: &str, seed: u64) -> Vec<Vec<String>> {
    let answer = server.get_seeded(&format!("/apt from {client}"), seed);
    let mut steps: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for line in answer.body.lines().filter(|line| !line.starts_with('#')) {
        let (url, priority) = line.split_once("\tpriority:").unwrap();
        let name = url.strip_prefix("https://").and_then(|rest| rest.split_once('.')).unwrap().0;
        steps.entry(priority.parse().unwrap()).or_default().push(name.to_owned());
    }
    steps.into_values().collect()
}

#[test]
fn mirrors_that_fail_over_the_clients_version_are_tried_after_the_others_of_their_tier() {
    for policy in POLICIES {
        let server = serve(policy, &["both", "v6", "other", "fr", "v4"]);
        for seed in 0..30 {
            for (client, fails, works) in [(BERLIN, "v6", "v4"), (BERLIN_V6, "v4", "v6")] {
                let mut steps = steps(&server, client, seed);
                steps[0].sort();
                assert_eq!(steps[0], ["both", "other", works]);
                assert_eq!(steps[1..], [vec![fails.to_owned()], vec!["fr".to_owned()]]);
            }
        }
        // If all fail, there is nothing to set apart.
        let server = serve(policy, &["v6a", "v6b"]);
        assert_eq!(steps(&server, BERLIN, 1).len(), 1);
    }
}

#[test]
fn a_limited_share_is_the_share_of_clients_that_try_the_mirror_first() {
    for policy in POLICIES {
        let server = serve(policy, &["both", "small", "fr"]);
        let firsts = (0..2_000).map(|seed| steps(&server, BERLIN, seed)[0].clone());
        let mut n_small = 0;
        for first in firsts {
            assert_eq!(first.len(), 1, "apt would draw: {first:?}");
            n_small += usize::from(first[0] == "small");
        }
        assert!((1..=45).contains(&n_small), "a hundredth of 2,000: {n_small}");
        // Without a limit in play, apt draws.
        assert_eq!(steps(&serve(policy, &["both", "other", "fr"]), BERLIN, 1)[0].len(), 2);
    }
}

#[test]
fn one_of_the_first_four_mirrors_that_clients_of_ipv6_try_works() {
    for policy in POLICIES {
        let server = serve(policy, &["a", "b", "c", "d", "e", "f", "v6"]);
        for seed in 0..30 {
            let steps = steps(&server, BERLIN_V6, seed);
            let at = steps.iter().position(|step| step.contains(&"v6".to_owned())).unwrap();
            let n_tried: usize = steps[..=at].iter().map(Vec::len).sum();
            assert!(n_tried <= 4, "it may be tried as late as that: {steps:?}");
        }
    }
}

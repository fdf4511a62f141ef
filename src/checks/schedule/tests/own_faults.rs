//! Mirrors are visited over what works while a version of IP fails by our own fault, or may.

use super::*;

/// A mirror that has worked for hours, of which IPv6 fails since then. No failure of it counts, which is as if it worked.
fn without_v6() -> Walk {
    let mut walk = Walk::new(2);
    walk.until(START + 4 * 3_600, |_, _| true);
    walk.state.recents.v6.failing = Some(walk.now);
    walk.visits.clear();
    walk
}

fn is_over(visit: &NextVisit, version: IpVersion) -> bool {
    visit.routes.iter().any(|&(_, of)| of == version)
}

#[test]
fn regular_visits_go_over_what_works_and_the_rest_is_probed_beside_them() {
    let mut walk = without_v6();
    walk.until(START + 12 * 3_600, |_, _| true);
    let longest = |version, tier| {
        walk.gaps(|visit| visit.tier == tier && is_over(visit, version)).into_iter().max()
    };
    // Nine minutes, and one after a probe.
    assert!(longest(IpVersion::V4, Tier::Hash).unwrap() <= 600);
    assert!(longest(IpVersion::V6, Tier::Probe).unwrap() <= 1_080);
    assert_eq!(longest(IpVersion::V6, Tier::Hash), None);
}

#[test]
fn what_dies_over_the_other_version_of_ip_is_seen_as_a_whole_soon() {
    let mut walk = without_v6();
    let begin = walk.now.clock;
    walk.until(begin + 1_800, |_, version| version == IpVersion::V6);
    let routes = walk.state.routes.values();
    let dead = routes.map(|routes| routes.v4.since.clock).max().unwrap();
    assert!(
        dead > begin && walk.state.routes.values().all(|of| of.v4.verdict == RouteVerdict::Down)
    );
    let next = walk.visits.iter().find(|visit| visit.at > dead && is_over(visit, IpVersion::V6));
    assert!(next.unwrap().at <= dead + 240, "{next:?}");
}

#[test]
fn a_mirror_that_is_down_is_tried_over_each_version_of_ip_every_time() {
    for n_urls in [1, 2, 3] {
        let mut walk = Walk::new(1);
        let url = |n| format!("http://a{n}.example/");
        walk.entry.trees[0].urls = (0..n_urls).map(url).collect();
        walk.until(START + 7_200, |_, _| true);
        walk.until(START + 10_000, |_, _| false);
        assert!(walk.state.down_since.is_some());
        // One version of IP was asked a minute before the other one.
        for routes in walk.state.routes.values_mut() {
            routes.v4.tried.clock = walk.now.clock;
            routes.v6.tried.clock = walk.now.clock - 60;
        }
        walk.visits.clear();
        walk.until(START + 30_000, |_, _| false);
        assert!(walk.visits.len() > 10);
        for next in &walk.visits {
            assert!(IpVersion::ALL.into_iter().all(|version| is_over(next, version)), "{next:?}");
        }
    }
}

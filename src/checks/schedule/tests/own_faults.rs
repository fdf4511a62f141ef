//! Mirrors are visited over what works while a version of IP fails by our own fault, or may.

use super::*;

fn is_over(visit: &NextVisit, version: IpVersion) -> bool {
    visit.routes.iter().any(|&(_, of)| of == version)
}

#[test]
fn a_mirror_that_is_down_is_tried_over_each_version_of_ip_every_time() {
    for n_urls in [1, 2, 3] {
        let mut walk = Walk::new(1);
        let url = |n| format!("http://a{n}.example/");
        walk.entry.trees[0].urls = (0..n_urls).map(url).collect();
        walk.until(START + 7_200, |_, _| true);
        walk.until(START + 30_000, |_, _| false);
        let down = walk.state.down_since.unwrap().clock;
        let tries: Vec<_> = walk.visits.iter().filter(|visit| visit.at > down).collect();
        assert!(tries.len() > 10);
        for next in tries {
            assert!(IpVersion::ALL.into_iter().all(|version| is_over(next, version)), "{next:?}");
        }
    }
}

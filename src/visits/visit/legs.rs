//! The legs of a visit: over which routes the files of a tree can be read.

use crate::plan::{Route, Tree};
use crate::target::{Host, Target};

/// The routes over which the files of a tree can be read, by host: what one host has does not depend on how it
/// is asked, so the first leg of each host that works is enough. Within a host, https comes first.
pub(super) fn by_host(tree: &Tree) -> Vec<Vec<&Route>> {
    let mut hosts: Vec<(Host, Vec<(bool, &Route)>)> = Vec::new();
    for route in &tree.routes {
        let Some(target) = Target::below(&route.url, "") else { continue };
        let origin = target.origin();
        let entry = (!origin.is_tls, route);
        match hosts.iter_mut().find(|(host, _)| *host == origin.host) {
            Some((_, legs)) => legs.push(entry),
            None => hosts.push((origin.host.clone(), vec![entry])),
        }
    }
    let legs = hosts.into_iter().map(|(_, mut legs)| {
        legs.sort_by_key(|&(is_plain, _)| is_plain);
        legs.into_iter().map(|(_, route)| route).collect()
    });
    legs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use model::base_url::BaseUrl;
    use model::families::IpVersion;

    #[test]
    fn a_host_is_asked_over_https_first_and_over_each_version_in_turn() {
        let urls = [
            "http://a.example/x",
            "rsync://a.example/x",
            "https://b.example",
            "https://a.example/x",
        ];
        let routes = urls.iter().flat_map(|url| {
            let url = BaseUrl::parse(url).unwrap();
            let route = move |version| Route { url: url.clone(), version };
            [IpVersion::V6, IpVersion::V4].map(route)
        });
        let tree = Tree { routes: routes.collect(), ..Tree::default() };
        let legs: Vec<Vec<String>> = by_host(&tree)
            .iter()
            .map(|legs| {
                let name = |leg: &&Route| format!("{} {}", leg.url.as_str(), leg.version.as_str());
                legs.iter().map(name).collect()
            })
            .collect();
        assert_eq!(
            legs,
            [
                &[
                    "https://a.example/x 6",
                    "https://a.example/x 4",
                    "http://a.example/x 6",
                    "http://a.example/x 4"
                ][..],
                &["https://b.example 6", "https://b.example 4"],
            ]
        );
    }
}

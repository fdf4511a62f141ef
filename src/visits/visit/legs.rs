//! The legs of a visit: which base URL is asked over which version of IP.

use model::base_url::BaseUrl;
use model::families::IpVersion;

use crate::plan::Tree;
use crate::target::{Host, Target};

/// A base URL over a version of IP.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Leg<'p> {
    pub(super) url: &'p BaseUrl,
    pub(super) version: IpVersion,
}

/// The legs over which the files of a tree can be read, by host: what one host has does not depend on how it
/// is asked, so the first leg of each host that works is enough. Within a host, https comes first.
pub(super) fn by_host<'p>(tree: &'p Tree, versions: &[IpVersion]) -> Vec<Vec<Leg<'p>>> {
    let mut hosts: Vec<(Host, Vec<(bool, &BaseUrl)>)> = Vec::new();
    for url in &tree.urls {
        let Some(target) = Target::below(url, "") else { continue };
        let origin = target.origin();
        let entry = (!origin.is_tls, url);
        match hosts.iter_mut().find(|(host, _)| *host == origin.host) {
            Some((_, urls)) => urls.push(entry),
            None => hosts.push((origin.host.clone(), vec![entry])),
        }
    }
    let legs = hosts.into_iter().map(|(_, mut urls)| {
        urls.sort_by_key(|&(is_plain, _)| is_plain);
        let of_url = |(_, url)| versions.iter().map(move |&version| Leg { url, version });
        urls.into_iter().flat_map(of_url).collect()
    });
    legs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_asked_over_https_first_and_over_each_version_in_turn() {
        let urls = [
            "http://a.example/x",
            "rsync://a.example/x",
            "https://b.example",
            "https://a.example/x",
        ];
        let urls = urls.map(|url| BaseUrl::parse(url).unwrap()).to_vec();
        let tree = Tree { urls, ..Tree::default() };
        let legs: Vec<Vec<String>> = by_host(&tree, &[IpVersion::V6, IpVersion::V4])
            .iter()
            .map(|legs| {
                let name = |leg: &Leg<'_>| format!("{} {}", leg.url.as_str(), leg.version.as_str());
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

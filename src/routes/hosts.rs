//! Hosts: for which servers a route holds.

use std::cmp::Ordering;

use super::route_set::RouteSet;
use super::text::split_at_byte;

/// The most bytes of a host name (RFC 1035).
const MAX_HOST: usize = 253;

/// The routes of each host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    /// Hosts in the order of [`compare`], each with all routes that hold for it.
    named: Vec<(String, RouteSet)>,
    /// The routes that hold for all hosts.
    any: RouteSet,
}

impl Hosts {
    /// Makes the table from the hosts of each route, in canonical form.
    pub(crate) fn new<'a>(routes: impl Iterator<Item = &'a [String]>) -> Self {
        let mut hosts = Self::default();
        for (route, names) in routes.enumerate() {
            if names.is_empty() {
                hosts.any.insert(route);
            }
            for name in names {
                let found = hosts.named.binary_search_by(|(known, _)| compare(known, name));
                let at = found.unwrap_or_else(|at| {
                    hosts.named.insert(at, (name.clone(), RouteSet::default()));
                    at
                });
                if let Some((_, set)) = hosts.named.get_mut(at) {
                    set.insert(route);
                }
            }
        }
        let any = hosts.any;
        hosts.named.iter_mut().for_each(|(_, set)| *set = set.or(any));
        hosts
    }

    /// The routes for a request with this `Host`, which may have a port.
    pub(crate) fn find(&self, host: &str) -> RouteSet {
        if self.named.is_empty() {
            return self.any;
        }
        let name = without_port(host);
        let found = self.named.binary_search_by(|(known, _)| compare(known, name));
        found.ok().and_then(|at| self.named.get(at)).map_or(self.any, |&(_, set)| set)
    }
}

/// The order of a host in lower case and another in any: by length first, which nearly always decides.
fn compare(known: &str, name: &str) -> Ordering {
    let by_bytes = || known.bytes().cmp(name.bytes().map(|byte| byte.to_ascii_lowercase()));
    known.len().cmp(&name.len()).then_with(by_bytes)
}

/// A host without its port and the dot of the root.
pub(crate) fn without_port(host: &str) -> &str {
    let name = match host.strip_prefix('[').and_then(|address| address.find(']')) {
        Some(end) => host.get(..end + 2).unwrap_or(host),
        None => split_at_byte(host, b':').0,
    };
    name.strip_suffix('.').unwrap_or(name)
}

/// The canonical form of a host in a route: lower case, without a port. `None` for what is no host.
pub(crate) fn canonical(host: &str) -> Option<String> {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let is_label = |label: &str| {
                let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
                !label.is_empty() && label.len() <= 63 && label.bytes().all(is_char)
            };
            host.len() <= MAX_HOST && host.split('.').all(is_label)
        }
    };
    is_host.then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_case_and_port() {
        let names = [vec!["mirrors.example.org".to_owned(), "[2001:db8::1]".to_owned()], vec![]];
        let hosts = Hosts::new(names.iter().map(Vec::as_slice));
        let find = |host: &str| hosts.find(host).iter().collect::<Vec<_>>();
        for host in [
            "mirrors.example.org",
            "MIRRORS.Example.org:8080",
            "mirrors.example.org.",
            "[2001:DB8::1]:80",
        ] {
            assert_eq!(find(host), [0, 1], "{host}");
        }
        let long = "a".repeat(8_000);
        for host in ["", "example.org", ":80", "[2001:db8::2]", "[", "ü", long.as_str()] {
            assert_eq!(find(host), [1], "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for host in ["", "a b", "a:80", "https://a", "a/b", "a..b", ".a", "*.a", "[::1", "[g]", "ü"]
        {
            assert_eq!(canonical(host), None, "{host}");
        }
        assert_eq!(canonical("Mirrors.Example.org").as_deref(), Some("mirrors.example.org"));
        assert_eq!(canonical("[2001:DB8::1]").as_deref(), Some("[2001:db8::1]"));
    }
}

//! The host names under which the admin listener may be reached over TCP.
//!
//! This prevents DNS rebinding. A page that the operator's browser has loaded from any site can send
//! requests to this listener under the page's own name, once that name resolves to a loopback address,
//! and can then read the answers. The browser sends the page's name in `Host`, so a name that is not
//! configured is refused. An address in `Host` involves no name resolution, and browsers resolve
//! `localhost` themselves. A request without `Host` does not come from a browser. A page cannot reach a
//! unix socket.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Request};

/// The names that are allowed beside addresses and `localhost`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(pub Vec<String>);

impl AllowedHosts {
    /// Whether every host that `request` names is allowed.
    pub(super) fn allow<B>(&self, request: &Request<B>) -> bool {
        self.allow_headers(request.headers())
            && request.uri().authority().is_none_or(|authority| self.allows(authority))
    }

    /// Whether every host that these header fields name is allowed.
    pub fn allow_headers(&self, headers: &HeaderMap) -> bool {
        let in_header = headers.get_all(HOST).iter();
        let mut in_header = in_header.map(|value| Authority::try_from(value.as_bytes()));
        in_header.all(|authority| authority.is_ok_and(|authority| self.allows(&authority)))
    }

    fn allows(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let is_v6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
        let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if host.parse::<Ipv4Addr>().is_ok() || in_brackets.is_some_and(is_v6) {
            return true;
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        let mut names = self.0.iter().map(String::as_str).chain(["localhost"]);
        names.any(|known| known.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, hosts: &[&str], expected: bool) {
        let mut request = Request::get(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let request = request.body(()).expect("a valid literal");
        let allowed = AllowedHosts(vec!["status.example".into()]);
        assert_eq!(allowed.allow(&request), expected, "{target} {hosts:?}");
    }

    #[test]
    fn addresses_and_known_names_are_allowed() {
        check("/", &[], true);
        for host in [
            "127.0.0.1",
            "127.0.0.1:3001",
            "192.0.2.7:80",
            "[::1]",
            "[::1]:3001",
            "localhost",
            "LocalHost:3001",
            "localhost.",
            "status.example",
            "Status.Example.:3001",
        ] {
            check("/metrics", &[host], true);
        }
        check("http://127.0.0.1:3001/metrics", &["localhost"], true);
    }

    #[test]
    fn other_names_are_not() {
        for host in [
            "evil.example",
            "evil.example:3001",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "status.example.evil.example",
            "xstatus.example",
            "127.0.0.1@evil.example",
            "2130706433",
            "0x7f.1",
            "127.1",
            "[::1",
            "::1",
            "",
            "a b",
        ] {
            check("/metrics", &[host], false);
        }
        check("/metrics", &["127.0.0.1", "evil.example"], false);
        check("http://evil.example/metrics", &["127.0.0.1"], false);
        check("http://evil.example/metrics", &[], false);
    }
}

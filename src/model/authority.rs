//! Compares host names with ports, as URLs and `Host` headers write them.

use std::net::Ipv6Addr;

/// Whether a URL with the authority `one` leads to the server that was asked as `other`.
///
/// Neither text shows the protocol of the other: a proxy that terminates TLS passes on the host alone.
/// So a missing port, 80 and 443 are equal; other ports are equal to themselves only.
pub fn is_same_server(one: &str, other: &str) -> bool {
    match (Server::parse(one), Server::parse(other)) {
        (Some(one), Some(other)) => one.port == other.port && one.has_same_name(&other),
        _ => false,
    }
}

struct Server<'a> {
    /// The host, without a dot at its end.
    name: &'a str,
    /// `None` for the default port of http or https.
    port: Option<u16>,
}

impl<'a> Server<'a> {
    /// Reads `[USER@]HOST[:PORT]`; `None` if the host is missing or the port is not valid.
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.rsplit_once('@').map_or(text, |(_, server)| server);
        let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
        let (name, port) = match text.get(end..)?.rfind(':') {
            Some(colon) => (text.get(..end + colon)?, text.get(end + colon + 1..)?),
            None => (text, ""),
        };
        let port = match port {
            "" => None,
            port => Some(port.parse().ok()?).filter(|port| !matches!(port, 80 | 443)),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        (!name.is_empty()).then_some(Self { name, port })
    }

    fn has_same_name(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(other.name)
            || self.ipv6().is_some_and(|address| other.ipv6() == Some(address))
    }

    fn ipv6(&self) -> Option<Ipv6Addr> {
        self.name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_dns_and_ports_as_protocols_do() {
        for (one, other, expected) in [
            ("dl.example", "dl.example", true),
            ("DL.Example", "dl.eXample", true),
            ("dl.example.", "dl.example", true),
            ("dl.example:443", "dl.example", true),
            ("dl.example:80", "dl.example:443", true),
            ("dl.example.:80", "dl.example", true),
            ("dl.example:", "dl.example", true),
            ("dl.example:8080", "dl.example:8080", true),
            ("me@dl.example", "dl.example", true),
            ("me:pw@dl.example:8080", "dl.example:8080", true),
            ("192.0.2.1", "192.0.2.1:80", true),
            ("[2001:db8::1]", "[2001:DB8:0::1]:443", true),
            ("dl.example:8080", "dl.example", false),
            ("dl.example:8080", "dl.example:8081", false),
            ("dl.example", "download.example", false),
            ("dl.example", "dl.example.org", false),
            ("[2001:db8::1]", "[2001:db8::2]", false),
            ("[2001:db8::1]:8080", "[2001:db8::1]", false),
            ("dl.example:http", "dl.example", false),
            ("dl.example:99999", "dl.example:99999", false),
            ("", "", false),
            (":80", ":80", false),
            (".", ".", false),
            ("[", "]", false),
        ] {
            assert_eq!(is_same_server(one, other), expected, "{one} {other}");
            assert_eq!(is_same_server(other, one), expected, "{other} {one}");
        }
    }
}

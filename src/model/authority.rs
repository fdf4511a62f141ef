//! Compares host names with ports, as URLs and `Host` headers write them.

use std::fmt;
use std::net::Ipv6Addr;

use super::base_url::{BadUrl, parse_host, parse_port, split_port};

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

/// A server as clients name it: `mirror.example`, or `mirror.example:8080`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerName {
    /// The host, in the form that it has in base URLs.
    host: String,
    /// `None` means each port. 80 and 443 are one.
    port: Option<u16>,
}

impl ServerName {
    /// Reads `HOST` or `HOST:PORT`. The host is a name in any case and script, an IPv4 address, or an
    /// IPv6 address in brackets.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let (host, port) = split_port(text)?;
        Ok(Self { host: parse_host(host)?, port: parse_port(port)? })
    }

    /// The host, in the form that it has in base URLs.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a URL with this authority leads to the server.
    pub fn is_at(&self, authority: &str) -> bool {
        Server::parse(authority).is_some_and(|server| {
            let has_port = self.port.is_none_or(|port| server.port == not_default(port));
            has_port && server.has_same_name(&Server { name: &self.host, port: None })
        })
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

struct Server<'a> {
    /// The host, without a dot at its end.
    name: &'a str,
    /// `None` for the default port of http or https.
    port: Option<u16>,
}

/// A port that is not the default one of http or https.
fn not_default(port: u16) -> Option<u16> {
    Some(port).filter(|port| !matches!(port, 80 | 443))
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
            port => not_default(port.parse().ok()?),
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

    #[test]
    fn servers_are_named_by_host_and_perhaps_by_port() {
        for (name, authority, expected) in [
            ("m.example", "m.example", true),
            ("M.Example.", "m.example", true),
            ("m.example", "m.example:8080", true),
            ("m.example:8080", "m.example:8080", true),
            ("m.example:443", "m.example", true),
            ("m.example:80", "m.example:443", true),
            ("m.example:", "m.example:8080", true),
            ("münchen.example", "xn--mnchen-3ya.example", true),
            ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example", true),
            ("192.0.2.1", "192.0.2.1:8080", true),
            ("[2001:DB8:0::1]", "[2001:db8::1]", true),
            ("[2001:db8::1]:8443", "[2001:db8::1]:8443", true),
            ("m.example:8080", "m.example", false),
            ("m.example:8080", "m.example:8081", false),
            ("m.example", "am.example", false),
            ("m.example", "m.example.org", false),
            ("example", "m.example", false),
            ("[2001:db8::1]:8443", "[2001:db8::1]", false),
            ("m.example", "", false),
        ] {
            let server = ServerName::parse(name).expect(name);
            assert_eq!(server.is_at(authority), expected, "{name} {authority}");
            assert_eq!(ServerName::parse(&server.to_string()), Ok(server), "{name}");
        }
        for text in [
            "",
            ".",
            ":80",
            "a:0",
            "a:65536",
            "a:b",
            "a:80:80",
            "2001:db8::1",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[]",
            "a b",
            "a/b",
            "a..b",
            "me@a",
            "*",
            "1.2.3",
            "0x7f000001",
            "https://a.example/",
        ] {
            assert!(ServerName::parse(text).is_err(), "{text}");
        }
    }
}

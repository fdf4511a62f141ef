//! Whose request it is: the address behind the proxies that are trusted.
//!
//! A header is believed only as far as the chain of trusted proxies reaches: from the peer, through
//! the addresses that proxies appended, from the right to the left, to the first address that is no
//! trusted proxy. Whatever a client put before that is never looked at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::model::net::{Prefix, canonical};

/// The proxies whose X-Forwarded-For is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies(pub Vec<Prefix>);

impl Default for TrustedProxies {
    /// Loopback: a proxy on the same host.
    fn default() -> Self {
        let loopback = [
            Prefix::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
            Prefix::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
        ];
        Self(loopback.into_iter().flatten().collect())
    }
}

impl TrustedProxies {
    /// The client's address, canonical: `peer`, unless it is a trusted proxy that names another in
    /// its X-Forwarded-For lines (`forwarded`, in the order received).
    ///
    /// The first token from the right that is no address ends the walk; the last good hop counts.
    pub fn client_address<'h>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'h [u8]>,
    ) -> IpAddr {
        let mut client = canonical(peer);
        if !self.contains(client) {
            return client;
        }
        let hops = forwarded.rev().flat_map(|line| line.rsplit(|&byte| byte == b','));
        for hop in hops {
            let Some(address) = parse_hop(hop) else { break };
            client = address;
            if !self.contains(client) {
                break;
            }
        }
        client
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|prefix| prefix.contains(address))
    }
}

/// An address as proxies write it: plain, `1.2.3.4:567`, `[2001:db8::1]` or `[2001:db8::1]:567`.
fn parse_hop(token: &[u8]) -> Option<IpAddr> {
    let token = std::str::from_utf8(token).ok()?.trim_matches([' ', '\t']);
    let address = token
        .parse::<IpAddr>()
        .or_else(|_| token.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()
        .or_else(|| {
            let inner = token.strip_prefix('[')?.strip_suffix(']')?;
            inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        })?;
    Some(canonical(address))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trusting(prefixes: &[&str]) -> TrustedProxies {
        let parse = |text: &&str| Prefix::parse(text).expect("a valid literal").0;
        TrustedProxies(prefixes.iter().map(parse).collect())
    }

    /// The truth table: peer, X-Forwarded-For lines, client.
    #[test]
    fn the_rightmost_untrusted_address_is_the_client() {
        let proxies = trusting(&["127.0.0.0/8", "::1", "10.0.0.0/8", "2001:db8:ffff::/48"]);
        let table: &[(&str, &[&str], &str)] = &[
            ("192.0.2.1", &[], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("::ffff:192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.9,198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["198.51.100.7, 10.1.2.3"], "198.51.100.7"),
            ("127.0.0.1", &["198.51.100.7", "10.1.2.3", "10.9.9.9"], "198.51.100.7"),
            ("127.0.0.1", &["10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7, , 10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["junk, 198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("127.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("127.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("127.0.0.1", &["2001:db8::7"], "2001:db8::7"),
            ("127.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["[::ffff:198.51.100.7]:80"], "198.51.100.7"),
            ("127.0.0.1", &["2001:db8::7, 2001:db8:ffff::1"], "2001:db8::7"),
            ("127.0.0.1", &["\t198.51.100.7 "], "198.51.100.7"),
            ("127.0.0.1", &["198.51.100.7;x"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.256"], "127.0.0.1"),
            ("127.0.0.1", &["fe80::1%eth0"], "127.0.0.1"),
            ("127.0.0.1", &["[198.51.100.7]"], "127.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
        ];
        for (peer, lines, expected) in table {
            let lines = lines.iter().map(|line| line.as_bytes());
            let client = proxies.client_address(peer.parse().expect("a valid literal"), lines);
            assert_eq!(client.to_string(), *expected, "{peer}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_end_the_walk() {
        let client = TrustedProxies::default().client_address(
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            [&b"1.2.3.4, \xff\xfe"[..]].into_iter(),
        );
        assert_eq!(client, IpAddr::V4(Ipv4Addr::LOCALHOST));
    }

    proptest! {
        #[test]
        fn no_header_moves_an_untrusted_peer(header in prop::collection::vec(any::<u8>(), 0..200)) {
            let peer: IpAddr = "192.0.2.1".parse().expect("a valid literal");
            let lines = [&header[..]];
            prop_assert_eq!(
                TrustedProxies::default().client_address(peer, lines.into_iter()),
                peer
            );
        }

        #[test]
        fn nothing_before_the_appended_address_counts(
            attack in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
        ) {
            let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let mut lines: Vec<&[u8]> = attack.iter().map(Vec::as_slice).collect();
            // A proxy appends the address of its own peer, on a line of its own or after a comma.
            lines.push(b"198.51.100.7");
            let client = TrustedProxies::default().client_address(peer, lines.into_iter());
            prop_assert_eq!(client.to_string(), "198.51.100.7");
            let mut joined = attack.join(&b", "[..]);
            joined.extend_from_slice(b", 198.51.100.7");
            let client = TrustedProxies::default().client_address(peer, [&joined[..]].into_iter());
            prop_assert_eq!(client.to_string(), "198.51.100.7");
        }
    }
}

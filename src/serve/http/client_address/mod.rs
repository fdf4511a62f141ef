//! The client's address of a request: the address behind the trusted proxies.
//!
//! A proxy passes it on in one of three ways, and each listener uses exactly one of them
//! ([`AddressSource`]): if it accepted two, a client could use the one that the proxy does not set. A
//! header is trusted only as far as the chain of trusted proxies reaches: from the peer, through the
//! addresses that proxies appended, from the right to the left, to the first address that is not a
//! trusted proxy. Anything that a client put before that is never read.
//!
//! Reading order: [`forwarded`] parses the header of RFC 7239, [`proxy_protocol`] the header before the
//! first request. Both are functions of bytes.

mod hop;
pub mod forwarded;
pub mod proxy_protocol;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::net::{Prefix, canonical};

use hop::parse_hop;

/// The place where a listener finds the client's address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressSource {
    /// In a header that each proxy appends to.
    Header(AddressHeader),
    /// In the header of the PROXY protocol, once for the whole connection.
    ProxyProtocol,
    /// Nowhere: the peer is the client.
    Peer,
}

impl Default for AddressSource {
    fn default() -> Self {
        Self::Header(AddressHeader::XForwardedFor)
    }
}

/// A header that names clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressHeader {
    /// The usual header: addresses separated by commas.
    XForwardedFor,
    /// The header of RFC 7239.
    Forwarded,
}

/// The peer of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// A host with this address.
    Address(IpAddr),
    /// A process of this host, through a unix socket. It counts as a trusted proxy, whatever the
    /// list says: the mode of the socket decides who may connect.
    Unix,
}

impl Peer {
    /// Returns the peer's address in canonical form; the loopback address for a unix socket.
    pub fn address(self) -> IpAddr {
        match self {
            Self::Address(address) => canonical(address),
            Self::Unix => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}

/// The proxies whose word about a client's address is trusted.
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
    /// Returns whether `peer` is trusted.
    pub fn trusts(&self, peer: Peer) -> bool {
        match peer {
            Peer::Address(address) => self.contains(canonical(address)),
            Peer::Unix => true,
        }
    }

    /// Returns the client's address in canonical form: that of `peer`, unless it is a trusted proxy that
    /// names another in the lines of `header`, in the order received.
    ///
    /// The first token from the right that is not an address ends the walk; the last good hop counts.
    pub fn client_address<'h>(
        &self,
        peer: Peer,
        header: AddressHeader,
        lines: impl DoubleEndedIterator<Item = &'h [u8]>,
    ) -> IpAddr {
        if !self.trusts(peer) {
            return peer.address();
        }
        let lines = lines.rev();
        match header {
            AddressHeader::XForwardedFor => {
                let tokens = lines.flat_map(|line| line.rsplit(|&byte| byte == b','));
                self.walk(peer, tokens.map(parse_hop))
            }
            AddressHeader::Forwarded => self.walk(peer, lines.flat_map(forwarded::hops)),
        }
    }

    /// Follows `hops`, which begin next to a trusted peer; `None` is a hop that cannot be read.
    fn walk(&self, peer: Peer, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut client = peer.address();
        for hop in hops {
            let Some(address) = hop else { break };
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trusting(prefixes: &[&str]) -> TrustedProxies {
        let parse = |text: &&str| Prefix::parse(text).expect("a valid literal").0;
        TrustedProxies(prefixes.iter().map(parse).collect())
    }

    /// Truth table: peer, X-Forwarded-For lines, client.
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
            ("unix", &[], "127.0.0.1"),
            ("unix", &["unknown"], "127.0.0.1"),
            ("unix", &["203.0.113.9, 198.51.100.7, 10.1.2.3"], "198.51.100.7"),
        ];
        for (peer, lines, expected) in table {
            let lines = lines.iter().map(|line| line.as_bytes());
            let peer = match *peer {
                "unix" => Peer::Unix,
                peer => Peer::Address(peer.parse().expect("a valid literal")),
            };
            let client = proxies.client_address(peer, AddressHeader::XForwardedFor, lines);
            assert_eq!(client.to_string(), *expected, "{peer:?}");
        }
    }

    const LOOPBACK: Peer = Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    const STRANGER: Peer = Peer::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));

    #[track_caller]
    fn x_forwarded_for(peer: Peer, lines: &[&[u8]]) -> String {
        let lines = lines.iter().copied();
        let proxies = TrustedProxies::default();
        proxies.client_address(peer, AddressHeader::XForwardedFor, lines).to_string()
    }

    #[test]
    fn bytes_that_are_no_text_end_the_walk() {
        assert_eq!(x_forwarded_for(LOOPBACK, &[b"1.2.3.4, \xff\xfe"]), "127.0.0.1");
    }

    #[test]
    fn whoever_connects_through_a_unix_socket_is_trusted_even_where_no_address_is() {
        let nobody = TrustedProxies(Vec::new());
        assert!(nobody.trusts(Peer::Unix));
        assert!(!nobody.trusts(LOOPBACK));
        let lines = || [&b"198.51.100.7"[..]].into_iter();
        let client = nobody.client_address(Peer::Unix, AddressHeader::XForwardedFor, lines());
        assert_eq!(client.to_string(), "198.51.100.7");
        let client = nobody.client_address(LOOPBACK, AddressHeader::XForwardedFor, lines());
        assert_eq!(client.to_string(), "127.0.0.1");
    }

    proptest! {
        #[test]
        fn no_header_moves_an_untrusted_peer(header in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(x_forwarded_for(STRANGER, &[&header]), "192.0.2.1");
        }

        #[test]
        fn nothing_before_the_appended_address_counts(
            attack in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
        ) {
            let mut lines: Vec<&[u8]> = attack.iter().map(Vec::as_slice).collect();
            // A proxy appends the address of its own peer, on a new line or after a comma.
            lines.push(b"198.51.100.7");
            prop_assert_eq!(x_forwarded_for(LOOPBACK, &lines), "198.51.100.7");
            let mut joined = attack.join(&b", "[..]);
            joined.extend_from_slice(b", 198.51.100.7");
            prop_assert_eq!(x_forwarded_for(LOOPBACK, &[&joined]), "198.51.100.7");
        }
    }
}

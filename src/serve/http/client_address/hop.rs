//! Addresses as proxies write them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use model::net::canonical;

/// An address as proxies write it: plain, `1.2.3.4:567`, `[2001:db8::1]` or `[2001:db8::1]:567`.
pub(super) fn parse_hop(token: &[u8]) -> Option<IpAddr> {
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

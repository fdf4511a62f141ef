//! Recognises addresses of private networks, which no client on the Internet has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address (canonical) is of this host or of a private network, including those of carriers.
/// No country database lists such an address.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    // 0.0.0.0/8 is "this network" (RFC 1122), 100.64.0.0/10 is shared between a carrier and its
    // customers (RFC 6598).
    a == 0
        || v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || a == 100 && b & 0xc0 == 64
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    // fec0::/10 was for site-local addresses, which RFC 3879 deprecates; fc00::/7 replaces it.
    v6.is_unspecified()
        || v6.is_loopback()
        || v6.is_unique_local()
        || v6.is_unicast_link_local()
        || v6.segments().first().is_some_and(|segment| segment & 0xffc0 == 0xfec0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_end_where_the_registries_say() {
        let check = |private: bool, addresses: &str| {
            for text in addresses.split(' ') {
                let address = text.parse().expect("a valid literal");
                assert_eq!(is_private(address), private, "{text}");
            }
        };
        check(true, "0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 127.0.0.1 127.255.255.255");
        check(true, "100.64.0.0 100.127.255.255 169.254.0.1 172.16.0.0 172.31.255.255");
        check(true, "192.168.0.0 192.168.255.255");
        check(true, ":: ::1 fc00:: fdff:ffff::1 fe80::1 febf::1 fec0::1 feff::1");
        check(false, "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.0.0.1");
        check(false, "128.0.0.1 169.253.255.255 172.15.255.255 172.32.0.0 192.167.255.255");
        check(false, "192.169.0.0 192.0.2.1 255.255.255.255");
        check(false, "::2 2001:db8::1 2002:a00:1::1 fbff::1 fe00::1 fe7f::1 ff02::1");
    }
}

//! The guard: addresses and ports that visits may connect to.
//!
//! URLs come from owners of mirrors, names resolve to what their zones say, and redirects lead anywhere. None
//! of this may reach a service that is not public. So each address is vetted, and the connection goes to the
//! address that was vetted, without a second look-up; the same holds for each redirect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ip_network::{Ipv4Network, Ipv6Network};

/// Says which addresses may be connected to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Guard {
    /// Whether addresses that are not global are allowed as well: mirrors of an intranet, and tests.
    pub allow_private_targets: bool,
}

/// Why an address is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Blocked {
    /// The port belongs to another service.
    #[error("port {0} is none of 80, 443, 873, 21 and 1024 to 65535")]
    Port(u16),
    /// The address is not global.
    #[error("{0} is not a global address")]
    Address(IpAddr),
}

impl Guard {
    /// The address to connect to, if that is allowed. An IPv6 address that stands for one of IPv4 becomes
    /// that one.
    pub fn vet(self, address: IpAddr, port: u16) -> Result<SocketAddr, Blocked> {
        if !matches!(port, 80 | 443 | 873 | 21 | 1_024..) {
            return Err(Blocked::Port(port));
        }
        let address = address.to_canonical();
        if self.allow_private_targets || is_global(address) {
            Ok(SocketAddr::new(address, port))
        } else {
            Err(Blocked::Address(address))
        }
    }
}

fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    // ip_network takes multicast, two anycast addresses of 192.0.0.0/24 and the relays of 6to4 as global.
    let is_special =
        address.is_multicast() || matches!(address.octets(), [192, 0, 0, _] | [192, 88, 99, _]);
    !is_special && Ipv4Network::from(address).is_global()
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_global_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // NAT64: what DNS64 makes of an IPv4 address.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4.
        [0x2002, high, low, ..] => embedded(high, low),
        // What IETF protocols use, with Teredo; documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast, which is all that is assigned.
        [0x2000..=0x3fff, ..] => Ipv6Network::from(address).is_global(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    proptest! {
        /// However an IPv4 address is written, it is allowed or not.
        #[test]
        fn an_embedded_address_is_judged_as_itself(bits in any::<u32>()) {
            let address = Ipv4Addr::from(bits);
            let bits = u128::from(bits);
            let vet = |address: IpAddr| Guard::default().vet(address, 80);
            let form = |bits: u128| IpAddr::from(Ipv6Addr::from(bits));
            let (mapped, compatible) = (form(0xffff << 32 | bits), form(bits));
            let (nat64, six_to_four) = (form(0x64_ff9b << 96 | bits), form(0x2002 << 112 | bits << 80));
            prop_assert_eq!(vet(mapped), vet(address.into()));
            prop_assert_eq!(vet(nat64).is_ok(), vet(address.into()).is_ok());
            prop_assert_eq!(vet(six_to_four).is_ok(), vet(address.into()).is_ok());
            prop_assert!(vet(compatible).is_err());
        }
    }

    fn vet(address: &str, port: u16) -> Result<SocketAddr, Blocked> {
        Guard::default().vet(address.parse().unwrap(), port)
    }

    #[test]
    fn global_addresses_pass() {
        for address in [
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "2a00:1450::1",
            "2001:4860::1",
            "2620::1",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert_eq!(vet(address, 443).unwrap().ip().to_string(), address);
        }
        assert_eq!(vet("::ffff:8.8.8.8", 80).unwrap().to_string(), "8.8.8.8:80");
    }

    #[test]
    fn addresses_that_are_not_global_are_refused_in_every_form() {
        let v4 = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.9",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
        ];
        for text in v4 {
            let address: Ipv4Addr = text.parse().unwrap();
            let [a, b, c, d] = address.octets().map(u16::from);
            let (high, low) = (a << 8 | b, c << 8 | d);
            assert_eq!(vet(text, 80), Err(Blocked::Address(address.into())));
            assert_eq!(vet(&format!("::ffff:{text}"), 80), Err(Blocked::Address(address.into())));
            for form in [
                format!("::{high:x}:{low:x}"),
                format!("64:ff9b::{high:x}:{low:x}"),
                format!("64:ff9b:1::{high:x}:{low:x}"),
                format!("2002:{high:x}:{low:x}::1"),
                format!("2001:0:{high:x}:{low:x}::1"),
            ] {
                assert!(vet(&form, 80).is_err(), "{form}");
            }
        }
        for address in [
            "::",
            "::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fdff::1",
            "ff02::1",
            "ff0e::1",
            "100::1",
            "2001:db8::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "3fff::1",
            "5f00::1",
            "4000::1",
            "64:ff9b:1::808:808",
            "2001::808:808",
        ] {
            assert_eq!(vet(address, 80), Err(Blocked::Address(address.parse().unwrap())));
        }
    }

    #[test]
    fn ports_of_other_services_are_refused_even_among_private_targets() {
        let guard = Guard { allow_private_targets: true };
        let address = "127.0.0.1".parse().unwrap();
        for port in [80, 443, 873, 21, 1_024, 8_080, 65_535] {
            assert_eq!(guard.vet(address, port), Ok(SocketAddr::new(address, port)));
        }
        for port in [0, 20, 22, 25, 53, 111, 389, 445, 1_023] {
            assert_eq!(guard.vet(address, port), Err(Blocked::Port(port)));
        }
    }
}

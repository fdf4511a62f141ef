//! IPv4 addresses that are embedded in IPv6 addresses, and the addresses that a client is looked up by.
//!
//! Translators and tunnels give an IPv4 host an IPv6 address that contains its IPv4 address. Tables of
//! networks, systems and countries list the IPv4 address only, so both are looked up.
//!
//! | mechanism | prefix | the IPv4 address |
//! |---|---|---|
//! | NAT64, SIIT (RFC 6052) | `64:ff9b::/96`, and those that the operator names | behind the prefix, around bits 64 to 71 |
//! | NAT64 of local use (RFC 8215) | `64:ff9b:1::/48` | the same, or the last 32 bits where all between is zero |
//! | 6to4 (RFC 3056) | `2002::/16` | bits 16 to 47 |
//! | Teredo (RFC 4380) | `2001::/32` | the last 32 bits, inverted; the others name its server |
//!
//! [`LookupAddresses`] is the one rule for every table: first the IPv6 address, in networks longer than
//! the prefix of the mechanism, then the IPv4 address. Networks as long as that prefix or shorter, such
//! as the route of a 6to4 relay, locate the relay and not the client.
//!
//! IPv4-mapped addresses (`::ffff:192.0.2.1`) are converted to IPv4 before
//! ([`canonical`](super::net::canonical)). IPv4-compatible ones (`::192.0.2.1`) are not handled, as
//! RFC 4291 deprecates them and they are not routed; neither are ISATAP interface identifiers, as their
//! prefix is that of the site already. An embedded address never makes a peer a trusted proxy: any host
//! can send from a 6to4 address with any IPv4 address in it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::families::IpVersion;
use super::net::{HostBits, Prefix};
use super::scope::is_private;

/// The addresses under which a client is looked up in every table of networks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LookupAddresses {
    own: IpAddr,
    /// The shortest length of a network that locates `own`.
    min_length: u8,
    embedded: Option<Ipv4Addr>,
    /// The version of IP that the client itself uses.
    version: IpVersion,
}

impl LookupAddresses {
    /// The addresses of a client (canonical); `nat64` are prefixes beside the well-known ones.
    pub fn of<'a>(client: IpAddr, nat64: impl IntoIterator<Item = &'a Nat64Prefix>) -> Self {
        let IpAddr::V6(v6) = client else {
            return Self { own: client, min_length: 0, embedded: None, version: IpVersion::V4 };
        };
        let Some(Mechanism { length, embedded, version }) = find_mechanism(v6, nat64) else {
            return Self { own: client, min_length: 0, embedded: None, version: IpVersion::V6 };
        };
        let embedded = embedded.filter(is_public);
        Self { own: client, min_length: length + 1, embedded, version }
    }

    /// The version of IP that the client itself uses: IPv4 behind a translator, which gives a host of IPv4 an
    /// IPv6 address, and IPv6 in a tunnel, which gives it to one that uses IPv6.
    pub fn version(self) -> IpVersion {
        self.version
    }

    /// The client's own address.
    pub fn own(self) -> IpAddr {
        self.own
    }

    /// The shortest length of a network that locates the client's own address.
    pub fn min_length(self) -> u8 {
        self.min_length
    }

    /// The IPv4 address in it, which is looked up after it.
    pub fn embedded(self) -> Option<IpAddr> {
        self.embedded.map(IpAddr::V4)
    }

    /// Returns which of these addresses lies in `network`, which was found for the client.
    pub fn form_in(self, network: Prefix) -> AddressForm {
        // The own address is IPv6 if there is an embedded one, and that is IPv4.
        match self.own.is_ipv4() == network.address().is_ipv4() {
            true => AddressForm::Own,
            false => AddressForm::Embedded,
        }
    }
}

/// One of the addresses under which a client is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressForm {
    /// Its own address.
    Own,
    /// The IPv4 address within its IPv6 address.
    Embedded,
}

impl From<IpAddr> for LookupAddresses {
    /// The addresses of a client, with the well-known prefixes only.
    fn from(client: IpAddr) -> Self {
        Self::of(client, &[])
    }
}

/// How an IPv4 address comes to be in an IPv6 address.
struct Mechanism {
    /// The length of its prefix.
    length: u8,
    embedded: Option<Ipv4Addr>,
    /// The version of IP that the client itself uses.
    version: IpVersion,
}

impl Mechanism {
    /// A translator. If there is no address where it puts them, a host of IPv6 has the address.
    fn translator(length: u8, embedded: Option<Ipv4Addr>) -> Self {
        let version = if embedded.is_some() { IpVersion::V4 } else { IpVersion::V6 };
        Self { length, embedded, version }
    }

    fn tunnel(length: u8, embedded: Ipv4Addr) -> Self {
        Self { length, embedded: Some(embedded), version: IpVersion::V6 }
    }
}

/// Finds the mechanism of an address.
fn find_mechanism<'a>(
    address: Ipv6Addr,
    nat64: impl IntoIterator<Item = &'a Nat64Prefix>,
) -> Option<Mechanism> {
    let own = nat64.into_iter().filter(|nat64| nat64.0.contains(address.into()));
    if let Some(nat64) = own.max_by_key(|nat64| nat64.0.len()) {
        return Some(Mechanism::translator(nat64.0.len(), nat64.extract(address)));
    }
    let bits = address.to_bits();
    let [a, b, c, d, e, f, ..] = address.segments();
    let last = bits_from(bits, 96);
    match (a, b, c) {
        (0x64, 0xff9b, 0 | 1) if (d, e, f) == (0, 0, 0) => {
            Some(Mechanism::translator(96, Some(last)))
        }
        (0x64, 0xff9b, 1) => Some(Mechanism::translator(48, extract(address, 48))),
        (0x2002, ..) => Some(Mechanism::tunnel(16, bits_from(bits, 16))),
        (0x2001, 0, _) => Some(Mechanism::tunnel(32, Ipv4Addr::from_bits(!last.to_bits()))),
        _ => None,
    }
}

/// The 32 bits that follow the first `n`.
#[allow(clippy::cast_possible_truncation, reason = "the lower 32 bits are meant")]
fn bits_from(bits: u128, n: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits((bits << n >> 96) as u32)
}

/// Extracts the IPv4 address behind a prefix of `length` bits. It skips bits 64 to 71, which are zero
/// (RFC 6052, section 2.2).
fn extract(address: Ipv6Addr, length: u8) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    if length == 96 {
        return Some(bits_from(bits, 96));
    }
    let reserved = bits >> 56 & 0xff;
    if reserved != 0 {
        return None;
    }
    // Removes the eight reserved bits, and shifts the bits behind them up.
    let low = bits & ((1 << 56) - 1);
    let joined = (bits >> 64 << 64) | (low << 8);
    Some(bits_from(joined, length))
}

/// Whether an address may be a client's on the Internet. An embedded address that may not was made up,
/// or is of a private network, which no table lists. Blocks for documentation are accepted.
fn is_public(address: &Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    // From 224 on: multicast and reserved blocks.
    first < 224 && !is_private((*address).into())
}

/// A prefix behind which a translator puts IPv4 addresses (RFC 6052).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Nat64Prefix(Prefix);

/// The reason why a text is no NAT64 prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadNat64Prefix {
    /// The text is no prefix, or not one of IPv6.
    #[error("is no prefix of IPv6")]
    Prefix,
    /// The length is none of the six that RFC 6052 allows.
    #[error("has none of the lengths /32, /40, /48, /56, /64 and /96")]
    Length,
    /// Bits are set behind the length, or within bits 64 to 71.
    #[error("has bits set where RFC 6052 wants zeros")]
    Bits,
}

impl Nat64Prefix {
    /// Reads a prefix such as `2001:db8:64::/96`.
    pub fn parse(text: &str) -> Result<Self, BadNat64Prefix> {
        let (prefix, host_bits) = Prefix::parse(text).map_err(|_| BadNat64Prefix::Prefix)?;
        let IpAddr::V6(address) = prefix.address() else { return Err(BadNat64Prefix::Prefix) };
        if !matches!(prefix.len(), 32 | 40 | 48 | 56 | 64 | 96) {
            return Err(BadNat64Prefix::Length);
        }
        if host_bits == HostBits::WereSet || address.to_bits() >> 56 & 0xff != 0 {
            return Err(BadNat64Prefix::Bits);
        }
        Ok(Self(prefix))
    }

    fn extract(self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        extract(address, self.0.len())
    }
}

impl fmt::Display for Nat64Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The length of the well-known prefix that contains a network, if there is one.
pub fn length_around(network: Prefix) -> Option<u8> {
    let IpAddr::V6(address) = network.address() else { return None };
    let Mechanism { length, .. } = find_mechanism(address, &[])?;
    (length < network.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(address: &str, nat64: &[&str]) -> Option<String> {
        let nat64: Vec<_> =
            nat64.iter().map(|text| Nat64Prefix::parse(text).expect("a valid literal")).collect();
        let address = address.parse().expect("a valid literal");
        LookupAddresses::of(address, &nat64).embedded().map(|v4| v4.to_string())
    }

    #[test]
    fn addresses_of_translators_and_tunnels_hold_an_ipv4_address() {
        for (address, expected) in [
            ("192.0.2.1", None),
            ("2001:db8::1", None),
            ("64:ff9b::c000:201", Some("192.0.2.1")),
            ("64:ff9b:0:0:0:1:c000:201", None),
            ("64:ff9b:1::c000:201", Some("192.0.2.1")),
            ("64:ff9b:1:c000:2:100::", Some("192.0.2.1")),
            ("64:ff9b:2::c000:201", None),
            ("2002:c000:201::1", Some("192.0.2.1")),
            ("2002:c000:201:ffff:ffff:ffff:ffff:ffff", Some("192.0.2.1")),
            // The address of the Teredo server is not used.
            ("2001:0:c633:6401:8000:63bf:3fff:fdfe", Some("192.0.2.1")),
            ("2001:0:c000:201::1", None),
            // IPv4-compatible addresses and ISATAP are not handled.
            ("::192.0.2.1", None),
            ("2001:db8::5efe:c000:201", None),
            ("fe80::5efe:c000:201", None),
            ("::ffff:0:192.0.2.1", None),
        ] {
            assert_eq!(embedded(address, &[]).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn addresses_that_nobody_on_the_internet_has_are_not_used() {
        for v4 in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "192.168.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            let bits = u128::from(v4.parse::<Ipv4Addr>().expect("a valid literal").to_bits());
            for address in [
                0x0064_ff9b << 96 | bits,
                0x0064_ff9b_0001 << 80 | bits,
                0x2002 << 112 | bits << 80,
                0x2001 << 112 | (!bits & 0xffff_ffff),
            ] {
                let address = Ipv6Addr::from_bits(address).to_string();
                assert_eq!(embedded(&address, &[]), None, "{v4} in {address}");
            }
        }
        assert_eq!(embedded("64:ff9b::6380:1", &[]).as_deref(), Some("99.128.0.1"));
        assert_eq!(embedded("64:ff9b::6480:1", &[]).as_deref(), Some("100.128.0.1"));
    }

    /// Checks the examples in the table of RFC 6052, section 2.4.
    #[test]
    fn every_length_of_rfc_6052_is_known() {
        for (prefix, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ] {
            assert_eq!(embedded(address, &[prefix]).as_deref(), Some("192.0.2.33"), "{prefix}");
            assert_eq!(embedded(address, &[]), None, "{prefix}");
        }
        // Bits 64 to 71 are not zero.
        assert_eq!(embedded("2001:db8:122:c000:102:2100::", &["2001:db8:122::/48"]), None);
        // The longest of several matching prefixes is used.
        let both = ["2001:db8::/32", "2001:db8:122:344::/96"];
        let address = "2001:db8:122:344::192.0.2.33";
        assert_eq!(embedded(address, &both).as_deref(), Some("192.0.2.33"));
    }

    #[test]
    fn prefixes_that_are_none_are_refused() {
        for (text, expected) in [
            ("64:ff9b::/96", None),
            ("192.0.2.0/24", Some(BadNat64Prefix::Prefix)),
            ("x", Some(BadNat64Prefix::Prefix)),
            ("::ffff:0:0/96", Some(BadNat64Prefix::Prefix)),
            ("2001:db8::/33", Some(BadNat64Prefix::Length)),
            ("2001:db8::", Some(BadNat64Prefix::Length)),
            ("2001:db8::1/96", Some(BadNat64Prefix::Bits)),
            ("2001:db8:0:0:ff00::/96", Some(BadNat64Prefix::Bits)),
        ] {
            assert_eq!(Nat64Prefix::parse(text).err(), expected, "{text}");
        }
    }

    #[test]
    fn networks_know_the_prefix_around_them() {
        for (network, expected) in [
            ("2002:c000:200::/40", Some(16)),
            ("2001::/33", Some(32)),
            ("64:ff9b::c000:200/120", Some(96)),
            ("2002::/16", None),
            ("2001::/32", None),
            ("2000::/3", None),
            ("2001:db8::/32", None),
            ("10.0.0.0/8", None),
        ] {
            let (prefix, _) = Prefix::parse(network).expect("a valid literal");
            assert_eq!(length_around(prefix), expected, "{network}");
        }
    }

    #[test]
    fn a_network_of_a_relay_says_nothing_of_its_clients() {
        for (address, min_length) in [
            ("2002:c000:201::1", 17),
            ("2002:a00:1::1", 17),
            ("2001:0:c633:6401:8000:63bf:3fff:fdfe", 33),
            ("64:ff9b::c000:201", 97),
            ("2001:db8::1", 0),
            ("192.0.2.1", 0),
        ] {
            let address: IpAddr = address.parse().expect("a valid literal");
            assert_eq!(LookupAddresses::from(address).min_length(), min_length, "{address}");
        }
    }
}

//! Network prefixes and canonical client addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// A network prefix without host bits.
///
/// IPv4-mapped IPv6 prefixes of 96 bits or more are IPv4 prefixes, as [`canonical`] addresses are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// The reason why a text is no prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPrefix {
    /// The part before `/` is neither an IPv4 nor an IPv6 address.
    #[error("is no network prefix")]
    Address,
    /// The part after `/` is no number, or more than the family has bits.
    #[error("has an impossible prefix length")]
    Length,
}

impl Prefix {
    /// The prefix of `length` bits that contains `address`; `None` where the family has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let (address, length) = match address {
            IpAddr::V6(v6) if length >= 96 && v6.to_ipv4_mapped().is_some() => {
                (canonical(address), length - 96)
            }
            _ => (address, length),
        };
        let address = match address {
            IpAddr::V4(v4) if length <= 32 => {
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask_v4(length)))
            }
            IpAddr::V6(v6) if length <= 128 => {
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask_v6(length)))
            }
            _ => return None,
        };
        Some(Self { address, length })
    }

    /// Reads `ADDRESS/LENGTH`, or one address without a length. The flag says whether host bits were
    /// set (and cleared), so that the caller can report it.
    pub fn parse(text: &str) -> Result<(Self, HostBits), BadPrefix> {
        let text = text.trim();
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| BadPrefix::Address)?;
        let length = match length {
            // Rust parses `+8` and `-0` as numbers, but they are no prefix lengths.
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().map_err(|_| BadPrefix::Length)?
            }
            Some(_) => return Err(BadPrefix::Length),
            None if address.is_ipv4() => 32,
            None => 128,
        };
        let prefix = Self::new(address, length).ok_or(BadPrefix::Length)?;
        let cleared = if prefix.address == canonical(address) || prefix.address == address {
            HostBits::Clear
        } else {
            HostBits::WereSet
        };
        Ok((prefix, cleared))
    }

    /// The first address.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// The number of significant bits.
    #[allow(clippy::len_without_is_empty, reason = "a prefix has a length and is never empty")]
    pub fn len(self) -> u8 {
        self.length
    }

    /// Whether `address` (canonical) lies in the prefix.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                own.to_bits() == other.to_bits() & mask_v4(self.length)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                own.to_bits() == other.to_bits() & mask_v6(self.length)
            }
            _ => false,
        }
    }

    /// Whether all of `other` lies in this prefix.
    pub fn covers(self, other: Self) -> bool {
        self.length <= other.length && self.contains(other.address)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Whether a prefix was written with bits behind its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostBits {
    /// No bits were set behind the length.
    Clear,
    /// Bits were set behind the length; the parsed prefix has them cleared.
    WereSet,
}

/// Converts an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) to IPv4; returns any other unchanged.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn mask_v4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask_v6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match Prefix::parse(text) {
            Ok((prefix, HostBits::Clear)) => prefix.to_string(),
            Ok((prefix, HostBits::WereSet)) => format!("{prefix} (host bits)"),
            Err(e) => e.to_string(),
        };
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn prefixes_are_read_as_data_writes_them() {
        check("192.0.2.0/24", "192.0.2.0/24");
        check("192.0.2.7", "192.0.2.7/32");
        check("192.0.2.7/24", "192.0.2.0/24 (host bits)");
        check("2001:db8::1", "2001:db8::1/128");
        check("2001:db8::1/32", "2001:db8::/32 (host bits)");
        check("::ffff:192.0.2.0/120", "192.0.2.0/24");
        check("0.0.0.0/0", "0.0.0.0/0");
        check("::/0", "::/0");
        check("192.0.2.0/33", "has an impossible prefix length");
        check("2001:db8::/129", "has an impossible prefix length");
        check("192.0.2.0/+8", "has an impossible prefix length");
        check("192.0.2.0/", "has an impossible prefix length");
        check("192.0.2.0/255.255.255.0", "has an impossible prefix length");
        check("mirror.example", "is no network prefix");
        check("", "is no network prefix");
    }

    #[test]
    fn containment_keeps_families_apart() {
        let (all_v6, _) = Prefix::parse("::/0").expect("a valid literal");
        assert!(all_v6.contains("2001:db8::1".parse().expect("a valid literal")));
        assert!(!all_v6.contains("192.0.2.1".parse().expect("a valid literal")));
    }
}

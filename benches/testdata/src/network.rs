//! An address prefix as data files write it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address and a prefix length; host bits are kept, for data that sets them on purpose.
///
/// Orders by family (IPv4 first), address, then length: a covering prefix before what it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    /// Any address of the network, mostly its first.
    pub address: IpAddr,
    /// Prefix length, at most 32 or 128.
    pub length: u8,
}

impl Network {
    /// The IPv4 network of this address, with its host bits cleared.
    #[must_use]
    pub fn v4(bits: u32, length: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        Self { address: IpAddr::V4(Ipv4Addr::from(bits & mask)), length }
    }

    /// The IPv6 network of this address, with its host bits cleared.
    #[must_use]
    pub fn v6(bits: u128, length: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Self { address: IpAddr::V6(Ipv6Addr::from(bits & mask)), length }
    }

    /// Number of bits in an address of this family: 32 or 128.
    #[must_use]
    pub fn width(self) -> u8 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// A network of `length` inside this one, or this one if it is no longer; `random` fills the
    /// bits between.
    #[must_use]
    pub fn inside(self, length: u8, random: u128) -> Self {
        let length = length.clamp(self.length, self.width());
        match self.address {
            IpAddr::V4(address) => {
                let host = u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
                let bits = (u32::from(address) & !host) | (random as u32 & host);
                Self::v4(bits, length)
            }
            IpAddr::V6(address) => {
                let host = u128::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
                Self::v6((u128::from(address) & !host) | (random & host), length)
            }
        }
    }

    /// One address of this network, with host bits from `random`.
    #[must_use]
    pub fn host(self, random: u128) -> IpAddr {
        self.inside(self.width(), random).address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// The text is no address, or its length is no number or too long for the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseNetworkError;

impl fmt::Display for ParseNetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address or an address prefix")
    }
}

impl std::error::Error for ParseNetworkError {}

impl FromStr for Network {
    type Err = ParseNetworkError;

    /// Parses `ADDRESS/LENGTH`, or `ADDRESS` for a single address.
    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ParseNetworkError)?;
        let mut network = Self { address, length: 0 };
        network.length = match length {
            Some(length) => length.parse().map_err(|_| ParseNetworkError)?,
            None => network.width(),
        };
        if network.length > network.width() {
            return Err(ParseNetworkError);
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_round_trip() {
        for text in ["192.0.2.0/24", "10.1.2.3/8", "2001:db8::/32", "::/0"] {
            assert_eq!(text.parse::<Network>().map(|network| network.to_string()), Ok(text.into()));
        }
        assert_eq!("192.0.2.1".parse(), Ok(Network::v4(0xc000_0201, 32)));
        for text in ["192.0.2.0/33", "x/8", "::/129", "192.0.2.0/"] {
            assert_eq!(text.parse::<Network>(), Err(ParseNetworkError), "{text}");
        }
    }

    #[test]
    fn inner_networks_stay_inside() {
        let outer: Network = "192.0.2.0/24".parse().unwrap();
        assert_eq!(outer.inside(28, u128::MAX).to_string(), "192.0.2.240/28");
        assert_eq!(outer.inside(8, u128::MAX), outer);
        assert_eq!(outer.host(7).to_string(), "192.0.2.7");
        let whole: Network = "::/0".parse().unwrap();
        assert_eq!(whole.inside(0, u128::MAX), whole);
    }
}

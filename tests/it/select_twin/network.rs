//! Networks and addresses as bits, and the forms of a client's address.

use std::net::IpAddr;

/// A network as bits, family and length.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Network {
    v6: bool,
    bits: u128,
    pub(super) length: u32,
}

impl Network {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let (v6, bits) = as_bits(address.parse().ok()?);
        let width = if v6 { 128 } else { 32 };
        let length = length.unwrap_or(width);
        (length <= width).then(|| Self { v6, bits: top_bits(v6, bits, length), length })
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        let (v6, bits) = as_bits(address);
        v6 == self.v6 && top_bits(v6, bits, self.length) == self.bits
    }
}

/// The ways in which a client is looked up: an address, and how long a network of it must be. Of the
/// tunnels that the random worlds use: the prefix, its length, and how the address within is found.
pub(super) fn ways(client: IpAddr) -> Vec<(IpAddr, u32)> {
    let IpAddr::V6(v6) = client.to_canonical() else { return vec![(client, 0)] };
    let octets = v6.octets();
    let last = [octets[12], octets[13], octets[14], octets[15]];
    let tunnels = [
        ("2002::", 16, [octets[2], octets[3], octets[4], octets[5]]),
        ("2001::", 32, last.map(|octet| 255 - octet)),
        ("64:ff9b::", 96, last),
        ("64:ff9b:1::", 96, last),
        // That of the operator.
        ("2001:db8:64::", 96, last),
    ];
    let within = |(prefix, length, _): &(&str, u32, [u8; 4])| {
        Network::parse(&format!("{prefix}/{length}")).unwrap().contains(client)
    };
    match tunnels.into_iter().find(within) {
        Some((_, length, v4)) => vec![(client, length + 1), (IpAddr::from(v4), 0)],
        None => vec![(client, 0)],
    }
}

fn as_bits(address: IpAddr) -> (bool, u128) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (false, u128::from(u32::from(v4))),
        IpAddr::V6(v6) => (true, u128::from(v6)),
    }
}

fn top_bits(v6: bool, bits: u128, length: u32) -> u128 {
    let width = if v6 { 128 } else { 32 };
    bits.checked_shr(width - length).unwrap_or(0)
}

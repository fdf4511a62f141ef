//! Ranges of addresses, as tables of countries and systems write them, and the prefixes that they are
//! made of.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::net::{Prefix, canonical};

/// The addresses from `first` to `last`, both included, of one family.
///
/// IPv4-mapped addresses (`::ffff:192.0.2.1`) are IPv4 addresses. Where they are in the middle of an IPv6
/// range, they are no part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AddressRange {
    family: Family,
    first: u128,
    last: u128,
}

/// The family of addresses, in the order in which prefixes are sorted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Family {
    V4,
    V6,
}

/// The reason why two texts are no range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadRange {
    /// One of them is neither an address nor its number.
    Address,
    /// They are addresses of different families.
    Families,
    /// The second address is before the first.
    Backwards,
}

impl BadRange {
    /// The fault, as a diagnostic of the line that has it.
    pub fn problem(self) -> &'static str {
        match self {
            Self::Address => "not a range of addresses, skipped",
            Self::Families => "range from an IPv4 to an IPv6 address, skipped",
            Self::Backwards => "range that ends before it begins, skipped",
        }
    }
}

impl AddressRange {
    /// Reads the first and the last address, each as text (`192.0.2.1`, `2001:db8::1`) or as a number.
    /// Numbers up to 2^32 - 1 are IPv4 addresses, unless the last one is above.
    pub fn parse(first: &str, last: &str) -> Result<Self, BadRange> {
        let (first, last) = match (Bound::parse(first), Bound::parse(last)) {
            (Some(first), Some(last)) => (first, last),
            _ => return Err(BadRange::Address),
        };
        let (first, last) = match (first, last) {
            (Bound::Number(first), Bound::Number(last)) => {
                let of = match u32::try_from(last) {
                    Ok(_) => of_v4_number,
                    Err(_) => of_v6_number,
                };
                (of(first).ok_or(BadRange::Backwards)?, of(last).ok_or(BadRange::Address)?)
            }
            (Bound::Address(first), Bound::Address(last)) => (first, last),
            _ => return Err(BadRange::Address),
        };
        Self::new(first, last)
    }

    /// The range of two addresses.
    fn new(first: IpAddr, last: IpAddr) -> Result<Self, BadRange> {
        // Mapped addresses belong to a range of IPv6 addresses if only one end is such an address.
        let (first, last) = match (canonical(first), canonical(last)) {
            (a, b) if a.is_ipv4() == b.is_ipv4() => (a, b),
            _ => (first, last),
        };
        let (family, first, last) = match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                (Family::V4, u128::from(first.to_bits()), u128::from(last.to_bits()))
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => (Family::V6, first.to_bits(), last.to_bits()),
            _ => return Err(BadRange::Families),
        };
        if last < first {
            return Err(BadRange::Backwards);
        }
        Ok(Self { family, first, last })
    }

    /// The addresses of a network.
    pub fn of(prefix: Prefix) -> Self {
        let (family, first) = match prefix.address() {
            IpAddr::V4(address) => (Family::V4, u128::from(address.to_bits())),
            IpAddr::V6(address) => (Family::V6, address.to_bits()),
        };
        let n_free = family.n_bits() - u32::from(prefix.len());
        Self { family, first, last: first | low_bits(n_free) }
    }

    /// Its prefixes, as few as there can be, in order.
    pub fn prefixes(self) -> impl Iterator<Item = Prefix> {
        let Self { family, last, .. } = self;
        let mut rest = Some(self.first);
        std::iter::from_fn(move || {
            let first = rest?;
            let n_free = free_bits(family, first, last);
            let end = first | low_bits(n_free);
            rest = (end < last).then(|| end.saturating_add(1));
            let length = u8::try_from(family.n_bits() - n_free).ok()?;
            Some(Prefix::new(family.address(first), length))
        })
        .flatten()
        // A prefix within `::ffff:0:0/96` would come back as one of IPv4.
        .filter(move |prefix| prefix.address().is_ipv4() == (family == Family::V4))
    }

    /// Whether its first address is before that of `other`.
    pub(super) fn begins_before(self, other: Self) -> bool {
        (self.family, self.first) < (other.family, other.first)
    }

    /// What of it is before the first address of `next`; `None` if that is not within it, or all of it is.
    pub(super) fn part_before(self, next: Self) -> Option<Self> {
        let is_within =
            self.family == next.family && self.first < next.first && next.first <= self.last;
        is_within.then(|| Self { last: next.first - 1, ..self })
    }

    /// What of it is behind the last address of `other`, which does not begin after it.
    pub(super) fn part_after(self, other: Self) -> Option<Self> {
        if self.family != other.family || other.last < self.first {
            return Some(self);
        }
        (other.last < self.last).then(|| Self { first: other.last.saturating_add(1), ..self })
    }

    /// Whether all of `other` is in it.
    pub(super) fn covers(self, other: Self) -> bool {
        self.family == other.family && self.first <= other.first && other.last <= self.last
    }

    /// Whether the first address of `next` is in it or before it.
    pub(super) fn reaches(self, next: Self) -> bool {
        self.family == next.family && next.first <= self.last
    }

    /// The range of both, if `next` begins where this one ends.
    pub(super) fn joined(self, next: Self) -> Option<Self> {
        let is_next = self.family == next.family && self.last.checked_add(1) == Some(next.first);
        is_next.then_some(Self { last: next.last, ..self })
    }

    /// The number of its addresses less one.
    pub(super) fn width(self) -> u128 {
        self.last - self.first
    }

    /// The number of its IPv4 addresses.
    pub(super) fn n_ipv4(self) -> u64 {
        match self.family {
            Family::V4 => u64::try_from(self.width()).unwrap_or(u64::MAX).saturating_add(1),
            Family::V6 => 0,
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.family.address(self.first), self.family.address(self.last))
    }
}

impl Family {
    fn n_bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    fn address(self, bits: u128) -> IpAddr {
        match (self, u32::try_from(bits)) {
            (Self::V4, Ok(bits)) => Ipv4Addr::from_bits(bits).into(),
            _ => Ipv6Addr::from_bits(bits).into(),
        }
    }
}

/// One end of a range, as it is written.
enum Bound {
    Address(IpAddr),
    Number(u128),
}

impl Bound {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().ok().map(Self::Number),
            false => text.parse().ok().map(Self::Address),
        }
    }
}

/// `None` for numbers that no IPv4 address has.
fn of_v4_number(number: u128) -> Option<IpAddr> {
    u32::try_from(number).ok().map(|bits| Ipv4Addr::from_bits(bits).into())
}

#[allow(clippy::unnecessary_wraps, reason = "stands beside `of_v4_number`")]
fn of_v6_number(number: u128) -> Option<IpAddr> {
    Some(Ipv6Addr::from_bits(number).into())
}

/// How many low bits are free in the widest prefix that begins at `first` and does not go beyond `last`.
fn free_bits(family: Family, first: u128, last: u128) -> u32 {
    let aligned = first.trailing_zeros().min(family.n_bits());
    let fitting = match (last - first).checked_add(1) {
        Some(n_addresses) => 127 - n_addresses.leading_zeros(),
        None => 128,
    };
    aligned.min(fitting)
}

fn low_bits(n: u32) -> u128 {
    u128::MAX.checked_shr(128 - n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(first: &str, last: &str) -> String {
        match AddressRange::parse(first, last) {
            Ok(range) => {
                let prefixes = range.prefixes().map(|prefix| prefix.to_string());
                prefixes.collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.problem().to_owned(),
        }
    }

    #[test]
    fn ranges_are_made_of_prefixes() {
        for (first, last, expected) in [
            ("1.0.0.0", "1.0.0.255", "1.0.0.0/24"),
            ("1.0.1.0", "1.0.3.255", "1.0.1.0/24 1.0.2.0/23"),
            ("1.0.0.1", "1.0.0.6", "1.0.0.1/32 1.0.0.2/31 1.0.0.4/31 1.0.0.6/32"),
            ("0.0.0.0", "255.255.255.255", "0.0.0.0/0"),
            ("255.255.255.255", "255.255.255.255", "255.255.255.255/32"),
            ("16777216", "16777471", "1.0.0.0/24"),
            (" 0 ", "4294967295", "0.0.0.0/0"),
            ("2001:200::", "2001:200:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::/32"),
            (
                "42540528726795050063891204319802818560",
                "42540528806023212578155541913346768895",
                "2001:200::/32",
            ),
            ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"),
            ("0", "340282366920938463463374607431768211455", "::/0"),
            ("::ffff:1.0.0.0", "::ffff:1.0.0.255", "1.0.0.0/24"),
            ("281470698520576", "281470698520831", "1.0.0.0/24"),
            // Half of it is IPv4-mapped.
            ("::fffe:ffff:fffe", "::ffff:0:1", "::fffe:ffff:fffe/127"),
            ("1.0.0.0", "2001:db8::", "range from an IPv4 to an IPv6 address, skipped"),
            ("1.0.0.1", "1.0.0.0", "range that ends before it begins, skipped"),
            ("4294967296", "5", "range that ends before it begins, skipped"),
            ("1.0.0.0", "16777471", "not a range of addresses, skipped"),
            ("1.0.0", "1.0.0.1", "not a range of addresses, skipped"),
            ("", "1.0.0.1", "not a range of addresses, skipped"),
            ("+1", "2", "not a range of addresses, skipped"),
            ("-1", "2", "not a range of addresses, skipped"),
            ("0", "340282366920938463463374607431768211456", "not a range of addresses, skipped"),
        ] {
            assert_eq!(shown(first, last), expected, "{first} to {last}");
        }
    }

    proptest! {
        /// Slow twin: of all networks of 256 addresses, those within the range that no wider one within
        /// the range covers. They are the fewest, because every other network within it is in one of them.
        #[test]
        fn prefixes_cover_each_address_once_and_are_the_fewest(
            ends in (any::<u8>(), any::<u8>()),
            high: u32,
            is_ipv4: bool,
        ) {
            let (first, last) = (ends.0.min(ends.1), ends.0.max(ends.1));
            let address = |low: u8| match is_ipv4 {
                true => IpAddr::from(Ipv4Addr::from_bits(high << 8 | u32::from(low))),
                false => IpAddr::from(Ipv6Addr::from_bits(
                    0x2001_0db8 << 96 | u128::from(high) << 8 | u128::from(low),
                )),
            };
            let range = AddressRange::new(address(first), address(last)).expect("a range");
            let whole: u8 = if is_ipv4 { 32 } else { 128 };
            let is_within = |start: u16, n_free: u8| {
                let end = start + (1 << n_free) - 1;
                u16::from(first) <= start && end <= u16::from(last)
            };
            let mut expected = Vec::new();
            for start in u16::from(first)..=u16::from(last) {
                for n_free in (0..=8).filter(|n_free| start % (1 << n_free) == 0) {
                    let wider = start & !(1 << n_free);
                    if is_within(start, n_free) && (n_free == 8 || !is_within(wider, n_free + 1)) {
                        expected.push(Prefix::new(address(start.to_be_bytes()[1]), whole - n_free).unwrap());
                    }
                }
            }
            let found: Vec<_> = range.prefixes().collect();
            prop_assert_eq!(&found, &expected);
            for low in 0..=u8::MAX {
                let n = found.iter().filter(|prefix| prefix.contains(address(low))).count();
                prop_assert_eq!(n, usize::from((first..=last).contains(&low)));
            }
            for prefix in found {
                let around = AddressRange::of(prefix);
                prop_assert_eq!(around.prefixes().collect::<Vec<_>>(), [prefix]);
                prop_assert!(range.covers(around));
            }
        }

        #[test]
        fn wide_ranges_have_prefixes_in_order(first: u128, last: u128) {
            let (first, last) = (first.min(last), first.max(last));
            let range = AddressRange { family: Family::V6, first, last };
            let mut next = Some(first);
            for prefix in range.prefixes().filter(|prefix| prefix.len() < 96) {
                let part = AddressRange::of(prefix);
                prop_assert!(next.is_some_and(|next| next <= part.first) && part.last <= last);
                next = part.last.checked_add(1);
            }
            prop_assert!(range.prefixes().count() <= 254);
        }
    }
}

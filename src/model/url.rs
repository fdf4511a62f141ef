//! Protocols that mirrors offer, and sets of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A protocol that a mirror offers, in the order in which text lists prefer them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP over TLS.
    Https,
    /// Plain HTTP.
    Http,
    /// FTP.
    Ftp,
    /// rsync; listed in metalinks, and in text lists only if the request asks for it.
    Rsync,
}

impl Protocol {
    /// Every protocol, most preferred first.
    pub const ALL: [Self; 4] = [Self::Https, Self::Http, Self::Ftp, Self::Rsync];

    /// The scheme, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ftp => "ftp",
            Self::Rsync => "rsync",
        }
    }

    /// The protocol of a normalised base URL (see [`super::base_url::BaseUrl`]).
    pub fn of_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| {
            url.strip_prefix(protocol.as_str()).is_some_and(|rest| rest.starts_with("://"))
        })
    }

    /// The port of a URL that names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
            Self::Ftp => 21,
            Self::Rsync => 873,
        }
    }

    /// Reads a scheme in either case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of protocols.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct ProtocolSet(u8);

impl ProtocolSet {
    /// No protocol.
    pub const EMPTY: Self = Self(0);
    /// Every protocol: the default of metalinks.
    pub const ALL: Self = Self(0b1111);
    /// The default of text lists.
    pub const TEXT: Self =
        Self::EMPTY.with(Protocol::Https).with(Protocol::Http).with(Protocol::Ftp);
    /// The protocols that a redirect may point to.
    pub const WEB: Self = Self::EMPTY.with(Protocol::Https).with(Protocol::Http);

    /// This set and `protocol`.
    pub const fn with(self, protocol: Protocol) -> Self {
        Self(self.0 | 1 << protocol as u8)
    }

    /// Whether `protocol` is in the set.
    pub const fn contains(self, protocol: Protocol) -> bool {
        self.0 & 1 << protocol as u8 != 0
    }

    /// The protocols that are in both sets.
    pub const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The protocols that are in this set and not in the other.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// How many protocols the set holds.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, most preferred first.
    pub fn iter(self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL.into_iter().filter(move |&p| self.contains(p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_is_the_order_of_preference() {
        let set =
            ProtocolSet::EMPTY.with(Protocol::Rsync).with(Protocol::Http).with(Protocol::Https);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Protocol::Https, Protocol::Http, Protocol::Rsync]
        );
        assert_eq!(set.len(), 3);
        assert!(!set.contains(Protocol::Ftp));
    }
}

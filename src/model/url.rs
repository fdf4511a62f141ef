//! Mirror URLs: which protocol they speak, and whether they may be listed at all.

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
    /// rsync; listed in metalinks, and in text only where it is asked for.
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
    /// Every protocol: what a metalink lists unasked.
    pub const ALL: Self = Self(0b1111);
    /// What a text list offers unasked.
    pub const TEXT: Self =
        Self::EMPTY.with(Protocol::Https).with(Protocol::Http).with(Protocol::Ftp);
    /// What a redirect may point to.
    pub const WEB: Self = Self::EMPTY.with(Protocol::Https).with(Protocol::Http);

    /// This set and `protocol`.
    pub const fn with(self, protocol: Protocol) -> Self {
        Self(self.0 | 1 << protocol as u8)
    }

    /// Whether `protocol` is in the set.
    pub const fn contains(self, protocol: Protocol) -> bool {
        self.0 & 1 << protocol as u8 != 0
    }

    /// What both sets hold.
    pub const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What this set holds and the other does not.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// How many protocols the set holds.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the set holds nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, most preferred first.
    pub fn iter(self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL.into_iter().filter(move |&p| self.contains(p))
    }
}

/// Why a base URL cannot be listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadUrl {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// A control character would break a text list or be no XML at all.
    #[error("holds a control character")]
    Control,
    /// A blank ends the URL for some clients.
    #[error("holds a blank")]
    Blank,
    /// librepo reads lines of text lists of less than 4,095 bytes: a base URL, a directory and a
    /// file, each byte of the latter two written as three at worst, stay below that.
    #[error("is longer than 1,000 bytes")]
    TooLong,
    /// No `scheme://`, or a scheme that no client fetches from.
    #[error("has no scheme out of https, http, ftp, rsync")]
    Scheme,
    /// Nothing between `://` and the path.
    #[error("names no host")]
    Host,
}

/// The protocol of a base URL, or why it cannot be listed.
pub fn parse_base_url(text: &str) -> Result<Protocol, BadUrl> {
    if text.is_empty() {
        return Err(BadUrl::Empty);
    }
    if text.len() > 1_000 {
        return Err(BadUrl::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(BadUrl::Control);
    }
    if text.chars().any(char::is_whitespace) {
        return Err(BadUrl::Blank);
    }
    let (scheme, rest) = text.split_once("://").ok_or(BadUrl::Scheme)?;
    let protocol = Protocol::parse(scheme).ok_or(BadUrl::Scheme)?;
    if rest.split(['/', '?', '#']).next().unwrap_or("").is_empty() {
        return Err(BadUrl::Host);
    }
    Ok(protocol)
}

/// The host and port of a URL, which tell servers apart; empty where there is none.
pub fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
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

    #[test]
    fn the_authority_is_host_and_port() {
        assert_eq!(authority("https://m.example:8443/a/b"), "m.example:8443");
        assert_eq!(authority("ftp://me@m.example"), "m.example");
        assert_eq!(authority("nonsense"), "");
    }

    #[test]
    fn urls_that_would_break_a_list_are_refused() {
        let cases = [
            ("https://m.example/fedora", Ok(Protocol::Https)),
            ("RSYNC://m.example/x", Ok(Protocol::Rsync)),
            ("", Err(BadUrl::Empty)),
            ("http://m.example/\r\nSet-Cookie: x", Err(BadUrl::Control)),
            ("http://m.example/a b", Err(BadUrl::Blank)),
            ("http://m.example/\u{85}", Err(BadUrl::Control)),
            ("gopher://m.example/", Err(BadUrl::Scheme)),
            ("m.example/fedora", Err(BadUrl::Scheme)),
            ("http:///fedora", Err(BadUrl::Host)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_base_url(text), expected, "{text:?}");
        }
        assert_eq!(parse_base_url(&format!("http://{}", "a".repeat(1_000))), Err(BadUrl::TooLong));
    }
}

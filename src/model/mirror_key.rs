//! The key of a mirror: its identifier in the source, which is stable across snapshots.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The greatest length of a name in bytes: names are used in URLs, file names and log lines.
pub const MAX_NAME: usize = 64;

/// The identifier of a mirror in its source. Unlike a [`HostId`](super::ids::HostId), it stays the same
/// when other mirrors are added or removed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum MirrorKey {
    /// The id of the host in MirrorManager.
    Number(i64),
    /// The key in a catalog.
    Name(MirrorName),
}

/// A mirror's name in a catalog: 1 to [`MAX_NAME`] letters, digits, `.`, `_` and `-` of ASCII. It
/// begins with a letter or a digit, and is no number, so that it cannot be confused with one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MirrorName(Box<str>);

impl MirrorKey {
    /// False for a name that [`MirrorName::parse`] would refuse (a forged snapshot file).
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Name(name) => is_name(&name.0),
        }
    }
}

impl MirrorName {
    /// Reads a name; `None` if the text is no valid name.
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text).then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= MAX_NAME
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(is_inner)
        && !text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for MirrorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.pad(&name.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_look_like_no_number() {
        for name in ["berlin", "b", "0x", "a.example", "tu-berlin_2", "7Server"] {
            assert_eq!(MirrorName::parse(name).expect(name).as_str(), name);
        }
        for text in ["", "42", "-1", "-a", ".a", "_a", "a b", "a/b", "ü", "a\n", "a\"", "a%"] {
            assert_eq!(MirrorName::parse(text), None, "{text:?}");
        }
        assert!(MirrorName::parse(&"a".repeat(MAX_NAME)).is_some());
        assert!(MirrorName::parse(&"a".repeat(MAX_NAME + 1)).is_none());
    }

    #[test]
    fn what_is_no_name_is_found_in_what_was_decoded() {
        assert!(MirrorKey::Number(-1).is_valid());
        assert!(MirrorKey::Name(MirrorName("berlin".into())).is_valid());
        assert!(!MirrorKey::Name(MirrorName("42".into())).is_valid());
    }

    #[test]
    fn keys_are_shown_as_they_are_and_in_the_order_of_numbers_then_names() {
        let name = |text| MirrorKey::Name(MirrorName::parse(text).expect(text));
        let mut keys = [name("b"), MirrorKey::Number(10), name("a"), MirrorKey::Number(9)];
        keys.sort();
        assert_eq!(keys.map(|key| key.to_string()), ["9", "10", "a", "b"]);
    }

    #[test]
    fn a_key_takes_two_words() {
        assert_eq!(size_of::<MirrorKey>(), 16);
    }
}

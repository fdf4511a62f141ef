//! Sets of ASCII characters.

/// A set of ASCII characters, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct CharSet(u128);

impl CharSet {
    /// No character.
    pub(crate) const EMPTY: Self = Self(0);
    /// Decimal digits.
    pub(crate) const DIGITS: Self = Self::of(b"0123456789");
    /// Letters.
    pub(crate) const LETTERS: Self =
        Self::of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    /// Digits and dots.
    pub(crate) const NUMBER: Self = Self::DIGITS.or(Self::of(b"."));
    /// Letters, digits and `_`.
    pub(crate) const WORD: Self = Self::DIGITS.or(Self::LETTERS).or(Self::of(b"_"));
    /// What a variable in a path segment may hold.
    pub(crate) const TEXT: Self = Self::WORD.or(Self::of(b".+~-"));
    /// What a literal in a path segment may hold: a segment of a URL without escapes (RFC 3986).
    pub(crate) const LITERAL: Self = Self::TEXT.or(Self::of(b"!$&'()*,;=:@"));
    /// What `{name*}` may hold in a segment, as far as it is printable ASCII.
    pub(crate) const PRINTABLE: Self = Self(!0 << 0x20).without(Self::of(b"/\x7f"));

    /// The characters of a text. Bytes beyond ASCII do not count.
    pub(crate) const fn of(mut bytes: &[u8]) -> Self {
        let mut set = 0;
        while let [first, rest @ ..] = bytes {
            if *first < 128 {
                set |= 1_u128 << *first;
            }
            bytes = rest;
        }
        Self(set)
    }

    /// The characters of either set.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The characters that are in both sets.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The characters that are not in the other set.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the set holds a byte.
    pub(crate) const fn contains(self, byte: u8) -> bool {
        byte < 128 && self.0 >> byte & 1 == 1
    }

    /// Whether all bytes of a text are in the set.
    pub(crate) fn holds_all(self, text: &str) -> bool {
        text.bytes().all(|byte| self.contains(byte))
    }

    /// A character of the set for an example: a letter or a digit if there is one.
    pub(crate) fn example(self) -> Option<u8> {
        [Self::of(b"a"), Self::LETTERS, Self::DIGITS, Self(!0)]
            .into_iter()
            .map(|preferred| self.and(preferred).0.trailing_zeros())
            .find(|&at| at < 128)
            .and_then(|at| u8::try_from(at).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_their_names_say() {
        for byte in 0..=u8::MAX {
            let character = char::from(byte);
            let is_word = character.is_ascii_alphanumeric() || character == '_';
            assert_eq!(CharSet::WORD.contains(byte), is_word, "{byte}");
            assert_eq!(CharSet::TEXT.contains(byte), is_word || ".+~-".contains(character));
            let is_printable = (0x20..0x7f).contains(&byte) && byte != b'/';
            assert_eq!(CharSet::PRINTABLE.contains(byte), is_printable, "{byte}");
        }
        assert!(!CharSet::LITERAL.contains(b'/') && !CharSet::LITERAL.contains(b'%'));
        assert_eq!(CharSet::TEXT.example(), Some(b'a'));
        assert_eq!(CharSet::NUMBER.example(), Some(b'0'));
        assert_eq!(CharSet::of(b"-").example(), Some(b'-'));
        assert_eq!(CharSet::EMPTY.example(), None);
    }
}

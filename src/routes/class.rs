//! Classes of variables: which values a variable of a path segment takes.

use super::charset::CharSet;
use super::limits::MAX_VALUE;
use super::map::Lists;

/// Which values a variable of a path segment takes. None takes more than [`MAX_VALUE`] bytes, nothing,
/// `.` or `..`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Class {
    /// Any text of `A-Za-z0-9._+~-`.
    Text,
    /// Digits.
    Digits,
    /// Digits and dots, as in `9.6`.
    Number,
    /// Letters.
    Letters,
    /// Letters, digits and `_`.
    Word,
    /// Two letters.
    Country,
    /// An architecture of the catalog.
    Arch,
    /// A text that the map at this index has something for.
    Map(usize),
}

impl Class {
    /// The names of classes, for messages.
    pub(crate) const NAMES: &'static str =
        "text, digits, number, letters, word, country, arch or map:NAME";

    /// The class of that name.
    pub(crate) fn parse(name: &str, lists: &Lists) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "digits" => Self::Digits,
            "number" => Self::Number,
            "letters" => Self::Letters,
            "word" => Self::Word,
            "country" => Self::Country,
            "arch" => Self::Arch,
            _ => Self::Map(lists.find_map(name.strip_prefix("map:")?)?),
        })
    }

    /// The class of a variable for which none is written.
    pub(crate) fn of_variable(name: &str) -> Self {
        match name {
            "arch" => Self::Arch,
            "country" => Self::Country,
            _ => Self::Text,
        }
    }

    /// Whether a variable of this class takes the value.
    pub(crate) fn accepts(self, value: &str, lists: &Lists) -> bool {
        let is_usual = |chars: CharSet| {
            !value.is_empty() && value.len() <= MAX_VALUE && chars.holds_all(value)
        };
        match self {
            Self::Text => is_usual(CharSet::TEXT) && value != "." && value != "..",
            Self::Digits => is_usual(CharSet::DIGITS),
            Self::Number => is_usual(CharSet::NUMBER) && value != "." && value != "..",
            Self::Letters => is_usual(CharSet::LETTERS),
            Self::Word => is_usual(CharSet::WORD),
            Self::Country => value.len() == 2 && CharSet::LETTERS.holds_all(value),
            Self::Arch => lists.has_arch(value),
            Self::Map(map) => {
                Self::Text.accepts(value, lists)
                    && lists.maps.get(map).is_some_and(|map| map.find(value).is_some())
            }
        }
    }

    /// The characters that values may hold.
    pub(crate) fn chars(self, lists: &Lists) -> CharSet {
        match self {
            Self::Text | Self::Map(_) => CharSet::TEXT,
            Self::Digits => CharSet::DIGITS,
            Self::Number => CharSet::NUMBER,
            Self::Letters | Self::Country => CharSet::LETTERS,
            Self::Word => CharSet::WORD,
            Self::Arch => {
                let chars = lists.arches.iter().map(|arch| CharSet::of(arch.as_bytes()));
                chars.fold(CharSet::EMPTY, CharSet::or)
            }
        }
    }
}

//! How far the value of a variable has been read: the states of automata for values.

use super::charset::CharSet;
use super::class::Class;
use super::map::Lists;

const DOT: CharSet = CharSet::of(b".");

/// What is known of a value of which a part has been read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum ValueState {
    /// It holds any of these characters, and is not `.` or `..`.
    Chars(CharSet, Dots),
    /// It is that many letters of a country's code.
    Country(u8),
    /// It is the beginning of names in a list.
    Listed(Listed),
    /// It holds slashes; what is known is of the segment behind the last one.
    Rest(Dots),
}

/// Dots at the beginning of a text, which must not be all of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Dots {
    /// The text is empty.
    Empty,
    /// The text is `.`.
    One,
    /// The text is `..`.
    Two,
    /// The text is none of that.
    Other,
}

/// Names in a list that begin with the same bytes, and how many these are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Listed {
    /// The map whose names they are; `None` for the architectures.
    map: Option<usize>,
    start: usize,
    end: usize,
    n_read: usize,
}

impl ValueState {
    /// The state before the first character of a value.
    pub(crate) fn start(class: Class, lists: &Lists) -> Self {
        let listed = |map, end| Self::Listed(Listed { map, start: 0, end, n_read: 0 });
        match class {
            Class::Text | Class::Digits | Class::Number | Class::Letters | Class::Word => {
                Self::Chars(class.chars(lists), Dots::Empty)
            }
            Class::Country => Self::Country(0),
            Class::Arch => listed(None, lists.arches.len()),
            Class::Map(map) => {
                listed(Some(map), lists.maps.get(map).map_or(0, |map| map.entries().len()))
            }
        }
    }

    /// Whether the value may end here.
    pub(crate) fn is_end(self, lists: &Lists) -> bool {
        match self {
            Self::Chars(_, dots) => dots == Dots::Other,
            Self::Country(n_letters) => n_letters == 2,
            Self::Listed(listed) => listed.is_name(lists) && listed.dots(lists) == Dots::Other,
            Self::Rest(dots) => dots.is_segment(),
        }
    }

    /// Calls `each` with characters that may follow, and the state behind them. Several calls may hold
    /// the same character.
    pub(crate) fn moves(self, lists: &Lists, mut each: impl FnMut(CharSet, Self)) {
        match self {
            Self::Chars(chars, dots) => {
                each(chars.and(DOT), Self::Chars(chars, dots.followed_by_dot()));
                each(chars.without(DOT), Self::Chars(chars, Dots::Other));
            }
            Self::Country(n_letters) => {
                if n_letters < 2 {
                    each(CharSet::LETTERS, Self::Country(n_letters + 1));
                }
            }
            Self::Listed(listed) => {
                if listed.map.is_some() && listed.is_name(lists) {
                    // What a map has for `9` it has for `9.5` as well.
                    let dots = listed.dots(lists).followed_by_dot();
                    each(DOT, Self::Chars(CharSet::TEXT, dots));
                }
                listed.each_longer(lists, |byte, longer| {
                    each(CharSet::of(&[byte]).and(CharSet::TEXT), Self::Listed(longer));
                });
            }
            Self::Rest(dots) => {
                each(DOT, Self::Rest(dots.followed_by_dot()));
                each(CharSet::PRINTABLE.without(DOT), Self::Rest(Dots::Other));
                if dots.is_segment() {
                    each(CharSet::of(b"/"), Self::Rest(Dots::Empty));
                }
            }
        }
    }
}

impl Dots {
    /// What the text is with one dot more.
    fn followed_by_dot(self) -> Self {
        match self {
            Self::Empty => Self::One,
            Self::One => Self::Two,
            Self::Two | Self::Other => Self::Other,
        }
    }

    /// Whether the text may be a segment of `{name*}`.
    pub(crate) fn is_segment(self) -> bool {
        matches!(self, Self::One | Self::Other)
    }
}

impl Listed {
    fn name<'t>(&self, index: usize, lists: &'t Lists) -> &'t [u8] {
        let name = match self.map {
            None => lists.arches.get(index),
            Some(map) => {
                lists.maps.get(map).and_then(|map| map.entries().get(index)).map(|(name, _)| name)
            }
        };
        name.map_or(&[], |name| name.as_bytes())
    }

    /// Whether what has been read is a name.
    fn is_name(&self, lists: &Lists) -> bool {
        // The shortest name comes first.
        self.start < self.end && self.name(self.start, lists).len() == self.n_read
    }

    fn dots(&self, lists: &Lists) -> Dots {
        match self.name(self.start, lists).get(..self.n_read) {
            Some(b"") => Dots::Empty,
            Some(b".") => Dots::One,
            Some(b"..") => Dots::Two,
            _ => Dots::Other,
        }
    }

    /// Calls `each` with each byte that follows in names, and these names.
    fn each_longer(self, lists: &Lists, mut each: impl FnMut(u8, Self)) {
        let next = |index| self.name(index, lists).get(self.n_read).copied();
        let mut start = self.start + usize::from(self.is_name(lists));
        while start < self.end {
            let Some(byte) = next(start) else { return };
            let end = first_beyond(start, self.end, |index| next(index) == Some(byte));
            each(byte, Self { start, end, n_read: self.n_read + 1, ..self });
            start = end;
        }
    }
}

/// The first index from `start` to `end` that is not within; those that are come first.
fn first_beyond(mut start: usize, mut end: usize, is_within: impl Fn(usize) -> bool) -> usize {
    while start < end {
        let middle = start + (end - start) / 2;
        if is_within(middle) {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}

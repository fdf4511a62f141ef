//! Compiled path patterns.

use std::borrow::Cow;

use model::MAX_NAME;

use super::affix::strip;
use super::segment::Segment;
use super::text::has_control;
use model::percent::decode;

/// A part of a pattern between slashes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// A literal segment; empty behind a slash at the end.
    Literal(String),
    /// A segment with variables.
    Variables(Segment),
    /// The rest of the path, with slashes; always the last part.
    Rest(Rest),
}

/// The rest of a path: `{name*}`, with literals around it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Rest {
    /// The literal before it.
    pub(crate) head: String,
    /// The literal behind it.
    pub(crate) tail: String,
    /// Whether the path may end with a slash in addition.
    pub(crate) slash: bool,
}

/// A path pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pattern {
    /// What stands behind each slash; not empty.
    pub(crate) parts: Vec<Part>,
    /// Whether a slash may follow, for patterns without a rest.
    pub(crate) slash: bool,
    /// The names of the variables, in the order of the pattern.
    pub(crate) variables: Vec<String>,
    /// How many characters are literal, slashes included.
    pub(crate) n_literal: usize,
    /// How many variables take any text.
    pub(crate) n_untyped: usize,
}

impl Rest {
    /// The value of the variable, for the part of a path behind a slash: decoded text of at most
    /// [`MAX_NAME`] bytes without control characters, empty segments and `..`.
    pub(crate) fn find<'r>(&self, raw: &'r str) -> Option<Cow<'r, str>> {
        let raw = match raw.strip_suffix('/') {
            Some(without) if self.slash => without,
            _ => raw,
        };
        // An escape is three bytes for one.
        if raw.len() > 3 * (self.head.len() + MAX_NAME + self.tail.len()) {
            return None;
        }
        match decode(raw).ok()? {
            Cow::Borrowed(text) => self.cut(text).map(Cow::Borrowed),
            Cow::Owned(text) => self.cut(&text).map(|value| Cow::Owned(value.to_owned())),
        }
    }

    fn cut<'t>(&self, text: &'t str) -> Option<&'t str> {
        let value = strip(text, &self.head, &self.tail)?;
        let is_sound = |text: &str| {
            let mut segments = text.as_bytes().split(|&byte| byte == b'/');
            segments.all(|segment| !segment.is_empty() && segment != b"..")
        };
        // The first and the last segment of the text hold the literals, and those of the value do not.
        let is_known = value.len() <= MAX_NAME
            && is_sound(value)
            && (value.len() == text.len() || is_sound(text))
            && !has_control(value);
        is_known.then_some(value)
    }
}

impl Pattern {
    /// The literals, without the slashes between segments.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|part| {
            let (first, second, variables) = match part {
                Part::Literal(text) => (text.as_str(), "", &[][..]),
                Part::Variables(segment) => (segment.head(), "", segment.variables()),
                Part::Rest(rest) => (rest.head.as_str(), rest.tail.as_str(), &[][..]),
            };
            let behind = variables.iter().map(|(_, behind)| behind.as_str());
            [first, second].into_iter().chain(behind)
        })
    }

    /// Calls `each` with the index and the value of each variable of a path that the pattern matches, as
    /// the tree says. Neither literals nor classes are compared again.
    pub(crate) fn capture<'r>(
        &self,
        path: &'r str,
        mut each: impl FnMut(usize, Cow<'r, str>),
    ) -> Option<()> {
        let mut left = path;
        let mut n_before = 0;
        for part in &self.parts {
            // The slash.
            left = left.get(1..)?;
            let end = left.bytes().position(|byte| byte == b'/');
            let (raw, behind) = left.split_at_checked(end.unwrap_or(left.len()))?;
            match part {
                Part::Literal(_) => {}
                Part::Variables(segment) => {
                    match decode(raw).ok()? {
                        Cow::Borrowed(text) => segment.capture(text, |index, place| {
                            let value = text.get(place).unwrap_or_default();
                            each(n_before + index, Cow::Borrowed(value));
                        }),
                        Cow::Owned(text) => segment.capture(&text, |index, place| {
                            let value = text.get(place).unwrap_or_default();
                            each(n_before + index, Cow::Owned(value.to_owned()));
                        }),
                    }?;
                    n_before += segment.variables().len();
                }
                Part::Rest(rest) => {
                    each(n_before, rest.find(left)?);
                    return Some(());
                }
            }
            left = behind;
        }
        Some(())
    }
}

//! Which repositories of a catalog the templates of a route can name.
//!
//! The values of requests are taken for any text, so a route may be said to reach a repository that no
//! request gets from it, but never the other way round.

use super::map::Lists;
use super::template::{Filter, Piece, Template, Variable};

/// What a piece of a template can make.
enum Language<'t> {
    /// One of these texts.
    Texts(Vec<&'t str>),
    /// Any text.
    Any {
        /// Whether it holds no capital letters.
        lower: bool,
        /// Whether it holds no small letters.
        upper: bool,
    },
}

/// The texts that a template can make.
pub(crate) struct Reach<'t> {
    languages: Vec<Language<'t>>,
    /// Room for the lengths of a text that the pieces so far can make, kept for the next text.
    ends: Vec<bool>,
    next: Vec<bool>,
}

impl<'t> Reach<'t> {
    /// The texts of a template.
    pub(crate) fn new(template: &'t Template, lists: &'t Lists) -> Self {
        let language = |piece: &'t Piece| match piece {
            Piece::Text(text) => Language::Texts(vec![text]),
            Piece::Variable(variable) => of_variable(variable, lists),
        };
        let languages = template.0.iter().map(language).collect();
        Self { languages, ends: Vec::new(), next: Vec::new() }
    }

    /// Whether the template can make `text`.
    pub(crate) fn can_make(&mut self, text: &str) -> bool {
        // A catalog has many names, and most of them differ at one of their ends.
        if let Some(Language::Texts(texts)) = self.languages.first()
            && !texts.iter().any(|known| text.starts_with(*known))
        {
            return false;
        }
        if let Some(Language::Texts(texts)) = self.languages.last()
            && !texts.iter().any(|known| text.ends_with(*known))
        {
            return false;
        }
        let Self { languages, ends, next } = self;
        ends.clear();
        ends.push(true);
        ends.resize(text.len() + 1, false);
        for language in languages {
            next.clear();
            next.resize(text.len() + 1, false);
            for (at, _) in ends.iter().enumerate().filter(|(_, is_end)| **is_end) {
                let Some(rest) = text.get(at..) else { continue };
                match language {
                    Language::Texts(texts) => {
                        let begins = texts.iter().filter(|known| rest.starts_with(**known));
                        begins.for_each(|known| set(next, at + known.len()));
                    }
                    Language::Any { lower, upper } => {
                        let is_foreign = |byte: u8| {
                            *lower && byte.is_ascii_uppercase()
                                || *upper && byte.is_ascii_lowercase()
                        };
                        let length = rest.bytes().position(is_foreign).unwrap_or(rest.len());
                        (at..=at + length).for_each(|end| set(next, end));
                        if length == rest.len() {
                            // A later start makes nothing more.
                            break;
                        }
                    }
                }
            }
            std::mem::swap(ends, next);
        }
        ends.last() == Some(&true)
    }
}

fn set(ends: &mut [bool], at: usize) {
    if let Some(end) = ends.get_mut(at) {
        *end = true;
    }
}

fn of_variable<'t>(variable: &'t Variable, lists: &'t Lists) -> Language<'t> {
    let mut language = match variable.index {
        Some(_) => Language::Any { lower: false, upper: false },
        None => Language::Texts(Vec::new()),
    };
    for filter in &variable.filters {
        language = match (filter, language) {
            (Filter::Map(map), Language::Any { .. }) => {
                let entries = lists.maps.get(*map).map_or(&[][..], |map| map.entries());
                Language::Texts(entries.iter().map(|(_, text)| text.as_str()).collect())
            }
            (Filter::Default(text) | Filter::Literal(text), Language::Texts(mut texts)) => {
                texts.push(text);
                Language::Texts(texts)
            }
            // Nothing is changed, as there is nothing yet.
            (_, Language::Texts(texts)) if texts.is_empty() => Language::Texts(texts),
            (Filter::Lower, Language::Any { .. }) => Language::Any { lower: true, upper: false },
            (Filter::Upper, Language::Any { .. }) => Language::Any { lower: false, upper: true },
            _ => Language::Any { lower: false, upper: false },
        };
    }
    language
}

#[cfg(test)]
mod tests {
    use super::super::map::CompiledMap;
    use super::super::parse_template::parse;
    use super::*;

    #[test]
    fn templates_make_what_their_maps_and_defaults_allow() {
        let entries = vec![("9".to_owned(), "9.8".to_owned())];
        let maps = vec![CompiledMap::new("m".to_owned(), entries)];
        let lists = Lists { arches: Vec::new(), maps };
        for (template, text, expected) in [
            ("{a}", "anything", true),
            ("{a}-{b}", "x-y-z", true),
            ("{a}-{b}", "xyz", false),
            ("{a|map:m}-{b}", "9.8-baseos", true),
            ("{a|map:m}-{b}", "9.7-baseos", false),
            ("{a|map:m|default:8}-{b}", "8-baseos", true),
            ("{a|default:8|map:m}-{b}", "8-baseos", false),
            ("{a|lower}", "BaseOS", false),
            ("{a|lower}", "baseos", true),
            ("{a|upper}-x", "BASE-x", true),
            ("{a|upper}-x", "base-x", false),
            ("{c|default:main}-9", "main-9", true),
            ("{c|default:main}-9", "other-9", false),
            ("{c|default:main|upper}-9", "MAIN-9", true),
            ("", "", true),
            ("", "a", false),
            ("{a|lower}{b|upper}", "abAB", true),
        ] {
            let variables = ["a".to_owned(), "b".to_owned()];
            let parsed = parse(template, &variables, &[], &lists).expect("a good template");
            assert_eq!(Reach::new(&parsed, &lists).can_make(text), expected, "{template} {text}");
        }
    }
}

//! Which repositories of a catalog the templates of a route can name.
//!
//! The values of requests are taken for any text, so a route may be said to reach a repository that no
//! request gets from it, but never the other way round.

use super::map::Lists;
use super::template::{Filter, Piece, Template, Variable};

/// What a piece of a template can make.
enum Language<'t> {
    /// One of these texts, which ascend.
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
    /// Room for the places where the pieces so far can end in a text, in ascending order, kept for the
    /// next text.
    ends: Vec<usize>,
    next: Vec<usize>,
}

impl<'t> Reach<'t> {
    /// The texts of a template.
    pub(crate) fn new(template: &'t Template, lists: &'t Lists) -> Self {
        let language = |piece: &'t Piece| match piece {
            Piece::Text(text) => Language::Texts(vec![text]),
            Piece::Variable(variable) => of_variable(variable, lists),
        };
        let mut languages: Vec<_> = template.0.iter().map(language).collect();
        for language in &mut languages {
            if let Language::Texts(texts) = language {
                texts.sort_unstable();
                texts.dedup();
            }
        }
        Self { languages, ends: Vec::new(), next: Vec::new() }
    }

    /// Whether the template can make `text`.
    pub(crate) fn can_make(&mut self, text: &str) -> bool {
        // A catalog has many names, and most of them differ at one of their ends.
        if let Some(Language::Texts(texts)) = self.languages.first()
            && texts.len() <= text.len()
            && !texts.iter().any(|known| text.starts_with(*known))
        {
            return false;
        }
        if let Some(Language::Texts(texts)) = self.languages.last()
            && texts.len() <= text.len()
            && !texts.iter().any(|known| text.ends_with(*known))
        {
            return false;
        }
        let Self { languages, ends, next } = self;
        let has_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        let has_lower = text.bytes().any(|byte| byte.is_ascii_lowercase());
        let takes_all = |language: &Language<'_>| match language {
            Language::Texts(_) => false,
            Language::Any { lower, upper } => !(*lower && has_upper || *upper && has_lower),
        };
        ends.clear();
        ends.push(0);
        // Behind a piece that takes all, the pieces so far can end at this place and everywhere behind it.
        let mut all_from = None;
        let mut left = languages.iter().peekable();
        while let Some(language) = left.next() {
            if takes_all(language) {
                let Some(first) = all_from.or(ends.first().copied()) else { return false };
                all_from = Some(first);
                ends.clear();
                continue;
            }
            let starts = all_from.take().map(|first| first..=text.len());
            let starts = ends.iter().copied().chain(starts.into_iter().flatten());
            next.clear();
            match language {
                Language::Texts(texts) => {
                    // Before a piece that takes all, only the first end counts.
                    let counts_first = left.peek().is_some_and(|language| takes_all(language));
                    let mut enough = usize::MAX;
                    for at in starts {
                        if at > enough {
                            break;
                        }
                        let Some(rest) = text.get(at..) else { continue };
                        each_beginning(texts, rest, |length| {
                            let end = at + length;
                            next.push(end);
                            if counts_first {
                                enough = enough.min(end);
                            }
                        });
                    }
                    next.sort_unstable();
                    next.dedup();
                }
                Language::Any { lower, upper } => {
                    let is_foreign = |byte: u8| {
                        *lower && byte.is_ascii_uppercase() || *upper && byte.is_ascii_lowercase()
                    };
                    for at in starts {
                        // An earlier start has made what this one makes.
                        if next.last().is_some_and(|&end| at <= end) {
                            continue;
                        }
                        let rest = text.bytes().skip(at);
                        let length = rest.take_while(|&byte| !is_foreign(byte)).count();
                        next.extend(at..=at + length);
                    }
                }
            }
            std::mem::swap(ends, next);
        }
        all_from.is_some() || ends.last() == Some(&text.len())
    }
}

/// Calls `found` with the length of each of the texts, which ascend, that `rest` begins with.
fn each_beginning(texts: &[&str], rest: &str, mut found: impl FnMut(usize)) {
    if texts.len() <= rest.len() {
        let known = texts.iter().filter(|known| rest.starts_with(**known));
        known.for_each(|known| found(known.len()));
        return;
    }
    // A map may have tens of thousands of texts: the few beginnings of a name are looked up in them.
    for length in 0..=rest.len() {
        if rest.get(..length).is_some_and(|start| texts.binary_search(&start).is_ok()) {
            found(length);
        }
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
        // Names are looked up in many texts, and few texts are compared with names.
        let many = (0..100).map(|n| (n.to_string(), format!("{n}x"))).collect();
        let maps = vec![
            CompiledMap::new("m".to_owned(), entries),
            CompiledMap::new("many".to_owned(), many),
        ];
        let lists = Lists { arches: Vec::new(), maps };
        for (template, text, expected) in [
            ("{a}", "anything", true),
            ("{a}-{b}", "x-y-z", true),
            ("{a}-{b}", "xyz", false),
            ("{a|map:m}-{b}", "9.8-baseos", true),
            ("{a|map:m}-{b}", "9.7-baseos", false),
            ("{a|map:m|default:8}-{b}", "8-baseos", true),
            ("{a|default:8|map:m}-{b}", "8-baseos", false),
            ("{a|map:many}-{b}", "99x-baseos", true),
            ("{a|map:many}-{b}", "x9x-baseos", false),
            ("{b}-{a|map:many}", "baseos-7x", true),
            ("{b}-{a|map:many}", "baseos-7", false),
            ("{a|map:many}{b|map:many}-c", "1x21x-c", true),
            ("{a|map:many}{b|map:many}-c", "1x-c", false),
            ("{a|map:many|default:0}-{b}", "0-baseos", true),
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
            ("{a|upper}{b|lower}{c|default:-}{a}", "ABab-C", true),
            ("{a|lower}{c|default:-}{b|lower}", "a-B", false),
            ("{a}-{b|upper}-{a}", "x-y-Z-y", true),
            ("{a}-{b|upper}-{a}", "x-y-z-y", false),
            ("{a}-{c|default:-}{b}", "x-y--z", true),
            ("{a}-{c|default:-}{b}", "x-y-z", false),
            ("{a}9{a|map:m}{b}.8", "99.8.8", true),
            ("{a}9{a|map:m}{b}.9", "99.8.8", false),
            ("{a|map:m}{a}", "ü", false),
            ("{a}ü{b|lower}", "üüü", true),
        ] {
            let variables = ["a".to_owned(), "b".to_owned()];
            let parsed = parse(template, &variables, &[], &lists).expect("a good template");
            assert_eq!(Reach::new(&parsed, &lists).can_make(text), expected, "{template} {text}");
        }
    }

    /// Whether pieces can make a text, found by trying every end of the first piece.
    fn try_all(pieces: &[&str], text: &str) -> bool {
        let Some((first, others)) = pieces.split_first() else { return text.is_empty() };
        (0..=text.len()).any(|end| {
            let (value, behind) = text.split_at(end);
            let is_made = match *first {
                "{x}" => true,
                "{x|lower}" => !value.contains('B'),
                "{x|upper}" => !value.contains('a'),
                "{x|map:m}" => ["", "aa", "aB"].contains(&value),
                literal => value == literal,
            };
            is_made && try_all(others, behind)
        })
    }

    #[test]
    fn all_short_templates_make_what_trying_all_ends_says() {
        let entries = ["", "aa", "aB"].map(|text| (format!("n{text}"), text.to_owned()));
        let maps = vec![CompiledMap::new("m".to_owned(), entries.to_vec())];
        let lists = Lists { arches: Vec::new(), maps };
        let longer = |texts: &[String], ends: &[&str]| -> Vec<String> {
            texts
                .iter()
                .flat_map(|text| ends.iter().map(move |end| format!("{text}{end}")))
                .collect()
        };
        let mut texts = vec![String::new()];
        let mut templates = vec![String::new()];
        for _ in 0..4 {
            let more = longer(&texts, &["", "a", "B"]);
            texts = more;
            // Pieces are divided for the twin by what no template holds.
            let pieces = ["a;", "aB;", "{x};", "{x|lower};", "{x|upper};", "{x|map:m};"];
            templates = longer(&templates, &pieces);
        }
        texts.sort();
        texts.dedup();
        for template in templates {
            let pieces: Vec<_> = template.split_terminator(';').collect();
            let parsed = parse(&pieces.concat(), &["x".to_owned()], &[], &lists);
            let parsed = parsed.expect("a good template");
            let mut reach = Reach::new(&parsed, &lists);
            for text in &texts {
                assert_eq!(reach.can_make(text), try_all(&pieces, text), "{template} {text}");
            }
        }
    }
}

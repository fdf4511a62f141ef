//! A slow, obvious matcher: it tries every route, every way to split a path, and sorts what matches.
//!
//! It reads the texts of routes itself, and expects that [`compile`](super::compile()) accepts them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use model::MAX_NAME;

use super::limits::MAX_VALUE;
use super::written::{Stored, WrittenRoute};
use model::percent::decode;

/// What the twin finds.
#[derive(PartialEq, Eq, Debug)]
pub struct Found {
    /// The name of the route.
    pub name: String,
    /// The variables that have a value.
    pub values: BTreeMap<String, String>,
    /// The first parameter whose value cannot be used.
    pub bad: Option<String>,
}

enum Token<'t> {
    Text(&'t str),
    Variable(&'t str, &'t str),
    Rest(&'t str),
}

/// Variables with their values.
pub type Captured = Vec<(String, String)>;

/// Finds the route of a request.
pub fn find(stored: &Stored, host: &str, path: &str, query: &str) -> Option<Found> {
    if path == "/api/v1" || path.starts_with("/api/v1/") {
        return None;
    }
    let mut matching: Vec<_> = stored
        .routes
        .iter()
        .filter(|route| matches_host(route, host) && matches_query(route, query))
        .filter_map(|route| Some((route, match_path(&route.path, path, stored)?)))
        .collect();
    matching.sort_by_key(|(route, _)| precedence(route));
    let (route, captured) = matching.into_iter().next()?;
    let mut found =
        Found { name: route.name.clone(), values: captured.into_iter().collect(), bad: None };
    for (name, rule) in &route.query {
        if rule == "-" || rule == "flag" || rule.starts_with('=') {
            continue;
        }
        let (variable, form) = split_once(rule.trim_end_matches(['?', '!']), ':');
        match value(query, name, form) {
            Err(()) if found.bad.is_none() => found.bad = Some(name.clone()),
            Err(()) => {}
            Ok(value) if value.is_empty() => {}
            Ok(value) if form == "region" => {
                let (country, region) = split_once(&value, '-');
                found.values.insert("country".to_owned(), country.to_owned());
                if value.contains('-') {
                    found.values.insert("region".to_owned(), region.to_owned());
                }
            }
            Ok(value) => drop(found.values.insert(variable.to_owned(), value)),
        }
    }
    Some(found)
}

fn precedence(route: &WrittenRoute) -> impl Ord + use<> {
    let path = written_path(&route.path).0;
    let tokens: Vec<Token<'_>> = path.split('/').flat_map(tokens).collect();
    let literal =
        tokens.iter().map(|token| if let Token::Text(text) = token { text.len() } else { 0 });
    let count = |is: fn(&str) -> bool| route.query.iter().filter(|(_, rule)| is(rule)).count();
    let is_equal = |rule: &str| rule.starts_with('=');
    let is_required =
        |rule: &str| rule.starts_with('=') || rule == "flag" || rule != "-" && rule.ends_with('!');
    (
        Reverse(route.rank),
        route.hosts.is_empty(),
        Reverse(literal.sum::<usize>() + path.matches('/').count()),
        Reverse(count(is_required)),
        Reverse(count(is_equal)),
        tokens.iter().filter(|token| matches!(token, Token::Variable(_, "text"))).count(),
        tokens.iter().any(|token| matches!(token, Token::Rest(_))),
    )
}

/// The pattern without the mark for a slash that may be left out, and whether it has the mark.
fn written_path(pattern: &str) -> (&str, bool) {
    match pattern.strip_suffix("/?") {
        Some("") => ("/", false),
        Some(path) => (path, true),
        None => (pattern, false),
    }
}

fn tokens(segment: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for part in segment.split_inclusive('}') {
        let (text, variable) = split_once(part, '{');
        tokens.push(Token::Text(text));
        let Some(variable) = variable.strip_suffix('}') else { continue };
        tokens.push(match (variable.strip_suffix('*'), variable.split_once(':')) {
            (Some(name), _) => Token::Rest(name),
            (None, Some((name, class))) => Token::Variable(name, class),
            (None, None) if variable == "arch" || variable == "country" => {
                Token::Variable(variable, variable)
            }
            (None, None) => Token::Variable(variable, "text"),
        });
    }
    tokens
}

/// The variables of a path that a pattern matches, with their values.
pub fn match_path(pattern: &str, path: &str, stored: &Stored) -> Option<Captured> {
    let (pattern, may_have_slash) = written_path(pattern);
    let segments: Vec<_> = pattern.split('/').map(tokens).collect();
    match_segments(&segments, path, stored).or_else(|| {
        let without = path.strip_suffix('/').filter(|_| may_have_slash)?;
        match_segments(&segments, without, stored)
    })
}

fn match_segments(segments: &[Vec<Token<'_>>], path: &str, stored: &Stored) -> Option<Captured> {
    let (first, others) = segments.split_first()?;
    if first.iter().any(|token| matches!(token, Token::Rest(_))) {
        let text = decode(path).ok()?;
        if !text.split('/').all(is_sound) || text.chars().any(char::is_control) {
            return None;
        }
        return match_tokens(first, &text, stored);
    }
    let (segment, behind) = match path.split_once('/') {
        Some((segment, behind)) => (segment, Some(behind)),
        None => (path, None),
    };
    let mut captured = match_tokens(first, &decode(segment).ok()?, stored)?;
    match behind {
        Some(behind) => captured.extend(match_segments(others, behind, stored)?),
        None if !others.is_empty() => return None,
        None => {}
    }
    Some(captured)
}

fn match_tokens(tokens: &[Token<'_>], text: &str, stored: &Stored) -> Option<Captured> {
    let Some((first, others)) = tokens.split_first() else {
        return text.is_empty().then(Vec::new);
    };
    let (name, class) = match first {
        Token::Text(literal) => return match_tokens(others, text.strip_prefix(literal)?, stored),
        Token::Variable(name, class) => (*name, *class),
        Token::Rest(name) => (*name, ""),
    };
    let splits = (1..=text.len()).filter_map(|end| text.split_at_checked(end));
    let mut splits = splits.filter(|(value, _)| accepts(class, value, stored));
    splits.find_map(|(value, rest)| {
        let mut captured = match_tokens(others, rest, stored)?;
        captured.push((name.to_owned(), value.to_owned()));
        Some(captured)
    })
}

fn accepts(class: &str, value: &str, stored: &Stored) -> bool {
    let all = |is: fn(char) -> bool| value.chars().all(is);
    let is_text = |c: char| c.is_ascii_alphanumeric() || "._+~-".contains(c);
    let is_usual = value.len() <= MAX_VALUE && value != "." && value != ".." && all(is_text);
    match class {
        "" => value.len() <= MAX_NAME && value.split('/').all(is_sound),
        "text" => is_usual,
        "digits" => is_usual && all(|c| c.is_ascii_digit()),
        "number" => is_usual && all(|c| c.is_ascii_digit() || c == '.'),
        "letters" => is_usual && all(|c| c.is_ascii_alphabetic()),
        "word" => is_usual && all(|c| c.is_ascii_alphanumeric() || c == '_'),
        "country" => value.len() == 2 && all(|c| c.is_ascii_alphabetic()),
        "arch" => stored.arches.iter().any(|arch| arch == value),
        _ => {
            let map = stored.maps.iter().find(|map| class.strip_prefix("map:") == Some(&map.name));
            let entries = map.map_or(&[][..], |map| &map.entries);
            let holds = |name: &str| {
                name == value || value.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
            };
            is_usual && entries.iter().any(|(name, _)| holds(name))
        }
    }
}

fn is_sound(segment: &str) -> bool {
    !segment.is_empty() && segment != ".."
}

fn matches_host(route: &WrittenRoute, host: &str) -> bool {
    let name = match host.split_once(']') {
        Some((address, _)) if host.starts_with('[') => format!("{address}]"),
        _ => split_once(host, ':').0.to_owned(),
    };
    let name = name.strip_suffix('.').unwrap_or(&name);
    route.hosts.is_empty() || route.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn matches_query(route: &WrittenRoute, query: &str) -> bool {
    let rules_hold = route.query.iter().all(|(name, rule)| {
        let raw = parameters(query).filter(|(known, _)| known == name).last();
        match rule.strip_prefix('=') {
            Some(expected) => {
                raw.is_some_and(|(_, raw)| decode(raw).is_ok_and(|value| value == expected))
            }
            None if rule.ends_with(":list!") => {
                parameters(query).any(|(known, value)| known == name && !value.is_empty())
            }
            None if rule.ends_with('!') => raw.is_some_and(|(_, raw)| !raw.is_empty()),
            None => raw.is_some() || rule != "flag",
        }
    });
    let is_known =
        |(name, _): (&str, &str)| route.query.iter().any(|(known, _)| known.as_str() == name);
    let is_allowed = |pair: (&str, &str)| pair.0 == "countme" || is_known(pair);
    rules_hold && (!route.strict || parameters(query).all(is_allowed))
}

/// The decoded value of a parameter; empty if it is not there.
fn value(query: &str, name: &str, form: &str) -> Result<String, ()> {
    let all = parameters(query).filter(|(known, _)| *known == name).map(|(_, value)| value);
    let raws: Vec<&str> = match form {
        "list" => all.filter(|value| !value.is_empty()).collect(),
        _ => all.last().into_iter().collect(),
    };
    let mut values = Vec::new();
    for raw in raws {
        let value = decode(raw).map_err(|_| ())?.into_owned();
        if value.chars().any(char::is_control) {
            return Err(());
        }
        values.push(value);
    }
    let value = values.join(",");
    if value.len() > MAX_NAME { Err(()) } else { Ok(value) }
}

fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|parameter| !parameter.is_empty()).map(|text| split_once(text, '='))
}

fn split_once(text: &str, divider: char) -> (&str, &str) {
    text.split_once(divider).unwrap_or((text, ""))
}

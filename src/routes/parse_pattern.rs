//! Reading path patterns.

use super::charset::CharSet;
use super::class::Class;
use super::fault::Problem;
use super::limits::{MAX_TEXT, MAX_VARIABLES, RESERVED};
use super::map::Lists;
use super::pattern::{Part, Pattern, Rest};
use super::segment::Segment;

/// A piece of a segment.
enum Piece<'t> {
    Literal(&'t str),
    Variable(&'t str, Class),
    Rest(&'t str),
}

/// Reads a pattern.
pub(crate) fn parse(text: &str, lists: &Lists) -> Result<Pattern, Problem> {
    if text.len() > MAX_TEXT {
        return Err(Problem::TooLong(text.len()));
    }
    let (inside, slash) = match text.strip_suffix("/?") {
        // The root has its slash anyway.
        Some("") => ("/", false),
        Some(before) => (before, true),
        None => (text, false),
    };
    let inside = inside.strip_prefix('/').ok_or_else(|| Problem::PathStart(text.to_owned()))?;
    let literal_start = text.split('{').next().unwrap_or_default();
    let below_reserved = literal_start.strip_prefix(RESERVED);
    if below_reserved.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Err(Problem::Reserved);
    }
    let mut pattern =
        Pattern { parts: Vec::new(), slash, variables: Vec::new(), n_literal: 0, n_untyped: 0 };
    let mut segments = inside.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment.is_empty() && (!is_last || slash) {
            return Err(Problem::EmptySegment);
        }
        if [".", ".."].contains(&segment) {
            return Err(Problem::DotSegment);
        }
        pattern.n_literal += 1;
        let part = read_segment(segment, lists, &mut pattern)?;
        if matches!(part, Part::Rest(_)) {
            if !is_last {
                return Err(Problem::RestNotLast);
            }
            pattern.slash = false;
        }
        pattern.parts.push(match part {
            Part::Rest(rest) => Part::Rest(Rest { slash, ..rest }),
            part => part,
        });
    }
    Ok(pattern)
}

fn read_segment(text: &str, lists: &Lists, pattern: &mut Pattern) -> Result<Part, Problem> {
    let mut head = String::new();
    let mut variables: Vec<(Class, String)> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut rest = false;
    for piece in pieces(text, lists)? {
        match piece {
            Piece::Literal(literal) => {
                pattern.n_literal += literal.len();
                match variables.last_mut() {
                    Some((_, behind)) => behind.push_str(literal),
                    None => head.push_str(literal),
                }
                continue;
            }
            Piece::Variable(name, class) => {
                pattern.n_untyped += usize::from(class == Class::Text);
                variables.push((class, String::new()));
                names.push(name);
            }
            Piece::Rest(name) => {
                rest = true;
                variables.push((Class::Text, String::new()));
                names.push(name);
            }
        }
        if let Some(name) = names.last() {
            if pattern.variables.iter().any(|known| known == name) {
                return Err(Problem::VariableTwice((*name).to_owned()));
            }
            if pattern.variables.len() >= MAX_VARIABLES {
                return Err(Problem::TooManyVariables);
            }
            pattern.variables.push((*name).to_owned());
        }
    }
    if rest {
        return match <[_; 1]>::try_from(variables) {
            Ok([(_, tail)]) => Ok(Part::Rest(Rest { head, tail, slash: false })),
            Err(_) => Err(Problem::RestNotLast),
        };
    }
    if variables.is_empty() {
        return Ok(Part::Literal(head));
    }
    let divided = names.join("}, {");
    let segment = Segment::new(head, variables, lists);
    segment.map(Part::Variables).ok_or(Problem::Undivided(format!("{{{divided}}}")))
}

fn pieces<'t>(text: &'t str, lists: &Lists) -> Result<Vec<Piece<'t>>, Problem> {
    let mut pieces = Vec::new();
    let mut left = text;
    while !left.is_empty() {
        let end = left.find('{').unwrap_or(left.len());
        let (literal, behind) = left.split_at_checked(end).unwrap_or((left, ""));
        if let Some(bad) = literal.chars().find(|&c| !is_literal(c)) {
            return Err(Problem::BadCharacter(bad));
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        let Some(inside) = behind.strip_prefix('{') else { break };
        let (variable, behind) =
            inside.split_once('}').ok_or_else(|| Problem::Unclosed(behind.to_owned()))?;
        pieces.push(read_variable(variable, lists)?);
        left = behind;
    }
    Ok(pieces)
}

fn read_variable<'t>(text: &'t str, lists: &Lists) -> Result<Piece<'t>, Problem> {
    if let Some(name) = text.strip_suffix('*') {
        check_name(name)?;
        return Ok(Piece::Rest(name));
    }
    let (name, class) = match text.split_once(':') {
        None => (text, Class::of_variable(text)),
        Some((name, class)) => {
            let known = Class::parse(class, lists);
            (name, known.ok_or_else(|| Problem::UnknownClass(class.to_owned()))?)
        }
    };
    check_name(name)?;
    Ok(Piece::Variable(name, class))
}

/// Checks the name of a variable.
pub(crate) fn check_name(name: &str) -> Result<(), Problem> {
    let is_name = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && name.len() <= 32
        // The word for parameters without a value.
        && name != "flag";
    is_name.then_some(()).ok_or_else(|| Problem::BadVariable(name.to_owned()))
}

fn is_literal(character: char) -> bool {
    u8::try_from(character).is_ok_and(|byte| CharSet::LITERAL.contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        match parse(text, &Lists::default()) {
            Ok(pattern) => format!("{pattern:?}"),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn bad_patterns_are_refused_with_what_would_be_right() {
        let long = format!("/{}", "a".repeat(256));
        let many: String = (0..17).map(|n| format!("/{{v{n}}}")).collect();
        for (pattern, part) in [
            ("", "begins with `/`"),
            ("mirrors", "begins with `/`"),
            (long.as_str(), "at most 256 bytes"),
            (many.as_str(), "at most 16 variables"),
            ("/a//b", "empty segment"),
            ("/a//?", "empty segment"),
            ("/a/../b", "`.` or `..`"),
            ("/a b", "' '"),
            ("/ü", "'ü'"),
            ("/a%20b", "'%'"),
            ("/a}", "'}'"),
            ("/{a", "`{a`"),
            ("/{}", "``"),
            ("/{A}", "`A`"),
            ("/{flag}", "`flag`"),
            ("/{a:hex}", "`hex`"),
            ("/{a:map:none}", "`map:none`"),
            ("/{a}/{a}", "`a`"),
            ("/{a*}/b", "last"),
            ("/{a*}{b}", "last"),
            ("/{a}{b:digits}", "{a}, {b}"),
            ("/{a}.{b}", "{a}, {b}"),
            ("/api/v1", "/api/v1"),
            ("/api/v1/x", "/api/v1"),
            ("/api/v1/?", "/api/v1"),
            ("/api/v1/{a*}", "/api/v1"),
        ] {
            let problem = problem(pattern);
            assert!(!problem.starts_with("Pattern"), "{pattern} is accepted: {problem}");
            assert!(problem.contains(part), "{pattern}: {problem}");
        }
    }

    #[test]
    fn good_patterns_are_accepted() {
        for pattern in [
            "/",
            "/?",
            "/mirrorlist/",
            "/mirrorlist/?",
            "/{path*}",
            "/{path*}/?",
            "/x-{path*}.meta4",
            "/mirrors-{repo}.el{version:digits}",
            "/api/mageia.{version}.{arch}.list",
            "/api/v10",
            "/{country}.txt",
            "/.hidden/..a",
        ] {
            let found = problem(pattern);
            assert!(found.starts_with("Pattern"), "{pattern}: {found}");
        }
    }
}

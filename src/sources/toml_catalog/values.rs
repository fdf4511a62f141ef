//! Values of keys: each function reads one, or says what would be right.

use toml::de::DeValue;

use crate::declared::fault::{Instead, Problem, Shown};
use crate::declared::template::{Part, SingleBrace, parts};
use crate::declared::{Load, MaxShare};
use crate::geography::country_continent::is_country;
use model::asn;
use model::base_url::BaseUrl;
use model::embedded::Nat64Prefix;
use model::families::IpVersion;
use model::geo::Country;
use model::mirror_key::MirrorName;
use model::net::{HostBits, Prefix};
use model::page_url::{is_contact, is_page_url};
use model::path;
use model::repository;
use routes::Value;

/// The greatest length of a text in characters.
const MAX_TEXT: usize = 200;
/// The greatest length of a template in bytes.
const MAX_TEMPLATE: usize = 500;
/// The greatest length of a text of a route in bytes.
const MAX_ROUTE_TEXT: usize = routes::limits::MAX_TEXT;
/// The greatest length of a request in a test in bytes.
const MAX_REQUEST: usize = 1_000;
/// The largest bandwidth in Mbit/s; the catalog takes no larger one.
const MAX_BANDWIDTH: u32 = 100_000_000;

/// A value as messages show it.
pub(super) fn shown(value: &DeValue<'_>) -> Shown {
    match value {
        DeValue::String(text) => Shown::text(text),
        DeValue::Integer(number) => Shown::plain(number.as_str()),
        DeValue::Float(number) => Shown::plain(number.as_str()),
        DeValue::Boolean(value) => Shown::plain(value),
        DeValue::Datetime(date) => Shown::plain(date),
        DeValue::Array(_) => Shown::plain("a list"),
        DeValue::Table(_) => Shown::plain("a table"),
    }
}

/// The problem of a value of another kind.
pub(super) fn not_a(value: &DeValue<'_>, what: &'static str, write: &'static str) -> Problem {
    Problem::NotA { value: shown(value), what, write }
}

/// Any text.
fn text<'a>(value: &'a DeValue<'_>, example: &'static str) -> Result<&'a str, Problem> {
    match value {
        DeValue::String(text) if text.is_empty() => {
            Err(Problem::Empty { write: "leave the key out, or write what belongs into it" })
        }
        DeValue::String(text) => Ok(text),
        _ => Err(not_a(value, "text", example)),
    }
}

/// `true` or `false`.
pub(super) fn switch(value: &DeValue<'_>) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(|| not_a(value, "switch", "true or false, without quotes"))
}

/// Whether a text can be one for people, such as the name of a distribution: one line of at most 200
/// characters, without blanks around it.
pub fn is_line(text: &str) -> bool {
    let is_odd = |character: char| {
        character.is_control()
            // Ends of lines, marks that turn the direction of writing, and what XML cannot hold.
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    let is_short = (1..=MAX_TEXT).contains(&text.chars().count());
    is_short && text.trim() == text && !text.chars().any(is_odd)
}

/// A text for people: one line.
pub(super) fn line(value: &DeValue<'_>) -> Result<String, Problem> {
    let line = text(value, "it in quotes")?;
    match is_line(line) {
        true => Ok(line.to_owned()),
        false => {
            let what = "text of one line, without blanks around it";
            Err(not_a(value, what, "200 characters at most"))
        }
    }
}

/// A mail address or a URL of a page.
pub(super) fn contact(value: &DeValue<'_>) -> Result<String, Problem> {
    let text = text(value, "it in quotes")?;
    match is_contact(text) {
        true => Ok(text.to_owned()),
        false => {
            let write = "\"mirrors@example.org\" or \"https://example.org/mirrors\"";
            Err(Problem::NotA {
                value: Shown::url(text),
                what: "mail address and no URL of http or https",
                write,
            })
        }
    }
}

/// A URL of a page.
pub(super) fn link(value: &DeValue<'_>) -> Result<String, Problem> {
    let text = text(value, "it in quotes")?;
    let (what, write) = ("URL of http or https", "it as in \"https://example.org/\"");
    match is_page_url(text) {
        true => Ok(text.to_owned()),
        false => Err(Problem::NotA { value: Shown::url(text), what, write }),
    }
}

/// A base URL.
pub(super) fn base_url(value: &DeValue<'_>) -> Result<BaseUrl, Problem> {
    let text = text(value, "a base URL in quotes, as in \"https://mirror.example.org/pub\"")?;
    BaseUrl::parse(text).map_err(|reason| Problem::Url { value: Shown::url(text), reason })
}

/// A country.
pub(super) fn country(value: &DeValue<'_>) -> Result<Country, Problem> {
    let (what, write) = ("country", "its two letters, as in \"DE\"");
    let text = value.as_str().ok_or_else(|| not_a(value, what, write))?;
    // Blanks around a code do not count elsewhere.
    let country = Country::parse(text).filter(|_| text.trim() == text);
    country.filter(|&country| is_country(country)).ok_or_else(|| not_a(value, what, write))
}

/// The key of a mirror.
pub(super) fn mirror_name(value: &DeValue<'_>) -> Result<MirrorName, Problem> {
    let text = text(value, "a name in quotes, as in \"berlin\"")?;
    let what = "key of a mirror";
    let write = "up to 64 letters, digits, `.`, `_` and `-`, not only digits, as in \"berlin-1\"";
    MirrorName::parse(text).ok_or_else(|| not_a(value, what, write))
}

/// The name of a repository or a group.
pub(super) fn repository_name(value: &DeValue<'_>) -> Result<String, Problem> {
    let text = text(value, "a name in quotes, as in \"baseos\"")?;
    let write = "letters, digits and `. _ + ~ - /`, beginning with a letter or digit";
    match repository::is_name(text) {
        true => Ok(text.to_owned()),
        false => Err(not_a(value, "name of a repository", write)),
    }
}

/// A version.
pub(super) fn version(value: &DeValue<'_>) -> Result<String, Problem> {
    let text = text(value, "a version in quotes, as in \"9\"")?;
    let write = "letters, digits and `. _ + ~ -`, as in \"9\" or \"10-beta\"";
    match repository::is_version(text) {
        true => Ok(text.to_owned()),
        false => Err(not_a(value, "version", write)),
    }
}

/// An architecture.
pub(super) fn arch(value: &DeValue<'_>) -> Result<String, Problem> {
    let text = text(value, "an architecture in quotes, as in \"x86_64\"")?;
    let write = "letters, digits and `. _ -`, as in \"x86_64\"";
    match repository::is_arch(text) {
        true => Ok(text.to_owned()),
        false => Err(not_a(value, "architecture", write)),
    }
}

fn check_template(
    value: &DeValue<'_>,
    text: &str,
    words: &[&str],
    has_versions: bool,
) -> Result<(), Problem> {
    for part in parts(text) {
        match part {
            Ok(Part::Text(_)) => {}
            Err(SingleBrace) => return Err(Problem::Brace { value: shown(value) }),
            Ok(Part::Word(word)) if !words.contains(&word) => {
                let instead = Instead::find(word, words.iter().copied());
                let word = model::one_line::one_line(&word);
                return Err(Problem::Word { value: shown(value), word, instead });
            }
            Ok(Part::Word("version")) if !has_versions => {
                return Err(Problem::NoVersions { value: shown(value) });
            }
            Ok(Part::Word(_)) => {}
        }
    }
    Ok(())
}

/// Replaces the words of a template by letters, so that the rest can be checked as a name or a path.
fn sample(text: &str) -> String {
    crate::declared::template::fill(text, |_| Some("x"))
}

/// The template of names in `repo=`.
pub(super) fn name_template(value: &DeValue<'_>, has_versions: bool) -> Result<String, Problem> {
    let text = text(value, "a template in quotes, as in \"{name}-{version}\"")?;
    check_template(value, text, &["name", "version"], has_versions)?;
    match repository::is_name(&sample(text)) {
        true => Ok(text.to_owned()),
        false => {
            let write = "letters, digits, `. _ + ~ - /`, {name} and {version}";
            Err(not_a(value, "template of a name", write))
        }
    }
}

/// The template of a repository's directory, in canonical form.
pub(super) fn path_template(value: &DeValue<'_>, has_versions: bool) -> Result<String, Problem> {
    let write = "if `repodata` is at the URL of the mirrors, take the last folder from their URLs and \
                 write it here";
    let Some(text) = value.as_str() else {
        return Err(not_a(value, "text", "a directory in quotes, as in \"{version}/{arch}/os\""));
    };
    check_template(value, text, &["name", "version", "arch"], has_versions)?;
    if text.contains("://") {
        return Err(not_a(value, "directory", "only what follows a mirror's URL"));
    }
    if text.contains('$') {
        let write = "{arch} or {version} for what clients replace";
        return Err(not_a(value, "directory", write));
    }
    let canonical = path::canonical(text);
    if canonical.is_empty() && !path::leads_above(text) {
        return Err(Problem::Empty { write });
    }
    if text.chars().any(char::is_control) || text.len() > MAX_TEMPLATE || path::leads_above(text) {
        let write = "up to 500 bytes below the mirrors' URLs, as in \"{version}/{arch}/os\"";
        return Err(not_a(value, "directory", write));
    }
    if canonical == "repodata" || canonical.ends_with("/repodata") {
        let write = "the directory that holds `repodata`";
        return Err(not_a(value, "directory of a repository", write));
    }
    Ok(canonical.into_owned())
}

/// A network without bits behind its length.
pub(super) fn network(value: &DeValue<'_>) -> Result<Prefix, Problem> {
    let text = text(value, "a network in quotes, as in \"192.0.2.0/24\"")?;
    match Prefix::parse(text) {
        Ok((network, HostBits::Clear)) => Ok(network),
        Ok((network, HostBits::WereSet)) => Err(Problem::HostBits { value: shown(value), network }),
        Err(reason) => Err(Problem::Prefix { value: shown(value), reason }),
    }
}

/// A NAT64 prefix.
pub(super) fn nat64(value: &DeValue<'_>) -> Result<Nat64Prefix, Problem> {
    let text = text(value, "a prefix in quotes, as in \"2001:db8:64::/96\"")?;
    Nat64Prefix::parse(text).map_err(|reason| Problem::Nat64 { value: shown(value), reason })
}

/// A text of a route: what it means is checked with all routes.
pub(super) fn route_text(value: &DeValue<'_>) -> Result<String, Problem> {
    bounded(text(value, "it in quotes")?, MAX_ROUTE_TEXT)
}

/// A text that stands for a value in a map; it may be empty.
pub(super) fn map_text(value: &DeValue<'_>) -> Result<String, Problem> {
    let text = value.as_str().ok_or_else(|| not_named(value))?;
    bounded(text, MAX_ROUTE_TEXT)
}

/// A rule for a query parameter.
pub(super) fn rule(value: &DeValue<'_>) -> Result<String, Problem> {
    match value {
        DeValue::Table(_) => Err(not_named(value)),
        _ => route_text(value),
    }
}

/// The problem of a value below a name that anybody can choose: a dot in it makes a table.
fn not_named(value: &DeValue<'_>) -> Problem {
    let write = match value {
        DeValue::Table(_) => "the name in quotes if it holds a dot, as in \"9.1\" = \"9.1\"",
        _ => "it in quotes",
    };
    not_a(value, "text", write)
}

/// A request in a test.
pub(super) fn request(value: &DeValue<'_>) -> Result<String, Problem> {
    bounded(text(value, "it in quotes, as in \"/mirrorlist/9/baseos\"")?, MAX_REQUEST)
}

/// A text of one line.
fn bounded(text: &str, max: usize) -> Result<String, Problem> {
    if text.len() > max {
        return Err(Problem::TooMany { what: "bytes", n: text.len() as u64, max: max as u64 });
    }
    match text.chars().any(char::is_control) {
        true => {
            let (what, write) = ("text of one line", "it without control characters");
            Err(Problem::NotA { value: Shown::text(text), what, write })
        }
        false => Ok(text.to_owned()),
    }
}

/// One text of a route or a list of them.
pub(super) fn route_texts(value: &DeValue<'_>) -> Result<Vec<String>, Problem> {
    match value {
        DeValue::Array(array) if array.is_empty() => {
            Err(Problem::Empty { write: "leave the key out, or write what belongs into it" })
        }
        DeValue::Array(array) => array.iter().map(|text| route_text(text.get_ref())).collect(),
        _ => Ok(vec![route_text(value)?]),
    }
}

/// A value of a target or an option of a route.
pub(super) fn route_value(value: &DeValue<'_>) -> Result<Value, Problem> {
    match value {
        DeValue::String(_) => route_text(value).map(Value::Text),
        DeValue::Boolean(switch) => Ok(Value::Switch(*switch)),
        DeValue::Array(_) => route_texts(value).map(Value::List),
        DeValue::Integer(_) => whole(value, i64::MIN, i64::MAX).map(Value::Number),
        _ => Err(not_a(value, "text, number, switch or list", "one of them")),
    }
}

/// A whole number in a range.
pub(super) fn whole(value: &DeValue<'_>, min: i64, max: i64) -> Result<i64, Problem> {
    let DeValue::Integer(_) = value else {
        return Err(not_a(value, "number", "it without quotes"));
    };
    let number = i64::try_from(integer(value)?).ok().filter(|n| (min..=max).contains(n));
    number.ok_or_else(|| Problem::Range { value: shown(value), min, max, unit: "" })
}

/// A bandwidth in Mbit/s.
pub(super) fn bandwidth(value: &DeValue<'_>) -> Result<u32, Problem> {
    let mbits = match value {
        DeValue::Integer(_) => integer(value)?,
        DeValue::String(text) => parse_bandwidth(text).ok_or_else(|| {
            not_a(value, "bandwidth", "a number and a unit, as in \"10 Gbit/s\" or \"155 Mbit/s\"")
        })?,
        _ => {
            let write = "\"10 Gbit/s\", or the number of Mbit/s";
            return Err(not_a(value, "bandwidth", write));
        }
    };
    let max = MAX_BANDWIDTH.into();
    let bounded = u32::try_from(mbits).ok().filter(|bounded| (1..=MAX_BANDWIDTH).contains(bounded));
    bounded.ok_or_else(|| Problem::Range { value: shown(value), min: 1, max, unit: " Mbit/s" })
}

/// Parses a number and a unit to Mbit/s, rounded up. A fraction has six digits at most.
fn parse_bandwidth(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at_checked(end)?;
    let in_kbits: i128 = match unit.trim().to_ascii_lowercase().as_str() {
        "kbit/s" => 1,
        "mbit/s" => 1_000,
        "gbit/s" => 1_000_000,
        "tbit/s" => 1_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str, max: usize| {
        let is_number = (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<i128>().ok())?
    };
    let millionths = digits(whole, 12)? * 1_000_000 + digits(&format!("{fraction:0<6}"), 6)?;
    // Both numbers are positive, and small enough.
    Some((millionths * in_kbits + 999_999_999) / 1_000_000_000)
}

fn integer(value: &DeValue<'_>) -> Result<i128, Problem> {
    let number = value.as_integer();
    let number = number.and_then(|n| i128::from_str_radix(n.as_str(), n.radix()).ok());
    number.ok_or_else(|| not_a(value, "number that is taken", "a smaller one"))
}

/// A number with or without a fraction; `None` for anything else.
fn real(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(_) => value.as_integer().and_then(|n| n.to_string().parse().ok()),
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    }
}

/// How much of its share a mirror gets.
pub(super) fn load(value: &DeValue<'_>) -> Result<Load, Problem> {
    let (what, write) = ("number from 0 to 1", "the part of its share, as in 0.5");
    real(value).and_then(Load::of_part).ok_or_else(|| not_a(value, what, write))
}

/// The most of the clients near a mirror that get it first.
pub(super) fn max_share(value: &DeValue<'_>) -> Result<MaxShare, Problem> {
    let what = "number above 0, to 1";
    let write = match real(value) {
        Some(0.0) => "`load = 0` for a mirror that nobody should get",
        _ => "the part of the clients near it, as in 0.3",
    };
    real(value).and_then(MaxShare::of_part).ok_or_else(|| not_a(value, what, write))
}

/// A version of IP.
pub(super) fn ip_version(value: &DeValue<'_>) -> Result<IpVersion, Problem> {
    let version = match value {
        DeValue::Integer(_) => integer(value).ok().and_then(|n| IpVersion::parse(&n.to_string())),
        _ => None,
    };
    version.ok_or_else(|| not_a(value, "version of IP", "4 or 6, as in [4, 6]"))
}

/// The number of an autonomous system.
pub(super) fn system(value: &DeValue<'_>) -> Result<u32, Problem> {
    let number = match value {
        DeValue::Integer(_) => integer(value).ok().and_then(|number| u32::try_from(number).ok()),
        DeValue::String(text) => asn::parse(text),
        _ => None,
    };
    number.filter(|&number| asn::is_of_one_system(number)).ok_or_else(|| {
        not_a(value, "number of an autonomous system", "it as in 64496, \"AS64496\" or \"1.10\"")
    })
}

/// Degrees north and east.
pub(super) fn coordinates(value: &DeValue<'_>) -> Result<(f64, f64), Problem> {
    let (what, write) = ("pair of coordinates", "degrees north and east, as in [52.52, 13.40]");
    let degrees = |value: &DeValue<'_>, max: i64| {
        let (DeValue::Integer(_) | DeValue::Float(_)) = value else {
            return Err(not_a(value, "number", "degrees, as in 52.52"));
        };
        let number = real(value);
        let max_degrees = if max == 90 { 90.0 } else { 180.0 };
        let number = number.filter(|number| (-max_degrees..=max_degrees).contains(number));
        let unit = if max == 90 { " degrees north" } else { " degrees east" };
        number.ok_or_else(|| Problem::Range { value: shown(value), min: -max, max, unit })
    };
    let array = value.as_array().ok_or_else(|| not_a(value, what, write))?;
    let mut elements = array.iter();
    match (elements.next(), elements.next(), elements.next()) {
        (Some(north), Some(east), None) => {
            Ok((degrees(north.get_ref(), 90)?, degrees(east.get_ref(), 180)?))
        }
        _ => Err(not_a(value, "pair of coordinates", write)),
    }
}

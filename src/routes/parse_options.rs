//! Reading the options of a route.

use model::base_url::BaseUrl;
use model::url::Protocol;

use super::fault::Problem;
use super::limits::MAX_CACHE;
use super::options::{Header, Order, RouteFormat, RouteOptions, one_of};
use super::read_value::{as_line, as_list, as_number, as_switch, as_text};
use super::scope::Scope;
use super::written::Value;

/// All formats but redirects, which have no text.
const WITH_TEXT: &[RouteFormat] = &[
    RouteFormat::Text,
    RouteFormat::Metalink,
    RouteFormat::Metalink4,
    RouteFormat::Json,
    RouteFormat::Apt,
    RouteFormat::Pacman,
    RouteFormat::Urpmi,
    RouteFormat::Isolist,
];
/// Formats whose URLs can be those of directories. Metalinks and lists of images have files.
const OF_DIRECTORIES: &[RouteFormat] = &[
    RouteFormat::Text,
    RouteFormat::Json,
    RouteFormat::Apt,
    RouteFormat::Pacman,
    RouteFormat::Urpmi,
    RouteFormat::Redirect,
];
/// Formats whose lists may begin with a comment.
const WITH_COMMENTS: &[RouteFormat] = &[RouteFormat::Text, RouteFormat::Apt, RouteFormat::Pacman];

/// The options, each with the formats in whose answers it changes something; `None` for all formats.
const OPTIONS: [(&str, Option<&[RouteFormat]>); 15] = [
    ("limit", None),
    ("minimum", None),
    ("urls_per_mirror", None),
    ("prefer", None),
    ("header", Some(WITH_COMMENTS)),
    ("final_newline", Some(&[RouteFormat::Text])),
    ("trailing_slash", Some(OF_DIRECTORIES)),
    ("suffix", Some(OF_DIRECTORIES)),
    ("fallback", None),
    ("order", None),
    ("country_only", None),
    ("content_type", Some(WITH_TEXT)),
    ("cache", None),
    ("commented", Some(&[RouteFormat::Pacman])),
    ("plain", Some(&[RouteFormat::Apt])),
];
/// The most mirrors that an option can ask for.
const MAX_MIRRORS: usize = 10_000;

/// Reads the options of a route of this format, which is `None` if it is unknown. Problems are reported
/// with their key.
pub(crate) fn read_options(
    written: &[(String, Value)],
    format: Option<RouteFormat>,
    scope: &Scope<'_>,
    report: &mut impl FnMut(&str, Problem),
) -> RouteOptions {
    let mut options = RouteOptions::default();
    for (index, (key, value)) in written.iter().enumerate() {
        if written.iter().take(index).any(|(known, _)| known == key) {
            report(key, Problem::KeyTwice);
            continue;
        }
        let read = read_option(key, value, scope, &mut options);
        if let Err(problem) = read.and_then(|()| check_format(key, format)) {
            report(key, problem);
        }
    }
    let has_world = matches!(options.order, None | Some(Order::Tier));
    if options.minimum.is_some() && (!has_world || options.country_only) {
        report("minimum", Problem::NoWorld);
    }
    options
}

/// Checks that an option changes something in answers of a format.
fn check_format(key: &str, format: Option<RouteFormat>) -> Result<(), Problem> {
    let of_option = OPTIONS.iter().find(|(known, _)| *known == key);
    match (format, of_option) {
        (Some(format), Some((_, Some(formats)))) if !formats.contains(&format) => {
            let formats = one_of(formats.iter().map(|format| format.name()));
            Err(Problem::NotForFormat { format: format.name(), formats })
        }
        _ => Ok(()),
    }
}

fn read_option(
    key: &str,
    value: &Value,
    scope: &Scope<'_>,
    options: &mut RouteOptions,
) -> Result<(), Problem> {
    match key {
        "limit" => options.limit = Some(as_number(value, 1, MAX_MIRRORS)?),
        "minimum" => options.minimum = Some(as_number(value, 0, MAX_MIRRORS)?),
        "urls_per_mirror" => options.urls_per_mirror = Some(as_number(value, 1, MAX_MIRRORS)?),
        "prefer" => options.prefer = Some(read_protocols(value)?),
        "header" => {
            options.header = match value {
                Value::Switch(true) => Header::Usual,
                Value::Switch(false) => Header::None,
                Value::Text(text) => Header::Text(as_line(text)?),
                _ => return Err(value.is_not("true, false or a text")),
            }
        }
        "final_newline" => options.final_newline = as_switch(value)?,
        "trailing_slash" => options.trailing_slash = as_switch(value)?,
        "suffix" => options.suffix = Some(scope.template(as_text(value)?)?),
        "fallback" => {
            let text = as_text(value)?;
            let url =
                BaseUrl::parse(text).map_err(|error| Problem::BadBaseUrl(error.to_string()))?;
            options.fallback = Some(url.as_str().to_owned());
        }
        "order" => {
            let name = as_text(value)?;
            let unknown = || Problem::UnknownName(name.to_owned(), Order::names());
            options.order = Some(Order::parse(name).ok_or_else(unknown)?);
        }
        "country_only" => options.country_only = as_switch(value)?,
        "content_type" => options.content_type = Some(read_content_type(value)?),
        "cache" => options.cache = u32::try_from(as_number(value, 1, MAX_CACHE)?).ok(),
        "commented" => options.commented = as_switch(value)?,
        "plain" => options.plain = as_switch(value)?,
        _ => return Err(Problem::UnknownKey(one_of(OPTIONS.iter().map(|(key, _)| *key)))),
    }
    Ok(())
}

/// Reads a media type (RFC 9110, section 8.3.1); its parameters need only fit in a header.
fn read_content_type(value: &Value) -> Result<String, Problem> {
    let text = as_line(as_text(value)?)?;
    let is_token = |part: &str| {
        let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !part.is_empty() && part.bytes().all(is_char)
    };
    let (media_type, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let is_sound = media_type.split_once('/').is_some_and(|(a, b)| is_token(a) && is_token(b))
        && parameters.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && !parameters.ends_with(' ');
    if is_sound { Ok(text) } else { Err(Problem::BadContentType(text)) }
}

fn read_protocols(value: &Value) -> Result<Vec<Protocol>, Problem> {
    let mut protocols = Vec::new();
    for name in as_list(value)? {
        let names = || Protocol::ALL.map(Protocol::as_str).join(", ");
        let protocol =
            Protocol::parse(name).ok_or_else(|| Problem::UnknownName(name.to_owned(), names()))?;
        if protocols.contains(&protocol) {
            return Err(Problem::ListedTwice(name.to_owned()));
        }
        protocols.push(protocol);
    }
    Ok(protocols)
}

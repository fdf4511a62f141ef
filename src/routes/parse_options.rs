//! Reading the options of a route.

use model::base_url::BaseUrl;
use model::url::Protocol;

use super::fault::Problem;
use super::options::{Header, Order, RouteOptions};
use super::read_value::{as_line, as_list, as_number, as_switch, as_text};
use super::scope::Scope;
use super::written::Value;

/// The keys of options, for messages.
const OPTIONS: &str = "limit, minimum, urls_per_mirror, prefer, header, final_newline, \
                       trailing_slash, suffix, fallback or order";
/// The most mirrors that an option can ask for.
const MAX_MIRRORS: usize = 10_000;

/// Reads options. Problems are reported with their key.
pub(crate) fn read_options(
    written: &[(String, Value)],
    scope: &Scope<'_>,
    report: &mut impl FnMut(&str, Problem),
) -> RouteOptions {
    let mut options = RouteOptions::default();
    for (index, (key, value)) in written.iter().enumerate() {
        if written.iter().take(index).any(|(known, _)| known == key) {
            report(key, Problem::KeyTwice);
            continue;
        }
        if let Err(problem) = read_option(key, value, scope, &mut options) {
            report(key, problem);
        }
    }
    options
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
                _ => return Err(Problem::WrongKind("true, false or a text", value.kind())),
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
            options.order = Order::parse(name).ok_or_else(unknown)?;
        }
        _ => return Err(Problem::UnknownKey(OPTIONS.to_owned())),
    }
    Ok(())
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

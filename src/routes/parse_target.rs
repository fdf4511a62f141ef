//! Reading the target and the options of a route.

use model::base_url::BaseUrl;
use model::url::Protocol;

use super::fault::Problem;
use super::limits::{MAX_LIST, MAX_TEXT};
use super::map::Lists;
use super::options::{Header, Order, RouteOptions};
use super::parse_template;
use super::target::TargetTemplate;
use super::template::Template;
use super::written::Value;

/// The keys of targets, for messages.
const TARGETS: &str = "repo with arch, path, category, url or page";
/// The keys of options, for messages.
const OPTIONS: &str = "limit, minimum, urls_per_mirror, prefer, header, final_newline, \
                       trailing_slash, suffix, fallback or order";
/// The most mirrors that an option can ask for.
const MAX_MIRRORS: usize = 10_000;

/// What templates of a route may refer to.
pub(crate) struct Scope<'a> {
    /// The variables of the route.
    pub(crate) variables: &'a [String],
    /// The indexes of those that a request may leave out.
    pub(crate) optional: &'a [usize],
    /// Maps.
    pub(crate) lists: &'a Lists,
}

impl Scope<'_> {
    fn template(&self, text: &str) -> Result<Template, Problem> {
        parse_template::parse(text, self.variables, self.optional, self.lists)
    }
}

/// Reads a target. Problems are reported with their key; then the result is `None`.
pub(crate) fn read_target(
    written: &[(String, Value)],
    scope: &Scope<'_>,
    report: &mut impl FnMut(&str, Problem),
) -> Option<TargetTemplate> {
    let mut repo = None;
    let mut arch = None;
    let mut whole = None;
    for (index, (key, value)) in written.iter().enumerate() {
        if written.iter().take(index).any(|(known, _)| known == key) {
            report(key, Problem::KeyTwice);
            return None;
        }
        let one = || scope.template(as_text(value)?);
        let read = match key.as_str() {
            "repo" => one().map(|template| repo = Some(template)),
            "arch" => one().map(|template| arch = Some(template)),
            "path" => one().map(|template| whole = Some(TargetTemplate::Path(template))),
            "category" => one().map(|template| whole = Some(TargetTemplate::Category(template))),
            "page" => one().map(|template| whole = Some(TargetTemplate::Page(template))),
            "url" => read_urls(value, scope).map(|urls| whole = Some(TargetTemplate::Urls(urls))),
            _ => Err(Problem::UnknownKey(TARGETS.to_owned())),
        };
        if let Err(problem) = read {
            report(key, problem);
            return None;
        }
    }
    match (repo, arch, whole, written.len()) {
        (Some(repo), Some(arch), None, 2) => Some(TargetTemplate::Repository(repo, arch)),
        (None, None, Some(target), 1) => Some(target),
        (Some(_), None, None, _) => {
            report("arch", Problem::NoArch);
            None
        }
        _ => {
            report("", Problem::OneTarget(TARGETS));
            None
        }
    }
}

fn read_urls(value: &Value, scope: &Scope<'_>) -> Result<Vec<Template>, Problem> {
    let urls = as_list(value)?;
    let read = |url: &&str| {
        let begins = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        if !begins || url.contains(char::is_whitespace) {
            return Err(Problem::BadUrl((*url).to_owned()));
        }
        scope.template(url)
    };
    urls.iter().map(read).collect()
}

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
                Value::Text(text) => Header::Text(plain(text)?),
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

fn as_text(value: &Value) -> Result<&str, Problem> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(Problem::WrongKind("a text", value.kind())),
    }
}

fn as_switch(value: &Value) -> Result<bool, Problem> {
    match value {
        Value::Switch(switch) => Ok(*switch),
        _ => Err(Problem::WrongKind("true or false", value.kind())),
    }
}

fn as_number(value: &Value, min: usize, max: usize) -> Result<usize, Problem> {
    let Value::Number(number) = value else {
        return Err(Problem::WrongKind("a number", value.kind()));
    };
    let number = usize::try_from(*number).ok().filter(|number| (min..=max).contains(number));
    number.ok_or(Problem::OutOfRange(min, max))
}

/// One text, or a list of texts that is not empty.
fn as_list(value: &Value) -> Result<Vec<&str>, Problem> {
    match value {
        Value::Text(text) => Ok(vec![text.as_str()]),
        Value::List(list) if list.is_empty() => Err(Problem::EmptyList),
        Value::List(list) if list.len() > MAX_LIST => Err(Problem::LongList),
        Value::List(list) => Ok(list.iter().map(String::as_str).collect()),
        _ => Err(Problem::WrongKind("a list of texts", value.kind())),
    }
}

fn plain(text: &str) -> Result<String, Problem> {
    if text.len() > MAX_TEXT {
        return Err(Problem::TooLong(text.len()));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(bad) => Err(Problem::BadCharacter(bad)),
        None => Ok(text.to_owned()),
    }
}

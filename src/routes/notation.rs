//! Routes in a short notation for tests: one key and its value on each line.

use super::compile::CatalogNames;
use super::written::{Map, Test, Value, WrittenRoute};

/// What a text in the notation says.
#[derive(Debug, Default)]
pub struct Notes {
    /// Routes.
    pub routes: Vec<WrittenRoute>,
    /// Maps.
    pub maps: Vec<Map>,
    /// The catalog.
    pub names: CatalogNames,
    /// Requests: a host, which may be `-`, and a path with a query.
    pub requests: Vec<(String, String)>,
}

/// Reads the notation. Lines that mean nothing are skipped.
pub fn read(text: &str) -> Notes {
    let mut notes = Notes::default();
    for (place, line) in text.lines().enumerate() {
        let (key, value) = split(line.trim());
        match (key, split(value)) {
            ("arch", _) => drop(notes.names.arches.insert(value.to_owned())),
            ("repo", (name, arches)) => {
                let arches = arches.split(' ').map(str::to_owned);
                notes.names.repositories.entry(name.to_owned()).or_default().extend(arches);
            }
            ("redirect", (from, to)) => {
                notes.names.redirects.insert(from.to_owned(), to.to_owned());
            }
            ("category", _) => drop(notes.names.categories.insert(value.to_owned())),
            ("off", (name, "")) => {
                notes.names.disabled_categories.insert(name.to_owned());
            }
            ("off", (name, arches)) => {
                let arches = arches.split(' ').map(str::to_owned);
                notes.names.disabled.entry(name.to_owned()).or_default().extend(arches);
            }
            ("divided", _) => drop(notes.names.divided.insert(value.to_owned())),
            ("map", (name, entries)) => {
                let entries = entries.split(' ').filter_map(|entry| entry.split_once('='));
                let entries = entries.map(|(name, text)| (name.to_owned(), text.to_owned()));
                let entries = entries.collect();
                notes.maps.push(Map { name: name.to_owned(), entries, place });
            }
            ("route", _) => {
                notes.routes.push(WrittenRoute {
                    name: value.to_owned(),
                    place,
                    ..WrittenRoute::default()
                });
            }
            ("get", (host, target)) => {
                let host = if host == "-" { "" } else { host };
                notes.requests.push((host.to_owned(), target.to_owned()));
            }
            _ => {
                if let Some(route) = notes.routes.last_mut() {
                    read_key(key, value, place, route);
                }
            }
        }
    }
    notes
}

fn read_key(key: &str, value: &str, place: usize, route: &mut WrittenRoute) {
    let (first, rest) = split(value);
    match key {
        "host" => route.hosts.push(value.to_owned()),
        "path" => value.clone_into(&mut route.path),
        "query" => route.query.push((first.to_owned(), rest.to_owned())),
        "target" => route.target.push((first.to_owned(), read_value(rest))),
        "option" => route.options.push((first.to_owned(), read_value(rest))),
        "format" => value.clone_into(&mut route.format),
        "errors" => value.clone_into(&mut route.errors),
        "rank" => route.rank = value.parse().unwrap_or(0),
        "strict" => route.strict = true,
        "test" => {
            let mut test = Test { get: first.to_owned(), place, ..Test::default() };
            for (key, value) in rest.split(' ').filter_map(|fact| fact.split_once('=')) {
                let value = value.to_owned();
                match key {
                    "host" => test.host = Some(value),
                    "repo" => test.repo = Some(value),
                    "arch" => test.arch = Some(value),
                    "path" => test.path = Some(value),
                    "category" => test.category = Some(value),
                    "url" => test.url = Some(value),
                    "format" => test.format = Some(value),
                    _ => test.status = value.parse().ok(),
                }
            }
            route.tests.push(test);
        }
        _ => {}
    }
}

fn read_value(text: &str) -> Value {
    if let Some(list) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return Value::List(list.split_whitespace().map(str::to_owned).collect());
    }
    match text {
        "true" => Value::Switch(true),
        "false" => Value::Switch(false),
        _ => text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Number),
    }
}

fn split(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    (first, rest.trim_start())
}

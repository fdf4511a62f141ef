//! Writes routes and maps.

use routes::{Map, Test, Value, WrittenRoute};

use super::toml_text::{self, Writer, key_text};
use super::{keys, route_keys};

/// Writes a route with its tests.
pub(super) fn write_route(route: &WrittenRoute, writer: &mut Writer) {
    let WrittenRoute { name, hosts, path, query, strict, target, format, .. } = route;
    let WrittenRoute { options, errors, rank, tests, place: _, .. } = route;
    let values = |list: &[(String, Value)]| -> Vec<(String, String)> {
        list.iter().map(|(key, value)| (key.clone(), value_text(value))).collect()
    };
    writer.head(&route_keys::ROUTE);
    writer.text("name", name);
    match hosts.as_slice() {
        [host] => writer.text("host", host),
        hosts => writer.texts("host", hosts.iter().cloned()),
    }
    writer.text("path", path);
    let rules = query.iter().map(|(name, rule)| (name.clone(), toml_text::value_text(rule)));
    writer.table("query", rules);
    if *strict {
        writer.value("strict", "true");
    }
    writer.table("target", values(target));
    writer.optional("format", find_filled(format));
    writer.table("options", values(options));
    writer.optional("errors", find_filled(errors));
    if *rank != 0 {
        writer.value("rank", &rank.to_string());
    }
    for test in tests {
        write_test(test, writer);
    }
}

fn write_test(test: &Test, writer: &mut Writer) {
    let Test { get, host, repo, arch, path, category, url, format, status, place: _ } = test;
    writer.head(&route_keys::TEST);
    writer.text("get", get);
    let texts = [
        ("host", host),
        ("repo", repo),
        ("arch", arch),
        ("path", path),
        ("category", category),
        ("url", url),
        ("format", format),
    ];
    for (key, text) in texts {
        writer.optional(key, text.as_deref());
    }
    if let Some(status) = status {
        writer.value("status", &status.to_string());
    }
}

/// Writes a map.
pub(super) fn write_map(map: &Map, writer: &mut Writer) {
    writer.line(&format!("\n[{}.{}]", keys::MAPS, key_text(&map.name)));
    for (name, text) in &map.entries {
        writer.text(name, text);
    }
}

/// A text that is not left out.
fn find_filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Text(text) => toml_text::value_text(text),
        Value::Number(number) => number.to_string(),
        Value::Switch(switch) => switch.to_string(),
        Value::List(list) => toml_text::value_text(list),
    }
}

//! Random routes that stand together, with their maps.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use routes::{Map, Test, Value, WrittenRoute};

const RULES: [(&str, &str); 7] = [
    ("a", "a?"),
    ("b.c", "-"),
    ("d[]", "list:list?"),
    ("cc", "country:region?"),
    ("p", "protocol"),
    ("must", "=a \"value\" with ü"),
    ("flag", "flag"),
];

fn options() -> Vec<(&'static str, Value)> {
    let list = vec!["https".to_owned(), "http".to_owned()];
    vec![
        ("limit", Value::Number(10)),
        ("minimum", Value::Number(0)),
        ("prefer", Value::List(list)),
        ("header", Value::Text("# of \"lists\" \\ 'ü'".to_owned())),
        ("final_newline", Value::Switch(false)),
        ("trailing_slash", Value::Switch(true)),
        ("suffix", Value::Text("/{x|upper}'\"\\".to_owned())),
        ("fallback", Value::Text("https://dl.example/pub".to_owned())),
        ("order", Value::Text("name".to_owned())),
        ("order", Value::Text("nearest".to_owned())),
        ("order", Value::Text("tier".to_owned())),
        ("cache", Value::Number(60)),
    ]
}

fn target() -> impl Strategy<Value = Vec<(String, Value)>> {
    let text = |text: &str| Value::Text(text.to_owned());
    let urls = ["https://a.example/{x}", "http://b.example/{x|map:m0}"].map(str::to_owned);
    select(vec![
        vec![("path", text("x{x}"))],
        vec![("repo", text("{x|map:m0|default:a}")), ("arch", text("{x|literal:$basearch}"))],
        vec![("url", text("https://a.example/{x}"))],
        vec![("url", Value::List(urls.into()))],
    ])
    .prop_map(|target| target.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

prop_compose! {
    fn route()(
        n_hosts in 0..3_usize,
        path in select(vec!["{x}", "{x:map:m0}", "{x}-{y:digits}/?", "{x}/{z*}"]),
        query in subsequence(RULES.to_vec(), 0..RULES.len()),
        strict in any::<bool>(),
        target in target(),
        format in select(vec!["", "text"]),
        options in subsequence(options(), 0..8),
        errors in select(vec!["", "alma", "mm"]),
        rank in select(vec![0, 7, -7]),
        found in vec(of(select(vec![200_u16])), 0..2),
        lost in vec((of(select(vec!["other.example"])), of(Just("text"))), 0..2),
    ) -> WrittenRoute {
        let hosts = ["a.example", "b.example"].into_iter().take(n_hosts).map(str::to_owned);
        let needs = ["must", "flag"];
        let is_open = !query.iter().any(|(name, _)| needs.contains(name)) && path == "{x}";
        let is_path = target.iter().any(|(key, _)| key == "path");
        let found = found.into_iter().filter(|_| is_path && is_open).map(|status| Test {
            get: "/N/a?p=http".to_owned(),
            path: Some("xa".to_owned()),
            format: Some("text".to_owned()),
            status,
            ..Test::default()
        });
        let lost = lost.into_iter().map(|(host, format)| Test {
            get: "/nowhere".to_owned(),
            host: host.map(str::to_owned),
            format: format.map(str::to_owned),
            status: Some(404),
            ..Test::default()
        });
        let mut options: Vec<_> =
            options.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        if let Some(first) = options.iter().position(|(key, _)| key == "order") {
            let order = options.remove(first);
            options.retain(|(key, _)| key != "order");
            options.insert(first, order);
        }
        let order = options.iter().find(|(key, _)| key == "order").map(|(_, value)| value.clone());
        let is = |name: &str| matches!(&order, Some(Value::Text(order)) if order == name);
        // Only such answers can be kept by caches, and only such have a minimum.
        options.retain(|(key, _)| key != "cache" || is("name"));
        options.retain(|(key, _)| key != "minimum" || order.is_none() || is("tier"));
        // Mirrors are not chosen for fixed URLs.
        let has_mirrors = !target.iter().any(|(key, _)| key == "url");
        options.retain(|(key, _)| has_mirrors || key == "header" || key == "final_newline");
        let query = query.into_iter().filter(|(name, _)| has_mirrors || !["cc", "p"].contains(name));
        let mut query: Vec<_> =
            query.map(|(name, rule)| (name.to_owned(), rule.to_owned())).collect();
        if found.clone().next().is_some() && !query.iter().any(|(name, _)| name == "p") {
            query.push(("p".to_owned(), "protocol?".to_owned()));
        }
        WrittenRoute {
            hosts: hosts.collect(),
            path: format!("/N/{path}"),
            query,
            strict,
            target,
            format: format.to_owned(),
            options,
            errors: errors.to_owned(),
            rank,
            tests: found.chain(lost).collect(),
            ..WrittenRoute::default()
        }
    }
}

prop_compose! {
    /// Routes for different paths, and the maps that they name.
    pub(super) fn routes()(
        mut routes in vec(route(), 0..4),
        entries in vec((select(vec!["9", "a.b", "", "ü \"x\""]), select(vec!["9.8", "", "a\\b"])), 1..4),
    ) -> (Vec<WrittenRoute>, Vec<Map>) {
        for (n, route) in routes.iter_mut().enumerate() {
            route.name = format!("r{n}");
            route.path = route.path.replacen('N', &n.to_string(), 1);
            for test in &mut route.tests {
                test.get = test.get.replacen('N', &n.to_string(), 1);
            }
        }
        let mut entries: Vec<_> =
            entries.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        entries.sort();
        entries.dedup_by(|a, b| a.0 == b.0);
        (routes, vec![Map { name: "m0".to_owned(), entries, place: 0 }])
    }
}

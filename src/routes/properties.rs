//! Laws of the table, on random routes and requests.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::notation::read;
use crate::{CatalogNames, Map, RouteTable, RouteTarget, Value, WrittenRoute, compile, twin};

fn any_of(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(words)
}

fn segment() -> impl Strategy<Value = String> {
    let piece = any_of(&[
        "a",
        "b",
        "-",
        ".",
        "9",
        ".el",
        "{x}",
        "{y}",
        "{x:digits}",
        "{y:letters}",
        "{arch}",
        "{z:number}",
        "{z:word}",
        "{country}",
        "{v:map:m}",
    ]);
    proptest::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

fn path() -> impl Strategy<Value = String> {
    let segments = proptest::collection::vec(segment(), 0..3);
    let end = any_of(&["", "", "", "/", "/?", "/{path*}", "/{path*}/?", "/a{path*}.b"]);
    (segments, end).prop_map(|(segments, end)| {
        let path: String = segments.iter().map(|segment| format!("/{segment}")).collect();
        let path = path + end;
        if path.is_empty() { "/".to_owned() } else { path }
    })
}

fn query() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = any_of(&["q", "r", "cc", "t", "countme"]);
    let rule = any_of(&[
        "-",
        "flag",
        "=1",
        "=a",
        "q?",
        "r!",
        "s",
        "l:list?",
        "l:list!",
        "countme?",
        "country:region",
        "country:region!",
    ]);
    proptest::collection::vec((name, rule), 0..3).prop_map(|rules| {
        let rules: BTreeMap<_, _> = rules.into_iter().collect();
        rules.into_iter().map(|(name, rule)| (name.to_owned(), rule.to_owned())).collect()
    })
}

fn route() -> impl Strategy<Value = WrittenRoute> {
    let hosts = proptest::collection::vec(any_of(&["a.example", "b.example"]), 0..2);
    let rank = prop_oneof![8 => Just(0), 1 => Just(1), 1 => Just(-1)];
    (hosts, path(), query(), proptest::bool::weighted(0.1), rank).prop_map(
        |(hosts, path, query, strict, rank)| WrittenRoute {
            hosts: hosts.into_iter().map(str::to_owned).collect(),
            path,
            query,
            strict,
            rank,
            target: vec![("path".to_owned(), Value::Text("x".to_owned()))],
            ..WrittenRoute::default()
        },
    )
}

fn request() -> impl Strategy<Value = (String, String, String)> {
    let piece = any_of(&[
        "a", "b", "-", ".", "9", ".el", "x86_64", "i686", "de", "9.1", "1", "%39", "%2f", "..",
        "%", "%ff", "ü", "_", "%2e", "~", "A",
    ]);
    let segment = proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
    let path = proptest::collection::vec(segment, 0..4);
    let path = path.prop_map(|segments| {
        let path: String = segments.iter().map(|segment| format!("/{segment}")).collect();
        if path.is_empty() { "/".to_owned() } else { path }
    });
    let pair = (
        any_of(&["q", "r", "cc", "t", "u", "countme", ""]),
        any_of(&["", "=", "=1", "=a", "=us-TX", "=%31", "=%ff", "=%0a", "=b,c", "=-x", "=="]),
    );
    let pairs =
        proptest::collection::vec(pair.prop_map(|(name, value)| [name, value].concat()), 0..5);
    let host = any_of(&["", "a.example", "A.Example:80", "b.example.", "c.example", "[::1]:80"]);
    (host, path, pairs).prop_map(|(host, path, pairs)| (host.to_owned(), path, pairs.join("&")))
}

fn maps() -> Vec<Map> {
    let entries = vec![("9".to_owned(), "9.8".to_owned()), ("a".to_owned(), "b".to_owned())];
    vec![Map { name: "m".to_owned(), entries, place: 0 }]
}

fn names() -> CatalogNames {
    let arches = ["x86_64", "i686", "a"].map(str::to_owned).into();
    CatalogNames { arches, ..CatalogNames::default() }
}

/// A table of those routes that can stand together.
fn table_of(routes: Vec<WrittenRoute>) -> RouteTable {
    let mut kept: Vec<WrittenRoute> = Vec::new();
    for (index, mut route) in routes.into_iter().enumerate() {
        route.name = format!("r{index}");
        kept.push(route);
        if compile(&kept, &maps(), &names()).0.is_none() {
            kept.pop();
        }
    }
    compile(&kept, &maps(), &names()).0.expect("each was accepted")
}

fn found(
    table: &RouteTable,
    (host, path, query): &(String, String, String),
) -> Option<twin::Found> {
    let found = table.find(host, path, query)?;
    Some(twin::Found {
        name: found.name().to_owned(),
        values: found.values().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        bad: found.bad_value().map(|(name, _)| name.to_owned()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_table_finds_what_the_twin_finds(
        routes in proptest::collection::vec(route(), 1..8),
        requests in proptest::collection::vec(request(), 40),
    ) {
        let table = table_of(routes);
        for request in &requests {
            let (host, path, query) = request;
            let expected = twin::find(table.stored(), host, path, query);
            prop_assert_eq!(found(&table, request), expected, "{:?} {:?}", request, table);
        }
    }

    /// Of routes of equal precedence none hides another: their order in the catalog changes nothing.
    #[test]
    fn the_order_of_routes_changes_nothing(
        routes in proptest::collection::vec(route(), 1..8),
        requests in proptest::collection::vec(request(), 40),
    ) {
        let table = table_of(routes);
        let mut stored = table.stored().clone();
        stored.routes.reverse();
        let reversed = RouteTable::load(stored).expect("the same routes");
        for request in &requests {
            prop_assert_eq!(found(&table, request), found(&reversed, request), "{:?}", table);
        }
    }

    #[test]
    fn a_stored_table_is_the_same_table(routes in proptest::collection::vec(route(), 1..8)) {
        let table = table_of(routes);
        let text = serde_json::to_string(table.stored()).expect("plain data");
        let stored = serde_json::from_str(&text).expect("what was written");
        let again = RouteTable::load(stored).expect("a table that was checked");
        prop_assert_eq!(format!("{again:?}"), format!("{table:?}"));
    }

    #[test]
    fn no_text_breaks_the_compiler(text in "(route|path|query|target|option|map|host|arch|[ /{}|:*?!=a-c\n]|\\PC){0,60}") {
        let notes = read(&text);
        let (table, _) = compile(&notes.routes, &notes.maps, &notes.names);
        if let Some(table) = table {
            table.find("a", "/a", "a=b");
        }
    }
}

/// The routes that are hard to tell apart are accepted often enough to be tested.
#[test]
fn random_routes_are_often_accepted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy =
        (proptest::collection::vec(route(), 6), proptest::collection::vec(request(), 40));
    let (mut n_routes, mut n_found, mut names) = (0, 0, std::collections::BTreeSet::new());
    for _ in 0..100 {
        let value = strategy.new_tree(&mut runner).expect("no filters").current();
        let table = table_of(value.0);
        n_routes += table.len();
        for (host, path, query) in &value.1 {
            if let Some(found) = table.find(host, path, query) {
                n_found += 1;
                names.insert(format!("{:?}", found.name()));
                let mut text = String::new();
                assert!(matches!(found.target(&mut text), Ok(RouteTarget::Path("x"))));
            }
        }
    }
    assert!(n_routes > 150 && n_found > 200 && names.len() > 4, "{n_routes} {n_found} {names:?}");
}

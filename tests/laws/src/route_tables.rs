//! Law: a route table finds what a slow, obvious twin finds, and a stored table is the same table.

use routes::notation::{Notes, read};
use routes::{RouteTable, Stored, check_tests, compile, twin};

/// Checks the compiler and the lookup, on a text in the notation of tests.
pub fn route_table(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Notes { routes, maps, names, requests } = read(text);
    let (table, faults) = compile(&routes, &maps, &names);
    for fault in &faults {
        assert!(!fault.to_string().contains('\n'), "one line: {fault}");
    }
    let Some(table) = table else {
        assert!(faults.iter().any(|fault| !fault.is_warning()), "there is a reason");
        return;
    };
    check_tests(&table, &routes, &names);
    let json = serde_json::to_string(table.stored()).expect("plain data");
    let stored: Stored = serde_json::from_str(&json).expect("what was written");
    let again = RouteTable::load(stored).expect("a table that was checked");
    for (host, get) in &requests {
        let (path, query) = get.split_once('?').unwrap_or((get, ""));
        let expected = twin::find(table.stored(), host, path, query);
        assert_eq!(found(&table, host, path, query), expected, "{get}");
        assert_eq!(found(&again, host, path, query), expected, "{get}");
    }
}

/// Checks that a stored table, whatever it holds, is refused or can be asked.
pub fn stored_routes(bytes: &[u8]) {
    let Ok(stored) = serde_json::from_slice::<Stored>(bytes) else { return };
    let Ok(table) = RouteTable::load(stored) else { return };
    for (path, query) in [("/", ""), ("/mirrorlist/9/baseos", "repo=a&arch=b"), ("/a/b/c/", "x")] {
        found(&table, "mirrors.example.org", path, query);
    }
}

fn found(table: &RouteTable, host: &str, path: &str, query: &str) -> Option<twin::Found> {
    let found = table.find(host, path, query)?;
    let mut text = String::new();
    if let Ok(target) = found.target(&mut text) {
        assert!(!format!("{target:?}").is_empty());
    }
    Some(twin::Found {
        name: found.name().to_owned(),
        values: found.values().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        bad: found.bad_value().map(|(name, _)| name.to_owned()),
    })
}

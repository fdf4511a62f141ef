//! The handbook's chapters on the catalog and on routes: their tables of keys are those that the reader
//! knows, their tables of names are those that it accepts, and their examples are valid.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use routes::limits::{
    MAX_ENTRIES, MAX_MAPS, MAX_PARAMETERS, MAX_ROUTES, MAX_TEXT, MAX_VALUE, MAX_VARIABLES,
};
use sources::toml_catalog::{keys, parse, route_keys};
use support::markdown::blocks;

use crate::golden;

const CHAPTER: &str = "contrib/handbook/catalog.md";
const ROUTES: &str = "contrib/handbook/routes.md";

fn read(chapter: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(chapter)).unwrap()
}

/// The table of a table's keys, as Markdown.
fn reference(table: &keys::Table) -> String {
    let mut text = String::from("| key | value | without it | meaning |\n|---|---|---|---|\n");
    for keys::Key { name, kind, absent, meaning } in table.keys {
        // A bar in code would end the cell.
        let [kind, absent, meaning] = [kind, absent, meaning].map(|cell| cell.replace('|', "\\|"));
        writeln!(text, "| `{name}` | {kind} | {absent} | {meaning} |").unwrap();
    }
    text
}

#[test]
fn the_tables_of_keys_are_those_of_the_reader() {
    for (chapter, tables) in [(CHAPTER, keys::TABLES), (ROUTES, route_keys::TABLES)] {
        let mut text = read(chapter);
        for table in tables {
            let start = format!("<!-- keys of {} -->\n", table.head);
            let (before, rest) = text.split_once(&start).unwrap_or_else(|| panic!("{start}"));
            let (_, after) = rest.split_once("<!-- end -->").unwrap();
            text = format!("{before}{start}\n{}\n<!-- end -->{after}", reference(table));
        }
        golden::check_file(chapter, &text);
    }
}

#[test]
fn the_examples_of_the_chapters_are_catalogs() {
    for (chapter, n_examples) in [(CHAPTER, 3), (ROUTES, 1)] {
        let text = read(chapter);
        let examples: Vec<_> =
            blocks(&text).into_iter().filter(|block| block.is("catalog")).collect();
        assert_eq!(examples.len(), n_examples, "{chapter}");
        for example in examples {
            let read = parse(chapter, &example.text());
            read.unwrap_or_else(|faults| panic!("{faults}\n{}", example.text()));
        }
    }
}

/// A catalog whose route is wrong.
fn wrong(route: &str) -> String {
    let example = blocks(&read(ROUTES)).into_iter().find(|block| block.is("catalog")).unwrap();
    let example = example.text();
    let (before, _) = example.split_once("[[route]]").unwrap();
    let text = format!("{before}[[route]]\nname = \"wrong\"\n{route}\n");
    parse(ROUTES, &text).expect_err("it is wrong").to_string()
}

/// The first cells of the table below a heading with these columns, in code.
fn first_column(head: &str) -> BTreeSet<String> {
    let text = read(ROUTES);
    let (_, table) = text.split_once(&format!("| {head} | ")).unwrap_or_else(|| panic!("{head}"));
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split_once('`').unwrap().0.to_owned()).collect()
}

#[test]
fn the_tables_of_names_are_those_that_routes_may_have() {
    let path = "path = \"/x/{arch}\"\n";
    let target = "target = { repo = \"baseos-9.6\", arch = \"{arch}\" }\n";
    for (head, route, before, after) in [
        ("class", format!("path = \"/x/{{arch:x}}\"\n{target}"), "map: write ", "\n"),
        (
            "filter",
            format!("{path}target = {{ repo = \"baseos-9.6\", arch = \"{{arch|x}}\" }}"),
            "no filter: write ",
            "\n",
        ),
        ("format", format!("{path}{target}format = \"x\""), "is unknown: write ", "\n"),
        ("style", format!("{path}{target}errors = \"x\""), "is unknown: write ", "\n"),
    ] {
        let message = wrong(&route) + "\n";
        let (_, names) = message.split_once(before).unwrap_or_else(|| panic!("{message}"));
        let (names, _) = names.split_once(after).unwrap();
        let names = names.replace(" or ", ", ");
        let names: BTreeSet<_> = names.split(", ").map(str::to_owned).collect();
        assert_eq!(first_column(head), names, "the table of each {head}, and: {message}");
    }
}

#[test]
fn the_limits_of_the_chapter_are_those_of_routes() {
    let entries = MAX_ENTRIES.to_string();
    let (thousands, rest) = entries.split_at(entries.len() - 3);
    let expected = format!(
        "at most {MAX_ROUTES} routes and {MAX_MAPS} maps, the maps together {thousands},{rest} entries, and \
         the routes together {MAX_PARAMETERS} query parameters. A route has at most {MAX_VARIABLES} \
         variables. A path or another text has at most {MAX_TEXT} bytes."
    );
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&read(ROUTES)).contains(&words(&expected)), "{expected}");
    let class = "A variable takes 1 to ";
    assert!(read(ROUTES).contains(&format!("{class}{MAX_VALUE} of")), "{class}{MAX_VALUE}");
}

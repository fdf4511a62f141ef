//! The handbook's chapter on the catalog: its tables of keys are those that the reader knows, and its
//! examples are valid.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use sources::toml_catalog::{keys, parse};

use crate::golden;

const CHAPTER: &str = "contrib/handbook/catalog.md";

fn chapter() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CHAPTER)).unwrap()
}

/// The table of a table's keys, as Markdown.
fn reference(table: &keys::Table) -> String {
    let mut text = String::from("| key | value | without it | meaning |\n|---|---|---|---|\n");
    for keys::Key { name, kind, absent, meaning } in table.keys {
        assert!(![kind, absent, meaning].iter().any(|cell| cell.contains('|')), "{name}");
        writeln!(text, "| `{name}` | {kind} | {absent} | {meaning} |").unwrap();
    }
    text
}

#[test]
fn the_tables_of_keys_are_those_of_the_reader() {
    let mut text = chapter();
    for table in keys::TABLES {
        let start = format!("<!-- keys of {} -->\n", table.head);
        let (before, rest) = text.split_once(&start).unwrap_or_else(|| panic!("{start}"));
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        text = format!("{before}{start}\n{}\n<!-- end -->{after}", reference(table));
    }
    golden::check_file(CHAPTER, &text);
}

#[test]
fn the_examples_of_the_chapter_are_catalogs() {
    let text = chapter();
    let examples: Vec<&str> = text
        .split("\n```toml catalog")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('\n')?.1.split_once("\n```")?.0))
        .collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        parse(CHAPTER, example).unwrap_or_else(|faults| panic!("{faults}\n{example}"));
    }
}

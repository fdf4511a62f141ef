//! Keeps the first of several records with equal keys.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::report::Report;
use model::MAX_NAME;

/// The first record of each key, in ascending order of keys.
pub(super) fn first_of_each<'a, K: Ord + std::fmt::Display, V>(
    entries: &'a [Entry<K, V>],
    report: &mut Report,
) -> BTreeMap<&'a K, &'a Entry<K, V>> {
    let mut first = BTreeMap::new();
    for entry in entries {
        if first.contains_key(&entry.key) {
            report.skipped(&entry.origin, "key occurs twice, first kept", &entry.key);
        } else {
            first.insert(&entry.key, entry);
        }
    }
    first
}

/// As [`first_of_each`], for keys that are names: they are echoed in the first line of text lists.
pub(super) fn first_of_each_name<'a, V>(
    entries: &'a [Entry<String, V>],
    report: &mut Report,
) -> BTreeMap<&'a str, &'a Entry<String, V>> {
    let mut first = BTreeMap::new();
    for entry in entries {
        let key = entry.key.as_str();
        let problem = if key.chars().any(char::is_control) {
            "name holds a control character, skipped"
        } else if key.len() > MAX_NAME {
            "name is longer than 500 bytes, skipped"
        } else if first.contains_key(key) {
            "name occurs twice, first kept"
        } else {
            first.insert(key, entry);
            continue;
        };
        report.skipped(&entry.origin, problem, key);
    }
    first
}

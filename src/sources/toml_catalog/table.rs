//! Reads the keys of a table: each has a place, and faults are collected.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::File;
use super::folder::DISTRIBUTION_FILE;
use super::keys::{self, Table};
use super::route_keys;
use super::values;
use crate::declared::fault::{Fault, Faults, Instead, Problem};
use catalog::Origin;

/// A value with its position in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) offset: usize,
}

/// Reads a table. Faults are added to a collection; what is at fault is read as if it were absent.
pub(super) struct TableReader<'a, 'f> {
    pub(super) file: &'a File,
    description: &'static Table,
    table: &'a DeTable<'a>,
    /// The position of its head.
    offset: usize,
    faults: &'f mut Faults,
}

impl<'a, 'f> TableReader<'a, 'f> {
    /// Begins to read a table at `offset`; keys that it should not have are faults.
    pub(super) fn new(
        file: &'a File,
        description: &'static Table,
        table: &'a DeTable<'a>,
        offset: usize,
        faults: &'f mut Faults,
    ) -> Self {
        let mut reader = Self { file, description, table, offset, faults };
        reader.refuse_unknown_keys(|name| find_instead(description, name));
        reader
    }

    /// Begins to read a file that holds the keys of one mirror; keys that it should not have are faults.
    pub(super) fn of_mirror_file(
        file: &'a File,
        table: &'a DeTable<'a>,
        faults: &'f mut Faults,
    ) -> Self {
        let mut reader = Self { file, description: &keys::MIRROR, table, offset: 0, faults };
        reader.refuse_unknown_keys(|name| match keys::CATALOG.has(name) {
            true => Instead::Elsewhere(DISTRIBUTION_FILE),
            false => find_instead(&keys::MIRROR, name),
        });
        reader
    }

    fn refuse_unknown_keys(&mut self, find_instead: impl Fn(&str) -> Instead) {
        let Self { file, description, .. } = *self;
        for (key, _) in self.table.iter().filter(|(key, _)| !description.has(key.get_ref())) {
            self.faults.push_with(|| {
                let name: &str = key.get_ref();
                let instead = find_instead(name);
                let path = path_of(description, name);
                let problem = Problem::UnknownKey { table: description.head, instead };
                Fault::new(&file.origin(key.span().start), &path, problem)
            });
        }
    }

    /// The place of the table.
    pub(super) fn origin(&self) -> Origin {
        self.file.origin(self.offset)
    }

    /// The place of a byte in the file.
    pub(super) fn origin_at(&self, offset: usize) -> Origin {
        self.file.origin(offset)
    }

    /// Adds a fault of a key at a position.
    pub(super) fn fault(&mut self, offset: usize, key: &str, problem: Problem) {
        let Self { file, description, .. } = *self;
        self.faults
            .push_with(|| Fault::new(&file.origin(offset), &path_of(description, key), problem));
    }

    /// The faults, for what reads a value by itself.
    pub(super) fn faults(&mut self) -> &mut Faults {
        self.faults
    }

    /// The value of a key, as it is written.
    pub(super) fn find(&self, key: &'static str) -> Option<Located<&'a DeValue<'a>>> {
        debug_assert!(self.description.has(key), "{key} is in no table of keys");
        let value: &'a Spanned<DeValue<'a>> = self.table.get(key)?;
        Some(Located { value: value.get_ref(), offset: value.span().start })
    }

    /// Reads the value of a key that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&'a DeValue<'a>) -> Result<T, Problem>,
    ) -> Option<Located<T>> {
        let Located { value, offset } = self.find(key)?;
        match parse(value) {
            Ok(value) => Some(Located { value, offset }),
            Err(problem) => {
                self.fault(offset, key, problem);
                None
            }
        }
    }

    /// Reads the value of a key that must be there; `write` shows how it is written.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        write: &'static str,
        parse: impl FnOnce(&'a DeValue<'a>) -> Result<T, Problem>,
    ) -> Option<Located<T>> {
        self.require(key, write);
        self.optional(key, parse)
    }

    /// Makes a fault if a key is absent.
    pub(super) fn require(&mut self, key: &'static str, write: &'static str) {
        if self.find(key).is_none() {
            self.fault(self.offset, key, Problem::Missing { write });
        }
    }

    /// Reads a switch, which is off if it is absent.
    pub(super) fn switch(&mut self, key: &'static str) -> Located<bool> {
        let off = Located { value: false, offset: self.offset };
        self.optional(key, values::switch).unwrap_or(off)
    }

    /// Reads a list; empty if it is absent. Elements at fault are left out. A written list has elements,
    /// each once.
    pub(super) fn list<T: Ord + Clone>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&'a DeValue<'a>) -> Result<T, Problem>,
    ) -> Vec<T> {
        let mut seen = BTreeSet::new();
        let mut list = Vec::new();
        for (element, written) in self.located_list(key, parse) {
            match seen.insert(element.value.clone()) {
                true => list.push(element.value),
                false => {
                    let problem = Problem::Twice { value: values::shown(written) };
                    self.fault(element.offset, key, problem);
                }
            }
        }
        list
    }

    /// The keys of the table that are known, with their values, in the order of the file.
    pub(super) fn known_entries(&self) -> Vec<Entry<'a>> {
        let mut entries = in_order(self.table);
        entries.retain(|entry| self.description.has(entry.key));
        entries
    }

    /// Reads the tables of a name, with their places; none if it is absent.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Located<&'a DeTable<'a>>> {
        let written = self.find(key).filter(|found| found.value.as_array().is_none());
        if let Some(Located { value, offset }) = written {
            self.fault(offset, key, values::not_a(value, "list of tables", head_of(key, value)));
            return Vec::new();
        }
        let table = |value: &'a DeValue<'a>| {
            let write = "tables, each below its own head in double brackets";
            value.as_table().ok_or_else(|| values::not_a(value, "table", write))
        };
        self.located_list(key, table).into_iter().map(|(table, _)| table).collect()
    }

    /// Reads a list as [`Self::list`] does, with places, and as it is written; elements may repeat.
    pub(super) fn located_list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&'a DeValue<'a>) -> Result<T, Problem>,
    ) -> Vec<(Located<T>, &'a DeValue<'a>)> {
        let Some(Located { value, offset }) = self.find(key) else { return Vec::new() };
        let Some(array) = value.as_array() else {
            let problem = values::not_a(value, "list", "it in brackets, as in [\"a\", \"b\"]");
            self.fault(offset, key, problem);
            return Vec::new();
        };
        if array.is_empty() {
            let write = "leave the key out, or write what belongs into it";
            self.fault(offset, key, Problem::Empty { write });
        }
        let mut list = Vec::new();
        for element in array.iter() {
            let offset = element.span().start;
            match parse(element.get_ref()) {
                Ok(value) => list.push((Located { value, offset }, element.get_ref())),
                Err(problem) => self.fault(offset, key, problem),
            }
        }
        list
    }
}

/// A key of a table with its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    /// The position of the key.
    pub(super) offset: usize,
    pub(super) value: &'a DeValue<'a>,
}

/// The keys of a table with their values, in the order of the file.
pub(super) fn in_order<'a>(table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    let entry = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
        let name: &std::borrow::Cow<'a, str> = key.get_ref();
        Entry { key: name, offset: key.span().start, value: value.get_ref() }
    };
    let mut entries: Vec<_> = table.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.offset);
    entries
}

/// A table that occurs once.
pub(super) fn one_table<'a>(value: &'a DeValue<'a>) -> Result<&'a DeTable<'a>, Problem> {
    let write = "one table, with its head in single brackets";
    value.as_table().ok_or_else(|| values::not_a(value, "single table", write))
}

/// The value without its position.
pub(super) fn value<T>(located: Option<Located<T>>) -> Option<T> {
    located.map(|located| located.value)
}

/// What could be meant by a key that a table does not have.
fn find_instead(description: &Table, name: &str) -> Instead {
    let others = keys::TABLES.into_iter().chain(route_keys::TABLES).chain([&keys::CATALOG]);
    let mut others = others.filter(|table| table.head != description.head);
    match (Instead::find(name, description.names()), others.find(|table| table.has(name))) {
        (similar @ Instead::Similar(_), _) => similar,
        (_, Some(owner)) => Instead::Elsewhere(owner.head),
        (other, None) => other,
    }
}

/// How the head of one of the tables of a list is written, for messages.
fn head_of(key: &str, written: &DeValue<'_>) -> &'static str {
    let is_test = |table: &DeTable<'_>| table.contains_key("test") && !table.contains_key("name");
    match key {
        "route" if written.as_table().is_some_and(is_test) => {
            "[[route.test]] below the [[route]] that it tests"
        }
        "route" => "its head in double brackets, as in [[route]]",
        "test" => "its head in double brackets, as in [[route.test]]",
        "repository" => "its head in double brackets, as in [[repository]]",
        "network" => "its head in double brackets, as in [[network]]",
        _ => "its head in double brackets, as in [[mirror]]",
    }
}

/// The name of a key in messages.
fn path_of(description: &Table, key: &str) -> String {
    match description.name {
        "catalog" => key.to_owned(),
        table => format!("{table}.{key}"),
    }
}

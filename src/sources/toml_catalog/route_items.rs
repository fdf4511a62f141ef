//! Reads routes and maps out of their tables.
//!
//! Their texts are read here, with the place of each. What they mean is checked with all routes, in the
//! crate [`routes`].

use toml::de::DeTable;

use super::file::File;
use super::keys;
use super::route_keys;
use super::table::{Located, TableReader, in_order, one_table, value};
use super::values;
use crate::declared::fault::{Fault, Faults};
use crate::declared::{Declaration, RoutePlace};
use routes::{Map, Test, Value, WrittenRoute};

/// Reads the routes and maps of a catalog. Those at fault are left out; returns whether there are none.
pub(super) fn read_routes(reader: &mut TableReader<'_, '_>, declaration: &mut Declaration) -> bool {
    let file = reader.file;
    let n_faults = reader.faults().count();
    for Located { value, offset } in reader.tables("route") {
        let places = &mut declaration.route_places;
        let route = read_route(file, value, offset, places, reader.faults());
        declaration.routes.extend(route);
    }
    if let Some(Located { value: table, .. }) = reader.optional(keys::MAPS, one_table) {
        for entry in in_order(table) {
            let map = match one_table(entry.value) {
                Ok(table) => {
                    let place = file.origin(entry.offset);
                    let name = format!("{}.{}", keys::MAPS, entry.key);
                    let mut place = RoutePlace::new(name, place);
                    let entries = read_map(file, table, &mut place, reader.faults());
                    let (name, place) = (entry.key.to_owned(), declaration.add_place(place));
                    Map { name, entries, place }
                }
                Err(problem) => {
                    let key = format!("{}.{}", keys::MAPS, entry.key);
                    reader.faults().push(Fault::new(&file.origin(entry.offset), &key, problem));
                    continue;
                }
            };
            declaration.maps.push(map);
        }
    }
    reader.faults().count() == n_faults
}

/// Reads a route; `None` if it is not known which requests it is for, or what their target is.
fn read_route(
    file: &File,
    table: &DeTable<'_>,
    offset: usize,
    places: &mut Vec<RoutePlace>,
    faults: &mut Faults,
) -> Option<WrittenRoute> {
    let n_faults = faults.count();
    let mut reader = TableReader::new(file, &route_keys::ROUTE, table, offset, faults);
    let mut place = RoutePlace::new(route_keys::ROUTE.name.to_owned(), reader.origin());
    for entry in reader.known_entries() {
        place.keys.insert(entry.key.to_owned(), file.origin(entry.offset));
    }
    let name = reader.required("name", "name = \"mirrorlist\"", values::route_text);
    let hosts = reader.optional("host", values::route_texts);
    let path = "path = \"/mirrorlist/{version}/{repo}\"";
    let path = reader.required("path", path, values::route_text);
    let query = read_query(&mut reader, &mut place);
    let strict = reader.switch("strict").value;
    let target = "target = { repo = \"{repo}-{version}\", arch = \"{arch}\" }";
    reader.require("target", target);
    let target = read_values(&mut reader, "target", &route_keys::TARGET, &mut place);
    let format = reader.optional("format", values::route_text);
    let errors = reader.optional("errors", values::route_text);
    let rank = reader
        .optional("rank", |value| values::whole(value, i64::from(i32::MIN), i64::from(i32::MAX)));
    let is_whole = reader.faults().count() == n_faults;
    let options = read_values(&mut reader, "options", &route_keys::OPTIONS, &mut place);
    let mut tests = Vec::new();
    for Located { value, offset } in reader.tables("test") {
        tests.extend(read_test(file, value, offset, places, reader.faults()));
    }
    let route = WrittenRoute {
        name: value(name).unwrap_or_default(),
        hosts: value(hosts).unwrap_or_default(),
        path: value(path).unwrap_or_default(),
        query,
        strict,
        target,
        format: value(format).unwrap_or_default(),
        options,
        errors: value(errors).unwrap_or_default(),
        rank: value(rank).and_then(|rank| i32::try_from(rank).ok()).unwrap_or(0),
        tests,
        place: places.len(),
    };
    places.push(place);
    is_whole.then_some(route)
}

/// Reads the rules for query parameters.
fn read_query(reader: &mut TableReader<'_, '_>, place: &mut RoutePlace) -> Vec<(String, String)> {
    let file = reader.file;
    let Some(Located { value: table, .. }) = reader.optional("query", one_table) else {
        return Vec::new();
    };
    let mut rules = Vec::new();
    for entry in in_order(table) {
        let key = format!("query.{}", entry.key);
        match values::rule(entry.value) {
            Ok(rule) => rules.push((entry.key.to_owned(), rule)),
            Err(problem) => reader.fault(entry.offset, &key, problem),
        }
        place.keys.insert(key, file.origin(entry.offset));
    }
    rules
}

/// Reads the table `key` of a route, whose values are checked with all routes.
fn read_values(
    reader: &mut TableReader<'_, '_>,
    key: &'static str,
    description: &'static keys::Table,
    place: &mut RoutePlace,
) -> Vec<(String, Value)> {
    let file = reader.file;
    let Some(Located { value: table, offset }) = reader.optional(key, one_table) else {
        return Vec::new();
    };
    let mut reader = TableReader::new(file, description, table, offset, reader.faults());
    let mut read = Vec::new();
    for entry in reader.known_entries() {
        place.keys.insert(format!("{key}.{}", entry.key), file.origin(entry.offset));
        match values::route_value(entry.value) {
            Ok(value) => read.push((entry.key.to_owned(), value)),
            Err(problem) => reader.fault(entry.offset, entry.key, problem),
        }
    }
    read
}

fn read_test(
    file: &File,
    table: &DeTable<'_>,
    offset: usize,
    places: &mut Vec<RoutePlace>,
    faults: &mut Faults,
) -> Option<Test> {
    let n_faults = faults.count();
    let mut reader = TableReader::new(file, &route_keys::TEST, table, offset, faults);
    let mut place = RoutePlace::new(route_keys::ROUTE.name.to_owned(), reader.origin());
    for entry in reader.known_entries() {
        place.keys.insert(format!("test.{}", entry.key), file.origin(entry.offset));
    }
    let get = reader.required("get", "get = \"/mirrorlist/9/baseos\"", values::request);
    let mut text = |key| value(reader.optional(key, values::route_text));
    let test = Test {
        get: String::new(),
        host: text("host"),
        repo: text("repo"),
        arch: text("arch"),
        path: text("path"),
        category: text("category"),
        url: text("url"),
        format: text("format"),
        status: None,
        place: places.len(),
    };
    let status = value(reader.optional("status", |value| values::whole(value, 200, 599)));
    let status = status.and_then(|status| u16::try_from(status).ok());
    let is_whole = reader.faults().count() == n_faults;
    let get = value(get).filter(|_| is_whole)?;
    places.push(place);
    Some(Test { get, status, ..test })
}

/// Reads the entries of a map, no more than a catalog may have.
fn read_map(
    file: &File,
    table: &DeTable<'_>,
    place: &mut RoutePlace,
    faults: &mut Faults,
) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    for entry in in_order(table).into_iter().take(routes::limits::MAX_ENTRIES + 1) {
        let origin = file.origin(entry.offset);
        match values::map_text(entry.value) {
            Ok(text) => entries.push((entry.key.to_owned(), text)),
            Err(problem) => {
                let key = format!("{}.{}", place.name, entry.key);
                faults.push(Fault::new(&origin, &key, problem));
            }
        }
        place.keys.insert(entry.key.to_owned(), origin);
    }
    entries
}

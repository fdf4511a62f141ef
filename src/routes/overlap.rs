//! Pairs of routes of equal precedence that match the same request.

use std::collections::HashMap;

use super::automaton::Automaton;
use super::fault::{Problem, RouteFault};
use super::query::Parameters;
use super::route::CompiledRoute;
use super::table::RouteTable;

/// How many pairs of states all comparisons together look at; a hundred routes that are much alike take
/// less. Beyond it nothing is found.
const BUDGET: usize = 10_000_000;

/// Finds routes that match the same request, where none comes first; of each route the first such pair.
pub(crate) fn check(
    table: &RouteTable,
    item: impl Fn(usize) -> (usize, String),
    faults: &mut Vec<RouteFault>,
) {
    let mut automata: HashMap<usize, Automaton> = HashMap::new();
    let mut budget = BUDGET;
    for group in table.routes.chunk_by(|a, b| a.precedence == b.precedence) {
        for (index, route) in group.iter().enumerate() {
            let others = group.get(..index).unwrap_or_default();
            let found = others.iter().find_map(|other| {
                let host = common_host(route, other)?;
                let query = common_query(route, other, &table.parameters)?;
                for route in [route, other] {
                    automata
                        .entry(route.position)
                        .or_insert_with(|| Automaton::new(&route.pattern, &table.lists));
                }
                let (own, others) =
                    (automata.get(&route.position)?, automata.get(&other.position)?);
                let path = own.find_common(others, &mut budget)?;
                let matches = |route: &CompiledRoute| {
                    route.pattern.capture(&path, &table.lists, |_, _| {}).is_some()
                };
                (matches(route) && matches(other)).then(|| {
                    let mark = if query.is_empty() { "" } else { "?" };
                    let on = host.map_or(String::new(), |host| format!(" on {host}"));
                    (other, format!("`{path}{mark}{query}`{on}"))
                })
            });
            if let Some((other, example)) = found {
                let (place, item) = item(route.position);
                let problem = Problem::Ambiguous { other: other.name.clone(), example };
                faults.push(RouteFault { place, item, key: "path".to_owned(), problem });
            }
        }
    }
}

/// A host of both routes, if they have a host; `None` if no request has a host of both.
fn common_host<'t>(a: &'t CompiledRoute, b: &CompiledRoute) -> Option<Option<&'t str>> {
    match (a.hosts.is_empty(), b.hosts.is_empty()) {
        // Equal precedence: both or neither.
        (true, _) | (_, true) => Some(None),
        (false, false) => {
            a.hosts.iter().find(|host| b.hosts.contains(host)).map(|host| Some(host.as_str()))
        }
    }
}

/// A query that both routes accept; `None` if there is none.
fn common_query(a: &CompiledRoute, b: &CompiledRoute, names: &Parameters) -> Option<String> {
    let required = a.query.required | b.query.required;
    for allowed in [a.query.allowed, b.query.allowed].into_iter().flatten() {
        if required & !allowed != 0 {
            return None;
        }
    }
    let value = |route: &CompiledRoute, parameter: usize| {
        let equals = &route.query.equals;
        equals.iter().find(|(known, _)| *known == parameter).map(|(_, value)| value.clone())
    };
    let mut query = String::new();
    for parameter in (0..u64::BITS as usize).filter(|&bit| required >> bit & 1 == 1) {
        let value = match (value(a, parameter), value(b, parameter)) {
            (Some(a), Some(b)) if a != b => return None,
            (Some(value), _) | (None, Some(value)) => value,
            (None, None) => "x".to_owned(),
        };
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(names.name(parameter));
        query.push('=');
        query.push_str(&value);
    }
    Some(query)
}

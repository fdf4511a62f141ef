//! Pairs of routes of equal precedence that match the same request.

use super::automaton::CutShort;
use super::common_path::CommonPaths;
use super::fault::{Problem, RouteFault};
use super::query::Parameters;
use super::route::CompiledRoute;
use super::table::RouteTable;

/// How many pairs of moves all comparisons of a table together look at. Tables of 256 routes with 16
/// variables each need some thousands; it is large maps with nothing in common that need more.
pub(crate) const BUDGET: usize = 250_000;

/// Finds routes that match the same request, where none comes first; of each route the first such pair.
/// Where `budget` does not suffice, that is reported.
pub(crate) fn check(
    table: &RouteTable,
    budget: usize,
    item: impl Fn(usize) -> (usize, String),
    faults: &mut Vec<RouteFault>,
) {
    let mut common_paths = CommonPaths::new(&table.lists, budget);
    for group in table.routes.chunk_by(|a, b| a.precedence == b.precedence) {
        for (index, route) in group.iter().enumerate() {
            let found = group.iter().take(index).map(|other| {
                let Some(host) = common_host(route, other) else { return Ok(None) };
                let Some(query) = common_query(route, other, &table.parameters) else {
                    return Ok(None);
                };
                let path = common_paths.find(&route.pattern, &other.pattern)?;
                Ok(path.map(|path| {
                    let mark = if query.is_empty() { "" } else { "?" };
                    let on = host.map_or(String::new(), |host| format!(" on {host}"));
                    let example = format!("`{path}{mark}{query}`{on}");
                    Problem::Ambiguous { other: other.name.clone(), example }
                }))
            });
            let found = found.filter_map(Result::transpose).next();
            let Some(found) = found else { continue };
            let is_cut_short = found == Err(CutShort);
            let problem = found.unwrap_or(Problem::TooMuchAlike);
            let (place, item) = item(route.position);
            faults.push(RouteFault { place, item, key: "path".to_owned(), problem });
            if is_cut_short {
                return;
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
        let filled = a.query.filled | b.query.filled;
        if value.is_empty() && filled >> parameter & 1 == 1 {
            return None;
        }
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(names.name(parameter));
        query.push('=');
        query.push_str(&value);
    }
    Some(query)
}

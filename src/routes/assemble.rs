//! From written routes to a table: each item is read on its own.

use std::collections::BTreeSet;

use super::class::Class;
use super::fault::{Problem, RouteFault, shorten};
use super::hosts::{self, Hosts};
use super::limits::{
    MAX_ENTRIES, MAX_LIST, MAX_MAPS, MAX_PARAMETERS, MAX_ROUTES, MAX_TEXT, MAX_VALUE,
};
use super::map::{CompiledMap, Lists};
use super::options::{Errors, RouteFormat};
use super::parse_options::read_options;
use super::parse_pattern;
use super::parse_query;
use super::parse_target::read_target;
use super::precedence::Precedence;
use super::query::Parameters;
use super::route::CompiledRoute;
use super::scope::Scope;
use super::standard::Standard;
use super::table::RouteTable;
use super::tree::Tree;
use super::written::{Map, Stored, WrittenRoute};

/// How an item is called in messages about all routes together.
const ALL: &str = "routes";

impl RouteTable {
    /// Makes a table from the form in which a snapshot holds it. Fails with everything that is wrong
    /// with it, which is nothing if [`compile`](super::compile()) has made it.
    pub fn load(stored: Stored) -> Result<Self, Vec<RouteFault>> {
        let mut faults = Vec::new();
        let table = assemble(stored, &mut faults);
        if faults.is_empty() { Ok(table) } else { Err(faults) }
    }
}

/// Makes a table of all routes in which nothing is wrong; what is wrong goes to `faults`.
pub(crate) fn assemble(stored: Stored, faults: &mut Vec<RouteFault>) -> RouteTable {
    let lists = read_lists(&stored, faults);
    let parameters = read_parameters(&stored.routes, faults);
    let mut names = BTreeSet::new();
    let mut routes = Vec::new();
    let mut add = |place: usize, key: &str, problem: Problem| {
        faults.push(RouteFault { place, item: ALL.to_owned(), key: key.to_owned(), problem });
    };
    if stored.routes.len() > MAX_ROUTES {
        let place = stored.routes.get(MAX_ROUTES).map_or(0, |route| route.place);
        add(place, "", Problem::TooManyRoutes(stored.routes.len()));
    }
    for (position, route) in stored.routes.iter().take(MAX_ROUTES).enumerate() {
        let item = item(route);
        let mut report = |key: &str, problem: Problem| {
            let (item, key) = (item.clone(), key.to_owned());
            faults.push(RouteFault { place: route.place, item, key, problem });
        };
        if !names.insert(route.name.as_str()) {
            let name = shorten(&route.name);
            report("name", Problem::NameTwice { name, items: "routes" });
        }
        routes.extend(read_route(position, route, &parameters, &lists, &mut report));
    }
    // A stable sort: routes of equal precedence, of which no two match one request, stay in order.
    routes.sort_by(|a, b| a.precedence.cmp(&b.precedence));
    RouteTable {
        hosts: Hosts::new(routes.iter().map(|route| route.hosts.as_slice())),
        tree: Tree::new(routes.iter().map(|route| &route.pattern)),
        stored,
        routes,
        lists,
        parameters,
    }
}

/// How a route is called in messages.
pub(crate) fn item(route: &WrittenRoute) -> String {
    format!("route `{}`", route.name.escape_default())
}

/// How a map is called in messages.
pub(crate) fn item_of_map(map: &Map) -> String {
    format!("map `{}`", map.name.escape_default())
}

fn read_lists(stored: &Stored, faults: &mut Vec<RouteFault>) -> Lists {
    let mut add = |place: usize, item: String, key: &str, problem: Problem| {
        faults.push(RouteFault { place, item, key: key.to_owned(), problem });
    };
    let mut arches = stored.arches.clone();
    arches.sort();
    arches.dedup();
    if let Some(bad) = arches.iter().find(|arch| !Class::Text.accepts(arch, &Lists::default())) {
        add(0, ALL.to_owned(), "", Problem::BadArch(bad.clone()));
    }
    let mut lists = Lists { arches, maps: Vec::new() };
    if stored.maps.len() > MAX_MAPS {
        let place = stored.maps.get(MAX_MAPS).map_or(0, |map| map.place);
        add(place, "maps".to_owned(), "", Problem::TooManyMaps(stored.maps.len()));
    }
    let mut n_entries = 0;
    let too_many = stored.maps.iter().find(|map| {
        n_entries += map.entries.len();
        n_entries > MAX_ENTRIES
    });
    if let Some(map) = too_many {
        let n_entries = stored.maps.iter().map(|map| map.entries.len()).sum();
        add(map.place, "maps".to_owned(), "", Problem::TooManyEntries(n_entries));
        return lists;
    }
    for map in stored.maps.iter().take(MAX_MAPS) {
        if let Err(problem) = check_item_name(&map.name) {
            add(map.place, item_of_map(map), "", problem);
        }
        if lists.find_map(&map.name).is_some() {
            let problem = Problem::NameTwice { name: shorten(&map.name), items: "maps" };
            add(map.place, item_of_map(map), "", problem);
        }
        let is_sound = |text: &str| text.len() <= MAX_TEXT && !text.chars().any(char::is_control);
        let mut names = BTreeSet::new();
        for (name, text) in &map.entries {
            if !is_sound(name) || !is_sound(text) {
                add(map.place, item_of_map(map), name, Problem::BadEntry);
            }
            if !names.insert(name) {
                add(map.place, item_of_map(map), name, Problem::EntryTwice);
            }
        }
        lists.maps.push(CompiledMap::new(map.name.clone(), map.entries.clone()));
    }
    lists
}

/// Collects the names of parameters, and reports those that are none.
fn read_parameters(routes: &[WrittenRoute], faults: &mut Vec<RouteFault>) -> Parameters {
    let mut names = BTreeSet::new();
    for route in routes.iter().take(MAX_ROUTES) {
        for (name, _) in &route.query {
            if let Err(problem) = parse_query::check_parameter(name) {
                let key = format!("query.{name}");
                faults.push(RouteFault { place: route.place, item: item(route), key, problem });
            } else if names.insert(name.clone()) && names.len() == MAX_PARAMETERS + 1 {
                let all = routes.iter().flat_map(|route| &route.query).map(|(name, _)| name);
                let n_all = all.collect::<BTreeSet<_>>().len();
                let problem = Problem::TooManyParameters(n_all);
                let key = format!("query.{name}");
                faults.push(RouteFault { place: route.place, item: item(route), key, problem });
            }
        }
    }
    Parameters::new(names.into_iter().take(MAX_PARAMETERS).collect())
}

fn read_route(
    position: usize,
    route: &WrittenRoute,
    parameters: &Parameters,
    lists: &Lists,
    report: &mut impl FnMut(&str, Problem),
) -> Option<CompiledRoute> {
    if let Err(problem) = check_item_name(&route.name) {
        report("name", problem);
    }
    let hosts = read_hosts(&route.hosts, report);
    let pattern = parse_pattern::parse(&route.path, lists);
    let pattern = pattern.map_err(|problem| report("path", problem)).ok();
    let mut variables = pattern.as_ref().map_or(Vec::new(), |pattern| pattern.variables.clone());
    let query = parse_query::parse(route, parameters, &mut variables, &mut |key, problem| {
        report(&format!("query.{key}"), problem);
    });
    let format = RouteFormat::parse(&route.format);
    if format.is_none() {
        report("format", Problem::UnknownName(route.format.clone(), RouteFormat::names()));
    }
    let errors = Errors::parse(&route.errors);
    if errors.is_none() {
        report("errors", Problem::UnknownName(route.errors.clone(), Errors::names()));
    }
    // Without the path it is not known which variables there are.
    let pattern = pattern?;
    let scope = Scope { variables: &variables, optional: &query.optional, lists };
    let target = read_target(&route.target, &scope, &mut |key, problem| {
        let key = if key.is_empty() { "target" } else { &format!("target.{key}") };
        report(key, problem);
    });
    let options = read_options(&route.options, format, &scope, &mut |key, problem| {
        report(&format!("options.{key}"), problem);
    });
    let standard = Standard::ALL
        .map(|standard| variables.iter().position(|variable| variable == standard.name()));
    Some(CompiledRoute {
        position,
        name: route.name.clone(),
        precedence: Precedence::of(route.rank, &hosts, &pattern, &query.rules),
        hosts,
        pattern,
        query: query.rules,
        variables,
        standard,
        target: target?,
        format: format?,
        options,
        errors: errors?,
    })
}

fn read_hosts(written: &[String], report: &mut impl FnMut(&str, Problem)) -> Vec<String> {
    if written.len() > MAX_LIST {
        report("host", Problem::LongList);
    }
    let mut hosts = Vec::new();
    for host in written.iter().take(MAX_LIST) {
        match hosts::canonical(host) {
            None => report("host", Problem::BadHost(shorten(host))),
            Some(host) if hosts.contains(&host) => report("host", Problem::ListedTwice(host)),
            Some(host) => hosts.push(host),
        }
    }
    hosts
}

fn check_item_name(name: &str) -> Result<(), Problem> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match !name.is_empty() && name.len() <= MAX_VALUE && name.bytes().all(is_name) {
        true => Ok(()),
        false => Err(Problem::BadName(shorten(name))),
    }
}

//! Checks the routes of a declaration against what they lead to: its repositories, architectures and
//! groups.
//!
//! What is wrong with a route itself, and tests of routes that fail, are faults. What works and is probably
//! not meant, such as a map that nothing uses, is kept in the declaration, and reported when its records are
//! built: routes are compiled once.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Origin, Report};
use model::path;
use model::repository::fixed_arch;
use routes::{CatalogNames, Problem as RouteProblem, RouteFault, Value, check_tests, compile};

use super::Declaration;
use super::expand::{self, Pair, aliases};
use super::fault::{Fault, Faults, Instead, Problem, Shown};

/// The most steps of a redirect that are followed, as by the catalog's builder.
const MAX_STEPS: usize = 64;

/// What routes can lead to.
pub(super) fn names(declaration: &Declaration, pairs: &[Pair<'_>]) -> CatalogNames {
    let mut names = CatalogNames::default();
    let mut paths: BTreeMap<&str, String> = BTreeMap::new();
    for pair in pairs {
        names.arches.insert(pair.arch.to_owned());
        match names.repositories.get_mut(&pair.name) {
            Some(arches) => drop(arches.insert(pair.arch.to_owned())),
            None => {
                let arches = BTreeSet::from([pair.arch.to_owned()]);
                names.repositories.insert(pair.name.clone(), arches);
            }
        }
        let groups = pair.repository.groups.iter().cloned();
        if pair.is_disabled() {
            names.disabled_categories.extend(groups);
            match names.disabled.get_mut(&pair.name) {
                Some(arches) => drop(arches.insert(pair.arch.to_owned())),
                None => {
                    let arches = BTreeSet::from([pair.arch.to_owned()]);
                    names.disabled.insert(pair.name.clone(), arches);
                }
            }
        } else {
            names.categories.extend(groups);
        }
        // Whatever is asked for, sources have one architecture.
        let is_one_of_several = !pair.is_disabled() && fixed_arch(&pair.name).is_none();
        if is_one_of_several && !names.divided.contains(&pair.name) {
            let path = path::canonical(&pair.written_for_any_arch()).into_owned();
            if *paths.entry(&pair.name).or_insert_with(|| path.clone()) != path {
                names.divided.insert(pair.name.clone());
            }
        }
    }
    names.disabled_categories.retain(|name| !names.categories.contains(name));
    let mut steps: BTreeMap<String, String> =
        declaration.repositories.iter().flat_map(aliases).collect();
    let redirects = declaration.redirects.iter();
    steps.extend(redirects.map(|redirect| (redirect.from.clone(), redirect.to.clone())));
    for from in steps.keys() {
        let walk = std::iter::successors(Some(from), |name| steps.get(*name)).take(MAX_STEPS);
        if let Some(end) = walk.skip(1).find(|name| names.repositories.contains_key(*name)) {
            names.redirects.insert(from.clone(), end.clone());
        }
    }
    names
}

/// Checks the routes, and runs their tests; warnings are stored in the declaration. If not all repositories
/// could be read, nothing is said of what routes lead to; if not all routes could be read, no tests are run.
pub fn check_routes(
    declaration: &mut Declaration,
    (has_repositories, has_routes): (bool, bool),
    faults: &mut Faults,
) {
    let Declaration { routes, maps, repositories, .. } = &*declaration;
    if routes.is_empty() && maps.is_empty() {
        return;
    }
    // Too many pairs are reported elsewhere.
    let Ok(pairs) = expand::pairs(repositories) else { return };
    let mut names = names(declaration, &pairs);
    if !has_repositories {
        names = CatalogNames { arches: names.arches, ..CatalogNames::default() };
    }
    let (table, found) = compile(routes, maps, &names);
    let failed = table.filter(|_| has_repositories && has_routes);
    let failed = failed.map_or(Vec::new(), |table| check_tests(&table, routes, &names));
    let (warnings, found): (Vec<_>, _) = found.into_iter().partition(RouteFault::is_warning);
    for fault in found.into_iter().chain(failed) {
        faults.push_with(|| {
            let (origin, key) = find_place(declaration, &fault);
            let instead = find_instead(declaration, &names, &fault);
            Fault::new(&origin, &key, Problem::Route { problem: fault.problem, instead })
        });
    }
    declaration.route_warnings = warnings;
}

/// What could be meant instead of a name that nothing has, or where a name was before.
fn find_instead(declaration: &Declaration, names: &CatalogNames, fault: &RouteFault) -> Instead {
    let Declaration { routes, maps, route_places, .. } = declaration;
    let place_of = |place: usize| route_places.get(place).map(|place| place.origin.clone());
    let written = || find_value(declaration, fault).unwrap_or_default();
    match &fault.problem {
        RouteProblem::NameTwice { .. } => {
            let places = |name: &str| {
                let first = routes.iter().find(|route| route.name == name);
                first.and_then(|route| place_of(route.place))
            };
            let places_of_maps = |name: &str| {
                let first = maps.iter().find(|map| map.name == name);
                first.and_then(|map| place_of(map.place))
            };
            let route = routes.iter().find(|route| route.place == fault.place);
            let map = maps.iter().find(|map| map.place == fault.place);
            let first = route.and_then(|route| places(&route.name));
            let first = first.or_else(|| map.and_then(|map| places_of_maps(&map.name)));
            first.map_or(Instead::Nothing, Instead::AlsoAt)
        }
        RouteProblem::UnknownMap(name) => {
            Instead::find(name, maps.iter().map(|map| map.name.as_str()))
        }
        RouteProblem::NoCategory => {
            let known = names.categories.iter().chain(&names.disabled_categories);
            Instead::find(&written(), known.map(String::as_str))
        }
        RouteProblem::NoRepository => {
            let known = names.repositories.keys().chain(names.redirects.keys());
            Instead::find(&written(), known.map(String::as_str))
        }
        _ => Instead::Nothing,
    }
}

/// The text of the key of a fault, if it has one. Several are divided by blanks.
fn find_value(declaration: &Declaration, fault: &RouteFault) -> Option<String> {
    let route = declaration.routes.iter().find(|route| route.place == fault.place)?;
    let as_text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::List(texts) => Some(texts.join(" ")),
        Value::Number(_) | Value::Switch(_) => None,
    };
    let find = |values: &[(String, Value)], name: &str| {
        values.iter().find(|(key, _)| key == name).and_then(|(_, value)| as_text(value))
    };
    match fault.key.split_once('.') {
        None if fault.key == "path" => Some(route.path.clone()),
        Some(("target", name)) => find(&route.target, name),
        Some(("options", name)) => find(&route.options, name),
        Some(("query", name)) => {
            route.query.iter().find(|(key, _)| key == name).map(|(_, rule)| rule.clone())
        }
        _ => None,
    }
}

/// Reports what works and is probably not meant, with a line for each route and key.
pub(super) fn report_warnings(
    declaration: &Declaration,
    names: &CatalogNames,
    report: &mut Report,
) {
    for fault in &declaration.route_warnings {
        let (origin, _) = find_place(declaration, fault);
        let RouteFault { item, key, problem, .. } = fault;
        let place = match find_value(declaration, fault) {
            Some(value) => format!("{item}: {key} = {}", Shown::text(&value)),
            None => item.clone(),
        };
        let (problem, value) = match problem {
            RouteProblem::UnusedMap => ("map that no route uses", place),
            RouteProblem::UnusedVariable(_) => {
                ("parameter whose variable nothing uses (write \"-\" to ignore it)", place)
            }
            RouteProblem::NoArches => {
                ("`{arch}` matches nothing, as no repository has an architecture", place)
            }
            RouteProblem::TextAtMetalink => {
                ("text list at a URL that holds the word `metalink`, which dnf reads as XML", place)
            }
            RouteProblem::MetalinkElsewhere => (
                "metalink at a URL without the word `metalink`, which dnf reads with `metalink=` only",
                place,
            ),
            RouteProblem::NoRepository => (
                "route that can make the name of no repository",
                format!("{place}{}", find_instead(declaration, names, fault)),
            ),
            RouteProblem::NoArchOf(example) => (
                "route that can make the name of no architecture of its repositories",
                format!("{place} (such as {example})"),
            ),
            RouteProblem::SwitchedOff(example) => (
                "all that a route can name is switched off: clients get no mirrors",
                format!("{place} (such as {example})"),
            ),
            RouteProblem::Divided { count, example } => (
                "repositories for which nothing can stand for each architecture, as their directories \
                 differ in more than that: clients get an error",
                format!("{place} ({count}, such as {example})"),
            ),
            other => ("route that is probably not meant so", format!("{place}: {other}")),
        };
        report.skipped_alone(&origin, problem, value);
    }
}

/// Where the key of a fault is written, and how it is called in messages.
fn find_place(declaration: &Declaration, fault: &RouteFault) -> (Origin, String) {
    let RouteFault { place, key, .. } = fault;
    let Some(place) = declaration.route_places.get(*place) else {
        return (Origin::table("catalog", "routes"), key.clone());
    };
    let name = match key.as_str() {
        "" => place.name.clone(),
        key => format!("{}.{key}", place.name),
    };
    (place.find(key).clone(), name)
}

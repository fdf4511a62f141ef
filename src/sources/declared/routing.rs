//! Checks the routes of a declaration against what they lead to: its repositories, architectures and
//! groups.
//!
//! What is wrong with a route itself, and tests of routes that fail, are faults. What works and is probably
//! not meant, such as a map that nothing uses, is a diagnostic.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Origin, Report};
use model::path;
use model::repository::fixed_arch;
use routes::{CatalogNames, Problem as RouteProblem, RouteFault, check_tests, compile};

use super::Declaration;
use super::expand::{self, Pair, aliases};
use super::fault::{Fault, Faults, Problem};

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
        if !pair.is_disabled() {
            names.categories.extend(pair.repository.groups.iter().cloned());
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

/// Checks the routes, and runs their tests. If not all repositories could be read, nothing is said of what
/// routes lead to; if not all routes could be read, no tests are run.
pub fn check_routes(
    declaration: &Declaration,
    (has_repositories, has_routes): (bool, bool),
    faults: &mut Faults,
) {
    let Declaration { routes, maps, repositories, .. } = declaration;
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
    for fault in found.iter().chain(&failed).filter(|fault| !fault.is_warning()) {
        faults.push_with(|| {
            let (origin, key) = find_place(declaration, fault);
            Fault::new(&origin, &key, Problem::Route(fault.problem.clone()))
        });
    }
}

/// Reports what works and is probably not meant.
pub(super) fn report_warnings(
    declaration: &Declaration,
    names: &CatalogNames,
    report: &mut Report,
) {
    let (_, faults) = compile(&declaration.routes, &declaration.maps, names);
    for fault in faults.iter().filter(|fault| fault.is_warning()) {
        let (origin, _) = find_place(declaration, fault);
        let RouteFault { item, key, problem, .. } = fault;
        let (problem, value) = match problem {
            RouteProblem::UnusedMap => ("map that no route uses", item.clone()),
            RouteProblem::UnusedVariable(name) => (
                "parameter whose variable nothing uses (write \"-\" to ignore it)",
                format!("{name} in {item}: {key}"),
            ),
            RouteProblem::NoArches => {
                ("`{arch}` matches nothing, as no repository has an architecture", item.clone())
            }
            RouteProblem::TextAtMetalink => (
                "text list at a URL that holds the word `metalink`, which dnf reads as XML",
                item.clone(),
            ),
            RouteProblem::MetalinkElsewhere => (
                "metalink at a URL without the word `metalink`, which dnf reads with `metalink=` only",
                item.clone(),
            ),
            RouteProblem::ReachesNothing => {
                ("route that can make the name of no repository", item.clone())
            }
            RouteProblem::Divided { count, example } => (
                "repositories for which nothing can stand for each architecture, as their directories \
                 differ in more than that: clients get an error",
                format!("{count} in {item}, such as {example}"),
            ),
            other => ("route that is probably not meant so", format!("{item}: {other}")),
        };
        report.skipped(&origin, problem, value);
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

//! From what a catalog says to a checked table.

use std::collections::{BTreeMap, BTreeSet};

use model::repository::fixed_arch;

use super::assemble::{assemble, item, item_of_map};
use super::class::Class;
use super::fault::{Problem, RouteFault};
use super::fit;
use super::map::Lists;
use super::options::RouteFormat;
use super::overlap;
use super::pattern::Part;
use super::query::Parameters;
use super::reach::Reach;
use super::route::CompiledRoute;
use super::standard::Standard;
use super::table::RouteTable;
use super::target::TargetTemplate;
use super::written::{Map, Stored, WrittenRoute};

/// The names of a catalog that routes lead to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CatalogNames {
    /// The architectures of repositories.
    pub arches: BTreeSet<String>,
    /// Repositories by their names, each with its architectures.
    pub repositories: BTreeMap<String, BTreeSet<String>>,
    /// Old names of repositories, each with the name it has now.
    pub redirects: BTreeMap<String, String>,
    /// Which architectures of `repositories` are switched off.
    pub disabled: BTreeMap<String, BTreeSet<String>>,
    /// Categories with a repository that is not switched off.
    pub categories: BTreeSet<String>,
    /// Categories whose repositories are all switched off.
    pub disabled_categories: BTreeSet<String>,
    /// Repositories whose directories do not have one path with the architecture in it, so that no text can
    /// stand for each architecture.
    pub divided: BTreeSet<String>,
}

/// Checks routes and maps, each on its own and all together, and makes a table of them. The table is
/// `None` if there are faults that are not only warnings. Checks of all routes together are made only if
/// each is right on its own.
pub fn compile(
    routes: &[WrittenRoute],
    maps: &[Map],
    names: &CatalogNames,
) -> (Option<RouteTable>, Vec<RouteFault>) {
    let stored = Stored {
        routes: routes.to_vec(),
        maps: maps.to_vec(),
        arches: names.arches.iter().cloned().collect(),
    };
    let mut faults = Vec::new();
    let table = assemble(stored, &mut faults);
    if faults.is_empty() {
        let place = |position: usize| {
            let route = table.stored.routes.get(position);
            route.map_or((0, String::new()), |route| (route.place, item(route)))
        };
        overlap::check(&table, overlap::BUDGET, place, &mut faults);
        for route in &table.routes {
            let (place, item) = place(route.position);
            let mut report = |key: &str, problem: Problem| {
                let (item, key) = (item.clone(), key.to_owned());
                faults.push(RouteFault { place, item, key, problem });
            };
            check_route(route, &table.lists, &table.parameters, &mut report);
            if let Some(written) = table.stored.routes.get(route.position) {
                fit::check(route, written, &table.parameters, &mut report);
            }
        }
        check_maps(&table, &mut faults);
        check_reach(&table, names, place, &mut faults);
        check_categories(&table, names, place, &mut faults);
    }
    faults.sort_by_key(|fault| fault.is_warning());
    let is_usable = faults.iter().all(RouteFault::is_warning);
    (is_usable.then_some(table), faults)
}

fn check_route(
    route: &CompiledRoute,
    lists: &Lists,
    parameters: &Parameters,
    report: &mut impl FnMut(&str, Problem),
) {
    let classes = route.pattern.parts.iter().flat_map(|part| match part {
        Part::Variables(segment) => segment.variables(),
        _ => &[],
    });
    if lists.arches.is_empty() && classes.into_iter().any(|(class, _)| *class == Class::Arch) {
        report("path", Problem::NoArches);
    }
    let used: BTreeSet<_> = route.used_variables().filter_map(|variable| variable.index).collect();
    // What chooses the route acts, and the log has the repository and the architecture.
    for bound in &route.query.bound {
        let name = route.variables.get(bound.variable).map_or("", String::as_str);
        let standard = Standard::parse(name);
        let acts = standard.is_some_and(Standard::acts_alone)
            || matches!(standard, Some(Standard::Repo | Standard::Arch))
            || route.query.required >> bound.parameter & 1 == 1;
        if !acts && !used.contains(&bound.variable) {
            let key = format!("query.{}", parameters.name(bound.parameter));
            report(&key, Problem::UnusedVariable(name.to_owned()));
        }
    }
    let word = "metalink";
    let in_path = route.pattern.literals().any(|literal| literal.contains(word));
    match route.format {
        RouteFormat::Text if in_path || route.hosts.iter().any(|host| host.contains(word)) => {
            report("path", Problem::TextAtMetalink);
        }
        // Of version 3 only: clients recognise one of version 4 by its content, whatever its URL is.
        RouteFormat::Metalink => {
            let in_hosts =
                !route.hosts.is_empty() && route.hosts.iter().all(|host| host.contains(word));
            let in_query = route.query.equals.iter().any(|(_, value)| value.contains(word));
            if !in_path && !in_hosts && !in_query {
                report("path", Problem::MetalinkElsewhere);
            }
        }
        _ => {}
    }
}

fn check_maps(table: &RouteTable, faults: &mut Vec<RouteFault>) {
    let mut used = BTreeSet::new();
    for route in &table.routes {
        used.extend(route.maps_of_templates());
        for part in &route.pattern.parts {
            if let Part::Variables(segment) = part {
                let maps = segment.variables().iter().filter_map(|(class, _)| match class {
                    Class::Map(map) => Some(*map),
                    _ => None,
                });
                used.extend(maps);
            }
        }
    }
    for (index, map) in table.stored.maps.iter().enumerate() {
        if !used.contains(&index) {
            let (item, key) = (item_of_map(map), String::new());
            faults.push(RouteFault { place: map.place, item, key, problem: Problem::UnusedMap });
        }
    }
}

/// What a route has for a name that it can make.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reached {
    /// A repository for other architectures than the route can make.
    OtherArches,
    /// A repository that is switched off.
    SwitchedOff,
    /// A list.
    List,
}

/// A route whose repositories are not there is a warning: they may come, or be switched on again.
fn check_reach(
    table: &RouteTable,
    names: &CatalogNames,
    place: impl Fn(usize) -> (usize, String),
    faults: &mut Vec<RouteFault>,
) {
    if names.repositories.is_empty() {
        return;
    }
    for route in &table.routes {
        let TargetTemplate::Repository(repo, arch) = &route.target else { continue };
        let mut repo = Reach::new(repo, &table.lists);
        let mut arch = Reach::new(arch, &table.lists);
        let is_each = route.names_each_arch();
        let mut reach = |asked: &str, name: &str| {
            let arches = names.repositories.get(name).filter(|_| repo.can_make(asked))?;
            let takes_all = is_each || fixed_arch(asked).is_some();
            let off = names.disabled.get(name);
            let made = arches.iter().filter(|name| takes_all || arch.can_make(name));
            let found = made.map(|name| match off.is_some_and(|off| off.contains(name)) {
                true => Reached::SwitchedOff,
                false => Reached::List,
            });
            // Most repositories have nothing switched off, so the first architecture decides.
            let mut best = Reached::OtherArches;
            for found in found {
                best = best.max(found);
                if best == Reached::List {
                    break;
                }
            }
            Some(best)
        };
        let own = || names.repositories.keys().map(|name| (name, name));
        let mut fault = |key: &str, problem| {
            let ((place, item), key) = (place(route.position), key.to_owned());
            faults.push(RouteFault { place, item, key, problem });
        };
        let mut best: Option<(Reached, &String)> = None;
        for (asked, name) in own().chain(&names.redirects) {
            let Some(found) = reach(asked, name) else { continue };
            if best.is_none_or(|(best, _)| best < found) {
                best = Some((found, name));
            }
            if found == Reached::List {
                break;
            }
        }
        match best {
            Some((Reached::List, _)) => {}
            Some((Reached::SwitchedOff, example)) => {
                fault("target.repo", Problem::SwitchedOff(example.clone()));
                continue;
            }
            Some((Reached::OtherArches, example)) => {
                fault("target.arch", Problem::NoArchOf(example.clone()));
                continue;
            }
            None => {
                fault("target.repo", Problem::NoRepository);
                continue;
            }
        }
        if !is_each || names.divided.is_empty() {
            continue;
        }
        let all = own().chain(&names.redirects).filter(|(_, name)| names.divided.contains(*name));
        let divided: BTreeSet<&String> = all
            .filter(|(asked, name)| reach(asked, name) == Some(Reached::List))
            .map(|(_, name)| name)
            .collect();
        if let Some(example) = divided.first() {
            let (count, example) = (divided.len(), (*example).clone());
            fault("target.arch", Problem::Divided { count, example });
        }
    }
}

/// A category that no request can name is a fault: clients would never get anything else than an error. One
/// whose repositories are switched off works again when they are switched on.
fn check_categories(
    table: &RouteTable,
    names: &CatalogNames,
    place: impl Fn(usize) -> (usize, String),
    faults: &mut Vec<RouteFault>,
) {
    if names.repositories.is_empty() {
        return;
    }
    for route in &table.routes {
        let TargetTemplate::Category(category) = &route.target else { continue };
        let mut category = Reach::new(category, &table.lists);
        if names.categories.iter().any(|name| category.can_make(name)) {
            continue;
        }
        let off = names.disabled_categories.iter().find(|name| category.can_make(name));
        let problem =
            off.map_or(Problem::NoCategory, |example| Problem::SwitchedOff(example.clone()));
        let ((place, item), key) = (place(route.position), "target.category".to_owned());
        faults.push(RouteFault { place, item, key, problem });
    }
}

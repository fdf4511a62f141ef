//! The tests that a catalog holds for its routes.

use model::repository::fixed_arch;

use super::assemble::item;
use super::compile::CatalogNames;
use super::fault::{Problem, RouteFault, shorten};
use super::hosts;
use super::options::RouteFormat;
use super::table::{Match, RouteTable};
use super::target::{Arch, RouteTarget};
use super::unresolved::Unresolved;
use super::written::{Test, WrittenRoute};

/// Runs the tests of routes, and returns those that fail.
///
/// A request must find the route that the test belongs to, or no route if the test expects 404. The
/// status of a request is that of the route's style of errors if its target is not in the catalog, and
/// 404 if it finds no route. A test without a status fails if there is no target.
pub fn check_tests(
    table: &RouteTable,
    routes: &[WrittenRoute],
    names: &CatalogNames,
) -> Vec<RouteFault> {
    let mut faults = Vec::new();
    for route in routes {
        for test in &route.tests {
            if let Err((key, problem)) = check_test(table, route, test, names) {
                let (place, key) = (test.place, format!("test.{key}"));
                faults.push(RouteFault { place, item: item(route), key, problem });
            }
        }
    }
    faults
}

/// A key of a test, and what is wrong with it.
type Failure = (&'static str, Problem);

fn check_test(
    table: &RouteTable,
    route: &WrittenRoute,
    test: &Test,
    names: &CatalogNames,
) -> Result<(), Failure> {
    let get = &test.get;
    let (path, query) = get.split_once('?').unwrap_or((get, ""));
    if !path.starts_with('/') || get.contains(|c: char| c.is_control() || c == ' ' || c == '#') {
        return Err(("get", Problem::BadRequest(get.clone())));
    }
    let unknown = |format: &String| Problem::UnknownName(format.clone(), RouteFormat::names());
    if let Some(format) = test.format.as_ref().filter(|format| RouteFormat::parse(format).is_none())
    {
        return Err(("format", unknown(format)));
    }
    if let Some(host) = test.host.as_ref().filter(|host| hosts::canonical(host).is_none()) {
        return Err(("host", Problem::BadHost(shorten(host))));
    }
    let host = test.host.as_ref().or(route.hosts.first()).map_or("", String::as_str);
    let Some(found) = table.find(host, path, query) else {
        return match test.status {
            Some(404) if expects_nothing(test) => Ok(()),
            _ => Err(("get", other_route(get, "no route".to_owned()))),
        };
    };
    if found.name() != route.name {
        return Err(("get", other_route(get, format!("route `{}`", found.name()))));
    }
    let mut text = String::new();
    let outcome = evaluate(&found, names, &mut text);
    let fail = |key, found: String, expected: String| {
        Err((key, Problem::OtherResult { get: get.clone(), found, expected }))
    };
    match test.status {
        Some(status) if status != outcome.status => {
            return fail("status", outcome.status.to_string(), status.to_string());
        }
        _ => {}
    }
    if let (None, Some(error)) = (test.status, outcome.error) {
        return Err(("get", Problem::NoList { get: get.clone(), error }));
    }
    let expected = [
        ("repo", &test.repo),
        ("arch", &test.arch),
        ("path", &test.path),
        ("category", &test.category),
        ("url", &test.url),
        ("format", &test.format),
    ];
    for (key, expected) in expected {
        let Some(expected) = expected else { continue };
        let fact = outcome.facts.iter().find(|(name, _)| *name == key);
        match fact {
            Some((_, found)) if found == expected => {}
            Some((_, found)) => return fail(key, found.clone(), expected.clone()),
            None => {
                let (get, expected) = (get.clone(), expected.clone());
                return Err((key, Problem::NoSuchFact { get, key, expected }));
            }
        }
    }
    Ok(())
}

/// What comes of a request.
struct Outcome {
    /// The HTTP status.
    status: u16,
    /// Why there is no target, or the catalog does not have it; `None` if it does.
    error: Option<String>,
    /// What is known of the answer, by the keys of tests.
    facts: Vec<(&'static str, String)>,
}

/// Whether a test says nothing of a target.
fn expects_nothing(test: &Test) -> bool {
    let Test { repo, arch, path, category, url, .. } = test;
    [repo, arch, path, category, url].into_iter().all(Option::is_none)
}

fn other_route(get: &str, found: String) -> Problem {
    Problem::OtherRoute { get: get.to_owned(), found }
}

fn evaluate(found: &Match<'_, '_>, names: &CatalogNames, text: &mut String) -> Outcome {
    let errors = found.errors();
    let format = found.format();
    let mut facts = vec![("format", format.name().to_owned())];
    let error = |status, facts, error| Outcome { status, error: Some(error), facts };
    let unknown = errors.status_of_unknown();
    if let Some((parameter, reason)) = found.bad_value() {
        return error(errors.status_of_bad_value(), facts, format!("{parameter} {reason}"));
    }
    let target = match found.target(text) {
        Err(missing @ Unresolved::Missing(_)) => {
            return error(errors.status_of_missing(), facts, missing.to_string());
        }
        Err(reason) => return error(unknown, facts, reason.to_string()),
        Ok(target) => target,
    };
    match target {
        RouteTarget::Repository(repo, arch) => {
            let now = names.redirects.get(repo).map_or(repo, String::as_str);
            let arches = names.repositories.get(now);
            let (is_known, arch) = match arch {
                Arch::Named(arch) => {
                    let asked = fixed_arch(now).unwrap_or(arch);
                    (arches.is_some_and(|arches| arches.contains(asked)), arch)
                }
                Arch::Each(arch) => (arches.is_some(), arch),
            };
            facts.extend([("repo", repo.to_owned()), ("arch", arch.to_owned())]);
            // Without a catalog nothing is known of repositories.
            if !is_known && !names.repositories.is_empty() {
                let reason = match arches {
                    None => format!("there is no repository `{repo}`"),
                    Some(_) => format!("repository `{now}` has no architecture `{arch}`"),
                };
                return error(unknown, facts, reason);
            }
        }
        RouteTarget::Path(path) => facts.push(("path", path.to_owned())),
        RouteTarget::Category(name) => {
            facts.push(("category", name.to_owned()));
            // As with repositories, what is switched off is there.
            let is_known =
                names.categories.contains(name) || names.disabled_categories.contains(name);
            if !is_known && !names.repositories.is_empty() {
                return error(unknown, facts, format!("there is no category `{name}`"));
            }
        }
        RouteTarget::Urls(urls) => {
            facts.push(("url", urls.lines().next().unwrap_or_default().to_owned()));
        }
    }
    let status = if format == RouteFormat::Redirect { 302 } else { 200 };
    Outcome { status, error: None, facts }
}

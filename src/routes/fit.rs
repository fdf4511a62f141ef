//! Checks that the target, the format, the options and the style of errors of a route go together.
//!
//! What changes nothing in the answers of a route is a fault, and so is a route that can answer nothing
//! but an error: whoever writes it means something else. A table that is loaded from a snapshot is not
//! checked for this, as it would work all the same.

use std::collections::BTreeSet;

use model::url::Protocol;

use super::class::Class;
use super::fault::Problem;
use super::options::{Errors, RouteFormat};
use super::pattern::Part;
use super::query::Parameters;
use super::route::CompiledRoute;
use super::standard::Standard;
use super::target::TargetTemplate;
use super::template::{Filter, Piece, Template, Variable};
use super::written::WrittenRoute;

/// Options that say which mirrors are listed, and which of their URLs.
const OF_MIRRORS: [&str; 8] = [
    "limit",
    "minimum",
    "urls_per_mirror",
    "prefer",
    "trailing_slash",
    "suffix",
    "order",
    "country_only",
];
/// Variables that say which mirrors are listed, and when their data were made.
const OF_REQUESTS: [Standard; 8] = [
    Standard::Country,
    Standard::Protocol,
    Standard::Exclude,
    Standard::NotCountry,
    Standard::IpVersion,
    Standard::Ip,
    Standard::Limit,
    Standard::Time,
];

/// Checks a route whose parts are right on their own.
pub(crate) fn check(
    route: &CompiledRoute,
    written: &WrittenRoute,
    parameters: &Parameters,
    report: &mut impl FnMut(&str, Problem),
) {
    let options = &route.options;
    if let TargetTemplate::Repository(repo, _) = &route.target
        && repo.variables().any(Variable::has_literal)
    {
        report("target.repo", Problem::LiteralInRepo);
    }
    if let TargetTemplate::Urls(urls) = &route.target {
        let open = urls.iter().find_map(|url| find_open_host(url, route));
        if let Some(variable) = open {
            report("target.url", Problem::OpenHost(variable.name.clone()));
        }
        check_fixed(route, written, parameters, report);
    } else if options.cache.is_some() && (!options.has_order_for_all() || options.country_only) {
        report("options.cache", Problem::NotForAll);
    }
    let is_metalink = matches!(route.format, RouteFormat::Metalink | RouteFormat::Metalink4);
    if is_metalink && let Some(target) = without_checksums(route) {
        report("format", Problem::NoMetalink(target));
    }
    let is_web = |protocol: &Protocol| matches!(protocol, Protocol::Https | Protocol::Http);
    if let Some(prefer) = &options.prefer {
        if route.format == RouteFormat::Redirect && !prefer.iter().any(is_web) {
            report("options.prefer", Problem::NoRedirect);
        }
        let of_fallback = options.fallback.as_deref().and_then(Protocol::of_url);
        if let Some(protocol) = of_fallback.filter(|protocol| !prefer.contains(protocol)) {
            report("options.fallback", Problem::FallbackNotPreferred(protocol.as_str()));
        }
    }
    if route.errors == Errors::Fallback {
        if is_metalink {
            report("errors", Problem::NoFallbackInMetalink);
        } else if options.fallback.is_none() {
            report("errors", Problem::NoFallback);
        }
    }
}

/// Checks a route to fixed URLs, for which no mirrors are chosen.
fn check_fixed(
    route: &CompiledRoute,
    written: &WrittenRoute,
    parameters: &Parameters,
    report: &mut impl FnMut(&str, Problem),
) {
    for (key, _) in &written.options {
        let is_unused_fallback = key == "fallback" && route.errors != Errors::Fallback;
        if OF_MIRRORS.contains(&key.as_str()) || is_unused_fallback {
            report(&format!("options.{key}"), Problem::NotForUrls);
        }
    }
    let used: BTreeSet<_> = route.used_variables().filter_map(|variable| variable.index).collect();
    for bound in &route.query.bound {
        let name = route.variables.get(bound.variable).map_or("", String::as_str);
        let is_of_requests =
            Standard::parse(name).is_some_and(|standard| OF_REQUESTS.contains(&standard));
        if is_of_requests && !used.contains(&bound.variable) {
            let key = format!("query.{}", parameters.name(bound.parameter));
            report(&key, Problem::ParameterNotForUrls(name.to_owned()));
        }
    }
}

/// Finds the variable in the scheme or the host of a URL whose value is whatever a client sends: it would
/// lead clients to any server.
fn find_open_host<'t>(url: &'t Template, route: &CompiledRoute) -> Option<&'t Variable> {
    let is_bounded = |variable: &Variable| {
        let Some(index) = variable.index else { return true };
        let segments = route.pattern.parts.iter().filter_map(|part| match part {
            Part::Variables(segment) => Some(segment.variables()),
            _ => None,
        });
        // Those of the path come first, in the order of the path.
        let class = segments.flatten().nth(index).map(|(class, _)| *class);
        matches!(class, Some(Class::Arch | Class::Map(_)))
            || variable.filters.iter().any(|filter| matches!(filter, Filter::Map(_)))
    };
    let mut n_slashes = 0;
    for piece in &url.0 {
        match piece {
            Piece::Text(text) => n_slashes += text.matches('/').count(),
            Piece::Variable(variable) if !is_bounded(variable) => return Some(variable),
            Piece::Variable(_) => {}
        }
        // Two slashes stand before the host, and one behind it.
        if n_slashes > 2 {
            return None;
        }
    }
    None
}

/// How a target is called that has no checksums, and so no metalink.
fn without_checksums(route: &CompiledRoute) -> Option<&'static str> {
    match route.target {
        TargetTemplate::Urls(_) => Some("url"),
        TargetTemplate::Category(_) => Some("category"),
        TargetTemplate::Repository(..) if route.names_each_arch() => Some("arch with literal:"),
        TargetTemplate::Repository(..) | TargetTemplate::Path(_) => None,
    }
}

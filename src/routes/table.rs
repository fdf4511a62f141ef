//! The route table and its lookup.

use std::borrow::Cow;
use std::fmt;

use super::hosts::Hosts;
use super::limits::RESERVED;
use super::map::Lists;
use super::options::{Errors, RouteFormat, RouteOptions};
use super::query::{BadValue, Bound, Form, Given, Parameters};
use super::route::CompiledRoute;
use super::standard::Standard;
use super::target::RouteTarget;
use super::template::Escaping;
use super::tree::Tree;
use super::unresolved::Unresolved;
use super::values::Values;
use super::written::Stored;

/// A route table, which does not change any more.
#[derive(Clone)]
pub struct RouteTable {
    /// What the table is made from.
    pub(crate) stored: Stored,
    /// The routes, by precedence.
    pub(crate) routes: Vec<CompiledRoute>,
    /// Architectures and maps.
    pub(crate) lists: Lists,
    /// The query parameters that routes name.
    pub(crate) parameters: Parameters,
    /// The routes of each host.
    pub(crate) hosts: Hosts,
    /// The routes of each path.
    pub(crate) tree: Tree,
}

/// The route of a request, with the values of its variables.
pub struct Match<'t, 'r> {
    table: &'t RouteTable,
    route: &'t CompiledRoute,
    values: Values<'r>,
    bad: Option<(usize, BadValue)>,
}

impl RouteTable {
    /// The form in which a snapshot holds the table.
    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The number of routes.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Finds the route of a request. `host` is the server that was asked, with or without a port; `path`
    /// and `query` are as they were sent, the latter without `?`. Paths below [`RESERVED`] have no route.
    pub fn find<'r>(&self, host: &str, path: &'r str, query: &'r str) -> Option<Match<'_, 'r>> {
        if self.routes.is_empty() || is_reserved(path) {
            return None;
        }
        let found = self.tree.find(path, self.hosts.find(host), &self.lists);
        if found.is_empty() {
            return None;
        }
        let mut given = Given::new(query);
        self.parameters.read(&mut given);
        let mut routes = found.iter().filter_map(|index| self.routes.get(index));
        let route = routes.find(|route| route.query.hold(&given))?;
        let mut found = Match { table: self, route, values: Values::new(path, query), bad: None };
        let values = &mut found.values;
        route.pattern.capture(path, |index, value| values.set_of_path(index, value))?;
        for bound in &route.query.bound {
            match self.parameters.value(&given, bound) {
                Ok(None) => {}
                Ok(Some(value)) if bound.form == Form::Region => {
                    let (country, region) = split_region(value);
                    values.set_of_query(bound.variable, country);
                    if let Some(region) = region {
                        values.set_of_query(bound.variable + 1, region);
                    }
                }
                Ok(Some(value)) => values.set_of_query(bound.variable, value),
                Err(reason) => {
                    found.bad.get_or_insert((bound.parameter, reason));
                }
            }
        }
        Some(found)
    }
}

/// Whether a path belongs to the program itself.
fn is_reserved(path: &str) -> bool {
    path.strip_prefix(RESERVED).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Splits `us-TX` into a country and a region.
fn split_region(value: Cow<'_, str>) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    match value {
        Cow::Borrowed(text) => match text.split_once('-') {
            Some((country, region)) => (country.into(), Some(region.into())),
            None => (text.into(), None),
        },
        Cow::Owned(text) => match text.split_once('-') {
            Some((country, region)) => (country.to_owned().into(), Some(region.to_owned().into())),
            None => (text.into(), None),
        },
    }
}

impl<'t, 'r> Match<'t, 'r> {
    /// The name of the route.
    pub fn name(&self) -> &'t str {
        &self.route.name
    }

    /// The position of the route in the catalog, from 0.
    pub fn position(&self) -> usize {
        self.route.position
    }

    /// The format of the answer.
    pub fn format(&self) -> RouteFormat {
        self.route.format
    }

    /// What is different in the answer.
    pub fn options(&self) -> &'t RouteOptions {
        &self.route.options
    }

    /// The style of error messages.
    pub fn errors(&self) -> Errors {
        self.route.errors
    }

    /// The first parameter whose value cannot be used, with the reason.
    pub fn bad_value(&self) -> Option<(&'t str, BadValue)> {
        self.bad.map(|(parameter, reason)| (self.table.parameters.name(parameter), reason))
    }

    /// The value of a variable with a meaning of its own; `None` if it has none.
    pub fn standard(&self, variable: Standard) -> Option<&str> {
        self.values.get(self.index_of(variable)?)
    }

    /// The value of a variable with a meaning of its own, which is a part of the request if it can be.
    pub fn standard_of_request(&self, variable: Standard) -> Option<Cow<'r, str>> {
        self.values.get_of_request(self.index_of(variable)?)
    }

    fn index_of(&self, variable: Standard) -> Option<usize> {
        self.route.standard.get(variable as usize).copied().flatten()
    }

    /// The names and values of all variables that have one.
    pub fn values(&self) -> impl Iterator<Item = (&'t str, &str)> {
        let names = self.route.variables.iter().enumerate();
        names.filter_map(|(index, name)| Some((name.as_str(), self.values.get(index)?)))
    }

    /// Makes the target in `out`, whose former text is removed.
    pub fn target<'b>(&self, out: &'b mut String) -> Result<RouteTarget<'b>, Unresolved<'t>> {
        let made = self.route.target.make(&self.values, &self.table.lists, out);
        made.map_err(|reason| self.as_written(reason))
    }

    /// Names parameters as the client wrote them, and not the variables that they fill.
    fn as_written(&self, reason: Unresolved<'t>) -> Unresolved<'t> {
        let name_of = |variable: &'t str| {
            let fills = |bound: &&Bound| {
                self.route.variables.get(bound.variable).is_some_and(|name| name == variable)
            };
            let bound = self.route.query.bound.iter().find(fills);
            bound.map_or(variable, |bound| self.table.parameters.name(bound.parameter))
        };
        match reason {
            Unresolved::Missing(variable) => Unresolved::Missing(name_of(variable)),
            Unresolved::LeadsAbove(variable) => Unresolved::LeadsAbove(name_of(variable)),
            Unresolved::NotInMap { variable, map, .. } => {
                Unresolved::NotInMap { variable, parameter: name_of(variable), map }
            }
            Unresolved::TooLong => Unresolved::TooLong,
        }
    }

    /// Appends what is to stand behind each URL to `out`.
    pub fn push_suffix(&self, out: &mut String) -> Result<(), Unresolved<'t>> {
        match &self.route.options.suffix {
            None => Ok(()),
            Some(suffix) => {
                let made = suffix.write(&self.values, &self.table.lists, Escaping::Url, out);
                made.map(|_| ()).map_err(|reason| self.as_written(reason))
            }
        }
    }
}

impl fmt::Debug for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RouteTable").field(&self.stored).finish()
    }
}

impl fmt::Debug for Match<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        f.debug_map().entries(self.values()).finish()
    }
}

//! A compiled route.

use super::options::{Errors, RouteFormat, RouteOptions};
use super::pattern::Pattern;
use super::precedence::Precedence;
use super::query::QueryRules;
use super::standard::Standard;
use super::target::TargetTemplate;
use super::template::{Filter, Template, Variable};

/// A route in the form for lookups.
#[derive(Clone, Debug)]
pub(crate) struct CompiledRoute {
    /// Its position in the catalog.
    pub(crate) position: usize,
    /// Its name.
    pub(crate) name: String,
    /// Its hosts, in canonical form; empty for all.
    pub(crate) hosts: Vec<String>,
    /// Its path.
    pub(crate) pattern: Pattern,
    /// Its query.
    pub(crate) query: QueryRules,
    /// The names of its variables: those of the path, then those of the query.
    pub(crate) variables: Vec<String>,
    /// The index of each standard variable that the route fills, in the order of [`Standard::ALL`].
    pub(crate) standard: [Option<usize>; Standard::ALL.len()],
    /// What answers are about.
    pub(crate) target: TargetTemplate,
    /// The format of answers.
    pub(crate) format: RouteFormat,
    /// What is different in answers.
    pub(crate) options: RouteOptions,
    /// The style of error messages.
    pub(crate) errors: Errors,
    /// Its place among other routes.
    pub(crate) precedence: Precedence,
}

impl CompiledRoute {
    /// Its templates.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.target.templates().chain(&self.options.suffix)
    }

    /// The variables in its templates.
    pub(crate) fn used_variables(&self) -> impl Iterator<Item = &Variable> {
        self.templates().flat_map(Template::variables)
    }

    /// The maps that its templates name, by index.
    pub(crate) fn maps_of_templates(&self) -> impl Iterator<Item = usize> {
        self.used_variables().flat_map(|variable| &variable.filters).filter_map(|filter| {
            match filter {
                Filter::Map(map) => Some(*map),
                _ => None,
            }
        })
    }

    /// Whether the architecture of its target can be a text that stands for each.
    pub(crate) fn names_each_arch(&self) -> bool {
        let TargetTemplate::Repository(_, arch) = &self.target else { return false };
        arch.variables().any(Variable::has_literal)
    }
}

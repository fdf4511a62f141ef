//! What the answers of a table need, for those who prepare it.

use super::options::{RouteFormat, RouteOptions};
use super::table::RouteTable;
use super::target::TargetTemplate;

/// What the answers of a route need.
#[derive(Clone, Copy, Debug)]
pub struct RouteUse<'t> {
    /// The position of the route in the catalog, from 0.
    pub position: usize,
    /// The format of its answers.
    pub format: RouteFormat,
    /// What is different in its answers.
    pub options: &'t RouteOptions,
    /// Whether a target can be a repository for each of its architectures.
    pub each_arch: bool,
    /// Whether its target is a category.
    pub category: bool,
}

impl RouteTable {
    /// What the answers of each route need.
    pub fn uses(&self) -> impl Iterator<Item = RouteUse<'_>> {
        self.routes.iter().map(|route| RouteUse {
            position: route.position,
            format: route.format,
            options: &route.options,
            each_arch: route.names_each_arch(),
            category: matches!(route.target, TargetTemplate::Category(_)),
        })
    }
}

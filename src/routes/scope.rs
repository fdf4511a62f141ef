//! What the templates of a route may refer to.

use super::fault::Problem;
use super::map::Lists;
use super::parse_template;
use super::template::Template;

/// What templates of a route may refer to.
pub(crate) struct Scope<'a> {
    /// The variables of the route.
    pub(crate) variables: &'a [String],
    /// The indexes of those that a request may leave out.
    pub(crate) optional: &'a [usize],
    /// Maps.
    pub(crate) lists: &'a Lists,
}

impl Scope<'_> {
    /// Reads a template.
    pub(crate) fn template(&self, text: &str) -> Result<Template, Problem> {
        parse_template::parse(text, self.variables, self.optional, self.lists)
    }
}

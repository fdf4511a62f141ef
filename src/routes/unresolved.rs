//! Why a template makes no text.

/// The reason why a request that matches a route has no target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unresolved<'t> {
    /// What is named so has no value: the parameter that fills the variable, or else the variable.
    #[error("{0} is missing")]
    Missing(&'t str),
    /// The map has nothing for the value of the variable.
    #[error("{parameter} is unknown")]
    NotInMap {
        /// The variable.
        variable: &'t str,
        /// The parameter that fills it, or else the variable.
        parameter: &'t str,
        /// The map.
        map: &'t str,
    },
    /// The value of what is named so leads out of the tree.
    #[error("{0} holds `..`")]
    LeadsAbove(&'t str),
    /// The text is longer than any name.
    #[error("the name is too long")]
    TooLong,
}

//! Precedence: which of several routes that match a request counts.

use std::cmp::Reverse;

use super::pattern::{Part, Pattern};
use super::query::QueryRules;

/// The place of a route in the order in which routes are tried; the crate documentation gives the
/// reasons. Routes of equal precedence must not match the same request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Precedence {
    rank: Reverse<i32>,
    is_for_all_hosts: bool,
    n_literal: Reverse<usize>,
    n_required: Reverse<u32>,
    n_equal: Reverse<usize>,
    n_untyped: usize,
    has_rest: bool,
}

impl Precedence {
    /// The precedence of a route.
    pub(crate) fn of(rank: i32, hosts: &[String], pattern: &Pattern, query: &QueryRules) -> Self {
        Self {
            rank: Reverse(rank),
            is_for_all_hosts: hosts.is_empty(),
            n_literal: Reverse(pattern.n_literal),
            n_required: Reverse(query.required.count_ones()),
            n_equal: Reverse(query.equals.len()),
            n_untyped: pattern.n_untyped,
            has_rest: matches!(pattern.parts.last(), Some(Part::Rest(_))),
        }
    }
}

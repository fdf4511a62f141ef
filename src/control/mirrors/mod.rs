//! Checks of mirrors: what a catalog expects of each, visits to them, and what follows for lists.
//!
//! A `sweep` visits what is due, and `publish` writes what follows. A `checker` has what all sweeps share,
//! `known` is what it keeps in memory, and `shown` is what is told of it;
//! `counts` is what metrics tell.

pub mod expected;
pub mod samples;
pub mod listed;
pub mod one_visit;
mod hints;
mod unrecorded;
pub mod crawling;
pub(crate) mod counts;
pub(crate) mod known;
pub(crate) mod checker;
mod sweep;
mod publish;
pub(crate) mod shown;
mod counting;
#[cfg(test)]
mod tests;

/// The name of the kind of sweeps.
pub(crate) const VISIT: &str = "mirror.visit";

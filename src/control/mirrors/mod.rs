//! Checks of mirrors: what a catalog expects of each, visits to them, and what follows for lists.
//!
//! A `sweep` visits what is due, `publish` writes what follows, and `notices` tells others. `listings` begins and ends those of [`listing`], which go on beside sweeps. A `checker` has what all
//! sweeps share, `known` is what it keeps in memory, `shown` is what is told of it, `counts` is what metrics tell, and
//! `owners` what operators and owners of mirrors ask of it. The `surveyor` makes a [`survey`] of what is known and
//! published, from which pages for everybody are made; `surveys` hands
//! them over.

pub mod expected;
pub mod samples;
pub mod profile;
pub mod listed;
pub mod content_age;
pub mod survey;
pub mod surveys;
pub(crate) mod surveyor;
pub mod one_visit;
mod hints;
pub mod listing;
mod listings;
mod unrecorded;
pub mod crawling;
pub mod no_checks;
pub(crate) mod counts;
pub(crate) mod known;
pub(crate) mod checker;
pub(crate) mod owners;
mod sweep;
mod publish;
mod notices;
pub(crate) mod shown;
mod counting;
#[cfg(test)]
mod tests;

/// The name of the kind of sweeps.
pub(crate) const VISIT: &str = "mirror.visit";

//! Checks of mirrors: what a catalog expects of each, and visits to them.

pub mod expected;
pub mod one_visit;

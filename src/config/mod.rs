//! Configuration, in two forms: what the operator wrote, and what the program uses.
//!
//! [`sections`] hold the options, one section for each component, each option defined once; [`values`]
//! are their types, read alike from the command line and from TOML. [`written`] is all of them as they
//! were written in one place, with the TOML file; [`resolved`] puts both places and the defaults together.

pub mod values;
pub mod option;
mod kinds;
pub mod table;
pub mod section_macro;
pub mod sections;
mod source_conflict;
pub mod written;
pub mod resolved;

pub use resolved::Config;

#[cfg(test)]
mod tests;

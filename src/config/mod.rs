//! Configuration, in two forms: what the operator wrote, and what the program uses.
//!
//! [`sections`] define the options, one section for each component, each option once; [`values`] are
//! their types, parsed alike from the command line and from TOML. [`written`] holds the options of one
//! place, the command line or the TOML file; [`resolved`] merges both places and the defaults.

pub mod values;
pub mod definition;
mod value_kinds;
pub mod toml_table;
pub mod section_macro;
pub mod sections;
mod source_conflict;
pub mod written;
#[cfg(feature = "control")]
mod first_source;
pub mod resolved;

pub use resolved::Config;

#[cfg(test)]
mod tests;

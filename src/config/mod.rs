//! Configuration, in two forms: what the operator wrote, and what the program uses.
//!
//! [`values`] are the types of single options, read alike from the command line and from TOML;
//! [`written`] is the TOML file, with its table [`answer`]; [`resolved`] puts both and the defaults together.

pub mod values;
pub mod answer;
pub mod written;
mod sources;
pub mod resolved;

pub use resolved::Config;

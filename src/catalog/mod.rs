//! The catalog: what sources say, in one neutral form, and the diagnostics of what they say wrongly.

pub mod report;

pub use report::{Report, Severity};

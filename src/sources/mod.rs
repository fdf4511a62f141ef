//! One module for each input: bytes to records and diagnostics.
//!
//! A source skips and reports bad records, and fails only where the file as a whole cannot be what
//! it should be.

pub mod geography;
pub mod mirrormanager;

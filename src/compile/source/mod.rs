//! One file for each input format: bytes to records and diagnostics.
//!
//! A source skips and reports bad records, and fails only where the file as a whole cannot be what
//! it should be.

pub mod ahead;
pub mod wire;
pub mod mirrormanager;
pub mod global_netblocks;
pub mod country_continent;
pub mod country_database;

use std::path::Path;

/// The name by which diagnostics call a file: its last component, as the operator wrote it.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

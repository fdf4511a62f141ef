//! MirrorManager's protobuf: bytes to records and diagnostics.

pub mod mirrormanager;

use std::path::Path;

/// The name by which diagnostics call a file: its last component, as the operator wrote it.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

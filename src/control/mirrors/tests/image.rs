//! A file beside the repository.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Its path in the tree.
pub(super) const IMAGE: &str = "9/images/CHECKSUM";
pub(super) const CHECKSUMS: &[u8] = b"SHA256 (disk.iso) = 00\n";

/// Writes it into the tree, a month ago.
pub(super) fn write(tree: &Path) {
    let path = tree.join(IMAGE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, CHECKSUMS).unwrap();
    let month_ago = SystemTime::now() - Duration::from_secs(30 * 86_400);
    fs::File::options().write(true).open(&path).unwrap().set_modified(month_ago).unwrap();
}

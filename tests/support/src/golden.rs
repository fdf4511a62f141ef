//! Compares texts with files: expected answers in `tests/golden/`, and generated files elsewhere.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use crate::repository;

/// Compares an answer with its golden file, byte for byte. `UPDATE_GOLDEN=1` rewrites the file
/// instead: look at the difference before you commit it.
#[track_caller]
pub fn check(name: &str, actual: &str) {
    check_file(&format!("tests/golden/{name}"), actual);
}

/// Compares a text with a file of the repository, given by its path there, as `check` does.
#[track_caller]
pub fn check_file(name: &str, actual: &str) {
    let path = repository().join(name);
    let expected = std::fs::read_to_string(&path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if expected.is_ok_and(|expected| expected == actual) {
            return;
        }
        // Other tests may read the file meanwhile: they see the old one or the new one, never a part.
        let folder = path.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
        file.write_all(actual.as_bytes()).unwrap();
        file.as_file().set_permissions(Permissions::from_mode(0o644)).unwrap();
        file.persist(&path).unwrap();
        return;
    }
    let expected =
        expected.unwrap_or_else(|error| panic!("{name}: {error}; UPDATE_GOLDEN=1 makes it"));
    assert!(
        actual == expected,
        "{name} differs; UPDATE_GOLDEN=1 rewrites it\n--- expected\n{expected}\n--- actual\n{actual}"
    );
}

//! Compares texts with files: expected answers in `tests/golden/`, and generated files elsewhere.

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
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{name}: {error}; UPDATE_GOLDEN=1 makes it"));
    assert!(
        actual == expected,
        "{name} differs; UPDATE_GOLDEN=1 rewrites it\n--- expected\n{expected}\n--- actual\n{actual}"
    );
}

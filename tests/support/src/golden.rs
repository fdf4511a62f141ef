//! Expected answers as files in `tests/golden/`.

use crate::repository;

/// Compares an answer with its golden file, byte for byte. `UPDATE_GOLDEN=1` rewrites the file
/// instead: look at the difference before you commit it.
#[track_caller]
pub fn check(name: &str, actual: &str) {
    let path = repository().join("tests/golden").join(name);
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

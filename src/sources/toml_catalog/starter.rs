//! The starter: a catalog with every key of its items but routes, explained, to be edited. Of routes it has
//! one example.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::folder::DISTRIBUTION_FILE;
use super::writer::WriteError;

/// Its text. Lines that begin with `#` and no blank are keys that may be left out.
pub const TEXT: &str = include_str!("../../../data/starter.toml");
/// The name of its file.
const FILE: &str = "catalog.toml";

/// Writes the starter into a folder, which is made if it is missing, and returns the path of the file.
/// Nothing is overwritten.
pub fn write(folder: &Path) -> Result<PathBuf, WriteError> {
    let at = |path: &Path, error| WriteError::Io { path: path.to_owned(), error };
    fs::create_dir_all(folder).map_err(|error| at(folder, error))?;
    // Such a folder is read as one catalog, in which a second file has no place.
    if folder.join(DISTRIBUTION_FILE).symlink_metadata().is_ok() {
        return Err(WriteError::IsCatalog(folder.to_owned()));
    }
    let path = folder.join(FILE);
    let mut file = File::create_new(&path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => WriteError::Exists(path.clone()),
        _ => at(&path, error),
    })?;
    file.write_all(TEXT.as_bytes()).map_err(|error| at(&path, error))?;
    Ok(path)
}

/// An example request for what the starter describes: the name in `repo=` and the architecture.
pub const EXAMPLE: (&str, &str) = ("baseos-9", "x86_64");

#[cfg(test)]
mod tests {
    use super::super::tests::broken_lines::{break_lines, is_code, key_of, names_line, with_line};
    use super::super::{keys, parse};
    use super::*;

    const NAME: &str = "catalog.toml";

    /// The text with all keys: those that may be left out as well.
    fn with_all_keys() -> String {
        let line = |line: &str| match line.strip_prefix('#') {
            Some(code) if code.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
                format!("{code}\n")
            }
            _ => format!("{line}\n"),
        };
        TEXT.lines().map(line).collect()
    }

    /// The line of the last head of a table up to line `n`.
    fn head_before(text: &str, n: usize) -> u64 {
        let lines: Vec<&str> = text.lines().take(n).collect();
        lines.iter().rposition(|line| line.starts_with('[')).map_or(1, |at| at as u64 + 1)
    }

    #[test]
    fn the_starter_is_valid_with_and_without_what_may_be_left_out() {
        let plain = parse(NAME, TEXT).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!((plain.mirrors.len(), plain.repositories.len()), (2, 1));
        let full = parse(NAME, &with_all_keys()).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!((full.networks.len(), full.redirects.len(), full.routes.len()), (1, 1, 1));
        let repository = &plain.repositories[0];
        assert_eq!((repository.repo_name(Some("9")).as_str(), "x86_64"), EXAMPLE);
        assert!(repository.arches.iter().any(|arch| arch == EXAMPLE.1));
    }

    #[test]
    fn every_key_of_all_items_but_routes_is_in_the_starter() {
        let text = with_all_keys();
        for table in keys::TABLES {
            let mut inside = false;
            let mut found = Vec::new();
            for line in text.lines() {
                if line.starts_with('[') {
                    inside = line == table.head;
                }
                found.extend(key_of(line).filter(|_| inside && is_code(line)));
            }
            for key in table.names() {
                assert!(found.contains(&key), "{} {key} is in the starter", table.head);
            }
        }
        for key in keys::CARRIED.names() {
            assert!(text.contains(&format!("{key} = ")), "{key}");
        }
    }

    #[test]
    fn breaking_any_line_is_a_fault_that_names_it() {
        // A redirect may have any name.
        let is_fine = |_: &str, broken: &str| broken.starts_with("base-streamx = ");
        let n_lines = break_lines(&with_all_keys(), is_fine);
        assert!(n_lines > 40, "lines are found: {n_lines}");
    }

    #[test]
    fn leaving_any_line_out_is_fine_or_a_fault_of_its_table() {
        let text = TEXT;
        let mut n_required = 0;
        for (n, line) in text.lines().enumerate().filter(|(_, line)| is_code(line)) {
            let Some(key) = key_of(line) else { continue };
            let (number, head) = (n as u64 + 1, head_before(text, n));
            let result = parse(NAME, &with_line(text, n, ""));
            let is_required = ["name", "arches", "path", "key", "urls"].contains(&key);
            match result {
                Err(faults) if is_required => {
                    n_required += 1;
                    assert!(names_line(&faults, head), "{number}: {line}\n{faults}");
                }
                Err(faults) => {
                    // What else is there meant something together with this line.
                    assert!(["versions", "networks"].contains(&key), "{line}\n{faults}");
                }
                Ok(_) => assert!(!is_required, "{line}"),
            }
        }
        assert_eq!(n_required, 8);
    }

    #[test]
    fn the_starter_overwrites_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().join("new");
        let path = write(&folder).expect("a file");
        assert_eq!(fs::read_to_string(&path).expect("a file"), TEXT);
        fs::write(&path, "mine").expect("a write");
        let error = write(&folder).expect_err("it is there");
        assert_eq!(
            error.to_string(),
            format!("{}: is there already; it is not changed", path.display())
        );
        assert_eq!(fs::read_to_string(&path).expect("a file"), "mine");
    }

    #[test]
    fn the_starter_is_not_written_into_a_catalog() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(DISTRIBUTION_FILE), "").expect("a write");
        let error = write(folder.path()).expect_err("it is a catalog");
        let expected =
            format!("{}: is a catalog already; it is not changed", folder.path().display());
        assert_eq!(error.to_string(), expected);
        assert!(!folder.path().join(FILE).exists());
    }
}

//! The files of a catalog, and the limits within which they are read and written.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::file::name_of;
use crate::declared::fault::{Fault, Faults, Problem};
use model::mirror_key::MirrorName;
use runtime::regular_file;

/// The file of a folder that holds everything but the mirrors.
pub(super) const DISTRIBUTION_FILE: &str = "distribution.toml";
/// The folder of a folder that holds the mirrors.
pub(super) const MIRRORS_FOLDER: &str = "mirrors";
/// The most bytes of one file: 4,000 mirrors with all keys.
const MAX_FILE: u64 = 4 << 20;
/// The most bytes of all files.
const MAX_TOTAL: u64 = 128 << 20;
/// The most entries of a folder.
const MAX_ENTRIES: usize = 10_000;
/// What is wrong with a folder that holds files like those of a catalog; an example follows.
const FOREIGN_FOLDER: &str = "is a folder that is not read: move what belongs to the catalog into distribution.toml or \
     mirrors/KEY.toml, and keep the rest elsewhere; it holds";

/// The reason why nobody could read a folder. Sizes are in bytes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TooLarge {
    /// There are too many mirrors.
    #[error("would hold {0} mirrors, more than the {MAX_ENTRIES} entries that are accepted")]
    Mirrors(usize),
    /// A file is too long.
    #[error("its {name} would be {length} bytes long, more than the {MAX_FILE} that are accepted")]
    File {
        /// The name of the file in the folder.
        name: String,
        /// Its length.
        length: u64,
    },
    /// All files together are too long.
    #[error("would hold more than the {MAX_TOTAL} bytes that are accepted")]
    Total,
}

/// Checks that a folder can be read that holds these files of mirrors, and others, each with its name and
/// its length.
pub(super) fn check_size(
    n_mirrors: usize,
    files: impl IntoIterator<Item = (String, u64)>,
) -> Result<(), TooLarge> {
    if n_mirrors > MAX_ENTRIES {
        return Err(TooLarge::Mirrors(n_mirrors));
    }
    let mut left = MAX_TOTAL;
    for (name, length) in files {
        if length > MAX_FILE {
            return Err(TooLarge::File { name, length });
        }
        left = left.checked_sub(length).ok_or(TooLarge::Total)?;
    }
    Ok(())
}

/// How much may still be read.
pub(super) struct Budget {
    left: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: MAX_TOTAL }
    }
}

impl Budget {
    /// Reads a file.
    pub(super) fn read(&mut self, path: &Path) -> Result<Vec<u8>, Problem> {
        let is_last = self.left < MAX_FILE;
        let bytes = regular_file::read(path, self.left.min(MAX_FILE)).map_err(|error| {
            let whole = if is_last { ": the whole catalog is too long" } else { "" };
            Problem::File(format!("{error}{whole}"))
        })?;
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Ok(bytes)
    }
}

/// The paths whose changes may change a catalog, folders first. What cannot be listed is named alone:
/// reading it gives the reason.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let mirrors = path.join(MIRRORS_FOLDER);
        let mut names = entries(&mirrors).unwrap_or_default();
        names.retain(|name| find_key(name).is_some());
        files.push(mirrors.clone());
        files.push(path.join(DISTRIBUTION_FILE));
        files.extend(names.into_iter().map(|name| mirrors.join(name)));
    }
    files
}

/// Lists the files of mirrors in a folder, in the order of their keys. Names that are not read are
/// faults, unless they begin with a dot or end with `~`.
pub(super) fn list(folder: &Path, faults: &mut Faults) -> Vec<(MirrorName, PathBuf)> {
    let mut refuse = |path: &Path, problem: String| {
        faults.push(Fault::of_file(name_of(path), Problem::File(problem)));
    };
    match entries(folder) {
        Ok(names) => {
            let hint = if folder.join(DISTRIBUTION_FILE).exists() {
                "is not read: a folder holds distribution.toml and mirrors/KEY.toml"
            } else {
                "is not read in a folder without distribution.toml: to read this file alone, name it"
            };
            for name in names {
                let path = folder.join(&name);
                if is_toml(&name) && name != Path::new(DISTRIBUTION_FILE) {
                    refuse(&path, hint.to_owned());
                } else if name != Path::new(MIRRORS_FOLDER) && path.is_dir() {
                    // Other folders may hold what is no part of a catalog, such as a documentation.
                    let inside = entries(&path).unwrap_or_default();
                    if let Some(example) = inside.iter().find(|name| is_toml(name)) {
                        refuse(&path, format!("{FOREIGN_FOLDER} `{}`", example.display()));
                    }
                }
            }
        }
        Err(problem) => refuse(folder, problem),
    }
    let mirrors = folder.join(MIRRORS_FOLDER);
    let names = match entries(&mirrors) {
        Ok(names) => names,
        Err(problem) => {
            refuse(&mirrors, problem);
            return Vec::new();
        }
    };
    if names.is_empty() {
        refuse(&mirrors, "holds no mirror: write a file KEY.toml for each".to_owned());
    }
    let mut found = Vec::new();
    for name in names {
        let path = mirrors.join(&name);
        match find_key(&name) {
            Some(key) => found.push((key, path)),
            None => refuse(
                &path,
                "is not read: a mirror's file is KEY.toml, where KEY is up to 64 letters, digits, `.`, \
                 `_` and `-`, not only digits; a name that begins with a dot is skipped"
                    .to_owned(),
            ),
        }
    }
    found.sort();
    found
}

/// The names in a folder in ascending order, without those that begin with a dot or end with `~`.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let name = entry.map_err(|error| error.to_string())?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(b".") || bytes.ends_with(b"~") {
            continue;
        }
        if names.len() >= MAX_ENTRIES {
            return Err(format!("holds more than the {MAX_ENTRIES} entries that are accepted"));
        }
        names.push(PathBuf::from(name));
    }
    names.sort();
    Ok(names)
}

/// Whether a name is that of a file which may be meant as a part of a catalog.
fn is_toml(name: &Path) -> bool {
    name.extension() == Some(OsStr::new("toml"))
}

/// The key of the mirror that a file of this name describes.
fn find_key(name: &Path) -> Option<MirrorName> {
    MirrorName::parse(name.to_str()?.strip_suffix(".toml")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reason why a folder with files of these lengths is refused; nothing if it is not.
    fn refused(n_mirrors: usize, lengths: &[u64]) -> String {
        let names = ["distribution.toml", "mirrors/a.toml"].into_iter().cycle();
        let files = names.map(str::to_owned).zip(lengths.iter().copied());
        check_size(n_mirrors, files).err().map(|reason| reason.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_folder_that_could_not_be_read_is_refused_with_its_size() {
        let full = [MAX_FILE; 32];
        assert_eq!(full.iter().sum::<u64>(), MAX_TOTAL);
        assert_eq!(refused(MAX_ENTRIES, &full), "");
        assert_eq!(
            refused(MAX_ENTRIES + 1, &[1]),
            "would hold 10001 mirrors, more than the 10000 entries that are accepted"
        );
        assert_eq!(
            refused(1, &[1, MAX_FILE + 1]),
            "its mirrors/a.toml would be 4194305 bytes long, more than the 4194304 that are accepted"
        );
        let more = [&full[..], &[1]].concat();
        assert_eq!(refused(1, &more), "would hold more than the 134217728 bytes that are accepted");
    }
}

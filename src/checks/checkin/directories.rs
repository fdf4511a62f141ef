//! The directories that a mirror says it has.

use model::{MAX_NAME, path};

use super::error::CheckinError;
use super::limits::Limits;

/// The directories of a category, in ascending order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Directories {
    names: Vec<Box<str>>,
    n_skipped: u64,
}

impl Directories {
    /// Their names below the top of the category, canonical; the top itself is empty.
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// How many were skipped because no client can ask for them: their names are longer than [`MAX_NAME`], no
    /// text, lead above the top, or hold control characters.
    pub fn n_skipped(&self) -> u64 {
        self.n_skipped
    }

    /// Whether the mirror says that it has this directory.
    pub fn contains(&self, name: &str) -> bool {
        self.names.binary_search_by(|known| (**known).cmp(name)).is_ok()
    }

    /// Brings the names into order, each once.
    pub(super) fn finish(&mut self) {
        self.names.sort_unstable();
        self.names.dedup();
        self.names.shrink_to_fit();
    }
}

/// Collects directories of several categories within limits.
pub(super) struct Collector {
    limits: Limits,
    n_directories: usize,
    n_bytes: usize,
}

impl Collector {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, n_directories: 0, n_bytes: 0 }
    }

    /// Adds a name to those of a category.
    pub(super) fn add(
        &mut self,
        directories: &mut Directories,
        name: &[u8],
    ) -> Result<(), CheckinError> {
        self.n_directories += 1;
        if self.n_directories > self.limits.directories {
            return Err(CheckinError::TooManyDirectories(self.limits.directories));
        }
        let is_name = |text: &&str| {
            text.len() <= MAX_NAME
                && !text.chars().any(char::is_control)
                && !path::leads_above(text)
        };
        let Some(text) = std::str::from_utf8(name).ok().filter(is_name) else {
            directories.n_skipped += 1;
            return Ok(());
        };
        self.n_bytes += text.len();
        if self.n_bytes > self.limits.names {
            return Err(CheckinError::TooLongNames(self.limits.names));
        }
        directories.names.push(path::canonical(text).into());
        Ok(())
    }
}

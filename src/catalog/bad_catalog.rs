//! Why sound records cannot be served together.

/// Why there is no catalog although each record could be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCatalog {
    /// Nothing to list.
    #[error("{0}: holds no directory that a mirror carries")]
    NoDirectories(String),
    /// So many references lead nowhere that part of the input must be missing or damaged.
    #[error("{file}: {dangling} of {all} {what}; is it cut off or damaged?")]
    Dangling {
        /// Which input.
        file: String,
        /// How many lead nowhere.
        dangling: usize,
        /// How many there are.
        all: usize,
        /// What leads where.
        what: &'static str,
    },
    /// Mirrors are described differently in every directory.
    #[error("{0}: its directories contradict each other too much to be held in memory")]
    Contradictory(String),
}

/// References that lead nowhere are diagnostics up to this number, and up to a share of all.
const TOLERATED: usize = 5;

/// Refuses more references that lead nowhere than a few, or than one in `one_in`.
pub(super) fn refuse_if_dangling(
    file: &str,
    dangling: usize,
    all: usize,
    one_in: usize,
    what: &'static str,
) -> Result<(), BadCatalog> {
    if dangling > TOLERATED.max(all / one_in) {
        return Err(BadCatalog::Dangling { file: file.into(), dangling, all, what });
    }
    Ok(())
}

//! Errors of a catalog whose records are valid one by one but cannot be served together.

/// The reason why there is no catalog although each record could be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCatalog {
    /// No mirror carries any directory.
    #[error("{0}: holds no directory that a mirror carries")]
    NoDirectories(String),
    /// So many references are dangling that part of the input must be missing or damaged.
    #[error("{file}: {dangling} of {all} {what}; is it cut off or damaged?")]
    Dangling {
        /// Name of the input.
        file: String,
        /// Number of dangling references.
        dangling: usize,
        /// Number of all references.
        all: usize,
        /// Kind of the references, for the message.
        what: &'static str,
    },
    /// Mirrors are described differently in every directory.
    #[error("{0}: its directories contradict each other too much to be held in memory")]
    Contradictory(String),
}

/// Dangling references are only reported up to this number, or up to a share of all.
const TOLERATED: usize = 5;

/// Fails if more than `TOLERATED` references and more than one in `one_in` are dangling.
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

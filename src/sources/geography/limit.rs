//! How many networks a table may have.

/// The most networks of a table, ten times those of the global routing table. They take up to 500 MB while
/// they are read.
pub(super) const MAX_NETWORKS: usize = 10_000_000;

/// A table has more networks than that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("holds more than 10,000,000 networks, which no table of the Internet has")]
pub struct TooManyNetworks;

/// Fails if there are too many.
pub(super) fn check(n_networks: usize) -> Result<(), TooManyNetworks> {
    if n_networks > MAX_NETWORKS { Err(TooManyNetworks) } else { Ok(()) }
}

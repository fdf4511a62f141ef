//! How many networks a table may have, and all tables of a build together.

/// The most networks, ten times those of the global routing table. A build of three tables with as many together,
/// all of IPv6, takes 1.5 GB of memory while it merges them, and a table of a third of them 310 MB by itself.
pub(super) const MAX_NETWORKS: usize = 10_000_000;

/// A table has more networks than that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("holds more than 10,000,000 networks, which no table of the Internet has")]
pub struct TooManyNetworks;

/// The tables of a build have more networks than that, though each by itself has not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "holds networks of which, with those of the tables before it, there are more than 10,000,000"
)]
pub(super) struct TooManyTogether;

/// The networks that the tables of a build have together.
#[derive(Default)]
pub(super) struct Together(usize);

impl Together {
    /// Counts those of another table. Fails if there are too many.
    pub(super) fn add(&mut self, n_networks: usize) -> Result<(), TooManyTogether> {
        self.0 = self.0.saturating_add(n_networks);
        if self.0 > MAX_NETWORKS { Err(TooManyTogether) } else { Ok(()) }
    }
}

/// Fails if there are too many.
pub(super) fn check(n_networks: usize) -> Result<(), TooManyNetworks> {
    if n_networks > MAX_NETWORKS { Err(TooManyNetworks) } else { Ok(()) }
}

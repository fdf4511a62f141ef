//! How many networks a table may have, and all tables of a build together.

/// The most networks of a table, ten times those of the global routing table. DB-IP's table of cities has
/// 6.6 million of IPv6.
pub(super) const MAX_NETWORKS: usize = 10_000_000;

/// The most networks of all tables of a build: two tables of cities. Where tables have networks of one family,
/// merging ten million of them takes 1.5 GB of memory.
const MAX_TOGETHER: usize = 2 * MAX_NETWORKS;

/// A table has more networks than that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("holds more than 10,000,000 networks, which no table of the Internet has")]
pub struct TooManyNetworks;

/// The tables of a build have more networks than that, though each by itself has not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "holds networks of which, with those of the tables before it, there are more than 20,000,000"
)]
pub(super) struct TooManyTogether;

/// The networks that the tables of a build have together.
#[derive(Default)]
pub(super) struct Together(usize);

impl Together {
    /// Counts those of another table. Fails if there are too many.
    pub(super) fn add(&mut self, n_networks: usize) -> Result<(), TooManyTogether> {
        self.0 = self.0.saturating_add(n_networks);
        if self.0 > MAX_TOGETHER { Err(TooManyTogether) } else { Ok(()) }
    }
}

/// Fails if there are too many.
pub(super) fn check(n_networks: usize) -> Result<(), TooManyNetworks> {
    if n_networks > MAX_NETWORKS { Err(TooManyNetworks) } else { Ok(()) }
}

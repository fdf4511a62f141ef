//! How mirrors are ordered where a route does not say it.

/// An order of mirrors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Policy {
    /// By tiers, as in the reference: network, country, continent, world.
    #[default]
    Tiers,
    /// By distance.
    Nearest,
}

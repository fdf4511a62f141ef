//! The generation: an identifier of a snapshot's data.

use std::fmt;

/// Identifies the data of a snapshot: equal data has equal generations, on every host.
///
/// It is the checksum of the encoded tables, shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Generation(u64);

impl Generation {
    /// The generation whose tables have that checksum.
    pub fn new(checksum: u64) -> Self {
        Self(checksum)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

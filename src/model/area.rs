//! Areas: where clients are, as exactly as tables of networks say it. All clients of an area are alike.

use serde::{Deserialize, Serialize};

use super::geo::Location;
use super::point::Point;

/// An area.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Area {
    /// Its country or continent.
    pub location: Location,
    /// Where it is there; `None` for the whole country or continent.
    pub point: Option<Point>,
}

impl Area {
    /// A whole country or continent.
    pub fn whole(location: impl Into<Location>) -> Self {
        Self { location: location.into(), point: None }
    }

    /// False for values that no table of networks gives (a forged snapshot file).
    pub fn is_valid(&self) -> bool {
        self.location.is_valid() && self.point.is_none_or(Point::is_valid)
    }
}

/// An area by its position in the table of one catalog or snapshot. It takes two bytes, as a snapshot
/// holds one for each of hundreds of thousands of networks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AreaId(pub u16);

impl AreaId {
    /// The most areas that can be numbered.
    pub const MAX: usize = 1 << 16;

    /// The position in the table.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The id at `index`, or `None` where the table has outgrown 16 bits.
    pub fn new(index: usize) -> Option<Self> {
        u16::try_from(index).ok().map(Self)
    }
}

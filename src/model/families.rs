//! Over which versions of IP a URL works, as far as that is known.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A version of IP: an address family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The version of an address (canonical).
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Reads `4` or `6`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "4" => Some(Self::V4),
            "6" => Some(Self::V6),
            _ => None,
        }
    }

    /// `4` or `6`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "4",
            Self::V6 => "6",
        }
    }
}

/// Whether something works over a version of IP.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Reach {
    /// Nobody has said it.
    #[default]
    Unknown,
    /// It works.
    Works,
    /// It does not.
    Fails,
}

/// Whether something works over each version of IP.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Families {
    /// Over IPv4.
    pub v4: Reach,
    /// Over IPv6.
    pub v6: Reach,
}

impl Families {
    /// What works over these versions, and over no other.
    pub fn only(versions: impl IntoIterator<Item = IpVersion>) -> Self {
        let none = Self { v4: Reach::Fails, v6: Reach::Fails };
        versions.into_iter().fold(none, |families, version| match version {
            IpVersion::V4 => Self { v4: Reach::Works, ..families },
            IpVersion::V6 => Self { v6: Reach::Works, ..families },
        })
    }

    /// The versions over which it is known to work.
    pub fn working(self) -> impl Iterator<Item = IpVersion> {
        IpVersion::ALL.into_iter().filter(move |&version| self.over(version) == Reach::Works)
    }

    /// Whether it works over `version`.
    pub fn over(self, version: IpVersion) -> Reach {
        match version {
            IpVersion::V4 => self.v4,
            IpVersion::V6 => self.v6,
        }
    }
}

//! The package managers whose use of lists is known.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A package manager whose use of lists is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageManager {
    /// dnf, dnf5, microdnf, rpm-ostree and PackageKit, which read lists through librepo.
    Dnf,
    /// yum 3, of systems before dnf.
    Yum,
    /// zypper.
    Zypper,
    /// aria2.
    Aria2,
    /// apt, through its mirror method.
    Apt,
}

/// A name of no package manager that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("is no package manager that is known here: write dnf, yum, zypper, aria2 or apt")]
pub struct UnknownPackageManager;

impl PackageManager {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Dnf, Self::Yum, Self::Zypper, Self::Aria2, Self::Apt];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dnf => "dnf",
            Self::Yum => "yum",
            Self::Zypper => "zypper",
            Self::Aria2 => "aria2",
            Self::Apt => "apt",
        }
    }
}

impl FromStr for PackageManager {
    type Err = UnknownPackageManager;

    fn from_str(text: &str) -> Result<Self, UnknownPackageManager> {
        match text.to_ascii_lowercase().as_str() {
            // They read lists through librepo as well.
            "dnf5" | "microdnf" | "rpm-ostree" | "packagekit" => Ok(Self::Dnf),
            name => Self::ALL
                .into_iter()
                .find(|client| client.as_str() == name)
                .ok_or(UnknownPackageManager),
        }
    }
}

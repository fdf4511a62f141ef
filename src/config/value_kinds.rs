//! Describes the types of [`super::values`]: the values that each takes, and how a default is shown.

use std::path::PathBuf;

use super::definition::{Kind, Show, Shown, Value, choice, choices};
use super::values::{
    AliasTable, Askers, ClientAddress, Count, Fallback, HostName, ListenAddress, LogLevel,
    Nat64Prefix, Profile, Protocol, SocketMode, TrustedProxy,
};
use model::url;
use serve::http::socket::Address;

impl Value for PathBuf {}
impl Value for String {}
impl Value for Address {}
impl Value for ListenAddress {}
impl Value for SocketMode {}
impl Value for TrustedProxy {}
impl Value for HostName {}
impl Value for Nat64Prefix {}
impl Value for Fallback {}

impl Value for AliasTable {
    fn kind() -> Kind {
        Kind::Table
    }
}

impl Value for u16 {
    fn kind() -> Kind {
        Kind::Number { min: 0, max: Self::MAX.into() }
    }
}

impl<const MIN: u32, const MAX: u32> Value for Count<MIN, MAX> {
    fn kind() -> Kind {
        Kind::Number { min: MIN, max: MAX }
    }
}

impl Value for Protocol {
    fn kind() -> Kind {
        Kind::Choice(
            url::Protocol::ALL.iter().map(|protocol| protocol.as_str().to_owned()).collect(),
        )
    }
}

macro_rules! values_of_enums {
    ($($name:ident),*) => {$(
        impl Value for $name {
            fn kind() -> Kind {
                choices::<Self>()
            }
        }

        impl Show for $name {
            fn show(&self) -> Shown {
                choice(self)
            }
        }
    )*};
}

values_of_enums!(ClientAddress, Profile, Askers, LogLevel);

impl Show for u16 {
    fn show(&self) -> Shown {
        Shown::bare(self)
    }
}

impl<const MIN: u32, const MAX: u32> Show for Count<MIN, MAX> {
    fn show(&self) -> Shown {
        Shown::bare(self.get())
    }
}

impl Show for PathBuf {
    fn show(&self) -> Shown {
        Shown::text(self.display().to_string())
    }
}

impl Show for ListenAddress {
    fn show(&self) -> Shown {
        match self {
            Self::Ip(address) => Shown::text(address.to_string()),
            Self::Unix(path) => Shown::text(format!("unix:{}", path.display())),
        }
    }
}

impl Show for TrustedProxy {
    fn show(&self) -> Shown {
        match self {
            Self::None => Shown::text("none"),
            Self::Network(prefix) => Shown::text(prefix.to_string()),
        }
    }
}

impl Show for HostName {
    fn show(&self) -> Shown {
        Shown::text(self.0.as_str())
    }
}

impl Show for Protocol {
    fn show(&self) -> Shown {
        Shown::text(self.0.as_str())
    }
}

impl Show for Nat64Prefix {
    fn show(&self) -> Shown {
        Shown::text(self.0.to_string())
    }
}

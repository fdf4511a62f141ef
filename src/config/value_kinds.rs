//! Describes the types of [`super::values`]: the values that each takes, and how a default is shown.

use std::path::PathBuf;

use super::definition::{OptionValue, Show, ShownDefault, ValueKind, choice, choices};
#[cfg(feature = "control")]
use super::values::control::{IpFamily, Redirects};
use super::values::{
    AliasTable, ClientAddress, Count, Fallback, HostName, ListenAddress, LogLevel, Nat64Prefix,
    Policy, Profile, Protocol, Requesters, SocketMode, TrustedProxy,
};
use model::url;
use serve::http::socket::Address;

impl OptionValue for PathBuf {}
impl OptionValue for String {}
impl OptionValue for Address {}
impl OptionValue for ListenAddress {}
impl OptionValue for SocketMode {}
impl OptionValue for TrustedProxy {}
impl OptionValue for HostName {}
impl OptionValue for Nat64Prefix {}
#[cfg(feature = "control")]
impl OptionValue for super::values::control::NodeName {}
#[cfg(feature = "control")]
impl OptionValue for super::values::control::SiteName {}
#[cfg(feature = "control")]
impl OptionValue for super::values::control::PostgresAddress {}
#[cfg(feature = "control")]
impl OptionValue for super::values::control::WebhookUrl {}
#[cfg(feature = "control")]
impl OptionValue for super::values::control::Contact {}
impl OptionValue for Fallback {}

impl OptionValue for AliasTable {
    fn kind() -> ValueKind {
        ValueKind::Table
    }
}

impl OptionValue for u16 {
    fn kind() -> ValueKind {
        ValueKind::Number { min: 0, max: Self::MAX.into() }
    }
}

impl<const MIN: u32, const MAX: u32> OptionValue for Count<MIN, MAX> {
    fn kind() -> ValueKind {
        ValueKind::Number { min: MIN, max: MAX }
    }
}

impl OptionValue for Protocol {
    fn kind() -> ValueKind {
        ValueKind::Choice(
            url::Protocol::ALL.iter().map(|protocol| protocol.as_str().to_owned()).collect(),
        )
    }
}

macro_rules! values_of_enums {
    ($($name:ident),*) => {$(
        impl OptionValue for $name {
            fn kind() -> ValueKind {
                choices::<Self>()
            }
        }

        impl Show for $name {
            fn show(&self) -> ShownDefault {
                choice(self)
            }
        }
    )*};
}

values_of_enums!(ClientAddress, Policy, Profile, Requesters, LogLevel);
#[cfg(feature = "control")]
values_of_enums!(IpFamily, Redirects);

impl Show for u16 {
    fn show(&self) -> ShownDefault {
        ShownDefault::bare(self)
    }
}

impl<const MIN: u32, const MAX: u32> Show for Count<MIN, MAX> {
    fn show(&self) -> ShownDefault {
        ShownDefault::bare(self.get())
    }
}

impl Show for PathBuf {
    fn show(&self) -> ShownDefault {
        ShownDefault::text(self.display().to_string())
    }
}

impl Show for ListenAddress {
    fn show(&self) -> ShownDefault {
        match self {
            Self::Ip(address) => ShownDefault::text(address.to_string()),
            Self::Unix(path) => ShownDefault::text(format!("unix:{}", path.display())),
        }
    }
}

impl Show for TrustedProxy {
    fn show(&self) -> ShownDefault {
        match self {
            Self::None => ShownDefault::text("none"),
            Self::Network(prefix) => ShownDefault::text(prefix.to_string()),
        }
    }
}

impl Show for HostName {
    fn show(&self) -> ShownDefault {
        ShownDefault::text(self.0.as_str())
    }
}

impl Show for Protocol {
    fn show(&self) -> ShownDefault {
        ShownDefault::text(self.0.as_str())
    }
}

impl Show for Nat64Prefix {
    fn show(&self) -> ShownDefault {
        ShownDefault::text(self.0.to_string())
    }
}

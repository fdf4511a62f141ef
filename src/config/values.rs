//! Values of options, checked where they are read, with the same message from everywhere.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};

use crate::answer::shape;
use crate::model::net::Prefix;
use crate::model::url;

/// The address to listen on: IPv4 or IPv6, in brackets or not, or `localhost`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenAddress(pub IpAddr);

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if bare == "localhost" {
            return Ok(Self(IpAddr::from([127, 0, 0, 1])));
        }
        bare.parse().map(Self).map_err(|_| format!("`{text}` is no IPv4 or IPv6 address"))
    }
}

/// Whose X-Forwarded-For is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrustedProxy {
    /// Nobody's; only there to replace the default.
    None,
    /// Every address in this network.
    Network(Prefix),
}

impl FromStr for TrustedProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        match Prefix::parse(text) {
            Ok((prefix, _)) => Ok(Self::Network(prefix)),
            Err(error) => Err(format!("`{text}` {error}")),
        }
    }
}

/// A number with bounds, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Count<MIN, MAX> {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The number, as a count of things.
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }

    fn new(number: i64) -> Result<Self, String> {
        match u32::try_from(number) {
            Ok(n) if (MIN..=MAX).contains(&n) => Ok(Self(n)),
            _ => Err(format!("{number} is not in {MIN} to {MAX}")),
        }
    }
}

impl<const MIN: u32, const MAX: u32> FromStr for Count<MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is no number")).and_then(Self::new)
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Count<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// What is always listed last: a base URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fallback(pub shape::Fallback);

impl FromStr for Fallback {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        shape::Fallback::parse(text).map(Self).map_err(|reason| format!("`{text}` {reason}"))
    }
}

/// A protocol that mirrors offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocol(pub url::Protocol);

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let protocol = url::Protocol::parse(text).map(Self);
        protocol.ok_or_else(|| format!("`{text}` is none of https, http, ftp, rsync"))
    }
}

/// A set of rules for the shape of answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// As mirrorlist-server answers.
    Compatible,
    /// As today's clients need it.
    Modern,
}

/// The least important messages that are still logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What needs somebody's attention.
    Error,
    /// What may.
    Warn,
    /// Starts, reloads, ends.
    Info,
    /// For developers.
    Debug,
    /// For developers, and a lot of it.
    Trace,
}

impl From<LogLevel> for tracing::level_filters::LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

macro_rules! deserialize_from_str {
    ($name:ident, $expecting:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

deserialize_from_str!(ListenAddress, "an address");
deserialize_from_str!(TrustedProxy, "a network prefix or `none`");
deserialize_from_str!(Fallback, "a URL");
deserialize_from_str!(Protocol, "https, http, ftp or rsync");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_name_what_is_wrong_with_them() {
        let listen = |text: &str| text.parse::<ListenAddress>().map(|a| a.0.to_string());
        assert_eq!(listen("[::]"), Ok("::".into()));
        assert_eq!(listen("localhost"), Ok("127.0.0.1".into()));
        assert_eq!(listen("a"), Err("`a` is no IPv4 or IPv6 address".into()));
        let proxy = |text: &str| text.parse::<TrustedProxy>();
        assert_eq!(proxy("none"), Ok(TrustedProxy::None));
        assert_eq!(proxy("10/8"), Err("`10/8` is no network prefix".into()));
        let count = |text: &str| text.parse::<Count<1, 9>>().map(Count::get);
        assert_eq!(count("9"), Ok(9));
        assert_eq!(count("-1"), Err("-1 is not in 1 to 9".into()));
        assert_eq!(count("x"), Err("`x` is no number".into()));
    }
}

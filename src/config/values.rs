//! Types of the values of options. Parsing checks them, with the same message for flags and file.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use serde::de::{Deserialize, Deserializer, Error as _};

use answer::alias::Aliases;
use answer::shaping;
use model::base_url::Redacted;
use model::embedded;
use model::net::Prefix;
use model::url;
use serve::http::client_address::{AddressHeader, AddressSource};
use serve::http::socket::Address;

/// Where to listen: an IPv4 or IPv6 address, in brackets or not, `localhost`, or `unix:PATH`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenAddress {
    /// TCP; the port is an option of its own.
    Ip(IpAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = Address::parse_unix(text) {
            return path.map(Self::Unix);
        }
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if bare == "localhost" {
            return Ok(Self::Ip(IpAddr::from([127, 0, 0, 1])));
        }
        bare.parse().map(Self::Ip).map_err(|_| format!("`{text}` is no IPv4 or IPv6 address"))
    }
}

/// Where the client's address is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAddress {
    /// In the header X-Forwarded-For
    XForwardedFor,
    /// In the header Forwarded (RFC 7239)
    Forwarded,
    /// In the header of the PROXY protocol, version 1 or 2, which must begin the connection
    ProxyProtocol,
    /// Nowhere: who connects is the client
    Peer,
}

impl From<ClientAddress> for AddressSource {
    fn from(written: ClientAddress) -> Self {
        match written {
            ClientAddress::XForwardedFor => Self::Header(AddressHeader::XForwardedFor),
            ClientAddress::Forwarded => Self::Header(AddressHeader::Forwarded),
            ClientAddress::ProxyProtocol => Self::ProxyProtocol,
            ClientAddress::Peer => Self::Peer,
        }
    }
}

/// Permission bits of a unix socket, octal as for chmod: `0660`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SocketMode(pub u32);

impl FromStr for SocketMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_octal = !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
        let mode = u32::from_str_radix(text, 8).ok().filter(|&mode| is_octal && mode <= 0o777);
        mode.map(Self).ok_or_else(|| format!("`{text}` is no mode in octal, such as 0660"))
    }
}

/// The proxies that are trusted to name the addresses of clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrustedProxy {
    /// No proxy; it only replaces the default.
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

/// The name of a host, without a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostName(pub String);

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |label: &str| {
            let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            !label.is_empty() && label.bytes().all(is_part)
        };
        match text.len() <= 253 && text.split('.').all(is_name) {
            true => Ok(Self(text.into())),
            false => Err(format!("`{text}` is no host name; it has neither a port nor a path")),
        }
    }
}

/// A prefix behind which a translator puts IPv4 addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nat64Prefix(pub embedded::Nat64Prefix);

impl FromStr for Nat64Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let prefix = embedded::Nat64Prefix::parse(text).map(Self);
        prefix.map_err(|error| format!("`{text}` {error}"))
    }
}

/// A number between two bounds, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Count<MIN, MAX> {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// A number that is known to be within the bounds, such as a default; panics if it is not.
    pub const fn of(number: u32) -> Self {
        assert!(MIN <= number && number <= MAX, "a default is within its bounds");
        Self(number)
    }

    /// The number, as seconds.
    pub fn as_seconds(self) -> Duration {
        Duration::from_secs(self.0.into())
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

/// The base URL that is always listed last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fallback(pub shaping::Fallback);

impl FromStr for Fallback {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fallback = shaping::Fallback::parse(text).map(Self);
        fallback.map_err(|reason| format!("`{}` {reason}", Redacted(text)))
    }
}

/// Parses a flag whose value may hold a password, which clap's own error message would repeat.
#[derive(Clone)]
pub struct SecretParser<T> {
    /// The flag, as in `--fallback <URL>`.
    flag: &'static str,
    of: PhantomData<T>,
}

impl<T> SecretParser<T> {
    /// The parser of this flag.
    pub const fn of(flag: &'static str) -> Self {
        Self { flag, of: PhantomData }
    }
}

impl<T> TypedValueParser for SecretParser<T>
where
    T: FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        definition: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        value.to_string_lossy().parse().map_err(|reason| {
            let message = format!("invalid value for '{}': {reason}", self.flag);
            definition.clone().error(ErrorKind::ValueValidation, message)
        })
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

/// The order of mirrors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// By tiers, as mirrorlist-server orders them.
    Tiers,
    /// By distance.
    Nearest,
}

impl From<Policy> for answer::policy::Policy {
    fn from(written: Policy) -> Self {
        match written {
            Policy::Tiers => Self::Tiers,
            Policy::Nearest => Self::Nearest,
        }
    }
}

/// Who may do something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requesters {
    /// Everybody.
    All,
    /// Whose own address is a trusted proxy's, such as this host's.
    Trusted,
    /// Nobody.
    None,
}

impl From<Requesters> for answer::requester::Requesters {
    fn from(written: Requesters) -> Self {
        match written {
            Requesters::All => Self::All,
            Requesters::Trusted => Self::Trusted,
            Requesters::None => Self::Nobody,
        }
    }
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

/// Other names of directories and repositories.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AliasTable(pub Aliases);

impl<'de> Deserialize<'de> for AliasTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = BTreeMap::<String, String>::deserialize(deserializer)?;
        Aliases::new(pairs).map(Self).map_err(D::Error::custom)
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

// Where the macro above is known.
#[cfg(feature = "control")]
pub mod control;

deserialize_from_str!(ListenAddress, "an address");
deserialize_from_str!(SocketMode, "a mode in octal, in quotes");
deserialize_from_str!(TrustedProxy, "a network prefix or `none`");
deserialize_from_str!(HostName, "a host name");
deserialize_from_str!(Nat64Prefix, "a prefix of IPv6");
deserialize_from_str!(Fallback, "a URL");
deserialize_from_str!(Protocol, "https, http, ftp or rsync");
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_name_what_is_wrong_with_them() {
        let listen = |text: &str| text.parse::<ListenAddress>();
        assert_eq!(listen("[::]"), Ok(ListenAddress::Ip([0_u16; 8].into())));
        assert_eq!(listen("localhost"), Ok(ListenAddress::Ip([127, 0, 0, 1].into())));
        assert_eq!(listen("unix:/run/a"), Ok(ListenAddress::Unix("/run/a".into())));
        assert_eq!(listen("unix:"), Err("`unix:` lacks a path".into()));
        assert_eq!(listen("a"), Err("`a` is no IPv4 or IPv6 address".into()));
        let mode = |text: &str| text.parse::<SocketMode>();
        assert_eq!(mode("0660"), Ok(SocketMode(0o660)));
        assert_eq!(mode("777"), Ok(SocketMode(0o777)));
        for bad in ["", "8", "1777", "+600", "rw-rw----"] {
            assert_eq!(mode(bad), Err(format!("`{bad}` is no mode in octal, such as 0660")));
        }
        let proxy = |text: &str| text.parse::<TrustedProxy>();
        assert_eq!(proxy("none"), Ok(TrustedProxy::None));
        assert_eq!(proxy("10/8"), Err("`10/8` is no network prefix".into()));
        let name = |text: &str| text.parse::<HostName>().map(|HostName(name)| name);
        assert_eq!(name("status.example"), Ok("status.example".into()));
        for bad in ["", "a:80", "http://a", "a..b", "a b"] {
            let expected = format!("`{bad}` is no host name; it has neither a port nor a path");
            assert_eq!(name(bad), Err(expected));
        }
        let nat64 = |text: &str| text.parse::<Nat64Prefix>().map(|prefix| prefix.0.to_string());
        assert_eq!(nat64("2001:db8:64::/96"), Ok("2001:db8:64::/96".into()));
        assert_eq!(nat64("10.0.0.0/8"), Err("`10.0.0.0/8` is no prefix of IPv6".into()));
        let count = |text: &str| text.parse::<Count<1, 9>>().map(Count::get);
        assert_eq!(count("9"), Ok(9));
        assert_eq!(count("-1"), Err("-1 is not in 1 to 9".into()));
        assert_eq!(count("x"), Err("`x` is no number".into()));
    }
}

//! Values of the options of background work.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer};

/// The name of a process among those that share a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeName(pub String);

impl FromStr for NodeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_name(text, "node").map(Self)
    }
}

impl NodeName {
    /// The name of the host, if it can be one of a node.
    pub fn of_host() -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        name.parse().unwrap_or_else(|_| Self("mirrorlistd".to_owned()))
    }
}

/// The name of files that processes of one store share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SiteName(pub String);

impl FromStr for SiteName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_name(text, "site").map(Self)
    }
}

/// A name that is plain everywhere: in a store, in an address, in a metric.
fn parse_name(text: &str, of: &str) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match (1..=100).contains(&text.len()) && text.chars().all(is_part) {
        true => Ok(text.into()),
        false => Err(format!(
            "`{text}` is no name of a {of}: at most 100 letters, digits, dots, dashes and underscores"
        )),
    }
}

/// The URL of a webhook. It may hold a secret, so messages do not repeat it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(pub visits::target::Target);

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl(…)")
    }
}

impl FromStr for WebhookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = visits::target::Target::parse(text).map(Self);
        read.map_err(|error| format!("this is no URL of a webhook: {error}"))
    }
}

/// The address of a PostgreSQL. It may hold a password, so messages do not repeat it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostgresAddress(pub control::options::PostgresUrl);

impl FromStr for PostgresAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

/// A version of IP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl From<IpFamily> for model::families::IpVersion {
    fn from(written: IpFamily) -> Self {
        match written {
            IpFamily::Ipv4 => Self::V4,
            IpFamily::Ipv6 => Self::V6,
        }
    }
}

/// Which redirects mirrors may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Redirects {
    /// Within the site, and once to another one.
    Allow,
    /// Within the site.
    SameSite,
    /// None.
    Refuse,
}

impl From<Redirects> for visits::redirect::RedirectPolicy {
    fn from(written: Redirects) -> Self {
        match written {
            Redirects::Allow => Self::Allow,
            Redirects::SameSite => Self::SameSite,
            Redirects::Refuse => Self::Refuse,
        }
    }
}

/// Where owners of mirrors reach the operator: a URL or an address of mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact(pub String);

impl FromStr for Contact {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let agent = visits::request::UserAgent::new("0", Some(text));
        agent.map(|_| Self(text.into())).map_err(|error| format!("`{text}` is no contact: {error}"))
    }
}

deserialize_from_str!(NodeName, "the name of a node");
deserialize_from_str!(Contact, "a URL or an address of mail");
deserialize_from_str!(SiteName, "the name of a site");
deserialize_from_str!(WebhookUrl, "a URL of http or https");
deserialize_from_str!(PostgresAddress, "an address of PostgreSQL");

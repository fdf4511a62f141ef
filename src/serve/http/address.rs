//! Addresses to listen on, as the operator writes them.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

/// Where to listen: `ADDR:PORT` or `unix:PATH`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Parses `unix:PATH` and returns the path; `None` if `text` does not begin with `unix:`.
    pub fn parse_unix(text: &str) -> Option<Result<PathBuf, String>> {
        match text.strip_prefix("unix:")? {
            "" => Some(Err("`unix:` lacks a path".into())),
            path => Some(Ok(path.into())),
        }
    }

    /// Returns whether the address is a unix socket.
    pub fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Returns the address as a URL for clients; a unix socket stays a path.
    pub fn url(&self) -> impl fmt::Display {
        let scheme = match self {
            Self::Tcp(_) => "http://",
            Self::Unix(_) => "",
        };
        format!("{scheme}{self}")
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = Self::parse_unix(text) {
            return path.map(Self::Unix);
        }
        let address = text.parse().map(Self::Tcp);
        address.map_err(|_| format!("`{text}` is neither ADDR:PORT nor unix:PATH"))
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Permission bits of a unix socket; `None` leaves them to the umask.
pub type Mode = Option<u32>;

//! Why something failed, in words that stay the same in records, logs, metrics and pages.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// The class of a failure.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum FailureClass {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl FailureClass {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name: stable, in lower case, with `_` between words.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

classes! {
    /// The name of the host has no address, and DNS says so for certain.
    Dns "dns",
    /// Nothing listens at the port.
    ConnectRefused "connect_refused",
    /// No answer to the connection within its time, or no route.
    ConnectTimeout "connect_timeout",
    /// The certificate is expired, or not valid yet.
    TlsExpired "tls_expired",
    /// The certificate is of another name.
    TlsName "tls_name",
    /// Any other failure of TLS: unknown authority, no common version, broken handshake.
    TlsOther "tls_other",
    /// Connected, but no byte came within its time.
    ReadTimeout "read_timeout",
    /// A status of 400 to 499 that has no class of its own.
    Http4xx "http_4xx",
    /// A status of 500 to 599 other than 503.
    Http5xx "http_5xx",
    /// The mirror asks to be left alone for a while: 429, 503, or rsync's limit of connections.
    Busy "busy",
    /// 401 or 403, or a password is wanted.
    Forbidden "forbidden",
    /// 404 or 410, or a redirect whose target is missing.
    Missing "missing",
    /// 200 with a page for people where data were asked for.
    Soft404 "soft_404",
    /// A redirect that is not followed: from https to http, too many, in a circle, or to another site where
    /// that is not wanted.
    RedirectRefused "redirect_refused",
    /// A file of another size than on the primary.
    SizeMismatch "size_mismatch",
    /// A version that the primary replaced, and that is older than allowed.
    HashBehind "hash_behind",
    /// A version that the primary never had.
    HashUnknown "hash_unknown",
    /// The connection ended within an answer.
    Truncated "truncated",
    /// rsync: no such module.
    RsyncModule "rsync_module",
    /// rsync: the protocol broke.
    RsyncProtocol "rsync_protocol",
    /// An answer that is not HTTP.
    Protocol "protocol",
    /// Our limit of time, requests or bytes for a visit was reached.
    Budget "budget",
    /// The visit was cancelled.
    Cancelled "cancelled",
    /// Our own network, resolver or program failed.
    OwnNetwork "own_network",
    /// An address that we refuse to connect to.
    BlockedAddress "blocked_address",
}

impl FailureClass {
    /// The class of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.as_str() == name)
    }

    /// Whether it says something about the mirror. If not, the thing that failed is unknown.
    pub fn is_of_mirror(self) -> bool {
        !matches!(self, Self::Budget | Self::Cancelled | Self::OwnNetwork | Self::BlockedAddress)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for class in FailureClass::ALL {
            assert_eq!(FailureClass::parse(class.as_str()), Some(*class));
            assert_eq!(serde_json::to_string(class).unwrap(), format!("\"{class}\""));
        }
        assert_eq!(FailureClass::parse("Dns"), None);
    }

    #[test]
    fn four_classes_are_not_of_the_mirror() {
        let ours: Vec<_> = FailureClass::ALL.iter().filter(|class| !class.is_of_mirror()).collect();
        assert_eq!(ours.len(), 4);
    }
}

//! Who may ask what: whose `ip=` counts, and who sees private mirrors with it.
//!
//! With `ip=` anybody can ask for the mirrors of any network, one address after another. That is of
//! use to people and to tests, and it must not tell strangers where the mirrors are that serve their
//! own network only. So each of the two is open to everybody, to trusted askers, or to nobody.

use std::net::IpAddr;

/// Whoever sends a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    /// The peer's address or the forwarded one (see `serve::http::client_address::TrustedProxies`).
    pub address: IpAddr,
    /// Whether it is trusted as a proxy is: an address out of their networks, or a process of this
    /// host on a unix socket.
    pub is_trusted: bool,
}

impl Asker {
    /// Somebody who is not trusted.
    pub fn stranger(address: IpAddr) -> Self {
        Self { address, is_trusted: false }
    }
}

/// Some askers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Askers {
    /// Everybody.
    All,
    /// Those that are trusted.
    Trusted,
    /// Nobody.
    Nobody,
}

impl Askers {
    /// Whether `asker` is one of them.
    pub fn include(self, asker: Asker) -> bool {
        match self {
            Self::All => true,
            Self::Trusted => asker.is_trusted,
            Self::Nobody => false,
        }
    }
}

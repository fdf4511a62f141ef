//! Permissions of askers: whose `ip=` counts, and who sees private mirrors with it.
//!
//! With `ip=` an asker can request the mirrors of any network, one address after another. That helps
//! people and tests, but it must not show private mirrors to clients outside their networks. So each
//! of the two permissions is given to all askers, to trusted ones, or to none.

use std::net::IpAddr;

/// The sender of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    /// The peer's address or the forwarded one (see `serve::http::client_address::TrustedProxies`).
    pub address: IpAddr,
    /// Whether it is trusted like a proxy: its address is in the proxies' networks, or it is a process
    /// of this host on a unix socket.
    pub is_trusted: bool,
}

impl Asker {
    /// An asker that is not trusted.
    pub fn stranger(address: IpAddr) -> Self {
        Self { address, is_trusted: false }
    }
}

/// The set of askers that have a permission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Askers {
    /// Every asker.
    All,
    /// Trusted askers only.
    Trusted,
    /// No asker.
    Nobody,
}

impl Askers {
    /// Whether `asker` is in the set.
    pub fn include(self, asker: Asker) -> bool {
        match self {
            Self::All => true,
            Self::Trusted => asker.is_trusted,
            Self::Nobody => false,
        }
    }
}

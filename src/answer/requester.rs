//! Permissions of requesters: whose `ip=` counts, and who sees private mirrors with it.
//!
//! With `ip=` a requester can request the mirrors of any network, one address after another. That helps
//! people and tests, but it must not show private mirrors to clients outside their networks. So each
//! of the two permissions is given to all requesters, to trusted ones, or to none.

use std::net::IpAddr;

/// The sender of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Requester {
    /// The peer's address or the forwarded one (see `serve::http::client_address::TrustedProxies`).
    pub address: IpAddr,
    /// Whether it is trusted like a proxy: its address is in the proxies' networks, or it is a process
    /// of this host on a unix socket.
    pub is_trusted: bool,
}

impl Requester {
    /// A requester that is not trusted.
    pub fn untrusted(address: IpAddr) -> Self {
        Self { address, is_trusted: false }
    }
}

/// The set of requesters that have a permission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requesters {
    /// Every requester.
    All,
    /// Trusted requesters only.
    Trusted,
    /// No requester.
    Nobody,
}

impl Requesters {
    /// Whether `requester` is in the set.
    pub fn include(self, requester: Requester) -> bool {
        match self {
            Self::All => true,
            Self::Trusted => requester.is_trusted,
            Self::Nobody => false,
        }
    }
}

//! Options of the admin listener.

use super::allowed_hosts::AllowedHosts;
use crate::http::socket::Address;
use crate::http::watchdog::Timeouts;

/// Where the admin listener listens and which limits it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to listen.
    pub address: Address,
    /// The host names that are allowed over TCP, besides addresses and `localhost`; `None` allows all: what is there
    /// is for everybody.
    pub hosts: Option<AllowedHosts>,
    /// How long a connection may wait for its client; the idle limit is a constant of the listener.
    pub timeouts: Timeouts,
    /// The most connections at the same time; beyond that, the one that has been silent longest is closed.
    pub max_connections: usize,
    /// The most bytes that are held for clients that do not read, of all connections; a connection that would exceed
    /// it ends.
    pub unsent_bytes: u64,
}

//! Options of the admin listener.

use super::allowed_hosts::AllowedHosts;
use crate::http::socket::Address;
use crate::http::watchdog::Timeouts;

/// Where the admin listener listens and which limits it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to listen.
    pub address: Address,
    /// The host names that are allowed over TCP, besides addresses and `localhost`.
    pub hosts: AllowedHosts,
    /// How long a connection may wait for its client; the idle limit is a constant of the listener.
    pub timeouts: Timeouts,
}

//! What the admin listener must be told.

use super::allowed_hosts::Hosts;
use crate::http::socket::Address;
use crate::http::watchdog::Timeouts;

/// Where and how to answer the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to listen.
    pub address: Address,
    /// The names to be asked by over TCP, beside addresses and `localhost`.
    pub hosts: Hosts,
    /// How long a connection may wait for its client; the idle limit is the listener's own.
    pub timeouts: Timeouts,
}

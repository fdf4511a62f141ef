//! Limits and rules of the transport.

use super::client_address::TrustedProxies;
use super::watchdog::Timeouts;

/// Limits and rules of the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a connection may wait for its client.
    pub timeouts: Timeouts,
    /// Header fields per request.
    pub max_headers: usize,
    /// Bytes of the request target.
    pub max_target_bytes: usize,
    /// Bytes that are read and thrown away at the end of a connection.
    pub linger_bytes: u64,
    /// Connections at the same time; for further ones those go that have been idle longest.
    pub max_connections: usize,
    /// Bytes that may wait for clients that do not read, in the whole process.
    pub unsent_bytes: u64,
    /// Whether bodies are compressed for clients that ask for it.
    pub compress: bool,
    /// Longer bodies are not compressed.
    pub max_compressed_bytes: usize,
    /// What the answer part must know.
    pub answer: answer::Options,
    /// The proxies that are believed about their clients.
    pub trusted_proxies: TrustedProxies,
}

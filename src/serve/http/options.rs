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
    /// Bytes that are read and discarded at most at the end of a connection.
    pub linger_bytes: u64,
    /// Connections at the same time; beyond that, those that have been idle longest are closed.
    pub max_connections: usize,
    /// Limit of bytes held for clients that do not read, in the whole process.
    pub unsent_bytes: u64,
    /// Whether bodies are compressed for clients that ask for it.
    pub compress: bool,
    /// Maximum length of a body that is compressed, in bytes.
    pub max_compressed_bytes: usize,
    /// How many pages a second explain answers to the public; `None` if none does.
    pub explains_per_second: Option<u32>,
    /// Options of the crate that makes answers.
    pub answer: answer::Options,
    /// The proxies whose word about a client's address is trusted.
    pub trusted_proxies: TrustedProxies,
}

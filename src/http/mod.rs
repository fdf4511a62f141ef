//! HTTP/1.1 for [`crate::answer`]: from a socket to a request, from a reply to bytes.
//!
//! Reading order: [`socket`] binds, also to a [`socket_file`], [`listener`] accepts, [`workers`] are
//! the threads and [`placement`] chooses one of them, [`connection`] runs one connection and answers
//! its requests, [`preamble`] reads what a proxy says before the first one and
//! [`client_address`] whose request it is, [`watchdog`] ends it when
//! its client keeps it waiting, [`eviction`] when others need its place or its memory, [`linger`] does
//! not end it in the middle of what its client sends,
//! [`route`] says which requests get an answer at all, [`response`] turns a reply into headers and a
//! [`body`], [`access_log`] writes the line about it from a thread of its own.
//!
//! The server speaks HTTP/1 only, through hyper's own `http1::Builder`: it stands behind reverse
//! proxies, which speak nothing else to it. TLS ends there as well.

pub mod socket;
pub mod socket_file;
pub mod listener;
pub mod workers;
pub mod placement;
pub mod connection;
pub mod preamble;
pub mod watchdog;
pub mod eviction;
pub mod linger;
pub mod route;
pub mod body;
pub mod response;
pub mod compress;
pub mod constant;
mod date;
pub mod client_address;
pub mod access_log;

use std::sync::Arc;

use crate::answer;

use crate::live::Live;
use crate::metrics::Metrics;

use access_log::AccessLog;
use client_address::TrustedProxies;
use connection::Drain;
use eviction::UnsentBudget;
use watchdog::Timeouts;

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

/// What all connections share.
pub struct Context {
    /// The rules.
    pub options: Options,
    /// The data.
    pub live: Arc<Live>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Where requests are logged; `None` logs nowhere.
    pub access_log: Option<AccessLog>,
    /// Where all requests are logged as a proxy would; `None` logs nowhere.
    pub combined_log: Option<AccessLog>,
    /// Whether the server is stopping.
    pub drain: Arc<Drain>,
    /// How much may wait for clients that do not read.
    pub unsent: UnsentBudget,
}

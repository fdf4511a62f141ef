//! HTTP/1.1 for [`answer`]: from a socket to a request, from a reply to bytes.
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

mod options;
mod context;
mod address;
pub mod socket;
pub mod socket_file;
pub mod listener;
pub mod workers;
pub mod placement;
pub mod drain;
mod connection_origin;
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

pub use connection_origin::ConnectionOrigin;
pub use context::Context;
pub use drain::Drain;
pub use options::Options;

//! HTTP/1.1 for [`answer`]: from a socket to a request, from a reply to bytes.
//!
//! Reading order: [`socket`] binds, also to a [`socket_file`]; [`listener`] accepts, until [`accepting`] ends; [`workers`]
//! are the threads, and [`placement`] chooses one of them. [`connection`] runs one connection and answers its
//! requests. [`proxy_header`] reads the PROXY header before the first request, and [`client_address`]
//! finds the client of a request. [`watchdog`] ends a connection whose client keeps it waiting,
//! [`eviction`] one whose slot or memory is needed, and [`linger`] lets the client finish sending first.
//! [`route`] decides which requests get an answer, [`response`] turns a reply into headers and a
//! [`body`], [`explain_page`] makes the page that explains answers, and [`access_log`] writes a line about it from a thread of its own.
//!
//! The server supports HTTP/1 only, through hyper's own `http1::Builder`: the reverse proxies in front
//! of it use nothing else. TLS ends there as well.

mod options;
mod context;
mod address;
pub mod socket;
pub mod socket_file;
pub mod listener;
pub mod accepting;
pub mod workers;
pub mod placement;
pub mod drain;
mod connection_origin;
pub mod connection;
pub mod proxy_header;
pub mod watchdog;
pub mod eviction;
pub mod linger;
pub mod route;
pub mod body;
pub mod response;
pub mod compress;
pub mod constant;
pub mod explain_limits;
pub mod explain_page;
pub(crate) mod date;
pub mod client_address;
pub mod access_log;

pub use connection_origin::ConnectionOrigin;
pub use context::Context;
pub use drain::Drain;
pub use options::Options;

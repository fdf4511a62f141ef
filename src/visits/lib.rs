//! Visits mirrors: asks each one over HTTP(S), for each version of IP, and by rsync where that is wanted.
//!
//! It returns what it saw ([`checks::observation::Visit`]) and judges nothing. A [`Crawler`] is what all visits
//! share; a [`plan::Plan`] says what one visit is to ask.
//!
//! Nothing that a mirror, its owner or its DNS says is trusted: each address is vetted before it is connected
//! to ([`guard`]), each phase has its time, each answer its size, and each visit its budget ([`limits`]).
//! What was learned before a budget ended is kept.
//!
//! [`Crawler::visit`] needs a runtime of tokio with time, and a network: [`network::Tcp`] also its I/O. It
//! starts no task, so dropping a visit ends it.

pub mod limits;
pub mod target;
pub mod guard;
pub mod resolve;
pub mod network;
pub mod tls;
pub mod request;
pub mod response;
pub mod redirect;
pub mod connection;
pub mod politeness;
pub mod plan;
pub mod trace;
pub mod crawler;
mod visit;
pub mod own_versions;
pub mod post;
pub mod rsync;

pub use crawler::{Crawler, Visited};

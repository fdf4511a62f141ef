//! The vocabulary: types that cannot be wrong, built from text once, at the edge.
//!
//! No I/O, no clock, nothing but `std`, serde's derives, because the snapshot file holds these types,
//! and the crate `url`, which reads names of hosts. Everything else in the crate speaks in these words.

pub mod authority;
pub mod geo;
pub mod net;
pub mod scope;
pub mod embedded;
pub mod url;
pub mod base_url;
pub mod path;
pub mod repository;
pub mod checksum;
pub mod date;
pub mod ids;
pub mod host_set;
pub mod mirror_key;
pub mod tier;

/// Names of directories, repositories and files have at most so many bytes, so that no URL made of
/// them is longer than a client's line (see [`base_url::BadUrl::TooLong`]).
pub const MAX_NAME: usize = 500;

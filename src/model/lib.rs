//! The types of the domain: text is parsed into them once, where it enters, and they are always valid.
//!
//! This crate does no I/O and reads no clock. It uses serde, because the snapshot file holds these
//! types, the crate `url`, which reads host names, and `encode`. All other crates of the server but
//! `encode` and `runtime` use these types.

pub mod authority;
pub mod geo;
pub mod point;
pub mod area;
pub mod country_name;
pub mod net;
pub mod scope;
pub mod embedded;
pub mod families;
pub mod url;
pub mod base_url;
pub mod path;
pub mod repository;
pub mod checksum;
pub mod date;
pub mod ids;
pub mod host_set;
pub mod mirror_key;
pub mod asn;
pub mod page_url;
pub mod tier;
pub mod one_line;
pub mod percent;
pub mod rsync_line;
pub mod secret;

/// The greatest length of the name of a directory, repository or file in bytes. With it, no URL made of
/// them is longer than the lines that clients read (see [`base_url::BadUrl::TooLong`]).
pub const MAX_NAME: usize = 500;

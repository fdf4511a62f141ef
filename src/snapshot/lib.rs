//! The immutable compiled state, and the only way to read it.
//!
//! A [`Snapshot`] is made from [`tables::Tables`] (compiled, or decoded from a file by [`mod@format`]) by
//! checking them once and building what lookups need: prefix tables ([`trie`]) and bit sets of mirrors
//! by protocol, country and continent ([`layout_index`]). After that nothing changes and nothing is
//! parsed: a lookup is an index, a binary search or a longest match.
//!
//! # Why it is small
//!
//! For each of about 100,000 directories, MirrorManager lists every mirror with its URLs and its
//! country. Only the *set of mirrors* differs from directory to directory; *how* a mirror serves it
//! (URL list, country, public or private) is the same for all directories of a category. So a
//! directory is a bit set of mirrors and the number of a [`tables::Layout`], and there are about as
//! many layouts as categories.
//!
//! # What it does not do
//!
//! It does not choose or order mirrors and prepares nothing for the formats of answers (the crate
//! `answer` does), and it knows no input formats.

mod generation;
mod packed;
mod rows;
pub mod checked;
pub mod tables;
pub mod trie;
pub mod provenance;
mod names;
mod networks;
mod restrictions;
pub mod hosts;
pub mod bands;
pub mod layout_index;
mod snapshot;
mod places;
pub mod mirrors;
pub mod format;
pub mod replace;

pub use generation::Generation;
pub use model::host_set::{contains, insert, members, remove};
pub use snapshot::{DirectoryView, FileView, Snapshot, Stats};

//! The catalog: mirrors, the directories that they carry, and the clients that they serve, independent
//! of the source.
//!
//! Every source passes its records to a [`Builder`], each with the [`Origin`] that diagnostics name. The
//! builder takes records in any order and stores them unchanged, except for directories
//! ([`directories`]), which are compacted at once because there are too many. When all are read,
//! [`Builder::finish`] checks them: names and addresses are made canonical, references are resolved, and
//! faulty records are reported and left out. It returns a [`Catalog`] without dangling references, which
//! the compiler turns into a snapshot.
//!
//! This crate does no input or output: sources read files, and know their formats.
//!
//! # Which of several equal keys counts
//!
//! The first counts, as in the reference (which also depends on the order of the data, but does not
//! document it). Mirrors of equal netblocks and of equal countries of a directory are joined, and so
//! are versions of equal file names of a directory. Among networks of AS numbers and rows of the table of
//! continents the last counts, as in the reference.

pub mod origin;
pub mod report;
pub mod entry;
pub mod records;
pub mod geography;
pub mod checked;
pub mod directories;
pub mod builder;
mod first;
mod urls;
mod mirrors;
mod repositories;
mod files;
mod locations;
mod areas;
mod networks;
mod joins;
mod bad_catalog;

pub use bad_catalog::BadCatalog;
pub use builder::Builder;
pub use entry::Record;
pub use geography::Geography;
pub use origin::{Origin, Place};
pub use records::Catalog;
pub use report::{Report, Severity};

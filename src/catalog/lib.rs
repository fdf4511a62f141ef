//! The catalog: mirrors, what they carry and for whom, in one form whatever the source.
//!
//! Every source hands its records to a [`Builder`], each with the [`Origin`] at which diagnostics
//! point. The builder takes records in any order and keeps them as they are written, but for
//! directories ([`directories`]), of which there are too many. When all are there, [`Builder::finish`]
//! checks them: names and addresses are brought into one form, references are followed, and what is
//! wrong is reported and left out. What it returns, a [`Catalog`], refers to nothing that is not in it,
//! and the compiler makes a snapshot of it.
//!
//! Here is no input and no output: sources read files, and know their formats.
//!
//! # Which of several equal keys counts
//!
//! The first, as in the reference (where it depends on the order of the data as well, but is not said),
//! except that mirrors of equal netblocks and of equal countries of a directory are joined, and so are
//! versions of equal file names of a directory. The last, among networks of systems and rows of the
//! table of continents, as in the reference.

pub mod origin;
pub mod report;
pub mod entry;
pub mod records;
pub mod geography;
pub mod directories;
pub mod builder;
mod first;
mod urls;
mod mirrors;
mod repositories;
mod files;
mod locations;
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

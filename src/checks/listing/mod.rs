//! Compares what a mirror lists with what the primary has, in bounded memory.
//!
//! A [`Manifest`] says which files the primary has: made once, from a listing of the primary, and shared by
//! all comparisons. A [`Comparison`] takes the entries of a mirror's listing, one after the other and in any
//! order, and keeps two bits for each file of the manifest; its report says of each directory how much of it
//! is there. Two million files of which 45 bytes are name take 130 MB once, and 500 KB a mirror.
//!
//! # Where the names of files come from
//!
//! An [`index::Index`] counts files and does not name them: it is read by whoever compiles, and a hundred times
//! as large with their names. A manifest is made of the same entries as a mirror's listing, whether rsync lists
//! the primary, its local tree, or has written its listing to a file ([`ManifestBuilder::read`]). So one
//! form of a line is read, in one way.
//!
//! # Age
//!
//! A mirror is not blamed for what is new. How new an entry is, no time of modification says: a package keeps
//! that of its build, which may be weeks before it is published. So a manifest knows since when each entry is
//! as it is: since the first scan that saw it so, by our clock ([`ManifestBuilder::build`]).
//!
//! # What does not count
//!
//! Times of modification of the mirror (it may copy without them), files that the primary does not have,
//! links, special files, and what the primary does not let everybody read.

mod entry;
mod manifest;
mod stored;
mod file;
mod comparison;
mod scope;
mod bits;

pub use comparison::{Comparison, Extent};
pub use entry::{Entry, Kind};
pub use file::ListingFileError;
pub use manifest::{MAX_FILES, Manifest, ManifestBuilder, ManifestError, Since};
pub use scope::Scope;
pub use stored::BadManifest;

#[cfg(test)]
mod tests;

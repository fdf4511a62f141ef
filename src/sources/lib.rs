//! Where data come from: one module for each kind of input.
//!
//! A source reads its input and hands every record to the catalog's [builder](catalog::Builder),
//! with the place where it was read. It skips and reports bad records, and fails only where the input
//! as a whole cannot be what it should be. It also says which [`Revision`] of its input is there, so
//! that whoever watches it need not know what it is.
//!
//! A new source is a module here, and a variant of [`Inputs`].

pub mod error;
pub mod revision;
pub mod geography;
pub mod mirrormanager;
mod demo;

use std::fmt;

use catalog::{Catalog, Report};

pub use error::Error;
pub use mirrormanager::MirrorManagerFiles;
pub use revision::Revision;

/// What a catalog is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// MirrorManager's files.
    MirrorManager(MirrorManagerFiles),
    /// The built-in demo data.
    Demo,
}

impl Inputs {
    /// Reads everything; blocks, for seconds with Fedora's data.
    pub fn read(&self, report: &mut Report) -> Result<Catalog, Error> {
        match self {
            Self::MirrorManager(files) => mirrormanager::read(files, report),
            Self::Demo => demo::read(report),
        }
    }

    /// What is there now. Where two differ, the data may.
    pub fn revision(&self) -> Revision {
        match self {
            Self::MirrorManager(files) => Revision::of_files(files.paths()),
            Self::Demo => Revision::default(),
        }
    }
}

impl fmt::Display for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MirrorManager(files) => write!(f, "{}", files.cache.display()),
            Self::Demo => f.write_str("built-in demo data"),
        }
    }
}

//! Sources of the catalog: one module for each kind of input.
//!
//! A source reads its input and passes every record to the catalog's [builder](catalog::Builder), with
//! the place where it was read. It reports and skips bad records, and fails only if the input as a whole
//! is invalid. It also returns the current [`Revision`] of its input, so that code that watches for
//! changes need not know the kind of input.
//!
//! A text format that declares repositories and mirrors is a reader here that returns a
//! [`Declaration`](declared::Declaration), and a variant of [`CatalogFormat`]. Any other input is a module
//! here, and a variant of [`Inputs`].

pub mod error;
pub mod revision;
pub mod declared;
pub mod toml_catalog;
pub mod geography;
pub mod mirrormanager;
pub mod almalinux;
mod text_catalog;
mod findings;
mod demo;

use std::fmt;
use std::path::{Path, PathBuf};

use catalog::Catalog;
use checks::findings::Findings;

pub use catalog::Report;
pub use error::Error;
pub use geography::GeographyFiles;
pub use mirrormanager::MirrorManagerFiles;
pub use revision::Revision;
pub use text_catalog::{CatalogFormat, TextCatalog};

/// The input of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// MirrorManager's files.
    MirrorManager(MirrorManagerFiles),
    /// The same without those of its tables of networks that are not there yet, which are named here.
    MirrorManagerWithout(MirrorManagerFiles, Vec<PathBuf>),
    /// A catalog of text files, with what goes with it.
    Catalog(TextCatalog),
    /// The built-in demo data.
    Demo,
}

impl Inputs {
    /// Reads the whole input. Blocks, for seconds with Fedora's data.
    pub fn read(&self, report: &mut Report) -> Result<Catalog, Error> {
        match self {
            Self::MirrorManager(files) => mirrormanager::read(files, &[], report),
            Self::MirrorManagerWithout(files, unbuilt) => {
                mirrormanager::read(files, unbuilt, report)
            }
            Self::Catalog(files) => files.read(report),
            Self::Demo => demo::read(report),
        }
    }

    /// The same without findings: as the data say.
    #[must_use]
    pub fn without_findings(&self) -> Self {
        let mut inputs = self.clone();
        match &mut inputs {
            Self::MirrorManager(files) | Self::MirrorManagerWithout(files, _) => {
                files.findings = None;
            }
            Self::Catalog(files) => files.findings = None,
            Self::Demo => {}
        }
        inputs
    }

    /// The file of findings that goes with the input, if one is named.
    pub fn findings(&self) -> Option<&Path> {
        match self {
            Self::MirrorManager(files) | Self::MirrorManagerWithout(files, _) => {
                files.findings.as_deref()
            }
            Self::Catalog(files) => files.findings.as_deref(),
            Self::Demo => None,
        }
    }

    /// Reads what checks have found out of the mirrors, with the name of its file for diagnostics; `None` if
    /// no file is named.
    pub fn read_findings(&self) -> Result<Option<(Findings, String)>, Error> {
        let read = |path: &Path| Ok((findings::read(path)?, error::file_name(path)));
        self.findings().map(read).transpose()
    }

    /// The current revision of the input. If two revisions differ, the data may differ.
    pub fn revision(&self) -> Revision {
        match self {
            Self::MirrorManager(files) | Self::MirrorManagerWithout(files, _) => {
                Revision::of_files(files.paths().into_iter().chain(files.findings.as_deref()))
            }
            Self::Catalog(files) => files.revision(),
            Self::Demo => Revision::default(),
        }
    }
}

impl fmt::Display for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MirrorManager(files) | Self::MirrorManagerWithout(files, _) => {
                write!(f, "{}", files.cache.display())
            }
            Self::Catalog(TextCatalog { catalog, format, .. }) => match format {
                CatalogFormat::Toml => write!(f, "catalog {}", catalog.display()),
                CatalogFormat::AlmaLinux => write!(f, "AlmaLinux's files in {}", catalog.display()),
            },
            Self::Demo => f.write_str("built-in demo data"),
        }
    }
}

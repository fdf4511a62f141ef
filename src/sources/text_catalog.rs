//! A catalog of text files, in one of several formats, with the index of its primary tree and the
//! geography files beside it.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::almalinux;
use super::declared::Declaration;
use super::declared::build::{BuildError, build};
use super::error::{Error, file_name};
use super::geography::GeographyFiles;
use super::revision::Revision;
use super::toml_catalog;
use catalog::{Catalog, Origin, Report};
use index::Index;

/// A catalog and the files that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextCatalog {
    /// The catalog: a file or a folder.
    pub catalog: PathBuf,
    /// How it is written.
    pub format: CatalogFormat,
    /// What a scan has found in the primary tree; without it there are no checksums.
    pub index: Option<PathBuf>,
    /// What checks have found out of the mirrors, if a file is named.
    pub findings: Option<PathBuf>,
    /// Where networks are.
    pub geography: GeographyFiles,
}

/// How a catalog is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CatalogFormat {
    /// In TOML, as our own.
    Toml,
    /// In YAML, as AlmaLinux's.
    AlmaLinux,
}

impl TextCatalog {
    /// Reads all files.
    pub(super) fn read(&self, report: &mut Report) -> Result<Catalog, Error> {
        let (declaration, files) = match self.format {
            CatalogFormat::Toml => toml_catalog::read(&self.catalog)?,
            CatalogFormat::AlmaLinux => {
                let files = almalinux::files(&self.catalog);
                (almalinux::read(&self.catalog, report)?, files)
            }
        };
        let index = self.index.as_deref().map(Index::read).transpose()?;
        let scanned = index.as_ref().map_or(0, Index::scanned);
        let made = files.iter().map(|file| modified(file)).fold(scanned, u64::max);
        let name = self.catalog.display().to_string();
        let index_path = self.index.as_deref().unwrap_or(&self.catalog);
        let index_name = file_name(index_path);
        let tree = index.as_ref().map(|index| (index, &*index_name));
        let builder =
            build(&declaration, tree, &name, made, report).map_err(|error| match error {
                BuildError::TooManyPairs(error) => Error::broken(&self.catalog, error),
                BuildError::OtherTree(error) => Error::broken(index_path, error),
            })?;
        self.report_missing(&declaration, report);
        let geography = self.geography.read(report)?;
        Ok(builder.finish(geography, report)?)
    }

    /// The same without the files beside the catalog that are not usable: it works without each of them. Findings
    /// stay: without them, mirrors would come back that were left out for a reason.
    pub fn with_usable(&self, is_usable: impl Fn(&PathBuf) -> bool) -> Self {
        let Self { catalog, format, index, findings, geography } = self;
        let GeographyFiles { global_netblocks, country_continent, country_table } = geography;
        let keep = |file: &Option<PathBuf>| file.clone().filter(&is_usable);
        Self {
            catalog: catalog.clone(),
            format: *format,
            index: keep(index),
            findings: findings.clone(),
            geography: GeographyFiles {
                global_netblocks: keep(global_netblocks),
                country_continent: keep(country_continent),
                country_table: keep(country_table),
            },
        }
    }

    /// The state of all files, and of the folders in which files can be added.
    pub(super) fn revision(&self) -> Revision {
        let files = match self.format {
            CatalogFormat::Toml => toml_catalog::files(&self.catalog),
            CatalogFormat::AlmaLinux => almalinux::files(&self.catalog),
        };
        let files = files.iter().map(PathBuf::as_path);
        let others = [self.index.as_deref(), self.findings.as_deref()].into_iter().flatten();
        let others = others.chain(self.geography.paths());
        Revision::of_files(files.chain(others))
    }

    /// Says once what is done without.
    fn report_missing(&self, declaration: &Declaration, report: &mut Report) {
        let GeographyFiles { global_netblocks, country_table, .. } = &self.geography;
        let name = self.catalog.display().to_string();
        if country_table.is_none() {
            let problem =
                "no table of countries, so clients have no country but that of their network";
            let origin = Origin::table(&name, "geoip");
            report.skipped(&origin, problem, "give one with --geoip FILE");
        }
        let have_asns = declaration.mirrors.iter().any(|mirror| !mirror.asns.is_empty());
        if global_netblocks.is_none() && have_asns {
            let problem = "no table of AS numbers, so the `asns` of mirrors match no client";
            let origin = Origin::table(&name, "global_netblocks");
            report.skipped(&origin, problem, "give one with --global_netblocks FILE");
        }
    }
}

/// When a file was modified, in seconds since 1970; 0 if nobody can say.
fn modified(path: &Path) -> u64 {
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified());
    let since = modified.ok().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs())
}

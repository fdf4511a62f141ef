//! MirrorManager's files: its mirrors as one protobuf, and the geography files.
//!
//! The protobuf is [read ahead](read_ahead) on a thread, [split](wire) into fields ([`cache`]), and its
//! directories are parsed one by one (`directory`).

pub mod cache;
pub mod wire;
pub mod read_ahead;
mod directory;
mod carriers;

use std::path::{Path, PathBuf};
use std::thread::{self, Scope};

use super::declared::{Declaration, from_catalog};
use super::error::{Error, file_name};
use super::geography::GeographyFiles;
use cache::BadFile;
use catalog::{Builder, Catalog, Report};
use read_ahead::ReadAhead;
use runtime::regular_file::{self, ReadError};
use wire::BadWire;

/// MirrorManager's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorManagerFiles {
    /// `mirrorlist_cache.proto`.
    pub cache: PathBuf,
    /// `global_netblocks.txt`.
    pub global_netblocks: PathBuf,
    /// `country_continent.csv`.
    pub country_continent: PathBuf,
    /// The country database, an mmdb.
    pub geoip: PathBuf,
    /// What checks have found out of the mirrors, if a file is named.
    pub findings: Option<PathBuf>,
}

impl MirrorManagerFiles {
    /// The four files, in the order in which they are named in messages.
    pub fn paths(&self) -> [&Path; 4] {
        [&self.cache, &self.global_netblocks, &self.country_continent, &self.geoip]
    }
}

/// Reads the four files, without the tables that are `unbuilt`. The protobuf is nine tenths of the work, so the
/// other files are read on another thread meanwhile.
pub(super) fn read(
    files: &MirrorManagerFiles,
    unbuilt: &[PathBuf],
    report: &mut Report,
) -> Result<Catalog, Error> {
    let MirrorManagerFiles { cache, global_netblocks, country_continent, geoip, .. } = files;
    let built = |table: &PathBuf| Some(table.clone()).filter(|table| !unbuilt.contains(table));
    let tables = GeographyFiles {
        global_netblocks: built(global_netblocks),
        country_continent: Some(country_continent.clone()),
        country_table: built(geoip),
    };
    let mut geography_report = Report::default();
    let (builder, geography) = thread::scope(|scope| {
        let geography = thread::Builder::new()
            .name("tables".into())
            .spawn_scoped(scope, || tables.read(&mut geography_report))
            .map_err(|error| Error::no_thread(geoip, &error))?;
        let builder = read_cache(scope, cache, report);
        let geography = geography
            .join()
            .unwrap_or_else(|_| Err(Error::broken(geoip, "made its reader panic; is it damaged?")));
        Ok::<_, Error>((builder, geography))
    })?;
    let (builder, geography) = (builder?, geography?);
    report.append(geography_report);
    Ok(builder.finish(geography, report)?)
}

/// Reads the protobuf alone, and says what it holds in the words of a catalog. `name` is that of the
/// distribution.
pub fn declare(cache: &Path, name: &str, report: &mut Report) -> Result<Declaration, Error> {
    // What is reported here is of the data, and not of what a catalog makes of them.
    let mut unheard = Report::default();
    let builder = thread::scope(|scope| read_cache(scope, cache, &mut unheard))?;
    let geography = GeographyFiles::default().read(&mut unheard)?;
    let catalog = builder.finish(geography, &mut unheard)?;
    Ok(from_catalog::declare(&catalog, name, report))
}

fn read_cache<'scope>(
    scope: &'scope Scope<'scope, '_>,
    path: &Path,
    report: &mut Report,
) -> Result<Builder, Error> {
    let unread = |source| Error::Read { path: path.into(), source };
    let (file, _) = regular_file::open(path).map_err(unread)?;
    let input = ReadAhead::start(scope, file).map_err(|error| Error::no_thread(path, &error))?;
    cache::parse(&file_name(path), input, report).map_err(|error| match error {
        // After an I/O error the content of the file may still be valid.
        BadFile::Wire { position, reason: BadWire::Io(error) } => {
            unread(ReadError::Read { offset: position, error })
        }
        error => Error::broken(path, error),
    })
}

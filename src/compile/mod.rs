//! Inputs to a snapshot: everything that can be decided once is decided here.
//!
//! [`source`] turns the bytes of each input into records, [`directories`] collapses the directories
//! while they are read, [`check`] (with `files` and `repositories`) and [`networks`] resolve references
//! across tables, `joins` counts what refers to nothing, and [`crate::catalog::report`] collects what was skipped or
//! mended on the way. A bad record costs itself and a diagnostic; a file
//! that cannot be what it should be is an [`Error`], and nothing is compiled.
//!
//! Compiling is synchronous and takes about two seconds for Fedora's data. Equal inputs give equal
//! snapshots, byte for byte, and so equal generations.
//!
//! # Which of several equal keys counts
//!
//! The first, in every table of the protobuf, as in the reference (where it depends on the order of
//! the data as well, but is not said), except that mirrors of equal netblocks and of equal countries
//! of a directory are joined, and so are versions of equal file names of a directory. The last, in
//! `global_netblocks.txt` and `country_continent.csv`, as in the reference.

pub mod source;
mod carriers;
pub mod directories;
pub mod check;
mod files;
mod repositories;
mod joins;
pub mod networks;
pub mod locations;
pub mod restrictions;
pub mod demo;

use std::io;
use std::path::{Path, PathBuf};
use std::thread::{self, Scope};

use crate::model::geo::{Continent, Country};
use crate::regular_file::{self, ReadError};
use crate::snapshot::tables::Tables;
use crate::snapshot::{Snapshot, format};

pub use crate::catalog::report::{self, Report, Severity};
use crate::sources::geography::{country_continent, country_database, global_netblocks};
use crate::sources::mirrormanager::read_ahead::ReadAhead;
use crate::sources::mirrormanager::wire::BadWire;
use source::mirrormanager::BadFile;
use source::{file_name, mirrormanager};

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
}

impl MirrorManagerFiles {
    /// The files, in the order in which they are named in messages.
    pub fn paths(&self) -> [&Path; 4] {
        [&self.cache, &self.global_netblocks, &self.country_continent, &self.geoip]
    }
}

/// What a snapshot is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// MirrorManager's files.
    MirrorManager(MirrorManagerFiles),
    /// The built-in demo data.
    Demo,
}

/// Why nothing was compiled: one line that names the file and the reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why, and how far it was read.
        source: ReadError,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    Broken {
        /// Which.
        path: PathBuf,
        /// Why, as the rest of a sentence about the file.
        reason: String,
    },
    /// Each table is sound, but together they cannot be served.
    #[error(transparent)]
    Check(#[from] check::Refusal),
    /// The snapshot cannot be written.
    #[error(transparent)]
    Write(#[from] format::Error),
    /// The compiled tables do not make a snapshot: a defect of this program.
    #[error("the compiled tables are not sound: {0}")]
    Unsound(String),
}

/// The most bytes of `global_netblocks.txt` and of the country database: tens of times of what there is.
const MAX_TABLE: u64 = 1 << 30;
/// The most bytes of `country_continent.csv`, which has a line for each country.
const MAX_CONTINENTS: u64 = 16 << 20;

impl Error {
    /// What the system said, where that is the reason.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Read { source, .. } => source.io_error(),
            Self::Write(error) => error.io_error(),
            Self::Broken { .. } | Self::Check(_) | Self::Unsound(_) => None,
        }
    }
}

/// All inputs as records.
pub struct Records {
    /// The name by which diagnostics call the protobuf.
    pub cache_name: String,
    /// The protobuf.
    pub cache: mirrormanager::Records,
    /// Networks and their autonomous systems.
    pub global_netblocks: global_netblocks::Table,
    /// Countries and their continents.
    pub continents: Vec<(Country, Continent)>,
    /// The country database, and the name by which diagnostics call it.
    pub countries: (String, country_database::Table),
}

/// A compiled snapshot with its encoded form.
pub struct Compiled {
    /// Ready to be served.
    pub snapshot: Snapshot,
    /// The bytes of its file.
    pub bytes: Vec<u8>,
    /// What was skipped or mended.
    pub report: Report,
}

/// Makes a snapshot in memory. Blocks for seconds on Fedora's data.
pub fn compile(inputs: &Inputs) -> Result<Compiled, Error> {
    compile_after(inputs, None)
}

/// The same for a process that has the snapshot `before`, with which the new one shares what it can.
pub fn compile_after(inputs: &Inputs, before: Option<&Snapshot>) -> Result<Compiled, Error> {
    let mut report = Report::default();
    let records = match inputs {
        Inputs::MirrorManager(files) => read(files, &mut report)?,
        Inputs::Demo => demo::records(&mut report)?,
    };
    compile_records(records, report, before)
}

/// The same with what was read; adds to the report what does not fit together.
pub fn compile_records(
    records: Records,
    mut report: Report,
    before: Option<&Snapshot>,
) -> Result<Compiled, Error> {
    let tables = check::resolve(records, &mut report)?;
    finish(tables, report, before)
}

fn finish(tables: Tables, report: Report, before: Option<&Snapshot>) -> Result<Compiled, Error> {
    let unsound = |error: &dyn std::fmt::Display| Error::Unsound(error.to_string());
    let bytes = format::encode(&tables).map_err(|error| unsound(&error))?;
    let snapshot = format::publish(tables, &bytes, before).map_err(|error| unsound(&error))?;
    Ok(Compiled { snapshot, bytes, report })
}

/// Reads the four files. The protobuf is nine tenths of the work, so it has a thread of its own.
fn read(files: &MirrorManagerFiles, report: &mut Report) -> Result<Records, Error> {
    let mut tables_report = Report::default();
    let (cache, tables) = thread::scope(|scope| {
        let tables = thread::Builder::new()
            .name("tables".into())
            .spawn_scoped(scope, || read_tables(files, &mut tables_report))
            .map_err(|error| no_thread(&files.geoip, &error))?;
        let cache = read_cache(scope, &files.cache, report);
        let tables = tables.join().unwrap_or_else(|_| {
            Err(Error::Broken {
                path: files.geoip.clone(),
                reason: "made its reader panic; is it damaged?".into(),
            })
        });
        Ok::<_, Error>((cache, tables))
    })?;
    let cache = cache?;
    let (global_netblocks, continents, countries) = tables?;
    report.append(tables_report);
    Ok(Records {
        cache_name: file_name(&files.cache),
        cache,
        global_netblocks,
        continents,
        countries,
    })
}

fn read_cache<'scope>(
    scope: &'scope Scope<'scope, '_>,
    path: &Path,
    report: &mut Report,
) -> Result<mirrormanager::Records, Error> {
    let unread = |source| Error::Read { path: path.into(), source };
    let (file, _) = regular_file::open(path).map_err(unread)?;
    let input = ReadAhead::start(scope, file).map_err(|error| no_thread(path, &error))?;
    mirrormanager::parse(&file_name(path), input, report).map_err(|error| match error {
        // What the system could not read may be sound.
        BadFile::Wire { position, reason: BadWire::Io(error) } => {
            unread(ReadError::Read { offset: position, error })
        }
        error => broken(path, error),
    })
}

type ReadTables =
    (global_netblocks::Table, Vec<(Country, Continent)>, (String, country_database::Table));

fn read_tables(files: &MirrorManagerFiles, report: &mut Report) -> Result<ReadTables, Error> {
    let path = &files.global_netblocks;
    let netblocks = global_netblocks::parse(&file_name(path), &read_file(path, MAX_TABLE)?, report);
    if netblocks.is_empty() {
        return Err(broken(path, "holds no line PREFIX ASN"));
    }
    let path = &files.country_continent;
    let text =
        String::from_utf8(read_file(path, MAX_CONTINENTS)?).map_err(|error| broken(path, error))?;
    let continents = country_continent::parse(&file_name(path), &text, report);
    if continents.is_empty() {
        return Err(broken(path, "holds no line CODE,CONTINENT"));
    }
    let path = &files.geoip;
    let countries = country_database::parse(&file_name(path), &read_file(path, MAX_TABLE)?, report)
        .map_err(|error| broken(path, error))?;
    Ok((netblocks, continents, (file_name(path), countries)))
}

fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    regular_file::read(path, limit).map_err(|source| Error::Read { path: path.into(), source })
}

fn no_thread(path: &Path, error: &io::Error) -> Error {
    broken(path, format_args!("cannot be read: no thread can be started: {error}"))
}

fn broken(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Broken { path: path.into(), reason: report::one_line(&reason) }
}

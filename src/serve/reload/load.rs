//! The source of the data, and loading from it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use super::error::{Error, Reason};
use crate::build_snapshot::build;
use answer::Edition;
use catalog::Report;
use snapshot::{Snapshot, format, replace};
use sources::{Inputs, Revision};

/// The place that the data comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A compiled snapshot file.
    Snapshot(PathBuf),
    /// Files that are compiled in memory.
    Inputs(Inputs),
}

/// Data that may be published.
pub struct Loaded {
    /// The data.
    pub edition: Arc<Edition>,
    /// The length of the snapshot's file, or of the file that `compile` would write.
    pub bytes: u64,
    /// What was repaired or skipped on the way, a line each.
    pub warnings: Vec<String>,
    /// Faults that make some client fail, a line each.
    pub harmful: Vec<String>,
    /// Why these are not the newest data; `None` if they are.
    pub stand_in: Option<StandIn>,
}

impl Loaded {
    /// Returns all diagnostics, a line each; faults that make clients fail come first.
    pub fn diagnostics(&self) -> impl Iterator<Item = &String> {
        self.harmful.iter().chain(&self.warnings)
    }
}

/// The previous snapshot, served instead of the newest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StandIn {
    /// The file that is served.
    pub file: PathBuf,
    /// Why the newest cannot be served; names its file.
    pub reason: String,
}

impl fmt::Display for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; serving the snapshot before it, {}", self.reason, self.file.display())
    }
}

impl Source {
    /// Reads the data; blocks, for seconds with Fedora's data. Shares with `before` what is equal.
    pub fn load(&self, before: Option<&Snapshot>) -> Result<Loaded, Error> {
        let begun = self.revision();
        let loaded =
            catch_unwind(AssertUnwindSafe(|| self.read(before))).unwrap_or(Err(Reason::Panicked));
        // A snapshot file that was replaced during the read was still read from the old file; its
        // checksum proves that it is complete.
        let is_proven = matches!(self, Self::Snapshot(_)) && loaded.is_ok();
        // This comes before the reader's own error: a file that is cut in the middle of a copy fails to
        // decode, and the operator must learn the cause.
        if !is_proven && let Some(changed) = begun.find_changed(&self.revision()) {
            return Err(Reason::Changed(changed).into());
        }
        Ok(loaded?)
    }

    /// Reads the data for a process that has none yet. If a snapshot cannot be read, the previous one is
    /// used, if it was kept. A running process keeps its present data instead.
    pub fn load_first(&self) -> Result<Loaded, Error> {
        let newest = match self.load(None) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => error,
        };
        let Self::Snapshot(path) = self else { return Err(newest) };
        let previous = replace::previous_of(path);
        if !previous.exists() {
            return Err(newest);
        }
        match Self::Snapshot(previous.clone()).load(None) {
            Ok(loaded) => {
                let stand_in = Some(StandIn { file: previous, reason: newest.to_string() });
                Ok(Loaded { stand_in, ..loaded })
            }
            Err(previous) => Err(Reason::Both { newest, previous }.into()),
        }
    }

    /// Returns the revision of the data. Two equal revisions mean the same data.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Snapshot(path) => Revision::of_files([path.as_path()]),
            Self::Inputs(inputs) => inputs.revision(),
        }
    }

    fn read(&self, before: Option<&Snapshot>) -> Result<Loaded, Reason> {
        let (snapshot, bytes, report) = match self {
            Self::Snapshot(path) => {
                let (snapshot, bytes) = format::read_after(path, before)?;
                (snapshot, bytes, Report::default())
            }
            Self::Inputs(inputs) => {
                let compiled = build(inputs, before)?;
                (compiled.snapshot, compiled.bytes.len() as u64, compiled.report)
            }
        };
        Ok(Loaded {
            edition: Arc::new(Edition::new(snapshot)),
            bytes,
            warnings: report.harmless_lines(),
            harmful: report.harmful_lines(),
            stand_in: None,
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(path) => write!(f, "snapshot {}", path.display()),
            Self::Inputs(inputs) => inputs.fmt(f),
        }
    }
}

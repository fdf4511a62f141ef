//! Lists a directory of a mirror.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use checks::class::FailureClass;
use checks::listing::Entry;
use model::one_line::one_line;

use super::command::Options;
use super::end::{ListingEnd, Seen, end_of};
use super::lines::{Counts, LineLimits};
use super::run::{RunLimits, run};
use super::target::Target;
use super::version::Version;

/// How long rsync may take to tell its version.
const VERSION_TIME: Duration = Duration::from_secs(10);

/// An rsync that may be run.
#[derive(Clone, Debug)]
pub struct Rsync {
    options: Options,
    version: Version,
}

/// The reason why no rsync may be run.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The folder that it runs in is not there or not empty.
    #[error("{}: {problem}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It cannot be started.
    #[error("{}: {error}", .program.display())]
    Start {
        /// The first program of the command.
        program: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// It does not say which version it is.
    #[error("{} does not tell its version: {detail}", .rsync.display())]
    NoVersion {
        /// rsync.
        rsync: PathBuf,
        /// What it says instead.
        detail: String,
    },
    /// It has faults that a mirror could use.
    #[error("{} is of version {found}, and at least {lowest} is needed", .rsync.display())]
    TooOld {
        /// rsync.
        rsync: PathBuf,
        /// Its version.
        found: Version,
        /// The lowest one that may be run.
        lowest: Version,
    },
}

/// A listing that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// How it ended, and so what its entries are worth.
    pub end: ListingEnd,
    /// Entries that were passed on.
    pub entries: u64,
    /// Lines that are no entries.
    pub odd_lines: u64,
    /// Bytes of output.
    pub bytes: u64,
}

impl Rsync {
    /// Checks that rsync can be run with these options, by asking it for its version.
    pub async fn find(options: Options) -> Result<Self, Unusable> {
        check_folder(&options)?;
        Self::find_anywhere(options).await
    }

    /// Checks that rsync can be run, whatever is in the folder that it runs in: to say so, and not to list.
    pub async fn try_out(mut options: Options) -> Result<Version, Unusable> {
        options.folder = "/".into();
        Self::find_anywhere(options).await.map(|found| found.version)
    }

    async fn find_anywhere(options: Options) -> Result<Self, Unusable> {
        let limits = RunLimits {
            whole: VERSION_TIME,
            patience: options.limits.patience,
            output: LineLimits { bytes: 64 << 10, lines: 1_000, line: 1_000 },
        };
        let mut first = None;
        let mut on_line = |line: &[u8]| {
            first.get_or_insert_with(|| String::from_utf8_lossy(line).into_owned());
        };
        let run = run(options.version(), &limits, &mut on_line).await;
        let run =
            run.map_err(|error| Unusable::Start { program: options.prlimit.clone(), error })?;
        let first = first.unwrap_or_default();
        let rsync = options.rsync.clone();
        let Some(version) = Version::of_line(&first) else {
            let detail = one_line(&[&*first, &*run.messages].concat().trim());
            return Err(Unusable::NoVersion { rsync, detail });
        };
        if version < options.lowest_version {
            let lowest = options.lowest_version;
            return Err(Unusable::TooOld { rsync, found: version, lowest });
        }
        Ok(Self { options, version })
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The same, with another limit for all of a listing.
    pub fn within(mut self, whole: Duration) -> Self {
        self.options.limits.whole = whole;
        self
    }

    /// What all of a listing may take.
    pub fn whole(&self) -> Duration {
        self.options.limits.whole
    }

    /// The command for a shell that lists the same.
    pub fn command_line(&self, target: &Target) -> String {
        self.options.command_line(target)
    }

    /// Lists a directory with all that is below it, and passes each entry on as it comes. If the future is
    /// dropped, rsync is killed.
    pub async fn list(
        &self,
        target: &Target,
        on_entry: &mut (dyn FnMut(&Entry<'_>) + Send),
    ) -> Listing {
        let limits = self.options.limits;
        let run_limits = RunLimits {
            whole: limits.whole,
            patience: limits.patience,
            output: LineLimits { bytes: limits.bytes, lines: limits.lines, line: limits.line },
        };
        let mut seen = Seen::default();
        let mut on_line = |line: &[u8]| match Entry::parse(line) {
            Some(entry) => {
                seen.entries += 1;
                on_entry(&entry);
            }
            None if line.is_empty() => {}
            None => seen.odd_lines += 1,
        };
        let run = run(self.options.list(target), &run_limits, &mut on_line).await;
        let (end, Counts { bytes, long_lines, .. }) = match &run {
            Ok(run) => (end_of(run, seen, limits.odd_lines), run.counts),
            Err(error) => {
                let detail = format!("{}: {error}", self.options.prlimit.display());
                (ListingEnd::failed(FailureClass::OwnNetwork, detail), Counts::default())
            }
        };
        Listing { end, entries: seen.entries, odd_lines: seen.odd_lines + long_lines, bytes }
    }
}

/// rsync runs where there is nothing to read and nothing to replace.
fn check_folder(options: &Options) -> Result<(), Unusable> {
    let folder = &options.folder;
    let error = |problem: String| Unusable::Folder { folder: folder.clone(), problem };
    let mut entries = std::fs::read_dir(folder).map_err(|problem| error(problem.to_string()))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(error("is not empty, and rsync is to run in a folder that is".to_owned())),
    }
}

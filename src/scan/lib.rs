//! Finds out what the primary tree holds, and makes an index of it.
//!
//! [`scan_tree`] walks a local tree: every directory, the checksums of every `repomd.xml` and of checksum
//! files of images, and links between directories. [`scan_listing`] reads what rsync lists of a tree on
//! another host, which has no checksums.
//!
//! A scan builds on the index of the scan before: files that are as they were are not read again, and what
//! has been replaced stays known as an earlier version for some days, because mirrors need some time to
//! follow.
//!
//! # What it is careful about
//!
//! - The tree changes while it is scanned. A repository whose `repomd.xml` names files that are missing is
//!   being written: the version before stays. A file that changes while it is read is read again. A directory
//!   that is gone, although its parent is not, is looked for once more a moment later, because tools that
//!   replace it by renaming leave a gap. Where `repomd.xml` is gone and its directory is not, it stays
//!   known for as long as earlier versions do.
//! - What others may not read is not released, and not listed. The versions of such a file stay known for as
//!   long as earlier versions do, for when they may read it again.
//! - Links are not followed while walking. Those to directories of the tree become aliases.
//! - A tree that has lost more than a fifth of its directories or files is not accepted
//!   ([`ScanError::Shrunk`]).
//! - A directory that cannot be read, for another reason than its mode, ends the scan: an index without it
//!   would make mirrors vanish from its lists.
//!
//! # What it does not notice
//!
//! The files that a `repomd.xml` names are looked at when it has changed, or when there are more or fewer
//! files in its directory. A scan after which one of them is cut off or replaced takes the repository for
//! complete, until its `repomd.xml` changes.

pub mod digest;
pub mod repomd;
mod names;
mod progress;
mod findings;
mod tree;
mod history;
mod links;
mod read_file;
mod walk;
mod rsync_listing;
mod shrink;
mod former;
mod known;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use index::{Directory, Fault, Index};

use history::Memory;
use links::Links;
use names::REPOMD;
use tree::Tree;
use walk::{Counts, Walk, WalkError, Walked};

pub use findings::{Findings, Found, Problem};
pub use former::{FormerError, read_former};
pub use known::KnownTree;
pub use progress::Progress;
pub use rsync_listing::ListingError;
pub use shrink::{Loss, Lost};

/// Where the primary tree is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TreeSource {
    /// On this host: its top.
    Tree(PathBuf),
    /// On another host: the file with what `rsync -rl --list-only` has printed.
    RsyncListing(PathBuf),
}

impl TreeSource {
    /// The tree or the listing.
    pub fn path(&self) -> &Path {
        match self {
            Self::Tree(path) | Self::RsyncListing(path) => path,
        }
    }
}

/// How to scan.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time, since 1970.
    pub now: Duration,
    /// How long an earlier version stays known after it was replaced.
    pub keep_versions: Duration,
    /// Whether a tree that has lost more than a fifth is accepted.
    pub allow_shrink: bool,
    /// How many threads walk a tree; at least one.
    pub n_threads: usize,
    /// How long to wait before looking again for a directory that is gone.
    pub second_look: Duration,
}

/// The result of a scan.
#[derive(Debug)]
pub struct Scan {
    /// What there is.
    pub index: Index,
    /// What was counted.
    pub summary: Summary,
    /// What is not as it should be.
    pub findings: Findings,
}

/// What a scan has counted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Directories.
    pub directories: u64,
    /// Regular files.
    pub files: u64,
    /// Files with checksums.
    pub listed: u64,
    /// Files that were read for their checksums.
    pub read: u64,
    /// Files with checksums that are as they were.
    pub unchanged: u64,
    /// Earlier versions of files.
    pub earlier_versions: u64,
    /// Links to directories.
    pub aliases: u64,
    /// Directories that others may not read; those below are not counted.
    pub unreleased_directories: u64,
    /// Files that would have checksums, but others may not read them.
    pub unreleased_files: u64,
    /// What is gone since the last scan; `None` without one.
    pub loss: Option<Loss>,
}

/// The reason why a scan gives no index.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The tree cannot be opened.
    #[error("{}: {error}", path.display())]
    Top {
        /// The tree.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// A directory of the tree cannot be read.
    #[error("{}: {error}; without this directory, the index would not be complete", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// There are too many directories.
    #[error("{}: holds more than {max} directories", path.display(), max = index::MAX_DIRECTORIES)]
    TooMany {
        /// The tree.
        path: PathBuf,
    },
    /// The system has no threads.
    #[error("cannot start a thread: {0}")]
    Threads(std::io::Error),
    /// Somebody has stopped it.
    #[error("{}: the scan was stopped", path.display())]
    Stopped {
        /// The tree.
        path: PathBuf,
    },
    /// The listing cannot be used.
    #[error("{}: {reason}", path.display())]
    Listing {
        /// The listing.
        path: PathBuf,
        /// The reason.
        reason: ListingError,
    },
    /// Too much is gone.
    #[error(
        "{}: {} of {} {kind} are gone since the last scan{}; if that is right, --allow-shrink accepts it",
        path.display(), lost.n, lost.of,
        lost.example.as_ref().map(|name| format!(", such as {name:?}")).unwrap_or_default()
    )]
    Shrunk {
        /// The tree or the listing.
        path: PathBuf,
        /// What is gone.
        kind: &'static str,
        /// How many.
        lost: Lost,
    },
    /// The records make no index, which is a fault of this program.
    #[error("what was found makes no index: it {0}")]
    Fault(#[from] Fault),
}

/// Scans, wherever the tree is. `former` is the index of the last scan.
pub fn scan(
    source: &TreeSource,
    former: Option<&Index>,
    options: &Options,
    progress: &Progress,
) -> Result<Scan, ScanError> {
    match source {
        TreeSource::Tree(path) => scan_tree(path, former, options, progress),
        TreeSource::RsyncListing(path) => scan_listing(path, former, options, progress),
    }
}

/// Walks a local tree. `former` is the index of the last scan.
pub fn scan_tree(
    path: &Path,
    former: Option<&Index>,
    options: &Options,
    progress: &Progress,
) -> Result<Scan, ScanError> {
    let system = |error: rustix::io::Errno| std::io::Error::from(error);
    let top = |error| ScanError::Top { path: path.to_owned(), error: system(error) };
    let failed = |error| match error {
        WalkError::Directory(name, error) if name.is_empty() => top(error),
        WalkError::Directory(name, error) => {
            ScanError::Directory { path: path.join(name), error: system(error) }
        }
        WalkError::TooMany => ScanError::TooMany { path: path.to_owned() },
        WalkError::Threads(error) => ScanError::Threads(error),
        WalkError::Stopped => ScanError::Stopped { path: path.to_owned() },
    };
    let tree = Tree::open(path).map_err(top)?;
    let walk = Walk {
        tree: &tree,
        former,
        memory: options.memory(),
        now: i128::try_from(options.now.as_nanos()).unwrap_or(i128::MAX),
        n_threads: options.n_threads,
        progress,
        max_directories: index::MAX_DIRECTORIES,
        // The top.
        n_found: AtomicUsize::new(1),
    };
    let mut walked = walk.run(vec![String::new()], &[]).map_err(failed)?;
    walked.directories.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    if let Some(former) = former {
        walked.unreleased.sort_unstable();
        let missing = missing(former, &walked);
        if !missing.is_empty() {
            std::thread::sleep(options.second_look);
            let again = walk.run(missing, &walked.directories).map_err(failed)?;
            walked.renew(again);
        }
        keep_repomd(former, walk.memory, &mut walked);
    }
    finish(path, former, options, walked)
}

/// Reads a listing of rsync. `former` is the index of the last scan.
pub fn scan_listing(
    path: &Path,
    former: Option<&Index>,
    options: &Options,
    progress: &Progress,
) -> Result<Scan, ScanError> {
    let listed = rsync_listing::read(path, progress);
    let listed = listed.map_err(|reason| ScanError::Listing { path: path.to_owned(), reason })?;
    let walked = Walked {
        directories: listed.directories.into_values().collect(),
        links: listed.links,
        findings: listed.findings,
        counts: Counts { n_unreleased_directories: listed.n_unreleased, ..Counts::default() },
        ..Walked::default()
    };
    finish(path, former, options, walked)
}

/// More threads than this hardly help with one disk.
const MAX_DEFAULT_THREADS: usize = 4;
/// How long a gap may be in which a tool replaces a directory by renaming.
const SECOND_LOOK: Duration = Duration::from_millis(300);

impl Options {
    /// The usual way to scan now: with a thread for each processor, at most four.
    pub fn usual(keep_versions: Duration, allow_shrink: bool) -> Self {
        let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            keep_versions,
            allow_shrink,
            n_threads: n_processors.min(MAX_DEFAULT_THREADS),
            second_look: SECOND_LOOK,
        }
    }

    fn memory(&self) -> Memory {
        Memory { now: self.now.as_secs(), keep: self.keep_versions.as_secs() }
    }
}

/// Directories that are gone, or have lost files with checksums, although the directory above is still
/// there.
fn missing(former: &Index, walked: &Walked) -> Vec<String> {
    let find = |name: &str| names::find(&walked.directories, name);
    let is_missing = |before: &&Directory| match find(&before.name) {
        Some(after) => {
            before.files.iter().any(|file| names::find_file(after, &file.name).is_none())
        }
        // What lies in a directory that is gone is found with it.
        None => {
            let is_unreleased =
                walked.unreleased.binary_search_by(|name| (**name).cmp(&*before.name)).is_ok();
            find(names::parent(&before.name)).is_some() && !is_unreleased
        }
    };
    former.directories().iter().filter(is_missing).map(|gone| gone.name.to_string()).collect()
}

/// Keeps what was known of a `repomd.xml` where none is now, although its directory is there: tools that
/// remove it before they write the next one leave a gap, and its earlier versions would be lost.
fn keep_repomd(former: &Index, memory: Memory, walked: &mut Walked) {
    for name in &walked.without_repomd {
        let kept = former.find(name).and_then(|before| names::find_file(before, REPOMD));
        let found = walked.directories.binary_search_by(|directory| (*directory.name).cmp(&**name));
        let directory = found.ok().and_then(|found| walked.directories.get_mut(found));
        let (Some(file), Some(directory)) = (kept, directory) else { continue };
        let at = directory.files.binary_search_by(|other| other.name.cmp(&file.name));
        let Err(at) = at else { continue };
        if file.is_withdrawn() {
            directory.files.splice(at..at, memory.withdraw(file));
        } else {
            let path = names::join(name, REPOMD);
            walked.findings.add(Problem::HeldBack, format_args!("{path} is missing"));
            directory.files.insert(at, memory.hold(file));
        }
    }
}

/// Makes an index of directories that are in order.
fn finish(
    path: &Path,
    former: Option<&Index>,
    options: &Options,
    walked: Walked,
) -> Result<Scan, ScanError> {
    let Walked { directories, links, mut findings, counts, .. } = walked;
    let aliases = links_between(&directories, &links, &mut findings);
    let index = Index::new(options.now.as_secs(), directories, aliases)?;
    let loss = former.map(|former| Loss::between(former, &index));
    if !options.allow_shrink
        && let Some((kind, lost)) = loss.as_ref().and_then(Loss::find_excessive)
    {
        return Err(ScanError::Shrunk { path: path.to_owned(), kind, lost: lost.clone() });
    }
    let summary = summary(&index, counts, loss);
    Ok(Scan { index, summary, findings })
}

fn links_between(
    directories: &[Directory],
    links: &Links,
    findings: &mut Findings,
) -> Vec<index::Alias> {
    links::aliases(links, |name| names::find(directories, name).is_some(), findings)
}

fn summary(index: &Index, counts: Counts, loss: Option<Loss>) -> Summary {
    let mut summary = Summary {
        directories: index.directories().len() as u64,
        aliases: index.aliases().len() as u64,
        read: counts.n_read,
        unchanged: counts.n_same,
        unreleased_directories: counts.n_unreleased_directories,
        unreleased_files: counts.n_unreleased_files,
        loss,
        ..Summary::default()
    };
    for directory in index.directories() {
        summary.files = summary.files.saturating_add(directory.n_files);
        for file in directory.listed() {
            summary.listed += 1;
            summary.earlier_versions += file.versions.len().saturating_sub(1) as u64;
        }
    }
    summary
}

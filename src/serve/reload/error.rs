//! The reasons for refusing data.

use std::io;
use std::time::Duration;

use rustix::io::Errno;

use crate::build_snapshot;
use snapshot::format;

/// The reason why data may not be published: a line that names the file or the figure; several lines for a
/// catalog with several faults.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Reason>);

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self(Box::new(reason))
    }
}

/// The variants behind `Error`, with their data.
#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error("{0}: changed while it was read; still being written?")]
    Changed(String),
    #[error("{0}")]
    Snapshot(#[from] format::Error),
    #[error("{0}")]
    Build(#[from] build_snapshot::Error),
    #[error("{newest}; nor can the snapshot before it be served: {previous}")]
    Both { newest: Error, previous: Error },
    #[error("implausible shrink: {what} fell from {old} to {new} (--allow-shrink accepts it)")]
    Shrunk { what: &'static str, old: usize, new: usize },
    #[error("loading panicked; this is a bug in mirrorlistd")]
    Panicked,
    #[error("loading takes longer than {0:?} and is given up; does the file system hang?")]
    Hangs(Duration),
    #[error("{0} loads that were given up still hang; no other is started before one ends")]
    AllHang(usize),
    #[error("no thread can be started to load: {0}")]
    NoThread(io::Error),
}

impl Error {
    /// The reason in one line: of several, the first one and their number.
    pub fn summary(&self) -> String {
        let text = self.to_string();
        match text.split_once('\n') {
            None => text,
            Some((first, others)) => {
                format!("{first} (and {} more)", others.lines().count())
            }
        }
    }

    /// Returns whether a later load of unchanged files may succeed: the system could not read them, for
    /// a reason that does not lie in the files.
    pub(super) fn may_pass(&self) -> bool {
        let cause = match &*self.0 {
            Reason::Hangs(_) | Reason::AllHang(_) | Reason::NoThread(_) => return true,
            Reason::Snapshot(error) => error.io_error(),
            Reason::Build(error) => error.io_error(),
            _ => return false,
        };
        let errno = cause.and_then(Errno::from_io_error);
        // Which errors are temporary depends on the file system and the network behind it. The errors
        // listed here describe the file itself, and a different file has a different revision.
        errno.is_some_and(|errno| {
            ![
                Errno::NOENT,
                Errno::ACCESS,
                Errno::PERM,
                Errno::ISDIR,
                Errno::NOTDIR,
                Errno::LOOP,
                Errno::NAMETOOLONG,
            ]
            .contains(&errno)
        })
    }
}

//! The reasons why the store could not do something.

use std::path::PathBuf;

/// The reason why an operation was not done. The message is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The store cannot be reached, or is busy; trying again later may help. Whether the operation was
    /// done is unknown.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// Two operations got in each other's way and this one was taken back; again at once may help.
    #[error("the store is busy: {0}")]
    Collided(String),
    /// The disk is full, or a file cannot be written; nothing was changed.
    #[error("the store cannot be written: {0}")]
    NotWritable(String),
    /// The store was made by a newer version of this program.
    #[error(
        "{place}: the store has schema {found}, and this version knows {known}: it was used by a newer \
         mirrorlistd; start that one, or name another store"
    )]
    NewerSchema {
        /// The store.
        place: String,
        /// Its schema.
        found: i64,
        /// The newest schema that is known here.
        known: i64,
    },
    /// The store lies on a file system that SQLite cannot be used on.
    #[error(
        "{}: lies on {file_system}, where SQLite loses data: name a folder on a local disk, or use \
         PostgreSQL", path.display()
    )]
    NetworkFileSystem {
        /// The folder.
        path: PathBuf,
        /// The kind of the file system.
        file_system: &'static str,
    },
    /// Another process uses the store.
    #[error("{}: is used by another process; of one store, one mirrorlistd is in charge", .0.display())]
    InUse(PathBuf),
    /// The store cannot be opened.
    #[error("{place}: {reason}")]
    Open {
        /// The store.
        place: String,
        /// The reason.
        reason: String,
    },
    /// What was to be replaced has been replaced by somebody else; nothing was written. Reading it again and
    /// deciding anew helps.
    #[error("{0}: has been changed by somebody else meanwhile")]
    Overtaken(String),
    /// What was asked for makes no sense; asking again does not help.
    #[error("{0}")]
    Refused(String),
    /// A statement failed as none should: a fault of this program, or a damaged store.
    #[error("the store failed: {0}")]
    Broken(String),
}

impl Error {
    /// Whether the same operation may succeed later. It may have been done already.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Collided(_))
    }
}

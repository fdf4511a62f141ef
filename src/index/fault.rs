//! Reasons why records make no index.

/// The reason why records make no index.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// More directories than [`crate::MAX_DIRECTORIES`].
    #[error("holds {0} directories, more than the {max} that are accepted", max = crate::MAX_DIRECTORIES)]
    TooMany(usize),
    /// There is no directory with an empty name.
    #[error("does not hold the directory of the tree itself")]
    NoTop,
    /// A name is not as it must be.
    #[error("holds {} {kind} whose name {problem}: {name:?}", kind.article())]
    Name {
        /// What has the name.
        kind: Kind,
        /// What is wrong.
        problem: &'static str,
        /// The name.
        name: String,
    },
    /// A name does not come after the one before.
    #[error("holds the {kind} {name:?} out of order")]
    Order {
        /// What has the name.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// A directory or alias lies in a directory that the index does not hold.
    #[error("holds the {kind} {name:?}, but not the directory that it is in")]
    Parent {
        /// What has the name.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// A file has no version, too many, or one that is current behind another.
    #[error("holds the file {name:?} in {n} versions, or with several that are current")]
    Versions {
        /// The file's name.
        name: String,
        /// Its number of versions.
        n: usize,
    },
    /// The target of an alias is no directory of the index.
    #[error("holds the alias {name:?} of {target:?}, which is no directory")]
    Target {
        /// The alias.
        name: String,
        /// What it leads to.
        target: String,
    },
    /// An alias has the name of a directory, which it would hide.
    #[error("holds the alias {name:?}, which is the name of a directory")]
    Hidden {
        /// The alias.
        name: String,
    },
}

/// What has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// An alias.
    Alias,
}

impl Kind {
    fn article(self) -> &'static str {
        match self {
            Self::Directory | Self::File => "a",
            Self::Alias => "an",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Alias => "alias",
        })
    }
}

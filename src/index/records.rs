//! The records of an index.

use model::checksum::Checksums;

/// The most directories of an index. Fedora's tree has about 100,000.
pub const MAX_DIRECTORIES: usize = 4_000_000;
/// The most versions of a file: no more are listed in a metalink.
pub const MAX_VERSIONS: usize = 32;

/// A directory of the tree that everybody may read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Directory {
    /// Its full name below the tree; empty for the tree itself.
    pub name: Box<str>,
    /// How many regular files are in it.
    pub n_files: u64,
    /// The files whose checksums are known, also withdrawn ones, in ascending order of names.
    pub files: Vec<File>,
}

/// A file whose checksums are known: a `repomd.xml`, or checksums of images.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Its name within the directory.
    pub name: Box<str>,
    /// Its versions: the current one, then earlier ones, the last replaced first. There is at least one. If
    /// the first one is replaced as well, the file is withdrawn: it is there, but others may not read it.
    pub versions: Vec<Version>,
    /// What the file system said of the current version; `None` if the next scan has to read the file
    /// again whatever it says then.
    pub stamp: Option<Stamp>,
}

/// One version of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// Its time in seconds since 1970: the largest `<timestamp>` in a `repomd.xml`; the time of
    /// modification of other files, and of a `repomd.xml` without one or with one after the year 9999.
    pub timestamp: u64,
    /// Bytes.
    pub size: u64,
    /// Its checksums; a scan computes all of them.
    pub checksums: Checksums,
    /// When a scan found another version in its place, or the file withdrawn, in seconds since 1970; `None`
    /// for the current version.
    pub replaced: Option<u64>,
}

impl Directory {
    /// The files that are not withdrawn.
    pub fn listed(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| !file.is_withdrawn())
    }
}

impl File {
    /// Whether others may not read it any more. Its versions count if they may do so again.
    pub fn is_withdrawn(&self) -> bool {
        self.versions.first().is_none_or(|version| version.replaced.is_some())
    }
}

/// What the file system says of a file. As long as it says the same, the content is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Time of the last modification: seconds since 1970, nanoseconds.
    pub modified: (i64, u32),
    /// Time of the last change of content, owner, mode or name: seconds since 1970, nanoseconds.
    pub changed: (i64, u32),
    /// Number of the inode.
    pub inode: u64,
}

/// A symbolic link to a directory within the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alias {
    /// The full name of the link below the tree, without links in it.
    pub name: Box<str>,
    /// The name of a directory of the index.
    pub target: Box<str>,
}

//! The index of a primary tree: its directories, the files whose checksums are known, with earlier
//! versions, and its links.
//!
//! A scan of the tree makes an [`Index`] and writes it to a file ([`mod@format`]). The compiler reads the
//! file, together with a catalog: so it knows every directory that mirrors can carry, and what
//! `repomd.xml` must be. The next scan reads the file as well: files that are as they were are not read
//! again ([`Stamp`]), and what they were before becomes an earlier version.
//!
//! # What it does not hold
//!
//! The names and sizes of other files. A tree has millions of them; they are counted.

pub mod fault;
mod records;
mod checks;
pub mod format;

pub use fault::Fault;
pub use records::{Alias, Directory, File, MAX_DIRECTORIES, MAX_VERSIONS, Stamp, Version};

/// What a scan has found in the primary tree. Names are canonical ([`model::path`]) and in order, and
/// every reference is valid.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Index {
    scanned: u64,
    directories: Vec<Directory>,
    aliases: Vec<Alias>,
}

impl Index {
    /// Takes directories and aliases, each in ascending order of names. `scanned` is the time of the
    /// scan in seconds since 1970.
    pub fn new(
        scanned: u64,
        directories: Vec<Directory>,
        aliases: Vec<Alias>,
    ) -> Result<Self, Fault> {
        checks::check(&directories, &aliases)?;
        Ok(Self { scanned, directories, aliases })
    }

    /// When the tree was scanned, in seconds since 1970.
    pub fn scanned(&self) -> u64 {
        self.scanned
    }

    /// The directories in ascending order of names; the first one is the tree itself, whose name is
    /// empty.
    pub fn directories(&self) -> &[Directory] {
        &self.directories
    }

    /// The links to directories in ascending order of names.
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }

    /// The directory of that name.
    pub fn find(&self, name: &str) -> Option<&Directory> {
        checks::find(&self.directories, name)
    }

    /// The directories strictly below the one of that name, in order.
    pub fn below(&self, name: &str) -> &[Directory] {
        let prefix = match name {
            "" => String::new(),
            name => [name, "/"].concat(),
        };
        let start = self.directories.partition_point(|directory| *directory.name <= *prefix);
        let below = self.directories.get(start..).unwrap_or(&[]);
        let n = below.partition_point(|directory| directory.name.starts_with(&prefix));
        below.get(..n).unwrap_or(&[])
    }

    /// The name of a directory without aliases in it. A name that no alias stands for stays as it is.
    pub fn resolve(&self, name: &str) -> String {
        // Has no alias in it, as targets have none.
        let mut resolved = String::new();
        for segment in name.split('/').filter(|segment| !segment.is_empty()) {
            if !resolved.is_empty() {
                resolved.push('/');
            }
            resolved.push_str(segment);
            let found = self.aliases.binary_search_by(|alias| (*alias.name).cmp(&resolved));
            if let Some(alias) = found.ok().and_then(|found| self.aliases.get(found)) {
                resolved = alias.target.to_string();
            }
        }
        resolved
    }
}

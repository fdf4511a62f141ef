//! What of the primary's files a listing has shown.

use super::bits::Bits;
use super::entry::{self, Entry, Kind};
use super::manifest::Manifest;
use crate::observation::DirectorySeen;
use model::path::is_within;

/// A comparison under way: takes the entries of a listing.
pub struct Comparison<'m> {
    manifest: &'m Manifest,
    /// What the listing is of: a directory of the manifest.
    top: Box<str>,
    /// Files that are there with the right size.
    present: Bits,
    /// Files that are there with another size.
    other_size: Bits,
    /// Directories that are there.
    listed: Bits,
    /// Directories that could be read: something in them was listed.
    opened: Bits,
    /// Directories in place of which the mirror has a link: nothing is known of them and of what is below.
    linked: Bits,
    /// The directory of the last entry, as listings keep those of a directory together.
    last: Option<Last>,
    n_extra: u64,
}

struct Last {
    /// As it is written in the listing.
    path: Vec<u8>,
    /// Its number; `None` if the primary does not have it.
    number: Option<usize>,
}

/// How much of a tree a listing covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All of it: what was not listed is not there.
    Whole,
    /// All but some directories that the mirror could not read itself. A directory that is there and seems
    /// empty may be one of them.
    Gaps,
    /// The listing was ended before its time: of what was not listed nothing is known.
    Cut,
}

impl<'m> Comparison<'m> {
    /// Compares a listing of `top`, a directory of the tree (empty for the whole of it), with nothing listed
    /// yet.
    pub fn new(manifest: &'m Manifest, top: &str) -> Self {
        let (n_files, n_directories) = (manifest.n_files(), manifest.n_directories());
        Self {
            manifest,
            top: top.into(),
            present: Bits::new(n_files),
            other_size: Bits::new(n_files),
            listed: Bits::new(n_directories),
            opened: Bits::new(n_directories),
            linked: Bits::new(n_directories),
            last: None,
            n_extra: 0,
        }
    }

    /// Takes an entry of the listing.
    pub fn add(&mut self, entry: &Entry<'_>) {
        let Some((parent, name)) = entry.split() else {
            if let (Kind::Directory, Some(top)) = (entry.kind, self.find(b"")) {
                self.listed.insert(top);
            }
            return;
        };
        let parent = self.enter(parent);
        let find_file = || parent.and_then(|parent| self.manifest.find_file(parent, name));
        match entry.kind {
            Kind::Directory => match self.find(&entry.path) {
                Some(number) => self.listed.insert(number),
                None => self.n_extra += 1,
            },
            Kind::File => {
                let file = find_file();
                match file.and_then(|number| Some((number, self.manifest.file(number)?))) {
                    Some((number, (size, _))) if size == entry.size => self.present.insert(number),
                    Some((number, _)) => self.other_size.insert(number),
                    None => self.n_extra += 1,
                }
            }
            // Clients get what a link leads to, of which a listing tells nothing.
            Kind::Other => {
                if let Some(file) = find_file() {
                    self.present.insert(file);
                }
                if let Some(directory) = self.find(&entry.path) {
                    self.linked.insert(directory);
                }
            }
        }
    }

    /// How many files and directories are not on the primary, such as what it has removed.
    pub fn n_extra(&self) -> u64 {
        self.n_extra
    }

    /// What is known of each directory, in order. Of the primary's files those count that it has had as they
    /// are since `settled` or longer, in seconds since 1970. A directory of which nothing is known, or that is
    /// newer and not there, is left out.
    ///
    /// A directory that has no files to look for and is not there counts as one missing file.
    pub fn report(&self, extent: Extent, settled: u64) -> impl Iterator<Item = DirectorySeen> {
        let directories = 0..self.manifest.n_directories();
        directories.filter_map(move |directory| self.judge(directory, extent, settled))
    }

    /// Whether a directory is there.
    pub fn is_there(&self, directory: &str) -> bool {
        let number = self.manifest.find_directory(directory.as_bytes());
        number.is_some_and(|number| self.listed.contains(number))
    }

    /// Whether the primary has directories below one.
    pub fn has_below(&self, directory: &str) -> bool {
        self.manifest.below(directory).next().is_some()
    }

    /// A file of a directory and one of each below it that was looked for and is not there with the right size: the
    /// name of its directory, its own, and its size.
    pub fn lacking_within<'a>(
        &'a self,
        directory: &'a str,
        settled: u64,
    ) -> impl Iterator<Item = (&'a str, &'a [u8], u64)> {
        let all = std::iter::once(directory).chain(self.manifest.below(directory));
        all.filter_map(move |name| {
            let (file, size) = self.lacking(name, settled).next()?;
            Some((name, file, size))
        })
    }

    /// The names and sizes of the files of a directory that were looked for, and are not there with the right size.
    pub fn lacking(&self, directory: &str, settled: u64) -> impl Iterator<Item = (&[u8], u64)> {
        let number = self.manifest.find_directory(directory.as_bytes());
        let files = number.map(|number| self.manifest.files_of(number)).unwrap_or_default();
        files.filter(|file| !self.present.contains(*file)).filter_map(move |file| {
            let (size, since) = self.manifest.file(file)?;
            (since <= settled).then_some((self.manifest.name(file), size))
        })
    }

    fn judge(&self, directory: usize, extent: Extent, settled: u64) -> Option<DirectorySeen> {
        let (name, since) = self.manifest.directory(directory)?;
        if !is_within(name, &self.top) || self.is_linked(directory, name) {
            return None;
        }
        let (mut present, mut other_size, mut missing) = (0, 0, 0);
        for file in self.manifest.files_of(directory) {
            if self.manifest.file(file).is_none_or(|(_, since)| since > settled) {
            } else if self.present.contains(file) {
                present += 1;
            } else if self.other_size.contains(file) {
                other_size += 1;
            } else {
                missing += 1;
            }
        }
        let is_there = self.listed.contains(directory);
        if missing == 0 && present == 0 && other_size == 0 && !is_there {
            if since > settled {
                return None;
            }
            missing = 1;
        }
        let is_whole = missing == 0
            || match extent {
                Extent::Whole => true,
                Extent::Gaps => self.was_read(directory, name),
                Extent::Cut => false,
            };
        if !is_whole {
            missing = 0;
        }
        // That some of its files are there says nothing of the others.
        let is_known = is_whole || other_size > 0;
        let directory = name.to_owned();
        is_known.then_some(DirectorySeen { directory, present, missing, other_size, is_whole })
    }

    /// Whether a directory or one above it is a link there.
    fn is_linked(&self, directory: usize, name: &str) -> bool {
        if self.linked.is_empty() {
            return false;
        }
        let above = |name: &[u8]| Some(entry::split(name)?.0.len());
        let ends = std::iter::successors(above(name.as_bytes()), |end| {
            above(name.as_bytes().get(..*end)?)
        });
        let above =
            ends.filter_map(|end| self.manifest.find_directory(name.as_bytes().get(..end)?));
        std::iter::once(directory).chain(above).any(|number| self.linked.contains(number))
    }

    /// Whether the mirror could read a directory, or the one in which it would lie: the lowest one above it
    /// that is there.
    fn was_read(&self, directory: usize, name: &str) -> bool {
        let mut found = Some(directory);
        let mut name = name.as_bytes();
        loop {
            if let Some(number) = found.filter(|&number| self.listed.contains(number)) {
                return self.opened.contains(number);
            }
            if name.len() <= self.top.len() {
                return false;
            }
            let Some((parent, _)) = entry::split(name) else { return false };
            name = parent;
            found = self.manifest.find_directory(name);
        }
    }

    /// The number of the directory that an entry is in. What is above an entry is there and could be read.
    fn enter(&mut self, path: &[u8]) -> Option<usize> {
        if let Some(last) = self.last.as_ref().filter(|last| last.path == path) {
            return last.number;
        }
        let number = self.find(path);
        let mut above = Some(path);
        while let Some(path) = above {
            if let Some(number) = self.find(path) {
                self.listed.insert(number);
                self.opened.insert(number);
            }
            above = entry::split(path).map(|(parent, _)| parent);
        }
        let last = self.last.get_or_insert(Last { path: Vec::new(), number: None });
        last.path.clear();
        last.path.extend_from_slice(path);
        last.number = number;
        number
    }

    /// The number of a directory, by its path in the listing.
    fn find(&self, path: &[u8]) -> Option<usize> {
        match (&*self.top, path) {
            ("", path) => self.manifest.find_directory(path),
            (top, b"") => self.manifest.find_directory(top.as_bytes()),
            (top, path) => self.manifest.find_directory(&[top.as_bytes(), b"/", path].concat()),
        }
    }
}

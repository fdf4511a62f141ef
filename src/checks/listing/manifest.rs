//! Which files the primary has, and since when.

use std::ops::Range;

use rustc_hash::FxHashMap;

use model::{MAX_NAME, path};

use super::entry::{self, Entry, Kind};

/// The most files of a manifest. Fedora's tree has about two million.
pub const MAX_FILES: usize = 10_000_000;
/// The most bytes of all names of files together.
pub(super) const MAX_NAMES: usize = 1 << 30;
/// The most directories, as in an index.
pub(super) const MAX_DIRECTORIES: usize = index::MAX_DIRECTORIES;

/// Which files the primary has: directories in order, and the files of each of them in order.
///
/// Files are numbered through, so that those of a directory are a range.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    pub(super) directories: Vec<Directory>,
    pub(super) files: Vec<File>,
    /// The names of all files, one after the other.
    pub(super) names: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Directory {
    /// Its name below the top; empty for the top itself.
    pub(super) name: Box<str>,
    /// Since when the primary has it.
    pub(super) since: u64,
    /// The number behind that of its last file.
    pub(super) end: u32,
}

/// 24 bytes and the name: times are bounded by 2106, so that they take half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct File {
    pub(super) size: u64,
    pub(super) modified: u32,
    pub(super) since: u32,
    /// Where its name ends in [`Manifest::names`].
    pub(super) name_end: u32,
}

/// The reason why entries make no manifest.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// More files than [`MAX_FILES`], or names that are too long in all.
    #[error("lists more than {MAX_FILES} files, or more than 1 GiB of names")]
    TooManyFiles,
    /// More directories than an index may have.
    #[error("lists more than {MAX_DIRECTORIES} directories")]
    TooManyDirectories,
}

impl Manifest {
    /// The number of directories.
    pub fn n_directories(&self) -> usize {
        self.directories.len()
    }

    /// The number of files.
    pub fn n_files(&self) -> usize {
        self.files.len()
    }

    /// The names of the directories in ascending order; the top is empty.
    pub fn directories(&self) -> impl Iterator<Item = &str> {
        self.directories.iter().map(|directory| &*directory.name)
    }

    /// The names of the directories below one.
    pub(super) fn below(&self, name: &str) -> impl Iterator<Item = &str> {
        let begin = if name.is_empty() { String::new() } else { format!("{name}/") };
        let from = self.directories.partition_point(|known| *known.name < *begin);
        let rest =
            self.directories.get(from..).unwrap_or_default().iter().map(|known| &*known.name);
        rest.take_while(move |known| known.starts_with(&begin)).filter(|known| !known.is_empty())
    }

    /// The number of a directory.
    pub(super) fn find_directory(&self, name: &[u8]) -> Option<usize> {
        self.directories.binary_search_by(|directory| directory.name.as_bytes().cmp(name)).ok()
    }

    /// The name of a directory and since when it is there.
    pub(super) fn directory(&self, number: usize) -> Option<(&str, u64)> {
        self.directories.get(number).map(|directory| (&*directory.name, directory.since))
    }

    /// The numbers of the files of a directory.
    pub(super) fn files_of(&self, directory: usize) -> Range<usize> {
        let end =
            |number: usize| self.directories.get(number).map_or(0, |found| found.end as usize);
        let start = directory.checked_sub(1).map_or(0, end);
        start..end(directory)
    }

    /// The number of a file of a directory.
    pub(super) fn find_file(&self, directory: usize, name: &[u8]) -> Option<usize> {
        let Range { mut start, mut end } = self.files_of(directory);
        while start < end {
            let middle = start.midpoint(end);
            match self.name(middle).cmp(name) {
                std::cmp::Ordering::Less => start = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => end = middle,
            }
        }
        None
    }

    /// The size of a file, and since when the primary has it so.
    pub(super) fn file(&self, number: usize) -> Option<(u64, u64)> {
        self.files.get(number).map(|file| (file.size, u64::from(file.since)))
    }

    /// The name of a file in its directory.
    pub(super) fn name(&self, number: usize) -> &[u8] {
        let end = |number: usize| self.files.get(number).map_or(0, |file| file.name_end as usize);
        let start = number.checked_sub(1).map_or(0, end);
        self.names.get(start..end(number)).unwrap_or_default()
    }
}

/// How it is known since when the primary has what it has.
#[derive(Clone, Copy, Debug)]
pub enum Since<'m> {
    /// By a former manifest: what that has with equal size and time of modification is there since it says so, and
    /// everything else since now.
    Former(&'m Manifest),
    /// It is not: all counts as new.
    Now,
    /// Files are there since they were modified, and directories for long. That need not be so: what is moved into
    /// place keeps its time.
    Modified,
}

/// Collects the entries of the primary, in any order.
///
/// What is not released is left out with all that is below it, also if that is listed first. Directories
/// that are not listed themselves count as released.
#[derive(Default)]
pub struct ManifestBuilder {
    directories: Vec<Collected>,
    /// Numbers of directories by name.
    known: FxHashMap<Box<str>, u32>,
    files: Vec<CollectedFile>,
    names: Vec<u8>,
    n_skipped: u64,
}

struct Collected {
    name: Box<str>,
    is_released: bool,
}

struct CollectedFile {
    directory: u32,
    /// Where its name is in [`ManifestBuilder::names`].
    name: Range<u32>,
    size: u64,
    modified: u32,
}

impl ManifestBuilder {
    /// Adds an entry. One in a directory that no client can ask for is skipped: its name is longer than
    /// [`MAX_NAME`], no text, or holds control characters.
    pub fn add(&mut self, entry: &Entry<'_>) -> Result<(), ManifestError> {
        match entry.kind {
            Kind::Other => {}
            Kind::Directory => match directory_name(&entry.path) {
                None => self.n_skipped += 1,
                Some(name) => {
                    let number = self.directory(name)?;
                    // How the top is served is up to the server.
                    if let Some(found) = self.directories.get_mut(number as usize) {
                        found.is_released = entry.is_released || name.is_empty();
                    }
                }
            },
            Kind::File if !entry.is_released => {}
            Kind::File => {
                let split = entry.split();
                let found = split.and_then(|(parent, name)| Some((directory_name(parent)?, name)));
                match found {
                    None => self.n_skipped += 1,
                    Some((parent, name)) => {
                        let directory = self.directory(parent)?;
                        self.add_file(directory, name, entry)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// How many entries were skipped because no client can ask for them.
    pub fn n_skipped(&self) -> u64 {
        self.n_skipped
    }

    /// The manifest. `now` is the time of the listing, in seconds since 1970.
    pub fn build(self, since: Since<'_>, now: u64) -> Manifest {
        let Self { directories, mut files, names, .. } = self;
        let mut order: Vec<usize> = (0..directories.len()).collect();
        let name_of = |number: usize| directories.get(number).map_or("", |found| &*found.name);
        order.sort_unstable_by(|&one, &other| name_of(one).cmp(name_of(other)));
        let released = released(&directories, &order);
        // The place of each directory in the manifest; `None` if it is left out.
        let mut place: Vec<Option<u32>> = vec![None; directories.len()];
        let mut made: Vec<Directory> = Vec::new();
        for &number in order.iter().filter(|&&number| released.get(number) == Some(&true)) {
            let since = since.of_directory(name_of(number), now);
            if let Some(place) = place.get_mut(number) {
                *place = u32::try_from(made.len()).ok();
            }
            made.push(Directory { name: name_of(number).into(), since, end: 0 });
        }
        let place = |file: &CollectedFile| place.get(file.directory as usize).copied().flatten();
        let name = |file: &CollectedFile| {
            names.get(file.name.start as usize..file.name.end as usize).unwrap_or_default()
        };
        files.retain(|file| place(file).is_some());
        // Stable: of two lines of one name, the last one counts.
        files.sort_by(|one, other| (place(one), name(one)).cmp(&(place(other), name(other))));
        let mut manifest = Manifest { directories: made, ..Manifest::default() };
        for (file, next) in Pairs(&files) {
            if next.is_some_and(|next| (place(next), name(next)) == (place(file), name(file))) {
                continue;
            }
            let since = since.of_file(&manifest, place(file), name(file), file, now);
            manifest.push(place(file), name(file), file, since);
        }
        manifest.close();
        manifest
    }

    fn directory(&mut self, name: &str) -> Result<u32, ManifestError> {
        if let Some(&number) = self.known.get(name) {
            return Ok(number);
        }
        if let Some((parent, _)) = entry::split(name.as_bytes()) {
            // The parent of a text is text: it ends before a slash.
            self.directory(std::str::from_utf8(parent).unwrap_or_default())?;
        }
        let number = self.directories.len();
        if number >= MAX_DIRECTORIES {
            return Err(ManifestError::TooManyDirectories);
        }
        let number = u32::try_from(number).map_err(|_| ManifestError::TooManyDirectories)?;
        self.known.insert(name.into(), number);
        self.directories.push(Collected { name: name.into(), is_released: true });
        Ok(number)
    }

    fn add_file(
        &mut self,
        directory: u32,
        name: &[u8],
        entry: &Entry<'_>,
    ) -> Result<(), ManifestError> {
        let start = self.names.len();
        if self.files.len() >= MAX_FILES || start + name.len() > MAX_NAMES {
            return Err(ManifestError::TooManyFiles);
        }
        self.names.extend_from_slice(name);
        let at = |place: usize| u32::try_from(place).map_err(|_| ManifestError::TooManyFiles);
        let name = at(start)?..at(self.names.len())?;
        let modified = short_time(entry.modified);
        self.files.push(CollectedFile { directory, name, size: entry.size, modified });
        Ok(())
    }
}

impl Manifest {
    /// Adds a file behind all others.
    fn push(&mut self, directory: Option<u32>, name: &[u8], file: &CollectedFile, since: u32) {
        self.names.extend_from_slice(name);
        // Both are bounded when files are collected.
        let name_end = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.files.push(File { size: file.size, modified: file.modified, since, name_end });
        let directory = directory.and_then(|place| self.directories.get_mut(place as usize));
        if let Some(directory) = directory {
            directory.end = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        }
    }

    /// Directories without files end where the one before ends.
    fn close(&mut self) {
        let mut end = 0;
        for directory in &mut self.directories {
            end = end.max(directory.end);
            directory.end = end;
        }
        self.directories.shrink_to_fit();
        self.files.shrink_to_fit();
        self.names.shrink_to_fit();
    }
}

/// Each item with the one behind it.
struct Pairs<'a, T>(&'a [T]);

impl<'a, T> Iterator for Pairs<'a, T> {
    type Item = (&'a T, Option<&'a T>);

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some((first, rest.first()))
    }
}

/// Whether each directory is released with all above it, by its number.
fn released(directories: &[Collected], order: &[usize]) -> Vec<bool> {
    let mut released = vec![false; directories.len()];
    // The parent of a directory comes before it, though not directly. What is closed is skipped with all
    // that begins with its name and a slash, which are not next to one another: `a`, `a-b`, `a/c`.
    let mut closed: rustc_hash::FxHashSet<&str> = rustc_hash::FxHashSet::default();
    for &number in order {
        let Some(directory) = directories.get(number) else { continue };
        let parent = directory.name.rsplit_once('/').map_or("", |(parent, _)| parent);
        let is_below_closed = !directory.name.is_empty() && closed.contains(parent);
        if directory.is_released && !is_below_closed {
            if let Some(released) = released.get_mut(number) {
                *released = true;
            }
        } else {
            closed.insert(&directory.name);
        }
    }
    released
}

impl Since<'_> {
    fn of_directory(self, name: &str, now: u64) -> u64 {
        match self {
            Self::Now => now,
            Self::Modified => 0,
            Self::Former(former) => {
                let known = former.find_directory(name.as_bytes());
                known.and_then(|known| former.directory(known)).map_or(now, |(_, since)| since)
            }
        }
    }

    fn of_file(
        self,
        manifest: &Manifest,
        directory: Option<u32>,
        name: &[u8],
        file: &CollectedFile,
        now: u64,
    ) -> u32 {
        let now = short_time(now);
        let former = match self {
            Self::Now => return now,
            Self::Modified => return file.modified.min(now),
            Self::Former(former) => former,
        };
        let known = || {
            let (directory, _) = manifest.directory(directory? as usize)?;
            let directory = former.find_directory(directory.as_bytes())?;
            let known = former.files.get(former.find_file(directory, name)?)?;
            (known.size == file.size && known.modified == file.modified).then_some(known.since)
        };
        known().unwrap_or(now)
    }
}

/// A time as it is kept: the last one is in 2106.
fn short_time(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// The name of a directory that clients can ask for.
fn directory_name(name: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(name).ok()?;
    let is_name = text.len() <= MAX_NAME
        && !text.chars().any(char::is_control)
        && *path::canonical(text) == *text;
    is_name.then_some(text)
}

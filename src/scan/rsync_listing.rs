//! Reads what `rsync -rl --list-only` prints: a tree on another host, without checksums.
//!
//! ```text
//! drwxr-xr-x          4,096 2026/11/26 10:30:00 9/os
//! -rw-r--r--      1,234,567 2026/11/26 10:30:00 9/os/a b.rpm
//! lrwxrwxrwx              2 2026/11/26 10:30:00 latest -> 9
//! ```
//!
//! Without `-l`, rsync does not say where links lead, and they are skipped.
//!
//! Lines before the first entry (a greeting of the server) are skipped; [`model::rsync_line`] reads the
//! others. A listing that ends within a line is refused: its transfer was cut off. Entries may come in any
//! order, and directories that have no line of their own are added.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::findings::{Findings, Problem};
use super::links::{Links, MAX_LINKS};
use super::names;
use super::progress::Progress;
use index::{Directory, MAX_DIRECTORIES};
use model::rsync_line::{RsyncLine, unescape};
use model::{MAX_NAME, path};
use runtime::regular_file::{self, ReadError};

/// The longest line: a path may have 4,096 bytes, each written as five, and a link has two.
const MAX_LINE: u64 = 50_000;

/// What a listing says.
pub(super) struct Listed {
    pub(super) directories: BTreeMap<Box<str>, Directory>,
    pub(super) links: Links,
    pub(super) findings: Findings,
    pub(super) n_unreleased: u64,
}

/// The reason why a listing cannot be used. The message does not name the file.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The file cannot be read.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// No line is that of an entry.
    #[error(
        "holds no line of `rsync -rl --list-only`, such as \
             \"drwxr-xr-x          4,096 2026/11/26 10:30:00 9/os\""
    )]
    NoEntry,
    /// Somebody has stopped the scan.
    #[error("was not read to its end: the scan was stopped")]
    Stopped,
    /// The last line has no end.
    #[error("ends in the middle of line {0}: the listing was cut off")]
    CutOff(u64),
    /// A line is longer than any path.
    #[error("line {0} is longer than any path can be")]
    LongLine(u64),
    /// There are too many directories.
    #[error("holds more than {MAX_DIRECTORIES} directories")]
    TooMany,
}

/// Reads a listing from a file.
pub(super) fn read(path: &Path, progress: &Progress) -> Result<Listed, ListingError> {
    let (file, _) = regular_file::open(path)?;
    parse(BufReader::new(file), progress)
}

fn parse(mut input: impl BufRead, progress: &Progress) -> Result<Listed, ListingError> {
    let mut tree = ListedTree::default();
    let mut line = Vec::new();
    let mut has_begun = false;
    let mut offset = 0;
    for number in 1.. {
        line.clear();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        let n = read.map_err(|error| ReadError::Read { offset, error })?;
        if progress.is_stopped() {
            return Err(ListingError::Stopped);
        }
        offset += n as u64;
        if n == 0 {
            break;
        }
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(match n as u64 == MAX_LINE {
                true => ListingError::LongLine(number),
                false => ListingError::CutOff(number),
            });
        };
        match RsyncLine::parse(line.strip_suffix(b"\r").unwrap_or(line)) {
            Some(entry) => {
                has_begun = true;
                tree.add(&entry, progress)?;
            }
            None if has_begun && !line.is_empty() => {
                let text = String::from_utf8_lossy(line);
                tree.findings.add(Problem::Line, format_args!("line {number}: {text}"));
            }
            None => {}
        }
    }
    match has_begun {
        true => tree.finish(),
        false => Err(ListingError::NoEntry),
    }
}

/// Everything that is listed, released or not.
#[derive(Default)]
struct ListedTree {
    /// Directories with their number of files, and whether their lines say that they are released.
    directories: BTreeMap<Box<str>, (u64, bool)>,
    links: Links,
    findings: Findings,
}

impl ListedTree {
    fn add(&mut self, entry: &RsyncLine<'_>, progress: &Progress) -> Result<(), ListingError> {
        let (name, target) = match entry.kind {
            b'l' => match entry.name.windows(4).position(|window| window == b" -> ") {
                Some(at) => (entry.name.get(..at), entry.name.get(at + 4..)),
                None => (Some(entry.name), None),
            },
            _ => (Some(entry.name), None),
        };
        let Some(name) = self.text(name.unwrap_or_default()) else { return Ok(()) };
        let target = target.and_then(|target| self.text(target));
        if path::leads_above(&name) {
            self.findings.add(Problem::Line, name);
            return Ok(());
        }
        let name = path::canonical(&name).into_owned();
        if name.split('/').any(names::is_left_out) {
            return Ok(());
        }
        if name.len() > MAX_NAME && entry.kind != b'-' {
            self.findings.add(Problem::TooLong, name);
            return Ok(());
        }
        match entry.kind {
            b'd' if names::is_too_deep(&name) => self.findings.add(Problem::TooDeep, name),
            b'd' => {
                progress.add(0);
                self.directory(&name)?.1 = entry.is_released;
            }
            b'-' => {
                let parent = names::parent(&name);
                if names::is_too_deep(parent) {
                    self.findings.add(Problem::TooDeep, parent);
                } else if parent.len() <= MAX_NAME {
                    progress.add_file();
                    self.directory(parent)?.0 += 1;
                }
            }
            b'l' => match target {
                Some(_) if self.links.len() >= MAX_LINKS => {
                    self.findings.add(Problem::TooManyLinks, name);
                }
                Some(target) => drop(self.links.insert(name, target)),
                None => {}
            },
            _ => self.findings.add(Problem::Special, name),
        }
        Ok(())
    }

    /// The text of a name; `None`, with a finding, if it is none.
    fn text(&mut self, name: &[u8]) -> Option<String> {
        match String::from_utf8(unescape(name).into_owned()) {
            Ok(text) if !text.chars().any(char::is_control) => Some(text),
            Ok(text) => {
                self.findings.add(Problem::Control, text);
                None
            }
            Err(_) => {
                self.findings.add(Problem::NotText, String::from_utf8_lossy(name));
                None
            }
        }
    }

    /// The record of a directory.
    fn directory(&mut self, name: &str) -> Result<&mut (u64, bool), ListingError> {
        if self.directories.len() >= MAX_DIRECTORIES && !self.directories.contains_key(name) {
            return Err(ListingError::TooMany);
        }
        Ok(self.directories.entry(name.into()).or_insert((0, true)))
    }

    fn finish(mut self) -> Result<Listed, ListingError> {
        // What is missing between a directory and the top. The top itself need not be released.
        let given: Vec<Box<str>> = self.directories.keys().cloned().collect();
        for name in given {
            let mut at = names::parent(&name);
            while !at.is_empty() && !self.directories.contains_key(at) {
                self.directory(at)?;
                at = names::parent(at);
            }
        }
        self.directories.entry("".into()).or_default().1 = true;
        let mut directories: BTreeMap<Box<str>, Directory> = BTreeMap::new();
        let mut n_unreleased = 0;
        // A directory comes after the one that holds it.
        for (name, (n_files, is_released)) in self.directories {
            let is_below_released =
                name.is_empty() || directories.contains_key(names::parent(&name));
            if is_below_released && is_released {
                directories.insert(name.clone(), Directory { name, n_files, files: Vec::new() });
            } else if is_below_released {
                n_unreleased += 1;
            }
        }
        Ok(Listed { directories, links: self.links, findings: self.findings, n_unreleased })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Result<Listed, ListingError> {
        parse(text.as_bytes(), &Progress::default())
    }

    fn names(listed: &Listed) -> Vec<(&str, u64)> {
        listed.directories.values().map(|found| (&*found.name, found.n_files)).collect()
    }

    #[test]
    fn a_listing_is_read() {
        let text = "\
Welcome to mirror.example

drwxr-xr-x          4,096 2026/11/26 10:30:00 .
-rw-r--r--             12 2026/11/26 10:30:00 README file
drwxr-xr-x          4,096 2026/11/26 10:30:00 9
-rw-r--r--      1,234,567 2026/11/26 10:30:00 9/os/a -> b.rpm
-rw-r-----      1,234,567 2026/11/26 10:30:00 9/os/c.rpm
drwxr-x---          4,096 2026/11/26 10:30:00 10
drwxr-xr-x          4,096 2026/11/26 10:30:00 10/os
drwxr-xr-x          4,096 2026/11/26 10:30:00 10-public
lrwxrwxrwx              2 2026/11/26 10:30:00 latest -> 9
drwxr-xr-x          4,096 2026/11/26 10:30:00 f\\#303\\#274r
drwxr-xr-x          4,096 2026/11/26 10:30:00 .~tmp~
srwxr-xr-x              0 2026/11/26 10:30:00 socket
-rw-r--r--              1 2026/11/26 10:30:00 bad\\#012name
sent 123 bytes
";
        let listed = listed(text).expect("a listing");
        let expected = [("", 1), ("10-public", 0), ("9", 0), ("9/os", 2), ("für", 0)];
        assert_eq!(names(&listed), expected);
        assert_eq!(listed.links, [("latest".to_owned(), "9".to_owned())].into());
        assert_eq!(listed.n_unreleased, 1);
        let problems: Vec<_> = listed
            .findings
            .iter()
            .map(|(problem, found)| (problem, found.examples.first().cloned().unwrap_or_default()))
            .collect();
        assert_eq!(
            problems,
            [
                (Problem::Control, "bad\\nname".to_owned()),
                (Problem::Special, "socket".to_owned()),
                (Problem::Line, "line 16: sent 123 bytes".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        let refused = |text: &str| listed(text).err().expect(text).to_string();
        assert!(refused("").starts_with("holds no line of `rsync -rl --list-only`"));
        assert!(refused("<html>\n</html>\n").starts_with("holds no line of `rsync"));
        let line = "drwxr-xr-x          4,096 2026/11/26 10:30:00 .\n";
        let cut = format!("{line}drwxr-xr-x          4,096 2026/11/26 10:30:00 9/o");
        assert_eq!(refused(&cut), "ends in the middle of line 2: the listing was cut off");
        let long = format!("{line}{}", "x".repeat(60_000));
        assert_eq!(refused(&long), "line 2 is longer than any path can be");
    }

    /// Each line costs no more than 64 directories, all of which are counted.
    #[test]
    fn what_lies_too_deep_adds_no_directories() {
        let deep = |n: usize| vec!["d"; n].join("/");
        let line = |kind: &str, name: &str| {
            format!("{kind}rwxr-xr-x          4,096 2026/11/26 10:30:00 {name}\n")
        };
        let file = |n| line("-", &format!("{}/file", deep(n)));
        let text = [line("d", &deep(64)), line("d", &deep(65)), file(64), file(200)].concat();
        let listed = listed(&text).expect("a listing");
        assert_eq!(listed.directories.len(), 65, "with the top");
        assert_eq!(names(&listed).last(), Some(&(&*deep(64), 1)));
        assert_eq!(listed.findings.count(Problem::TooDeep), 2);
    }

    #[test]
    fn names_that_lead_above_the_tree_are_skipped() {
        let line = "drwxr-xr-x          4,096 2026/11/26 10:30:00 ../../etc\n";
        let listed = listed(line).expect("a listing");
        assert_eq!(names(&listed), [("", 0)]);
        assert_eq!(listed.findings.count(Problem::Line), 1);
    }
}

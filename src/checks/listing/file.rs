//! A listing in a file: what `rsync -r --list-only` has printed.

use std::io::{self, BufRead};

use super::entry::Entry;
use super::manifest::{ManifestBuilder, ManifestError};

/// The longest line: a path may have 4,096 bytes, each written as five, and a link has two.
const MAX_LINE: u64 = 50_000;

/// The reason why a listing in a file makes no manifest. The message does not name the file.
#[derive(Debug, thiserror::Error)]
pub enum ListingFileError {
    /// It cannot be read.
    #[error("cannot be read beyond line {line}: {error}")]
    Read {
        /// How many lines were read.
        line: u64,
        /// The system's error.
        error: io::Error,
    },
    /// The last line has no end.
    #[error("ends in the middle of line {0}: the listing was cut off")]
    CutOff(u64),
    /// A line is longer than any path.
    #[error("line {0} is longer than any path can be")]
    LongLine(u64),
    /// No line is that of an entry.
    #[error("holds no line of `rsync -r --list-only`")]
    NoEntry,
    /// It lists too much.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl ManifestBuilder {
    /// Adds the entries of a listing in a file. Lines that are none are skipped, and their number is returned:
    /// a greeting of the server, for example.
    pub fn read(&mut self, input: impl BufRead) -> Result<u64, ListingFileError> {
        self.read_some(input, |_| true)
    }

    /// Adds those entries of a listing in a file that are wanted.
    pub fn read_some(
        &mut self,
        mut input: impl BufRead,
        is_wanted: impl Fn(&Entry<'_>) -> bool,
    ) -> Result<u64, ListingFileError> {
        let (mut n_entries, mut n_odd) = (0_u64, 0);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = io::Read::take(&mut input, MAX_LINE).read_until(b'\n', &mut line);
            let n = read.map_err(|error| ListingFileError::Read { line: number - 1, error })?;
            if n == 0 {
                break;
            }
            let Some(line) = line.strip_suffix(b"\n") else {
                return Err(match n as u64 == MAX_LINE {
                    true => ListingFileError::LongLine(number),
                    false => ListingFileError::CutOff(number),
                });
            };
            match Entry::parse(line) {
                Some(entry) => {
                    if is_wanted(&entry) {
                        self.add(&entry)?;
                    }
                    n_entries += 1;
                }
                None => n_odd += 1,
            }
        }
        match n_entries {
            0 => Err(ListingFileError::NoEntry),
            _ => Ok(n_odd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(u64, Vec<String>, usize), String> {
        let mut builder = ManifestBuilder::default();
        let n_odd = builder.read(text.as_bytes()).map_err(|error| error.to_string())?;
        let manifest = builder.build(crate::listing::Since::Modified, u64::MAX);
        Ok((n_odd, manifest.directories().map(str::to_owned).collect(), manifest.n_files()))
    }

    #[test]
    fn a_listing_is_read_line_by_line() {
        let text = "\
Welcome to mirror.example
drwxr-xr-x          4,096 2026/11/26 10:30:00 .
-rw-r--r--      1,234,567 2026/11/26 10:30:00 9/os/a -> b.rpm
lrwxrwxrwx              2 2026/11/26 10:30:00 latest -> 9
";
        let directories = ["", "9", "9/os"].map(str::to_owned).to_vec();
        assert_eq!(read(text), Ok((1, directories, 1)));
    }

    #[test]
    fn what_is_no_whole_listing_is_refused() {
        let refused = |text: &str| read(text).unwrap_err();
        assert_eq!(refused(""), "holds no line of `rsync -r --list-only`");
        assert_eq!(refused("<html>\n"), "holds no line of `rsync -r --list-only`");
        let line = "drwxr-xr-x          4,096 2026/11/26 10:30:00 .\n";
        assert_eq!(
            refused(&[line, "drwx"].concat()),
            "ends in the middle of line 2: the listing was cut off"
        );
        let long = [line, &"x".repeat(60_000)].concat();
        assert_eq!(refused(&long), "line 2 is longer than any path can be");
    }
}

//! An entry of a listing.

use std::borrow::Cow;

use model::rsync_line::{RsyncLine, unescape};

/// A file or a directory of a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its path below the top, without slashes around it; empty for the top. No segment is empty, `.` or `..`.
    /// It need not be text.
    pub path: Cow<'a, [u8]>,
    /// Bytes.
    pub size: u64,
    /// When it was modified, in seconds since 1970.
    pub modified: u64,
    /// Whether everybody may read it, and enter it if it is a directory.
    pub is_released: bool,
}

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link or a special file, which no listing is judged by.
    Other,
}

impl<'a> Entry<'a> {
    /// The entry of a line of `rsync --list-only` without its end; `None` if it is none, if its size is
    /// rounded, or if its path leads out of the tree or has two forms.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let line = RsyncLine::parse(line)?;
        let path = match line.name {
            b"." => Cow::Borrowed(&b""[..]),
            name => unescape(name),
        };
        let is_segment = |segment: &[u8]| !matches!(segment, b"" | b"." | b"..");
        if !path.is_empty() && !path.split(|&byte| byte == b'/').all(is_segment) {
            return None;
        }
        let kind = match line.kind {
            b'-' => Kind::File,
            b'd' => Kind::Directory,
            _ => Kind::Other,
        };
        let (modified, is_released) = (line.modified, line.is_released);
        Some(Self { kind, path, size: line.size?, modified, is_released })
    }

    /// The directory that it is in and its name there; `None` for the top.
    pub fn split(&self) -> Option<(&[u8], &[u8])> {
        split(&self.path)
    }
}

/// The directory that a path is in and the name there; `None` for the top.
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => Some((path.get(..slash)?, path.get(slash + 1..)?)),
        None => (!path.is_empty()).then_some((&[], path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_form_and_stay_in_the_tree() {
        let path = |name: &str| {
            let line = format!("-rw-r--r--  7 2026/11/26 10:30:00 {name}");
            Entry::parse(line.as_bytes()).map(|entry| entry.path.into_owned())
        };
        for (name, expected) in [
            (".", &b""[..]),
            ("a/b c", b"a/b c"),
            ("a/x -> y", b"a/x -> y"),
            ("a/\\#134#012", b"a/\\#012"),
            ("a/nl\\#012x", b"a/nl\nx"),
            ("\\#377\\#376", b"\xff\xfe"),
            ("...", b"..."),
        ] {
            assert_eq!(path(name).as_deref(), Some(expected), "{name}");
        }
        for name in ["..", "../a", "a/../b", "/a", "a/", "a//b", "./a", "a/.", "a\\#057\\#057b"] {
            assert_eq!(path(name), None, "{name}");
        }
        assert_eq!(Entry::parse(b"-rw-r--r--  7.1K 2026/11/26 10:30:00 a"), None);
    }

    #[test]
    fn a_path_is_split_at_its_last_slash() {
        assert_eq!(split(b"a/b/c"), Some((&b"a/b"[..], &b"c"[..])));
        assert_eq!(split(b"c"), Some((&b""[..], &b"c"[..])));
        assert_eq!(split(b""), None);
    }
}

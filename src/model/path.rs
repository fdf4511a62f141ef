//! Names of directories in canonical form: segments separated by single slashes.
//!
//! The same function normalises names in data and in requests, so that they match:
//! `/pub//fedora/./linux/` becomes `pub/fedora/linux`. A name is text, not a URL: a `%` is an ordinary
//! character, and names are percent-encoded where URLs are written
//! ([`push_url_path`](encode::write::push_url_path)).

use std::borrow::Cow;

/// The path without slashes around it, empty segments and dot segments. A `..` at the beginning is
/// removed, as in URLs (RFC 3986, section 5.2.4).
pub fn canonical(path: &str) -> Cow<'_, str> {
    let trimmed = path.trim_matches('/');
    let bytes = trimmed.as_bytes();
    let is_odd = trimmed.starts_with('.')
        || bytes.windows(2).any(|pair| matches!(pair, [b'/', b'/' | b'.']));
    if !is_odd {
        return Cow::Borrowed(trimmed);
    }
    let mut segments = Vec::new();
    for segment in trimmed.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    Cow::Owned(segments.join("/"))
}

/// Whether the `..` segments of a path lead above its beginning. Data with such a path do not mean the
/// directory that its canonical form names.
pub fn leads_above(path: &str) -> bool {
    let mut depth = 0_usize;
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

/// Whether a directory is `outer` or below it. Both names are canonical; everything is below the empty one.
pub fn is_within(name: &str, outer: &str) -> bool {
    outer.is_empty()
        || name.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the directory of a repository and that of its index (`repodata`), for a path to either.
pub fn split_repodata(path: &str) -> (&str, Cow<'_, str>) {
    match path.strip_suffix("/repodata") {
        Some(parent) => (parent, Cow::Borrowed(path)),
        None => (path, Cow::Owned([path, "/repodata"].concat())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_within_itself_and_what_is_above() {
        for outer in ["", "a", "a/b", "a/b/c"] {
            assert!(is_within("a/b/c", outer), "{outer}");
        }
        for outer in ["a/b/c/d", "a/b/", "a/", "b", "a/b/cc", "a/b/c/"] {
            assert!(!is_within("a/b/c", outer), "{outer}");
        }
        assert!(!is_within("a/bb", "a/b"));
    }

    #[test]
    fn slashes_and_dots_are_taken_out() {
        for (path, expected) in [
            ("pub/fedora", "pub/fedora"),
            ("/pub//fedora///", "pub/fedora"),
            ("pub/./fedora/.", "pub/fedora"),
            ("./pub/x/../fedora/y/..", "pub/fedora"),
            ("pub/x/y/../../fedora//", "pub/fedora"),
            ("pub/.hidden/..x/...", "pub/.hidden/..x/..."),
            (".hidden", ".hidden"),
            ("a/..b/.c", "a/..b/.c"),
            ("///", ""),
            ("", ""),
            ("a", "a"),
            ("a/..", ""),
            ("..", ""),
            ("../../etc/passwd", "etc/passwd"),
            ("%2e%2e/ü", "%2e%2e/ü"),
        ] {
            assert_eq!(canonical(path), expected, "{path}");
            assert_eq!(canonical(expected), expected, "{path}");
        }
        for path in ["..", "a/../../b", "/../a", "./.."] {
            assert!(leads_above(path), "{path}");
        }
        for path in ["", "a/..", "/a/b/../../c", "..."] {
            assert!(!leads_above(path), "{path}");
        }
    }
}

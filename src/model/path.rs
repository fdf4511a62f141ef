//! Names of directories in their one form: segments parted by single slashes.
//!
//! Data and requests are read by the same function, so that what is asked for is found under the name
//! that it was given: `/pub//fedora/./linux/` is `pub/fedora/linux`. A name is text, not a URL: a `%`
//! is a character of it, and what a URL cannot hold is encoded where URLs are written
//! ([`push_url_path`](encode::write::push_url_path)).

use std::borrow::Cow;

/// The path without slashes around it, empty segments and dots. `..` at the beginning lead nowhere, as
/// in URLs (RFC 3986, section 5.2.4).
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

/// Whether the `..` of a path lead above where it begins: data that say so mean another place than
/// its canonical form.
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

/// The directory that holds a repository and the one with its index, for a path to either.
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

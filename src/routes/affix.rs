//! Cutting literals off, many of which are empty.
//!
//! A comparison of no bytes is not free: an empty `String` points to no memory, and on processors with
//! AVX-512 glibc's `memcmp` reads there under a mask, which takes some 100 ns. Patterns are full of empty
//! literals, so they are looked at first.

/// The text between two literals.
pub(crate) fn strip<'t>(text: &'t str, head: &str, tail: &str) -> Option<&'t str> {
    let text = if head.is_empty() { text } else { text.strip_prefix(head)? };
    if tail.is_empty() { Some(text) } else { text.strip_suffix(tail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_texts_are_as_good_as_others() {
        for (text, head, tail, inside) in [
            ("abc", "", "", Some("abc")),
            ("abc", "a", "", Some("bc")),
            ("abc", "", "c", Some("ab")),
            ("abc", "ab", "bc", None),
            ("abc", "abc", "", Some("")),
            ("", "", "", Some("")),
            ("", "a", "", None),
        ] {
            assert_eq!(strip(text, head, tail), inside, "{text} {head} {tail}");
        }
    }
}

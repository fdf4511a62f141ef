//! What is done to each byte of a request. Nearly all of its texts are ASCII, and short.

/// The text before the first such ASCII character, and what is behind it if there is one.
///
/// For the short texts of requests this is faster than `str::split_once`, which calls `memchr` and `memcmp`.
pub(crate) fn split_at_byte(text: &str, byte: u8) -> (&str, Option<&str>) {
    let place = text.bytes().position(|known| known == byte);
    let halves = place.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
    halves.map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// Whether a text holds control characters.
pub(crate) fn has_control(text: &str) -> bool {
    // Control characters beyond ASCII are two bytes long.
    !text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_at_the_first() {
        for (text, expected) in [
            ("", ("", None)),
            ("/", ("", Some(""))),
            ("a/b/c", ("a", Some("b/c"))),
            ("ü/ü", ("ü", Some("ü"))),
            ("üa", ("üa", None)),
        ] {
            assert_eq!(split_at_byte(text, b'/'), expected, "{text}");
        }
    }

    #[test]
    fn control_characters_are_found() {
        for text in ["a\0", "\n", "\x7f", "ü\u{80}", "\u{9f}"] {
            assert!(has_control(text), "{text:?}");
        }
        for text in ["", " ", "a~", "ü", "\u{a0}", "日"] {
            assert!(!has_control(text), "{text:?}");
        }
    }
}

//! Escaping for XML. Everything that writes a document uses it.

use super::append::Append;

/// Appends `text` so that it reads back as itself from XML text and from a double-quoted attribute.
///
/// Characters that XML 1.0 cannot hold at all (most controls, U+FFFE, U+FFFF) become U+FFFD.
pub fn escape_into(text: &str, out: &mut impl Append) {
    // Nearly all text is plain ASCII, and a check of all bytes without branches is vectorised.
    if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        return out.push_str(text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') => out.push_str("&quot;"),
            // Unescaped, attribute normalisation would turn these into blanks.
            Some('\t') => out.push_str("&#9;"),
            Some('\n') => out.push_str("&#10;"),
            Some('\r') => out.push_str("&#13;"),
            Some(character) if is_xml(character) => out.push(character),
            Some(_) => out.push('\u{fffd}'),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Appends `text` as the content of a comment: it can neither close the comment nor end in a hyphen,
/// because a blank separates two hyphens in a row (XML 1.0, section 2.5).
pub fn escape_comment_into(text: &str, out: &mut impl Append) {
    let mut after_hyphen = false;
    for character in text.chars() {
        if character == '-' && after_hyphen {
            out.push(' ');
        }
        after_hyphen = character == '-';
        out.push(if is_xml(character) { character } else { '\u{fffd}' });
    }
    if after_hyphen {
        out.push(' ');
    }
}

/// Whether a byte is an ASCII character that needs no escaping.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') & !matches!(byte, b'&' | b'<' | b'>' | b'"')
}

/// Whether XML 1.0 allows a character: its `Char` production (a `char` is never a surrogate).
fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape_into(text, &mut out);
        out
    }

    fn comment(text: &str) -> String {
        let mut out = String::new();
        escape_comment_into(text, &mut out);
        out
    }

    #[test]
    fn markup_is_escaped_and_impossible_characters_are_replaced() {
        assert_eq!(
            escaped("a&b<c>\"d'\u{1}\u{ffff}ü\n"),
            "a&amp;b&lt;c&gt;&quot;d'\u{fffd}\u{fffd}ü&#10;"
        );
        assert_eq!(escaped(""), "");
    }

    #[test]
    fn a_comment_cannot_be_closed() {
        assert_eq!(comment("a --> b"), "a - -> b");
        assert_eq!(comment("---"), "- - - ");
        assert_eq!(comment("plain - text"), "plain - text");
    }
}

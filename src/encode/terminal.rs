//! Text for terminals: what would do something to a terminal is escaped, and widths are in columns.

use unicode_width::UnicodeWidthChar;

/// The columns of a terminal that a character takes: 2 of ideographs and the like, 0 of accents that stand
/// over the character before.
pub fn columns(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// The columns of a terminal that a text takes which has passed [`printable`].
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Text without characters that would move the cursor, or change the order or the width of others.
pub fn printable(text: &str) -> String {
    let is_odd = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}')
    };
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_odd(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// `text` in at most `max` columns; where it is longer, its end is replaced by `…`.
pub fn cut(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let mut left = max.saturating_sub(columns('…'));
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let columns = columns(character);
        if columns > left {
            break;
        }
        left -= columns;
        out.push(character);
    }
    out.truncate(out.trim_end_matches(' ').len());
    if max > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_is_cut() {
        assert_eq!(cut("one two", 7), "one two");
        assert_eq!(cut("one two", 6), "one t…");
        assert_eq!(cut("one two", 5), "one…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 1), "…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn a_terminal_is_not_moved() {
        assert_eq!(printable("a\u{1b}[2J\u{202e}b\nc"), "a\\u{1b}[2J\\u{202e}b\\u{a}c");
        assert_eq!(width("日本 e\u{301}"), 6);
    }
}

//! Lines of text of a limited width.

use encode::terminal::{columns, printable};

/// Lines of text of a limited width.
pub(crate) struct Page {
    text: String,
    width: usize,
}

/// The column in which values of items begin.
const VALUES_AT: usize = 14;

impl Page {
    /// A page without lines.
    pub(crate) fn new(width: usize) -> Self {
        Self { text: String::new(), width }
    }

    /// The lines.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// A title, with an empty line before it unless it is the first line.
    pub(crate) fn title(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.hanging(title, 0);
    }

    /// A name and its value.
    pub(crate) fn item(&mut self, name: &str, value: &str) {
        self.hanging(&format!("  {name:<width$}{value}", width = VALUES_AT - 2), VALUES_AT);
    }

    /// A sentence or more.
    pub(crate) fn paragraph(&mut self, text: &str) {
        self.indented(2, text);
    }

    /// Text whose lines all begin at a column.
    pub(crate) fn indented(&mut self, column: usize, text: &str) {
        self.hanging(&format!("{:column$}{text}", ""), column);
    }

    /// One line.
    pub(crate) fn line(&mut self, text: &str) {
        self.hanging(text, 2);
    }

    /// Text of which all lines but the first begin at `column`. It is divided between words, and a word that
    /// is longer than a line within itself. What would do something to a terminal is escaped.
    pub(crate) fn hanging(&mut self, text: &str, column: usize) {
        let column = column.min(self.width / 2);
        let text = printable(text);
        let indent = text.len() - text.trim_start_matches(' ').len();
        let mut left = self.width;
        self.push(&" ".repeat(indent), &mut left);
        // A blank before a word is dropped at the end of a line only, so that columns stay.
        for word in text.trim_start_matches(' ').trim_end_matches(' ').split_inclusive(' ') {
            let length = word.trim_end_matches(' ').chars().map(columns).sum::<usize>();
            if length > left && length <= self.width - column && left < self.width - column {
                self.wrap(column, &mut left);
            }
            for character in word.chars() {
                if left == 0 && character == ' ' {
                    continue;
                }
                let columns = columns(character);
                if columns > left {
                    self.wrap(column, &mut left);
                }
                self.text.push(character);
                left = left.saturating_sub(columns);
            }
        }
        self.end_line();
    }

    fn push(&mut self, blanks: &str, left: &mut usize) {
        self.text.push_str(blanks);
        *left = left.saturating_sub(blanks.len());
    }

    fn wrap(&mut self, column: usize, left: &mut usize) {
        self.end_line();
        *left = self.width;
        self.push(&" ".repeat(column), left);
    }

    fn end_line(&mut self) {
        let length = self.text.trim_end_matches(' ').len();
        self.text.truncate(length);
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn hanging(text: &str, column: usize) -> String {
        let mut page = Page::new(12);
        page.hanging(text, column);
        page.into_text()
    }

    #[test]
    fn lines_are_divided_between_words_and_long_words_within() {
        assert_eq!(hanging("one two three four", 2), "one two\n  three four\n");
        assert_eq!(hanging("abcdefghijklmnop", 2), "abcdefghijkl\n  mnop\n");
        assert_eq!(hanging("  a b", 4), "  a b\n");
        assert_eq!(hanging("a    b", 0), "a    b\n");
        assert_eq!(hanging("", 3), "\n");
        // Ideographs take two columns, and are not halved at the end of a line; accents take none.
        assert_eq!(hanging("日本語日本語日本", 2), "日本語日本語\n  日本\n");
        assert_eq!(hanging("a日本語日本語", 2), "a日本語日本\n  語\n");
        let accented = "e\u{301}".repeat(12);
        assert_eq!(hanging(&accented, 2), format!("{accented}\n"));
        assert_eq!(hanging("a\u{1b}[0m", 0), "a\\u{1b}[0m\n");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_letter_is_lost(
            text in "[a-z日本한e\u{301} ]{0,80}",
            column in 0_usize..20,
            width in 4_usize..30,
        ) {
            let mut page = Page::new(width);
            page.hanging(&text, column);
            let shown = page.into_text();
            prop_assert!(shown.lines().all(|line| line.width() <= width), "{shown}");
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
            prop_assert_eq!(letters(&text), letters(&shown));
        }
    }
}

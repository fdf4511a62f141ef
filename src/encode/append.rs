//! Appending text to a buffer of any kind.

/// A buffer that text is appended to: a [`Text`](super::text::Text), or a `String` where the text is
/// read again.
pub trait Append {
    /// Appends text.
    fn push_str(&mut self, text: &str);

    /// Appends a character.
    fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    /// Appends several texts.
    fn push_all<'a>(&mut self, parts: impl IntoIterator<Item = &'a str>) {
        parts.into_iter().for_each(|part| self.push_str(part));
    }
}

impl Append for String {
    fn push_str(&mut self, text: &str) {
        Self::push_str(self, text);
    }

    fn push(&mut self, character: char) {
        Self::push(self, character);
    }
}

//! Text that is only appended to, and prepared pieces that are appended to it fast.
//!
//! An answer is put together from some hundred pieces of 40 to 80 bytes. Copying each by its length
//! costs a call and an unforeseeable branch in `memcpy`; copying a block of fixed length, and then
//! forgetting what is too much of it, costs some thirty instructions in place. Rendering 28 KB takes
//! 2.5 µs so, and took 3.4 (`render/metalink_28_kb` in `benches/results`).

use std::fmt;

/// What can be appended to: a [`Text`], or a `String` where the text is read again.
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

/// Bytes of text, to be sent.
#[derive(Default, Debug)]
pub struct Text {
    bytes: Vec<u8>,
}

impl Text {
    /// A text without a text in it, in memory that was used before.
    pub fn reuse(mut memory: Vec<u8>) -> Self {
        memory.clear();
        Self { bytes: memory }
    }

    /// Makes room for so many more bytes.
    pub fn reserve(&mut self, n_bytes: usize) {
        self.bytes.reserve(n_bytes);
    }

    /// Removes everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends the first `length` bytes of a block of text.
    pub fn push_block<const N: usize>(&mut self, block: &[u8; N], length: usize) {
        let end = self.bytes.len() + length;
        self.bytes.extend_from_slice(block);
        self.bytes.truncate(end);
    }

    /// Appends a prepared piece.
    pub fn push_piece(&mut self, pieces: &Pieces, piece: Piece) {
        let (from, length) = (piece.from as usize, piece.length as usize);
        let rest = pieces.text.as_bytes().get(from..).unwrap_or(&[]);
        match rest.first_chunk::<BLOCK>() {
            Some(block) if length <= BLOCK => self.push_block(block, length),
            _ => self.bytes.extend_from_slice(rest.get(..length).unwrap_or(&[])),
        }
    }
}

impl Append for Text {
    fn push_str(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn push(&mut self, character: char) {
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => self.bytes.push(byte),
            _ => self.push_str(character.encode_utf8(&mut [0; 4])),
        }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

/// A multiple of what a vector register holds, and longer than most pieces.
const BLOCK: usize = 80;

/// Behind the last piece stands a block of this.
const PADDING: &str = match str::from_utf8(&[b' '; BLOCK]) {
    Ok(padding) => padding,
    Err(_) => "",
};

/// Prepared pieces of text.
#[derive(Debug)]
pub struct Pieces {
    /// The pieces, and a block of padding.
    text: String,
}

/// Where a piece is. The default is the empty one.
#[derive(Clone, Copy, Default, Debug)]
pub struct Piece {
    from: u32,
    length: u32,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { text: PADDING.into() }
    }
}

impl Pieces {
    /// Adds what `write` appends. Beyond 4 GiB, a piece is merely empty.
    pub fn add(&mut self, write: impl FnOnce(&mut String)) -> Piece {
        let from = self.text.len().saturating_sub(BLOCK);
        self.text.truncate(from);
        write(&mut self.text);
        let length = self.text.len() - from;
        self.text.push_str(PADDING);
        match (u32::try_from(from), u32::try_from(length)) {
            (Ok(from), Ok(length)) => Piece { from, length },
            _ => Piece::default(),
        }
    }

    /// The text of a piece.
    pub fn get(&self, piece: Piece) -> &str {
        let from = piece.from as usize;
        self.text.get(from..from + piece.length as usize).unwrap_or("")
    }

    /// Removes all pieces, and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.text.push_str(PADDING);
    }

    /// Gives back the memory that no piece needs.
    pub fn shrink_to_fit(&mut self) {
        self.text.shrink_to_fit();
    }
}

impl Piece {
    /// The last `length` bytes of it.
    #[must_use]
    pub fn end(self, length: u32) -> Self {
        let length = length.min(self.length);
        Self { from: self.from + (self.length - length), length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_length_are_appended_exactly() {
        let mut pieces = Pieces::default();
        let source = "ü-0123456789".repeat(20);
        let texts: Vec<&str> =
            (0..source.len()).filter_map(|length| source.get(..length)).collect();
        let known: Vec<Piece> =
            texts.iter().map(|text| pieces.add(|out| out.push_str(text))).collect();
        let mut text = Text::default();
        for piece in &known {
            text.push_piece(&pieces, *piece);
            text.push('|');
        }
        assert_eq!(text.into_bytes(), (texts.join("|") + "|").into_bytes());
        for (piece, text) in known.iter().zip(&texts) {
            assert_eq!(pieces.get(*piece), *text);
            assert_eq!(piece.length as usize, text.len());
        }
    }

    #[test]
    fn the_end_of_a_piece_is_a_piece() {
        let mut pieces = Pieces::default();
        let piece = pieces.add(|out| out.push_str("\">https://m.example/"));
        assert_eq!(pieces.get(piece.end(18)), "https://m.example/");
        assert_eq!(pieces.get(piece.end(100)), "\">https://m.example/");
    }

    #[test]
    fn pieces_that_were_removed_are_gone() {
        let mut pieces = Pieces::default();
        pieces.add(|out| out.push_str(&"long ago ".repeat(30)));
        pieces.clear();
        let piece = pieces.add(|out| out.push_str("now"));
        let mut text = Text::default();
        text.push_piece(&pieces, piece);
        assert_eq!(text.as_bytes(), b"now");
    }
}

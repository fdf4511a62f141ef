//! Percent-decoding of paths and query values, once.

use std::borrow::Cow;

/// The decoded bytes are not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotUtf8;

/// Percent-decodes a text. A `%` that is not followed by two hex digits is kept, and so is a `+`.
pub fn decode(text: &str) -> Result<Cow<'_, str>, NotUtf8> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escape = match (byte, after) {
            (b'%', [high, low, after @ ..]) => hex_pair(*high, *low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = escape.unwrap_or((byte, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| NotUtf8)
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_once() {
        for (text, decoded) in [
            ("a+b", Ok("a+b")),
            ("%41%2541%zz%4", Ok("A%41%zz%4")),
            ("f%C3%BC%", Ok("fü%")),
            ("%ff", Err(NotUtf8)),
            ("%2e%2E%2f", Ok("../")),
        ] {
            assert_eq!(decode(text).as_deref().map_err(|&error| error), decoded, "{text}");
        }
    }
}

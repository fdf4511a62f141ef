//! Functions that append numbers, hex, base64, JSON strings and URL paths.

use super::append::Append;

/// Appends a number in decimal.
pub fn push_number(number: u64, out: &mut impl Append) {
    if number >= 10 {
        push_number(number / 10, out);
    }
    #[allow(clippy::cast_possible_truncation, reason = "a digit")]
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// Appends bytes as lower-case hex: librepo compares checksums as text, and those in repomd.xml are
/// in lower case.
pub fn push_hex(bytes: &[u8], out: &mut impl Append) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(DIGITS.get(usize::from(digit)).copied().map_or('0', char::from));
        }
    }
}

/// Appends bytes in base64 (RFC 4648, section 4), the encoding of HTTP digests.
pub fn push_base64(bytes: &[u8], out: &mut impl Append) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 63) as usize).copied();
            let is_padding = place > group.len();
            out.push(if is_padding { '=' } else { digit.map_or('=', char::from) });
        }
    }
}

/// Appends a JSON string with its quotes (RFC 8259, section 7).
pub fn push_json_string(text: &str, out: &mut impl Append) {
    out.push('"');
    push_json_escaped(text, out);
    out.push('"');
}

/// Appends the content of a JSON string, escaped, without quotes.
pub fn push_json_escaped(text: &str, out: &mut impl Append) {
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '\u{20}'.. => out.push(character),
            control => {
                out.push_str("\\u00");
                push_hex(&[u8::try_from(u32::from(control)).unwrap_or(0)], out);
            }
        }
    }
}

/// Appends a path in its URL form (RFC 3986, section 3.3): characters that a URL path cannot hold are
/// percent-encoded. A `%` is a character of the name here, not an escape.
pub fn push_url_path(path: &str, out: &mut impl Append) {
    // Nearly all paths are plain, and a check of all bytes without branches is vectorised.
    if path.bytes().fold(true, |plain, byte| plain & is_path(byte)) {
        return out.push_str(path);
    }
    let mut rest = path;
    while let Some(at) = rest.bytes().position(|byte| !is_path(byte)) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        if let Some(character) = characters.next() {
            push_percent_encoded(character, out);
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Appends the bytes of a character as `%` and two upper-case digits (RFC 3986, section 2.1).
pub fn push_percent_encoded(character: char, out: &mut impl Append) {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        out.push('%');
        for digit in [byte >> 4, byte & 15] {
            let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
            out.push(digit.to_ascii_uppercase());
        }
    }
}

/// Whether a character may stand in a URL path unencoded.
pub fn is_plain_in_path(character: char) -> bool {
    u8::try_from(character).is_ok_and(is_path)
}

/// Whether a byte may stand in a URL path unencoded. RFC 3986 allows `$` as well, but dnf and yum
/// take it for the beginning of a variable.
fn is_path(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'@'..=b'Z' | b'&'..=b';' | b'_' | b'=' | b'!' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_checksums_are_written_plainly() {
        let mut out = String::new();
        for number in [0, 9, 10, 1_790_000_000, u64::MAX] {
            push_number(number, &mut out);
            out.push(' ');
        }
        push_hex(&[0, 0xab, 0xff], &mut out);
        assert_eq!(out, "0 9 10 1790000000 18446744073709551615 00abff");
    }

    #[test]
    fn digests_are_padded() {
        // RFC 4648, section 10.
        for (text, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            let mut out = String::new();
            push_base64(text.as_bytes(), &mut out);
            assert_eq!(out, encoded);
        }
    }

    #[test]
    fn json_strings_escape_what_they_must() {
        let mut out = String::new();
        push_json_string("a\"b\\c\u{1}\nü", &mut out);
        assert_eq!(out, "\"a\\\"b\\\\c\\u0001\\u000aü\"");
    }

    #[test]
    fn paths_are_encoded_as_urls_need_it() {
        let mut out = String::new();
        push_url_path("pub/c++/a b%20~1^git/ü#?\"<", &mut out);
        assert_eq!(out, "pub/c++/a%20b%2520~1%5Egit/%C3%BC%23%3F%22%3C");
        // RFC 3986: pchar, and the slash between segments; but no `$`.
        for byte in 0..=u8::MAX {
            let is_pchar = byte.is_ascii_alphanumeric() || b"-._~!&'()*+,;=:@".contains(&byte);
            assert_eq!(is_path(byte), is_pchar || byte == b'/', "{byte}");
        }
    }
}

//! Small writers that all documents share.

/// Appends a number in decimal.
pub(super) fn push_number(number: u64, out: &mut String) {
    if number >= 10 {
        push_number(number / 10, out);
    }
    #[allow(clippy::cast_possible_truncation, reason = "a digit")]
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// Appends bytes as lower-case hex: librepo compares checksums as text, and repomd.xml's own are in
/// lower case.
pub(super) fn push_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(DIGITS.get(usize::from(digit)).copied().map_or('0', char::from));
        }
    }
}

/// Appends a path as it stands in a URL (RFC 3986, section 3.3): what a path cannot hold is
/// percent-encoded. A `%` is a character of the name here, not an escape.
pub(super) fn push_url_path(path: &str, out: &mut String) {
    let mut rest = path;
    while let Some(at) = rest.find(|character: char| !is_path(character)) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        if let Some(character) = characters.next() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                out.push('%');
                push_upper_hex(byte, out);
            }
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

fn push_upper_hex(byte: u8, out: &mut String) {
    for digit in [byte >> 4, byte & 15] {
        let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
        out.push(digit.to_ascii_uppercase());
    }
}

fn is_path(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(
            character,
            '/' | '-'
                | '.'
                | '_'
                | '~'
                | '!'
                | '$'
                | '&'
                | '\''
                | '('
                | ')'
                | '*'
                | '+'
                | ','
                | ';'
                | '='
                | ':'
                | '@'
        )
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
    fn paths_are_encoded_as_urls_need_it() {
        let mut out = String::new();
        push_url_path("pub/c++/a b%20~1^git/ü#?\"<", &mut out);
        assert_eq!(out, "pub/c++/a%20b%2520~1%5Egit/%C3%BC%23%3F%22%3C");
    }
}

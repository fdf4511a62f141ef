//! Checksums of repository index files.

use serde::{Deserialize, Serialize};

/// The checksums of one version of a file; `None` for those that are not known.
///
/// They are stored as bytes: librepo compares checksums as text and needs lower-case hex, whatever
/// case the data use, so they are formatted where they are written.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Checksums {
    /// MD5.
    pub md5: Option<[u8; 16]>,
    /// SHA-1.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512, in two halves: serde implements arrays of up to 32 elements only.
    pub sha512: Option<[[u8; 32]; 2]>,
}

/// Reads exactly `N` bytes of hex in either case.
pub fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = hex_value(high)? << 4 | hex_value(low)?;
    }
    Some(bytes)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_in_either_case_and_exact_length() {
        assert_eq!(parse_hex::<2>("aBfF"), Some([0xab, 0xff]));
        assert_eq!(parse_hex::<2>("abf"), None);
        assert_eq!(parse_hex::<2>("abffa0"), None);
        assert_eq!(parse_hex::<2>("abfg"), None);
        assert_eq!(parse_hex::<2>("äöä"), None);
    }
}

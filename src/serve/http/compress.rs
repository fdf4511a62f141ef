//! Compression of bodies, for clients that ask for it, if the operator enables it.
//!
//! dnf sends no Accept-Encoding and fails on a compressed body that it did not ask for. So a body is
//! compressed only for a coding that the request names (wildcards do not count), and every answer that
//! could have been compressed has `Vary: Accept-Encoding` for caches on the way.
//!
//! The cost is limited, because a worker waits for the compressor. A body above a maximum length is sent
//! uncompressed, the list of all repositories is compressed once ([`super::constant`]), and the answer
//! to HEAD only names the coding. Such an answer has no Content-Length, which is allowed for headers
//! that depend on the content (RFC 9110, section 9.3.2); two answers to one GET differ in it anyway,
//! because mirrors are shuffled.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The minimum length for compression: smaller bodies fit into one packet anyway.
pub(super) const MIN_BYTES: usize = 1_400;
/// Low levels, because the lines of an answer are repetitive, and a worker waits for the compressor.
pub(super) const GZIP_LEVEL: u32 = 3;
pub(super) const ZSTD_LEVEL: i32 = 1;

/// A content coding (RFC 9110, section 8.4.1; zstd: RFC 8878).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Preferred, because it is faster and compresses better.
    Zstd,
    /// The fallback for all other clients.
    Gzip,
}

impl Coding {
    /// The coding to use for a request with that Accept-Encoding.
    pub fn negotiate(accept_encoding: &str) -> Option<Self> {
        [Self::Zstd, Self::Gzip].into_iter().find(|coding| names(accept_encoding, *coding))
    }

    /// Returns the name for Content-Encoding.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// Whether an Accept-Encoding names a coding, and does not refuse it.
pub fn names(accept_encoding: &str, coding: Coding) -> bool {
    accept_encoding.split(',').any(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quality = parameters.trim().strip_prefix("q=");
        let refused = quality.is_some_and(|q| q.parse().is_ok_and(|q: f32| q <= 0.0));
        name.trim().eq_ignore_ascii_case(coding.name()) && !refused
    })
}

/// Compresses a body; `None` if that does not make it smaller.
pub fn compress(coding: Coding, body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < MIN_BYTES {
        return None;
    }
    let compressed = match coding {
        Coding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL),
        Coding::Gzip => gzip(body),
    };
    compressed.ok().filter(|smaller| smaller.len() < body.len())
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder =
        GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(GZIP_LEVEL));
    encoder.write_all(body)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn only_codings_that_are_named_are_used() {
        for (accept, coding) in [
            ("", None),
            ("identity", None),
            ("*", None),
            ("gzip", Some(Coding::Gzip)),
            ("deflate, GZIP;q=0.5", Some(Coding::Gzip)),
            ("gzip, zstd", Some(Coding::Zstd)),
            ("gzip, zstd;q=0", Some(Coding::Gzip)),
            ("gzip;q=0.0", None),
            ("gzippy", None),
        ] {
            assert_eq!(Coding::negotiate(accept), coding, "{accept}");
        }
    }

    #[test]
    fn what_is_compressed_comes_back() {
        let body = "https://mirror.example/pub/demo/\n".repeat(500).into_bytes();
        let gzipped = compress(Coding::Gzip, &body).expect("a body that repeats itself shrinks");
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(&gzipped[..]).read_to_end(&mut back).expect("intact");
        assert_eq!(back, body);
        let zstd = compress(Coding::Zstd, &body).expect("a body that repeats itself shrinks");
        assert_eq!(zstd::bulk::decompress(&zstd, body.len()).expect("intact"), body);
        assert_eq!(compress(Coding::Zstd, b"short"), None);
    }
}

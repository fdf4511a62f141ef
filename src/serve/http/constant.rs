//! The end of an answer that is the same for all clients, compressed once per snapshot.
//!
//! The answer to an unknown repository is a line about the request and a long list of all repositories.
//! Anyone can ask, and compressing the list takes ten times as long as copying it. So each worker
//! compresses it once and puts the line in front of it uncompressed: both codings have blocks of plain
//! bytes (RFC 1951, section 3.2.4; RFC 8878, section 3.1.1.2.2), and data after such a block do not
//! refer to it. The result is one gzip member or one zstd frame, because not every client reads several.

use flate2::{Compression, Crc, write::DeflateEncoder};
use std::io::Write;
use zstd::bulk::Compressor;

use super::compress::{Coding, GZIP_LEVEL, ZSTD_LEVEL};
use snapshot::Generation;

/// The tails that a worker has compressed for the present snapshot.
#[derive(Default)]
pub struct Constants {
    generation: Option<Generation>,
    /// A short list: one tail for each format and coding.
    tails: Vec<(Kind, Option<Tail>)>,
}

#[derive(PartialEq, Eq)]
struct Kind {
    content_type: Box<str>,
    coding: Coding,
}

impl Constants {
    /// Compresses `body`, whose last `n_constant` bytes are the same in every answer of this type and
    /// generation. `None` if it cannot be done in this way.
    pub fn compress(
        &mut self,
        generation: Generation,
        content_type: &str,
        coding: Coding,
        body: &[u8],
        n_constant: usize,
    ) -> Option<Vec<u8>> {
        let (head, constant) = body.split_at_checked(body.len().checked_sub(n_constant)?)?;
        if self.generation != Some(generation) {
            self.tails.clear();
            self.generation = Some(generation);
        }
        let kind = Kind { content_type: content_type.into(), coding };
        if let Some((_, tail)) = self.tails.iter().find(|(known, _)| *known == kind) {
            return tail.as_ref()?.behind(head);
        }
        let tail = Tail::new(coding, constant);
        let whole = tail.as_ref().and_then(|tail| tail.behind(head));
        self.tails.push((kind, tail));
        whole
    }
}

/// A compressed tail, which can follow different heads.
enum Tail {
    Gzip { deflated: Vec<u8>, crc: Crc },
    Zstd { frame_header: [u8; ZSTD_HEADER], blocks: Vec<u8>, max_head: usize },
}

const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// Length of the frame header: the magic number, a descriptor without optional fields, and the window
/// size.
const ZSTD_HEADER: usize = 6;
/// The maximum length of a block; a block is not longer than the window either.
const ZSTD_MAX_BLOCK: usize = 128 * 1024;

impl Tail {
    fn new(coding: Coding, constant: &[u8]) -> Option<Self> {
        match coding {
            Coding::Gzip => {
                let level = Compression::new(GZIP_LEVEL);
                let mut encoder = DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(constant).ok()?;
                let mut crc = Crc::new();
                crc.update(constant);
                Some(Self::Gzip { deflated: encoder.finish().ok()?, crc })
            }
            Coding::Zstd => {
                let mut compressor = Compressor::new(ZSTD_LEVEL).ok()?;
                compressor.include_contentsize(false).ok()?;
                compressor.include_checksum(false).ok()?;
                let frame = compressor.compress(constant).ok()?;
                let (frame_header, blocks) = frame.split_first_chunk::<ZSTD_HEADER>()?;
                let [.., descriptor, window] = *frame_header;
                if descriptor != 0 {
                    return None;
                }
                // Without its mantissa, which makes the window larger.
                let max_head = ZSTD_MAX_BLOCK.min(1 << (10 + (window >> 3).min(20)));
                let frame_header = *frame_header;
                Some(Self::Zstd { frame_header, blocks: blocks.to_vec(), max_head })
            }
        }
    }

    fn behind(&self, head: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Gzip { deflated, crc } => {
                let length = u16::try_from(head.len()).ok()?;
                let mut whole = Vec::with_capacity(head.len() + deflated.len() + 23);
                whole.extend_from_slice(&GZIP_HEADER);
                // A stored block, with more blocks to follow.
                whole.push(0);
                whole.extend_from_slice(&length.to_le_bytes());
                whole.extend_from_slice(&(!length).to_le_bytes());
                whole.extend_from_slice(head);
                whole.extend_from_slice(deflated);
                let mut sum = Crc::new();
                sum.update(head);
                sum.combine(crc);
                whole.extend_from_slice(&sum.sum().to_le_bytes());
                whole.extend_from_slice(&sum.amount().to_le_bytes());
                Some(whole)
            }
            Self::Zstd { frame_header, blocks, max_head } => {
                let length = u32::try_from(head.len()).ok().filter(|_| head.len() <= *max_head)?;
                // A raw block, with more blocks to follow: its length, in three bytes.
                let [first, second, third, _] = (length << 3).to_le_bytes();
                let mut whole = Vec::with_capacity(head.len() + blocks.len() + 9);
                whole.extend_from_slice(frame_header);
                whole.extend_from_slice(&[first, second, third]);
                whole.extend_from_slice(head);
                whole.extend_from_slice(blocks);
                Some(whole)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn decompress(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Gzip => {
                let mut out = Vec::new();
                // Reads one member only, so that anything after it is left over.
                let mut decoder = flate2::bufread::GzDecoder::new(bytes);
                decoder.read_to_end(&mut out).expect("intact");
                assert_eq!(decoder.into_inner(), b"");
                out
            }
            Coding::Zstd => {
                let mut out = Vec::new();
                let decoder = zstd::stream::read::Decoder::new(bytes).expect("a decoder");
                let mut decoder = decoder.single_frame();
                decoder.read_to_end(&mut out).expect("intact");
                let mut rest = Vec::new();
                decoder.finish().read_to_end(&mut rest).expect("a slice");
                assert_eq!(rest, b"");
                out
            }
        }
    }

    #[test]
    fn every_beginning_comes_back_before_the_same_end() {
        let lists = [0, 1, 5_000].map(|n| {
            (0..n).map(|n| format!("# repo=fedora-{n}&arch=x86_64\n")).collect::<String>()
        });
        for coding in [Coding::Gzip, Coding::Zstd] {
            for list in &lists {
                let mut constants = Constants::default();
                for head in ["", "# repo = x\n", &"ü".repeat(500), "# repo=fedora-7&arch=x86_64\n"]
                {
                    let body = [head, list.as_str()].concat();
                    let generation = Generation::new(1);
                    let whole = constants.compress(
                        generation,
                        "text/plain",
                        coding,
                        body.as_bytes(),
                        list.len(),
                    );
                    let whole = whole.expect("a short beginning");
                    assert_eq!(decompress(coding, &whole), body.as_bytes(), "{coding:?}");
                    assert!(list.len() < 1_000 || whole.len() < body.len() / 2);
                }
                assert_eq!(constants.tails.len(), 1);
            }
        }
    }

    #[test]
    fn each_generation_type_and_coding_has_its_own() {
        let mut constants = Constants::default();
        for (generation, list, content_type, coding, n_known) in [
            (1, "one", "text/plain", Coding::Gzip, 1),
            (1, "other", "application/json", Coding::Gzip, 2),
            (1, "other", "application/json", Coding::Zstd, 3),
            (1, "one", "text/plain", Coding::Gzip, 3),
            (2, "two", "text/plain", Coding::Gzip, 1),
        ] {
            let body = ["head ", list].concat().into_bytes();
            let generation = Generation::new(generation);
            let whole = constants.compress(generation, content_type, coding, &body, list.len());
            assert_eq!(decompress(coding, &whole.expect("a short beginning")), body);
            assert_eq!(constants.tails.len(), n_known);
        }
    }

    #[test]
    fn a_long_beginning_is_somebody_elses_business() {
        let body = vec![b'x'; 200_000];
        for coding in [Coding::Gzip, Coding::Zstd] {
            let mut constants = Constants::default();
            let compressed =
                constants.compress(Generation::new(1), "text/plain", coding, &body, 1_000);
            assert_eq!(compressed, None);
            let impossible = constants.compress(Generation::new(1), "text/plain", coding, b"x", 2);
            assert_eq!(impossible, None);
        }
    }
}

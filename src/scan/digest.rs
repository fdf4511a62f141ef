//! Computes the checksums of a file.

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use model::checksum::Checksums;

/// All checksums of these bytes.
pub fn checksums(bytes: &[u8]) -> Checksums {
    let sha512: [u8; 64] = Sha512::digest(bytes).into();
    let mut halves = [[0; 32]; 2];
    for (byte, from) in halves.as_flattened_mut().iter_mut().zip(sha512) {
        *byte = from;
    }
    Checksums {
        md5: Some(Md5::digest(bytes).into()),
        sha1: Some(Sha1::digest(bytes).into()),
        sha256: Some(Sha256::digest(bytes).into()),
        sha512: Some(halves),
    }
}

#[cfg(test)]
mod tests {
    use model::checksum::parse_hex;

    use super::*;

    /// The values are those of the specifications (RFC 1321, FIPS 180).
    #[test]
    fn checksums_are_those_of_the_specifications() {
        let sums = checksums(b"abc");
        assert_eq!(sums.md5, parse_hex("900150983cd24fb0d6963f7d28e17f72"));
        assert_eq!(sums.sha1, parse_hex("a9993e364706816aba3e25717850c26c9cd0d89d"));
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sums.sha256, parse_hex(sha256));
        let halves = [
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ];
        assert_eq!(sums.sha512, Some(halves.map(|half| parse_hex(half).expect("hex"))));
    }
}

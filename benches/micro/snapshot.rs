//! The snapshot file.

use ::snapshot::format;
use divan::{Bencher, black_box};
use xxhash_rust::xxh3::xxh3_64;

use crate::corpus::CORPUS;

#[divan::bench(sample_count = 10)]
fn decode(bencher: Bencher<'_, '_>) {
    bencher.bench(|| format::decode(black_box(&CORPUS.bytes)).is_ok());
}

/// One bit is not what was written.
#[divan::bench(sample_count = 10)]
fn hostile_flipped(bencher: Bencher<'_, '_>) {
    let mut bytes = CORPUS.bytes.clone();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bencher.bench(|| format::decode(black_box(&bytes)).is_err());
}

/// A true checksum over tables that claim to be as long as numbers go.
#[divan::bench]
fn hostile_forged_lengths(bencher: Bencher<'_, '_>) {
    let payload = [0xff_u8; 4_096];
    let mut fields = Vec::from(format::VERSION.to_le_bytes());
    fields.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    let sum = xxh3_64(&[&fields, &payload[..]].concat());
    let bytes = [b"mirrors\n", &fields[..], &sum.to_le_bytes(), &payload].concat();
    bencher.bench(|| format::decode(black_box(&bytes)).is_err());
}

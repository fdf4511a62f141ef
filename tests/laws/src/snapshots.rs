//! Law: a snapshot file is decoded as it was written or refused, and a forged one causes no panic.

use answer::Edition;
use snapshot::format::{self, Broken};

use super::answers;

/// Checks the bytes as a file. Damaged bytes have a matching checksum by chance once in 2^64 tries.
pub fn snapshot(bytes: &[u8]) {
    match format::decode(bytes) {
        Ok(snapshot) => {
            let generation = u64::from_le_bytes(bytes[20..28].try_into().unwrap());
            assert_eq!(snapshot.generation().to_string(), format!("{generation:016x}"));
        }
        Err(error) => drop(error.to_string()),
    }
}

/// Checks the bytes as a file whose header is corrected, so that decoder and semantic check are reached.
pub fn forged_snapshot(bytes: &[u8]) {
    const HEADER: usize = 28;
    let Some((_, payload)) = bytes.split_at_checked(HEADER) else { return };
    let length = (payload.len() as u64).to_le_bytes();
    let fields = [&format::VERSION.to_le_bytes()[..], &length].concat();
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.update(&fields);
    hasher.update(payload);
    let checksum = hasher.digest().to_le_bytes();
    match format::decode(&[b"mirrors\n", &fields[..], &checksum, payload].concat()) {
        Ok(snapshot) => exercise(&Edition::new(snapshot)),
        Err(Broken::Decode(_) | Broken::Meaning(_)) => {}
        Err(error) => panic!("the header does not fit: {error}"),
    }
}

/// Answers requests from a forged snapshot. Only panics count: text in a snapshot with a valid checksum
/// is not escaped again.
fn exercise(edition: &Edition) {
    let name = edition.snapshot().directory_names().iter().next().unwrap_or_default().to_owned();
    let name: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for query in ["repo=demo-9&arch=x86_64&country=de,us", &format!("path={name}")] {
        answers::exercise(edition, query);
    }
    let n_mirrors = edition.snapshot().mirrors().len();
    assert_eq!(n_mirrors, edition.snapshot().hosts().len());
}

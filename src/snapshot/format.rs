//! The snapshot file: a header with length and checksum ([`runtime::sealed`]), then the tables in bincode,
//! little endian, with integers of fixed width.
//!
//! No byte of the payload is decoded before length and checksum are verified, so the decoder never
//! reads damaged input. The decoded tables are then checked for consistency ([`Tables::validate`]).
//! Integers have a fixed width: most of the file is bit sets and addresses, which a variable width
//! would not shorten. A forged file can still give huge lengths. For those the decoder reserves up to
//! 4 GiB of address space, without using that memory, before it finds that the bytes are missing.
//!
//! # The next version
//!
//! A program reads one version only: a snapshot is compiled again in seconds, and code for old layouts
//! would hardly ever run. A change to the layout of [`Tables`] or of anything in them raises
//! [`VERSION`] and adds an entry to the list below. `tests/fixtures/snapshot/` has a small file of each
//! version since 2, and `tests/it/snapshot_versions.rs` tests how each is handled.
//! `UPDATE_GOLDEN=1 cargo test --test it` writes the file of the new version and the seeds of the
//! fuzzer. The files of earlier versions are not changed.
//!
//! - 7: what checks have found out: mirrors that are behind or left out, and why.
//! - 6: places of mirrors, areas of clients with the mirrors in bands of distance, versions of IP.
//! - 5: routes, categories, and the directories of repositories for any architecture.
//! - 4: mirrors with a monopoly, repositories switched off for one architecture, fallback and NAT64
//!   prefixes of the data.
//! - 3: mirrors have a key ([`model::mirror_key`]).
//! - 2: locations of two bytes, which can be a continent as well as a country.

use std::path::Path;

use super::generation::Generation;
use super::snapshot::Snapshot;
use super::tables::Tables;
use runtime::sealed::{self, EncodeError, Kind, Reason};

/// Format version of the file, raised whenever the layout of [`Tables`] changes. A program refuses files
/// of other versions.
pub const VERSION: u32 = 7;
/// The most bytes of a payload: more than any distribution needs (Fedora's has 20 MB).
const MAX_PAYLOAD: usize = 4 << 30;
const KIND: Kind = Kind {
    magic: b"mirrors\n",
    version: VERSION,
    limit: MAX_PAYLOAD as u64,
    name: "snapshot",
    remedy: "compile it again",
};

/// The error of reading or writing a snapshot file. The message names the file.
pub type Error = sealed::Error<Inconsistent>;
/// The reason why bytes are no valid snapshot: the header, the encoding, or tables that do not fit together.
pub type Broken = sealed::Invalid<Inconsistent>;

/// A table points outside another. Holds the name of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("is inconsistent in its table {0}; compile it again")]
pub struct Inconsistent(pub &'static str);

/// Encodes tables as the bytes of a snapshot file.
pub fn encode(tables: &Tables) -> Result<Vec<u8>, EncodeError> {
    let encoded = bincode::serde::encode_to_vec(tables, codec());
    KIND.seal(&encoded.map_err(|error| EncodeError::Encoder(error.to_string()))?)
}

/// Verifies and decodes the bytes of a snapshot file.
pub fn decode(bytes: &[u8]) -> Result<Snapshot, Broken> {
    let (tables, generation) = decode_tables(bytes)?;
    new_snapshot(tables, generation, None)
}

fn decode_tables(bytes: &[u8]) -> Result<(Tables, Generation), Broken> {
    let (payload, checksum) = KIND.open(bytes)?;
    Ok((decode_payload(payload)?, Generation::new(checksum)))
}

fn decode_payload(payload: &[u8]) -> Result<Tables, Broken> {
    let decoded = bincode::serde::decode_from_slice(payload, codec());
    Broken::whole(decoded.map_err(|error| Broken::Decode(error.to_string()))?, payload)
}

fn new_snapshot(
    tables: Tables,
    generation: Generation,
    before: Option<&Snapshot>,
) -> Result<Snapshot, Broken> {
    let snapshot = Snapshot::new(tables, generation, before);
    snapshot.map_err(|table| Broken::Meaning(Inconsistent(table)))
}

/// Reads a snapshot file.
pub fn read(path: &Path) -> Result<Snapshot, Error> {
    read_after(path, None).map(|(snapshot, _)| snapshot)
}

/// Reads a snapshot file and returns the number of bytes read. The new snapshot shares equal indexes
/// with `before`.
pub fn read_after(path: &Path, before: Option<&Snapshot>) -> Result<(Snapshot, u64), Error> {
    let invalid = |error| Reason::Invalid(error).at(path);
    let (payload, checksum) = KIND.read(path)?;
    let n_bytes = payload.len() as u64 + sealed::HEADER as u64;
    let tables = decode_payload(&payload).map_err(invalid)?;
    // A reload holds the old snapshot, the bytes and the new tables at once. The bytes are freed
    // before the indexes are built, to lower the peak.
    drop(payload);
    let snapshot = new_snapshot(tables, Generation::new(checksum), before).map_err(invalid)?;
    Ok((snapshot, n_bytes))
}

/// Verifies a file and returns its generation, without decoding the payload.
pub fn read_generation(path: &Path) -> Result<Generation, Error> {
    KIND.read(path).map(|(_, checksum)| Generation::new(checksum))
}

/// The generation of bytes that [`encode`] made.
pub fn generation_of(bytes: &[u8]) -> Option<Generation> {
    KIND.checksum_of(bytes).ok().map(Generation::new)
}

/// The snapshot that a program would read from the bytes that [`encode`] returned for `tables`.
pub fn publish(
    tables: Tables,
    bytes: &[u8],
    before: Option<&Snapshot>,
) -> Result<Snapshot, Broken> {
    let generation = Generation::new(KIND.checksum_of(bytes)?);
    new_snapshot(tables, generation, before)
}

fn codec() -> impl bincode::config::Config {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<MAX_PAYLOAD>()
}

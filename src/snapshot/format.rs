//! The snapshot file: a header with length and checksum, then the tables.
//!
//! ```text
//! bytes  0..8    magic "mirrors\n"
//! bytes  8..12   format version, little endian
//! bytes 12..20   length of the payload in bytes, little endian
//! bytes 20..28   XXH3-64 of bytes 8..20 and the payload, little endian
//! bytes 28..     payload: the tables in bincode, little endian, fixed-width integers
//! ```
//!
//! No byte of the payload is decoded before length and checksum are verified, so the decoder never
//! reads damaged input. The decoded tables are then checked for consistency ([`Tables::validate`]).
//! Integers have a fixed width: most of the file is bit sets and addresses, which a variable width
//! would not shorten. A forged file can still give huge lengths. For those the decoder reserves up to
//! 4 GiB of address space, without using that memory, before it finds that the bytes are missing.
//!
//! The header is read from a file first, and its length is compared with that of the file before
//! the payload is read. [`super::replace`] describes how a file is written.
//!
//! The checksum detects damage, not malice: an attacker who can write the file can make a valid one.
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
//! - 3: mirrors have a key ([`model::mirror_key`]).
//! - 2: locations of two bytes, which can be a continent as well as a country.

use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::generation::Generation;
use super::snapshot::Snapshot;
use super::tables::Tables;
use runtime::regular_file::{self, ReadError};

const MAGIC: &[u8; 8] = b"mirrors\n";
/// Format version of the file, raised whenever the layout of [`Tables`] changes. A program refuses files
/// of other versions.
pub const VERSION: u32 = 3;
const HEADER: usize = 28;
/// The most bytes of a payload: more than any distribution needs (Fedora's has 20 MB).
const MAX_PAYLOAD: usize = 4 << 30;

/// The error of reading or writing a snapshot file. The message names the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Error {
    path: PathBuf,
    reason: Reason,
}

impl Error {
    /// The I/O error, if that is the reason.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.reason {
            Reason::Read(error) => error.io_error(),
            Reason::Write(error) => Some(error),
            Reason::Broken(_) | Reason::Encode(_) => None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("{0}")]
    Write(#[from] io::Error),
    #[error("{0}")]
    Broken(#[from] Broken),
    #[error("cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
}

/// The reason why bytes are no valid snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Too short for a header, or another kind of file.
    #[error("is no snapshot file (it does not begin with \"mirrors\")")]
    Magic,
    /// Written by another version of the program.
    #[error("has format version {0}, but this program reads version {VERSION}; compile it again")]
    Version(u32),
    /// The file is cut off, or bytes are appended.
    #[error("is damaged: {found} bytes long where its header says {expected}")]
    Length {
        /// Bytes in the file.
        found: u64,
        /// Bytes according to the header.
        expected: u64,
    },
    /// The payload is longer than this program would write.
    #[error("is damaged: its header says that {0} bytes follow")]
    TooLong(u64),
    /// The checksum does not match: the file was changed after it was written.
    #[error("is damaged: its checksum is {found:016x} where its header says {expected:016x}")]
    Checksum {
        /// Checksum of the bytes in the file.
        found: u64,
        /// Checksum according to the header.
        expected: u64,
    },
    /// The checksum matches, but the payload is not bincode of the tables.
    #[error("cannot be decoded: {0}")]
    Decode(String),
    /// It decodes, but a table points outside another.
    #[error("is inconsistent in its table {0}; compile it again")]
    Meaning(&'static str),
}

/// The tables hold a value that bincode cannot write, which does not happen with these types.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(String);

/// Encodes tables as the bytes of a snapshot file.
pub fn encode(tables: &Tables) -> Result<Vec<u8>, EncodeError> {
    let payload = bincode::serde::encode_to_vec(tables, codec())
        .map_err(|error| EncodeError(error.to_string()))?;
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    let checksum = checksum(bytes.get(MAGIC.len()..).unwrap_or(&[]), &payload);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

/// Verifies and decodes the bytes of a snapshot file.
pub fn decode(bytes: &[u8]) -> Result<Snapshot, Broken> {
    let (tables, generation) = decode_tables(bytes)?;
    Snapshot::new(tables, generation, None).map_err(Broken::Meaning)
}

fn decode_tables(bytes: &[u8]) -> Result<(Tables, Generation), Broken> {
    let (header, payload) = bytes.split_at_checked(HEADER).ok_or(Broken::Magic)?;
    let header = Header::parse(header)?;
    let generation = header.verify(payload)?;
    Ok((decode_payload(payload)?, generation))
}

fn decode_payload(payload: &[u8]) -> Result<Tables, Broken> {
    let (tables, used): (Tables, usize) = bincode::serde::decode_from_slice(payload, codec())
        .map_err(|error| Broken::Decode(error.to_string()))?;
    if used != payload.len() {
        return Err(Broken::Decode(format!("{} bytes are left over", payload.len() - used)));
    }
    Ok(tables)
}

/// The parsed header of a file.
struct Header<'a> {
    /// The part of the header that the checksum covers.
    fields: &'a [u8],
    /// Bytes of the payload.
    length: u64,
    checksum: u64,
}

impl<'a> Header<'a> {
    /// Reads magic, version and length; does not verify the checksum.
    fn parse(header: &'a [u8]) -> Result<Self, Broken> {
        let (magic, fields) = header.split_first_chunk().ok_or(Broken::Magic)?;
        if magic != MAGIC {
            return Err(Broken::Magic);
        }
        let (version, rest) = fields.split_first_chunk().ok_or(Broken::Magic)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(Broken::Version(version));
        }
        let (length, rest) = rest.split_first_chunk().ok_or(Broken::Magic)?;
        let (checksum, _) = rest.split_first_chunk().ok_or(Broken::Magic)?;
        let length = u64::from_le_bytes(*length);
        let checksum = u64::from_le_bytes(*checksum);
        Ok(Self { fields: fields.get(..12).unwrap_or(&[]), length, checksum })
    }

    /// Compares the length of the payload with that of the whole file.
    fn check_length(&self, found: u64) -> Result<(), Broken> {
        let expected = self.length.saturating_add(HEADER as u64);
        match found == expected {
            false => Err(Broken::Length { found, expected }),
            true if self.length > MAX_PAYLOAD as u64 => Err(Broken::TooLong(self.length)),
            true => Ok(()),
        }
    }

    /// Verifies the checksum of the payload, and returns its generation.
    fn verify(&self, payload: &[u8]) -> Result<Generation, Broken> {
        self.check_length(payload.len() as u64 + HEADER as u64)?;
        let (found, expected) = (checksum(self.fields, payload), self.checksum);
        if found != expected {
            return Err(Broken::Checksum { found, expected });
        }
        Ok(Generation::new(found))
    }
}

/// Reads a snapshot file.
pub fn read(path: &Path) -> Result<Snapshot, Error> {
    read_after(path, None).map(|(snapshot, _)| snapshot)
}

/// Reads a snapshot file and returns the number of bytes read. The new snapshot shares equal indexes
/// with `before`.
pub fn read_after(path: &Path, before: Option<&Snapshot>) -> Result<(Snapshot, u64), Error> {
    let (payload, generation) = read_payload(path)?;
    let n_bytes = (payload.len() + HEADER) as u64;
    let tables = decode_payload(&payload).map_err(|error| at(path, error))?;
    // A reload holds the old snapshot, the bytes and the new tables at once. The bytes are freed
    // before the indexes are built, to lower the peak.
    drop(payload);
    let snapshot = Snapshot::new(tables, generation, before);
    let snapshot = snapshot.map_err(|table| at(path, Broken::Meaning(table)))?;
    Ok((snapshot, n_bytes))
}

/// Verifies a file and returns its generation, without decoding the payload.
pub fn read_generation(path: &Path) -> Result<Generation, Error> {
    read_payload(path).map(|(_, generation)| generation)
}

/// Reads the payload of a file and verifies it.
fn read_payload(path: &Path) -> Result<(Vec<u8>, Generation), Error> {
    let (mut file, length) = regular_file::open(path).map_err(|error| at(path, error))?;
    let size = HEADER as u64;
    let header =
        regular_file::read_up_to(&mut file, size, size).map_err(|error| at(path, error))?;
    let header = Header::parse(&header).map_err(|error| at(path, error))?;
    header.check_length(length).map_err(|error| at(path, error))?;
    // One byte more than expected is read, to detect a file that grows meanwhile.
    let payload = regular_file::read_up_to(file, header.length, header.length.saturating_add(1));
    let payload = payload.map_err(|error| at(path, error.after(size)))?;
    let generation = header.verify(&payload).map_err(|error| at(path, error))?;
    Ok((payload, generation))
}

/// The generation of bytes that [`encode`] made.
pub fn generation_of(bytes: &[u8]) -> Option<Generation> {
    Header::parse(bytes.get(..HEADER)?).ok().map(|header| Generation::new(header.checksum))
}

/// The snapshot that a program would read from the bytes that [`encode`] returned for `tables`.
pub fn publish(
    tables: Tables,
    bytes: &[u8],
    before: Option<&Snapshot>,
) -> Result<Snapshot, Broken> {
    let generation = generation_of(bytes).ok_or(Broken::Magic)?;
    Snapshot::new(tables, generation, before).map_err(Broken::Meaning)
}

fn codec() -> impl bincode::config::Config {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<MAX_PAYLOAD>()
}

fn checksum(fields: &[u8], payload: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(fields);
    hasher.update(payload);
    hasher.digest()
}

pub(super) fn at(path: &Path, reason: impl Into<Reason>) -> Error {
    Error { path: path.to_owned(), reason: reason.into() }
}

//! The snapshot file: tables behind a header that proves they are whole.
//!
//! ```text
//! bytes  0..8    magic "mirrors\n"
//! bytes  8..12   format version, little endian
//! bytes 12..20   length of the payload in bytes, little endian
//! bytes 20..28   XXH3-64 of bytes 8..20 and the payload, little endian
//! bytes 28..     payload: the tables in bincode, little endian, fixed-width integers
//! ```
//!
//! Reading goes in that order: not one byte of the payload is decoded before length and checksum
//! agree, so the decoder never meets damaged input, and what decodes is checked again for meaning
//! ([`Tables::validate`]). Integers have a fixed width:
//! most of the file is bit sets and addresses, which a variable one would not shorten. A forged file
//! can still name huge lengths; the decoder's limit bounds what it may allocate.
//!
//! Writing goes to a temporary file in the same folder, which is synced and renamed over the old one;
//! then the folder is synced. Whoever opens the name sees the old file or the new one, never a part.
//!
//! The checksum finds damage, not malice: whoever can write the file can make a valid one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::tables::Tables;
use super::{Generation, Snapshot};

const MAGIC: &[u8; 8] = b"mirrors\n";
/// Raised whenever the layout of [`Tables`] changes: older programs refuse newer files by name.
const VERSION: u32 = 1;
const HEADER: usize = 28;
/// More than any distribution needs (Fedora's takes 20 MB).
const MAX_PAYLOAD: usize = 4 << 30;

/// Why a snapshot file cannot be read or written. The message names the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Error {
    path: PathBuf,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Broken(#[from] Broken),
    #[error("cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
}

/// Why bytes are no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Too short for a header, or another kind of file.
    #[error("is no snapshot file (it does not begin with \"mirrors\")")]
    Magic,
    /// Written by another version of the program.
    #[error("has format version {0}, but this program reads version {VERSION}; compile it again")]
    Version(u32),
    /// Cut off, or with something appended.
    #[error("is damaged: {found} bytes long where its header says {expected}")]
    Length {
        /// Bytes in the file.
        found: u64,
        /// Bytes according to the header.
        expected: u64,
    },
    /// Some bit is not what was written.
    #[error("is damaged: its checksum is {found:016x} where its header says {expected:016x}")]
    Checksum {
        /// Of what is there.
        found: u64,
        /// According to the header.
        expected: u64,
    },
    /// The checksum holds but the payload is not bincode of our tables.
    #[error("cannot be decoded: {0}")]
    Decode(String),
    /// It decodes, but a table points outside another.
    #[error("is inconsistent in its table {0}")]
    Meaning(&'static str),
}

/// The tables hold something that bincode cannot write; none of ours do.
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
    Snapshot::new(tables, generation).map_err(Broken::Meaning)
}

fn decode_tables(bytes: &[u8]) -> Result<(Tables, Generation), Broken> {
    let (header, payload) = bytes.split_at_checked(HEADER).ok_or(Broken::Magic)?;
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
    let length = u64::from_le_bytes(*length);
    if length != payload.len() as u64 {
        return Err(Broken::Length {
            found: bytes.len() as u64,
            expected: length.saturating_add(HEADER as u64),
        });
    }
    let (expected, _) = rest.split_first_chunk().ok_or(Broken::Magic)?;
    let expected = u64::from_le_bytes(*expected);
    let found = checksum(fields.get(..12).unwrap_or(&[]), payload);
    if found != expected {
        return Err(Broken::Checksum { found, expected });
    }
    let (tables, used): (Tables, usize) = bincode::serde::decode_from_slice(payload, codec())
        .map_err(|error| Broken::Decode(error.to_string()))?;
    if used != payload.len() {
        return Err(Broken::Decode(format!("{} bytes are left over", payload.len() - used)));
    }
    Ok((tables, Generation::new(found)))
}

/// Reads a snapshot file.
pub fn read(path: &Path) -> Result<Snapshot, Error> {
    let bytes = fs::read(path).map_err(|error| at(path, error))?;
    let (tables, generation) = decode_tables(&bytes).map_err(|error| at(path, error))?;
    // A reload holds the old snapshot, the bytes and the new tables at once; the indexes need not
    // come on top of all three.
    drop(bytes);
    Snapshot::new(tables, generation).map_err(|table| at(path, Broken::Meaning(table)))
}

/// Writes bytes that [`encode`] made, so that `path` is wholly old or wholly new at any moment.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_atomically(path, bytes).map_err(|error| at(path, error))
}

/// The snapshot that a program would read from bytes that [`encode`] made of `tables`.
pub(crate) fn publish(tables: Tables, bytes: &[u8]) -> Result<Snapshot, Broken> {
    let generation = bytes
        .get(20..HEADER)
        .and_then(|checksum| checksum.try_into().ok())
        .map(u64::from_le_bytes)
        .ok_or(Broken::Magic)?;
    Snapshot::new(tables, Generation::new(generation)).map_err(Broken::Meaning)
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

fn at(path: &Path, reason: impl Into<Reason>) -> Error {
    Error { path: path.to_owned(), reason: reason.into() }
}

fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| io::Error::other("names no file"))?;
    // The process id keeps two compilers apart; a file left by a killed one is replaced.
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = folder.join(temporary);
    let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What failed is what the caller must hear of, not that there is nothing to remove.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

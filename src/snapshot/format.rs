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
//! The temporary file has a fixed name (`.NAME.tmp`) and is locked while it is written: a writer that
//! is killed leaves one file at most, which the next one takes over, and two writers take turns. A
//! process id in the name would not do, as every container has a process 1.
//!
//! The file that is replaced can be kept beside the new one, as `NAME.previous` ([`Keep::Previous`]).
//! It gets that name as a second one before the new file takes the first, so that `NAME` is there at
//! any moment. Only an intact file of another generation is kept: a broken one would push out the one
//! that is to help when a file is broken, and an equal one would be of no more help than the new one.
//!
//! The checksum finds damage, not malice: whoever can write the file can make a valid one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
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

impl Error {
    /// What the system said, where that is the reason.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.reason {
            Reason::Io(error) => Some(error),
            Reason::Broken(_) | Reason::Encode(_) => None,
        }
    }
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
    #[error("is inconsistent in its table {0}; compile it again")]
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
    Snapshot::new(tables, generation, None).map_err(Broken::Meaning)
}

fn decode_tables(bytes: &[u8]) -> Result<(Tables, Generation), Broken> {
    let (payload, generation) = verify(bytes)?;
    let (tables, used): (Tables, usize) = bincode::serde::decode_from_slice(payload, codec())
        .map_err(|error| Broken::Decode(error.to_string()))?;
    if used != payload.len() {
        return Err(Broken::Decode(format!("{} bytes are left over", payload.len() - used)));
    }
    Ok((tables, generation))
}

/// The payload, proven to be whole, and its generation.
fn verify(bytes: &[u8]) -> Result<(&[u8], Generation), Broken> {
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
    Ok((payload, Generation::new(found)))
}

/// Reads a snapshot file.
pub fn read(path: &Path) -> Result<Snapshot, Error> {
    read_after(path, None).map(|(snapshot, _)| snapshot)
}

/// The same for a process that has the snapshot `before`, with the number of bytes that were read.
pub fn read_after(path: &Path, before: Option<&Snapshot>) -> Result<(Snapshot, u64), Error> {
    let bytes = fs::read(path).map_err(|error| at(path, error))?;
    let n_bytes = bytes.len() as u64;
    let (tables, generation) = decode_tables(&bytes).map_err(|error| at(path, error))?;
    // A reload holds the old snapshot, the bytes and the new tables at once; the indexes need not
    // come on top of all three.
    drop(bytes);
    let snapshot = Snapshot::new(tables, generation, before);
    let snapshot = snapshot.map_err(|table| at(path, Broken::Meaning(table)))?;
    Ok((snapshot, n_bytes))
}

/// What becomes of the file that is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// It is kept under the name that [`previous_of`] gives.
    Previous,
    /// It goes.
    Nothing,
}

/// Writes bytes that [`encode`] made, so that `path` is wholly old or wholly new at any moment.
///
/// Gives back why the file before could not be kept, if so: the new one is in its place all the
/// same, because new data count for more than a second copy of old ones.
pub fn write(path: &Path, bytes: &[u8], keep: Keep) -> Result<Option<Error>, Error> {
    write_atomically(path, bytes, keep).map_err(|error| at(path, error))
}

/// Where the snapshot is kept that the one at `path` has replaced.
pub fn previous_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".previous");
    name.into()
}

/// The snapshot that a program would read from bytes that [`encode`] made of `tables`.
pub(crate) fn publish(
    tables: Tables,
    bytes: &[u8],
    before: Option<&Snapshot>,
) -> Result<Snapshot, Broken> {
    let generation = bytes
        .get(20..HEADER)
        .and_then(|checksum| checksum.try_into().ok())
        .map(u64::from_le_bytes)
        .ok_or(Broken::Magic)?;
    Snapshot::new(tables, Generation::new(generation), before).map_err(Broken::Meaning)
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

fn write_atomically(path: &Path, bytes: &[u8], keep: Keep) -> io::Result<Option<Error>> {
    if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        // A rename would put a file in the place of /dev/null just as well.
        return Err(io::Error::other("exists and is no regular file"));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| io::Error::other("names no file"))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    let temporary = folder.join(with_suffix(&hidden, ".tmp"));
    // Until it is dropped, at the end, no other writer takes the name.
    let mut file = lock(&temporary)?;
    let written = write_synced(&mut file, bytes).and_then(|()| {
        let not_kept = match keep {
            Keep::Previous => {
                let second = folder.join(with_suffix(&hidden, ".previous.tmp"));
                let kept = keep_previous(path, &second, bytes);
                kept.err().map(|error| at(&previous_of(path), error))
            }
            Keep::Nothing => None,
        };
        fs::rename(&temporary, path)?;
        Ok(not_kept)
    });
    if written.is_err() {
        // What failed is what the caller must hear of, not that there is nothing to remove.
        let _ = fs::remove_file(&temporary);
    }
    let not_kept = written?;
    File::open(folder)?.sync_all()?;
    Ok(not_kept)
}

/// Opens the temporary file and locks it; waits while another writer has it.
fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            // In a folder where everybody may write, somebody could have put a link there.
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        // Some network file systems know no locks; there the operator sees to it that only one
        // compiler writes a file.
        let _ = flock(&file, FlockOperation::LockExclusive);
        // Whoever had it before has renamed it since: it is a snapshot now, and not ours to write.
        let (ours, named) = (file.metadata()?, fs::symlink_metadata(path));
        if named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
            return Ok(file);
        }
    }
}

fn write_synced(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    // What a writer left that was killed.
    file.set_len(0)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives the file at `path` its second name, by way of `temporary`, if it is worth keeping.
fn keep_previous(path: &Path, temporary: &Path, next: &[u8]) -> io::Result<()> {
    let old = match fs::read(path) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if verify(&old).is_err() || old == next {
        return Ok(());
    }
    // Left by a writer that was killed; mostly there is none.
    let _ = fs::remove_file(temporary);
    let kept = fs::hard_link(path, temporary)
        // Not every file system has links, and a file of another user may not be linked.
        .or_else(|_| {
            let mut file = File::create_new(temporary)?;
            write_synced(&mut file, &old)
        })
        .and_then(|()| fs::rename(temporary, previous_of(path)));
    // A rename onto another name of the same file does nothing, and leaves both.
    let _ = fs::remove_file(temporary);
    kept
}

fn with_suffix(name: &OsString, suffix: &str) -> OsString {
    let mut name = name.clone();
    name.push(suffix);
    name
}

//! Files with a header that holds their kind, version, length and checksum.
//!
//! ```text
//! bytes  0..8    magic: the name of the kind of file
//! bytes  8..12   format version, little endian
//! bytes 12..20   length of the payload in bytes, little endian
//! bytes 20..28   XXH3-64 of bytes 8..20 and the payload, little endian
//! bytes 28..     payload
//! ```
//!
//! No byte of the payload is returned before length and checksum are verified, so decoders never read
//! damaged input. The header is read from a file first, and its length is compared with that of the file
//! before memory is reserved for the payload. [`super::replace`] describes how a file is written.
//!
//! The checksum detects damage, not malice: an attacker who can write the file can make a valid one.

use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::regular_file::{self, ReadError};

/// Bytes before the payload.
pub const HEADER: usize = 28;

/// A kind of file.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The first bytes of the file: a word and a line break.
    pub magic: &'static [u8; 8],
    /// Format version of the payload. A program reads files of one version only.
    pub version: u32,
    /// The most bytes of a payload.
    pub limit: u64,
    /// What messages call the kind, such as `snapshot`.
    pub name: &'static str,
    /// What messages say is to be done about a file of another version, such as `compile it again`.
    pub remedy: &'static str,
}

/// The reason why bytes are no intact file of a kind.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Broken {
    /// Another kind of file.
    #[error("is no {name} file (it does not begin with \"{magic}\")")]
    Magic {
        /// What the kind is called.
        name: &'static str,
        /// The first word of such a file.
        magic: String,
    },
    /// It begins as such a file, and ends within its header.
    #[error("is cut off: {found} bytes, where its header alone has {HEADER}")]
    Short {
        /// Bytes in the file.
        found: usize,
    },
    /// Written by another version of the program.
    #[error("has format version {found}, but this program reads version {read}; {remedy}")]
    Version {
        /// The version in the file.
        found: u32,
        /// The version that is read.
        read: u32,
        /// What to do.
        remedy: &'static str,
    },
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
}

/// The reason why bytes are no valid file of a kind. `M` is what may be wrong with a payload that decodes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Invalid<M> {
    /// The header does not fit the kind of file, the version or the payload.
    #[error("{0}")]
    Sealed(Broken),
    /// The checksum matches, but the payload cannot be decoded.
    #[error("cannot be decoded: {0}")]
    Decode(String),
    /// It decodes, but makes no sense.
    #[error("{0}")]
    Meaning(M),
}

impl<M> From<Broken> for Invalid<M> {
    fn from(broken: Broken) -> Self {
        Self::Sealed(broken)
    }
}

impl<M> Invalid<M> {
    /// The value that was decoded from all of `payload`; an error if the decoder has used `used` bytes
    /// only.
    pub fn whole<T>((value, used): (T, usize), payload: &[u8]) -> Result<T, Self> {
        match payload.len().saturating_sub(used) {
            0 => Ok(value),
            n => Err(Self::Decode(format!("{n} bytes are left over"))),
        }
    }
}

/// The reason why there are no bytes of a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// The encoder cannot write a value.
    #[error("{0}")]
    Encoder(String),
    /// The payload is so long that no program would read it.
    #[error("takes {length} bytes, more than the {limit} that are read")]
    TooLong {
        /// Its length in bytes.
        length: u64,
        /// The most bytes of a payload of this kind.
        limit: u64,
    },
}

/// The error of reading or writing a file. The message names the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Error<M> {
    path: PathBuf,
    reason: Reason<M>,
}

/// The reason of an [`Error`].
#[derive(Debug, thiserror::Error)]
pub enum Reason<M> {
    /// The file cannot be read.
    #[error("{0}")]
    Read(ReadError),
    /// The file cannot be written.
    #[error("{0}")]
    Write(io::Error),
    /// What was read is not valid.
    #[error("{0}")]
    Invalid(Invalid<M>),
    /// What is to be written has no bytes.
    #[error("cannot be encoded: {0}")]
    Encode(EncodeError),
}

impl<M> Reason<M> {
    /// The error of the file at `path`.
    pub fn at(self, path: &Path) -> Error<M> {
        Error { path: path.to_owned(), reason: self }
    }
}

impl<M> Error<M> {
    /// Whether the file is of another kind, or too short to tell.
    pub fn is_of_other_kind(&self) -> bool {
        matches!(self.reason, Reason::Invalid(Invalid::Sealed(Broken::Magic { .. })))
    }

    /// The I/O error, if that is the reason.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.reason {
            Reason::Read(error) => error.io_error(),
            Reason::Write(error) => Some(error),
            Reason::Invalid(_) | Reason::Encode(_) => None,
        }
    }
}

impl Kind {
    /// The bytes of a file with this payload.
    pub fn seal(&self, payload: &[u8]) -> Result<Vec<u8>, EncodeError> {
        let (length, limit) = (payload.len() as u64, self.limit);
        if length > limit {
            return Err(EncodeError::TooLong { length, limit });
        }
        let mut bytes = Vec::with_capacity(HEADER + payload.len());
        bytes.extend_from_slice(self.magic);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        let checksum = checksum(bytes.get(self.magic.len()..).unwrap_or(&[]), payload);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(payload);
        Ok(bytes)
    }

    /// Verifies the bytes of a file, and returns the payload and its checksum.
    pub fn open<'a>(&self, bytes: &'a [u8]) -> Result<(&'a [u8], u64), Broken> {
        let (header, payload) = bytes.split_at_checked(HEADER).unwrap_or((bytes, &[]));
        let checksum = self.parse(header)?.verify(self, payload)?;
        Ok((payload, checksum))
    }

    /// Whether a file begins as one of this kind; it may be damaged. `false` if it cannot be read.
    pub fn is_kind_of(&self, path: &Path) -> bool {
        let n = self.magic.len() as u64;
        let opened = regular_file::open(path);
        let begin = opened.and_then(|(file, _)| regular_file::read_up_to(file, n, n));
        begin.is_ok_and(|begin| begin == self.magic)
    }

    /// Reads a file and verifies it. Returns the payload and its checksum.
    pub fn read<M>(&self, path: &Path) -> Result<(Vec<u8>, u64), Error<M>> {
        self.read_payload(path).map_err(|reason| reason.at(path))
    }

    fn read_payload<M>(&self, path: &Path) -> Result<(Vec<u8>, u64), Reason<M>> {
        let (mut file, length) = regular_file::open(path).map_err(Reason::Read)?;
        let size = HEADER as u64;
        let header = regular_file::read_up_to(&mut file, size, size).map_err(Reason::Read)?;
        let broken = |broken| Reason::Invalid(Invalid::Sealed(broken));
        let header = self.parse(&header).map_err(broken)?;
        header.check_length(self, length).map_err(broken)?;
        // One byte more than expected is read, to detect a file that grows meanwhile.
        let payload =
            regular_file::read_up_to(file, header.length, header.length.saturating_add(1));
        let payload = payload.map_err(|error| Reason::Read(error.after(size)))?;
        let checksum = header.verify(self, &payload).map_err(broken)?;
        Ok((payload, checksum))
    }

    /// The checksum in the header of bytes that [`Self::seal`] made.
    pub fn checksum_of(&self, bytes: &[u8]) -> Result<u64, Broken> {
        let header = bytes.get(..HEADER).unwrap_or(bytes);
        self.parse(header).map(|header| header.checksum)
    }

    /// Reads magic, version and length; does not verify the checksum.
    fn parse<'a>(&self, header: &'a [u8]) -> Result<Header<'a>, Broken> {
        let (magic, fields) = header.split_first_chunk().ok_or_else(|| self.no_magic())?;
        if magic != self.magic {
            return Err(self.no_magic());
        }
        let short = Broken::Short { found: header.len() };
        let (version, rest) = fields.split_first_chunk().ok_or_else(|| short.clone())?;
        let found = u32::from_le_bytes(*version);
        if found != self.version {
            let Self { version: read, remedy, .. } = *self;
            return Err(Broken::Version { found, read, remedy });
        }
        let (length, rest) = rest.split_first_chunk().ok_or_else(|| short.clone())?;
        let (checksum, _) = rest.split_first_chunk().ok_or(short)?;
        let length = u64::from_le_bytes(*length);
        let checksum = u64::from_le_bytes(*checksum);
        Ok(Header { fields: fields.get(..12).unwrap_or(&[]), length, checksum })
    }

    fn no_magic(&self) -> Broken {
        let magic = String::from_utf8_lossy(self.magic.trim_ascii_end()).into_owned();
        Broken::Magic { name: self.name, magic }
    }
}

/// The parsed header of a file.
struct Header<'a> {
    /// The part of the header that the checksum covers.
    fields: &'a [u8],
    /// Bytes of the payload.
    length: u64,
    checksum: u64,
}

impl Header<'_> {
    /// Compares the length of the payload with that of the whole file.
    fn check_length(&self, kind: &Kind, found: u64) -> Result<(), Broken> {
        let expected = self.length.saturating_add(HEADER as u64);
        match found == expected {
            false => Err(Broken::Length { found, expected }),
            true if self.length > kind.limit => Err(Broken::TooLong(self.length)),
            true => Ok(()),
        }
    }

    /// Verifies the checksum of the payload, and returns it.
    fn verify(&self, kind: &Kind, payload: &[u8]) -> Result<u64, Broken> {
        self.check_length(kind, payload.len() as u64 + HEADER as u64)?;
        let (found, expected) = (checksum(self.fields, payload), self.checksum);
        if found != expected {
            return Err(Broken::Checksum { found, expected });
        }
        Ok(found)
    }
}

fn checksum(fields: &[u8], payload: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(fields);
    hasher.update(payload);
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const KIND: Kind =
        Kind { magic: b"samples\n", version: 7, limit: 9, name: "sample", remedy: "sample again" };

    fn seal(kind: Kind, payload: &[u8]) -> Vec<u8> {
        kind.seal(payload).expect("it is short")
    }

    #[test]
    fn what_is_sealed_is_opened_and_every_change_is_detected() {
        let bytes = seal(KIND, b"payload");
        let (payload, checksum) = KIND.open(&bytes).expect("it is intact");
        assert_eq!(payload, b"payload");
        assert_eq!(KIND.checksum_of(&bytes), Ok(checksum));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert!(KIND.open(&damaged).is_err(), "bit {bit} of byte {at}");
            }
            assert!(KIND.open(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn reasons_say_what_is_found_and_what_is_expected() {
        let reason = |bytes: &[u8]| KIND.open(bytes).expect_err("it is refused").to_string();
        let magic = "is no sample file (it does not begin with \"samples\")";
        assert_eq!(reason(b"samples"), magic);
        assert_eq!(reason(b"samples\n"), "is cut off: 8 bytes, where its header alone has 28");
        assert_eq!(reason(&seal(Kind { magic: b"another\n", ..KIND }, b"")), magic);
        assert_eq!(
            reason(&seal(Kind { version: 8, ..KIND }, b"")),
            "has format version 8, but this program reads version 7; sample again"
        );
        assert_eq!(
            reason(&seal(Kind { limit: 10, ..KIND }, b"0123456789")),
            "is damaged: its header says that 10 bytes follow"
        );
    }

    #[test]
    fn what_would_not_be_read_is_not_sealed() {
        assert!(KIND.open(&seal(KIND, b"123456789")).is_ok());
        let refused = KIND.seal(b"0123456789").expect_err("it is too long").to_string();
        assert_eq!(refused, "takes 10 bytes, more than the 9 that are read");
    }

    #[test]
    fn a_file_is_read_as_its_bytes_are_opened() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sample");
        let bytes = seal(KIND, b"payload");
        std::fs::write(&path, &bytes).expect("a write");
        let read = |path| KIND.read::<Infallible>(path);
        let (payload, checksum) = read(&path).expect("it is intact");
        assert_eq!((&payload[..], checksum), KIND.open(&bytes).expect("it is intact"));
        std::fs::write(&path, &bytes[..20]).expect("a write");
        let reason = |path| read(path).expect_err("it is refused");
        assert_eq!(
            reason(&path).to_string(),
            format!("{}: is cut off: 20 bytes, where its header alone has 28", path.display())
        );
        assert!(reason(&path).io_error().is_none());
        assert!(KIND.is_kind_of(&path) && !Kind { magic: b"another\n", ..KIND }.is_kind_of(&path));
        std::fs::remove_file(&path).expect("a file");
        assert!(!KIND.is_kind_of(&path));
        let kind = reason(&path).io_error().map(io::Error::kind);
        assert_eq!(kind, Some(io::ErrorKind::NotFound));
    }
}

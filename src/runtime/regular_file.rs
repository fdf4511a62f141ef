//! Opens and reads the program's input files: data, snapshots, the configuration.
//!
//! Only regular files are read. Opening a FIFO waits for a writer, a device may never end, and a
//! terminal may become the controlling one; such a file in the place of an input must not block a
//! thread. So a file is opened with `O_NONBLOCK`, and its type is checked before anything is read. A
//! size limit is compared with the length that the file system reports, before memory is allocated: a
//! sparse file of any length costs nothing to make.
//!
//! The error of a failed read names the byte offset: see [`ReadError`].

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// The reason why a file cannot be read. The message does not name the file; the caller adds that.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be opened.
    #[error("{0}")]
    Open(io::Error),
    /// It is not a regular file.
    #[error("is {0}, not a regular file; write what it gives to a file first")]
    Kind(&'static str),
    /// It is longer than the limit for its kind of file.
    #[error("is {length} bytes long, more than the {limit} that are accepted")]
    TooLong {
        /// Its length in bytes.
        length: u64,
        /// The greatest length that is accepted.
        limit: u64,
    },
    /// It cannot be read to its end.
    #[error("cannot be read beyond byte {offset}: {error}")]
    Read {
        /// How many bytes were read before the error.
        offset: u64,
        /// The system's error.
        error: io::Error,
    },
}

impl ReadError {
    /// Adds `n` bytes that had been read before to the offset of a `Read` error.
    #[must_use]
    pub fn after(self, n: u64) -> Self {
        match self {
            Self::Read { offset, error } => Self::Read { offset: offset + n, error },
            other => other,
        }
    }

    /// The system's error, if that is the reason.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Open(error) | Self::Read { error, .. } => Some(error),
            Self::Kind(_) | Self::TooLong { .. } => None,
        }
    }
}

/// Opens a regular file for reading, and returns it with its length in bytes.
pub fn open(path: &Path) -> Result<(File, u64), ReadError> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        // A socket, or a device without its driver.
        Some(libc::ENXIO) => ReadError::Kind("a socket or a device"),
        _ => ReadError::Open(error),
    })?;
    let meta = file.metadata().map_err(ReadError::Open)?;
    if let Some(kind) = name_of_other(meta.file_type()) {
        return Err(ReadError::Kind(kind));
    }
    // The flag has no effect on regular files, but a file system in user space may respect it.
    let flags = fcntl_getfl(&file).and_then(|flags| fcntl_setfl(&file, flags - OFlags::NONBLOCK));
    flags.map_err(|error| ReadError::Open(error.into()))?;
    Ok((file, meta.len()))
}

/// Reads a whole regular file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let (file, length) = open(path)?;
    if length > limit {
        return Err(ReadError::TooLong { length, limit });
    }
    // The file may grow meanwhile: one byte beyond the limit shows that.
    let bytes = read_up_to(file, length, limit + 1)?;
    match bytes.len() as u64 > limit {
        true => Err(ReadError::TooLong { length: bytes.len() as u64, limit }),
        false => Ok(bytes),
    }
}

/// Reads at most `limit` bytes; memory is allocated for `expected` of them.
pub fn read_up_to(input: impl Read, expected: u64, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    // One byte more, so that the end is detected without another allocation.
    let room = usize::try_from(expected.min(limit).saturating_add(1)).unwrap_or(usize::MAX);
    if bytes.try_reserve_exact(room).is_err() {
        return Err(ReadError::Read { offset: 0, error: io::ErrorKind::OutOfMemory.into() });
    }
    match input.take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(ReadError::Read { offset: bytes.len() as u64, error }),
    }
}

/// Names the kind of a file that is not regular; `None` for a regular file.
fn name_of_other(kind: FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_file() => None,
        _ if kind.is_dir() => Some("a directory"),
        _ if kind.is_fifo() => Some("a pipe"),
        _ if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(path: &Path, limit: u64) -> String {
        read(path, limit).expect_err("it is refused").to_string()
    }

    #[test]
    fn only_regular_files_are_read_and_nothing_waits() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let fifo = path("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.expect("mkfifo").success());
        let end = "not a regular file; write what it gives to a file first";
        assert_eq!(refused(&fifo, 9), format!("is a pipe, {end}"));
        assert_eq!(refused(folder.path(), 9), format!("is a directory, {end}"));
        assert_eq!(refused(Path::new("/dev/zero"), 9), format!("is a device, {end}"));
        let socket = path("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        assert_eq!(refused(&socket, 9), format!("is a socket or a device, {end}"));
        assert_eq!(refused(&path("absent"), 9), "No such file or directory (os error 2)");
        // A link to a file is a file.
        std::fs::write(path("file"), "123456789").expect("a write");
        std::os::unix::fs::symlink(path("file"), path("link")).expect("a link");
        assert_eq!(read(&path("link"), 9).expect("it fits"), b"123456789");
        let (file, length) = open(&path("link")).expect("a file");
        assert_eq!(length, 9);
        assert!(!fcntl_getfl(&file).expect("flags").contains(OFlags::NONBLOCK));
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sparse");
        let file = File::create(&path).expect("a file");
        file.set_len(12 << 30).expect("a sparse file");
        let expected = "is 12884901888 bytes long, more than the 1000 that are accepted";
        assert_eq!(refused(&path, 1_000), expected);
        // The reported length may be wrong: some files report 0 and hold more.
        assert_eq!(read_up_to(&b"123"[..], 0, 2).expect("memory can be read"), b"12");
        assert_eq!(read_up_to(&b"123"[..], 9, 9).expect("memory can be read"), b"123");
        let error = read_up_to(&b"123"[..], u64::MAX, u64::MAX).expect_err("no such memory");
        assert!(error.io_error().is_some(), "{error}");
    }

    #[test]
    fn a_read_that_fails_says_where() {
        struct Failing(usize);
        impl Read for Failing {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let n = self.0.min(out.len());
                self.0 -= n;
                if n == 0 { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(n) }
            }
        }
        let error = read_up_to(Failing(70), 100, 1_000).expect_err("it fails");
        assert_eq!(
            error.to_string(),
            "cannot be read beyond byte 70: Input/output error (os error 5)"
        );
        assert_eq!(error.io_error().and_then(io::Error::raw_os_error), Some(libc::EIO));
    }
}

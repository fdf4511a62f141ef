//! The file of a secret with which something is signed: its first line, of at least 16 characters.
//!
//! As a token file, it must belong to the user of this process or to root, nobody but its owner may write it, and only
//! its owner and group may read it.

use std::path::Path;

use model::secret::Secret;
use runtime::regular_file::{self, ReadError};

use super::file_fault::{Error, FileFault};
use super::token_file;

/// The most bytes of the file.
const MAX_BYTES: u64 = 4_096;
/// The shortest secret, in bytes.
const MIN_SECRET: usize = 16;

/// Reads the secret.
pub fn read(path: &Path) -> Result<Secret, Error> {
    read_file(path).map_err(|fault| Error { path: path.to_owned(), line: None, fault })
}

fn read_file(path: &Path) -> Result<Secret, FileFault> {
    let content = |reason: String| FileFault::Content(reason);
    let (file, length) = regular_file::open(path)?;
    let metadata = file.metadata().map_err(ReadError::Open)?;
    token_file::check(&metadata, rustix::process::geteuid().as_raw())?;
    if length > MAX_BYTES {
        return Err(content(format!("is longer than {MAX_BYTES} bytes")));
    }
    let bytes = regular_file::read_up_to(file, length, MAX_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| content("is no text".to_owned()))?;
    match text.lines().next().map(str::trim) {
        Some(secret) if secret.len() >= MIN_SECRET => Ok(Secret::new(secret.to_owned())),
        _ => Err(content("has no secret of 16 characters or more on its first line".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_a_line_that_others_cannot_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |text: &[u8], mode: u32| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            read(&path)
        };
        assert!(read(b" 0123456789abcdef\nx", 0o600).unwrap().is(b"0123456789abcdef"));
        for (text, mode, expected) in [
            (&b"0123456789abcdef"[..], 0o644, "has mode 644; others must not read it"),
            (b"0123456789abcde\n", 0o600, "has no secret of 16 characters"),
            (b"", 0o600, "has no secret of 16 characters"),
            (&[0xff; 20], 0o600, "is no text"),
            (&[b'x'; 5_000], 0o600, "is longer than 4096 bytes"),
        ] {
            let error = read(text, mode).unwrap_err();
            assert!(error.is_of_configuration());
            assert!(error.is_for_every_user());
            let error = error.to_string();
            assert!(error.contains(expected) && error.contains("secret: "), "{error}");
        }
    }

    #[test]
    fn a_read_that_fails_is_a_fault_of_the_system() {
        // Nothing is mapped at its beginning: the system says that with the error of a broken disk.
        let error = super::read(Path::new("/proc/self/mem")).unwrap_err();
        assert!(error.to_string().contains("(os error 5)"), "{error}");
        assert!(!error.is_of_configuration() && !error.is_for_every_user());
        let error = super::read(Path::new("/proc/self/none")).unwrap_err();
        assert!(error.is_of_configuration() && error.is_for_every_user());
    }
}

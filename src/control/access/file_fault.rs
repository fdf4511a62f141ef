//! Why a file of tokens or of a secret cannot be used, and whose fault that is.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use runtime::regular_file::ReadError;
use rustix::io::Errno;

/// The reason why a file of tokens or of a secret cannot be used; one line.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {fault}", .path.display(), .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct Error {
    pub(super) path: PathBuf,
    pub(super) line: Option<usize>,
    pub(super) fault: FileFault,
}

impl Error {
    /// Whether the configuration is at fault, and no part of the system.
    pub fn is_of_configuration(&self) -> bool {
        self.fault.is_of_configuration()
    }

    /// Whether any user who reads the file finds that it cannot be used.
    pub fn is_for_every_user(&self) -> bool {
        self.fault.is_for_every_user()
    }
}

/// That reason without the name of the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It belongs to another user.
    #[error("{0}")]
    Owner(String),
    /// Others may read or write it.
    #[error("{0}")]
    Mode(String),
    /// What it holds is no token, or no secret.
    #[error("{0}")]
    Content(String),
}

impl FileFault {
    /// Whether the configuration is at fault, so that starting again does not help. Errors of the system, as those of a
    /// disk or of a file server, are not: they may pass.
    fn is_of_configuration(&self) -> bool {
        self.is_for_every_user()
            || match self {
                Self::Read(error) => error.io_error().is_some_and(is_of_configuration),
                Self::Owner(_) => true,
                Self::Mode(_) | Self::Content(_) => false,
            }
    }

    /// Whether any user who reads the file finds that it cannot be used. What belongs to another user may be the
    /// service's.
    fn is_for_every_user(&self) -> bool {
        match self {
            // Without an error of the system it is no regular file, or is too long.
            Self::Read(error) => error.io_error().is_none_or(is_of_path),
            Self::Owner(_) => false,
            Self::Mode(_) | Self::Content(_) => true,
        }
    }
}

/// Whether an error of reading a file means that the configuration is at fault.
pub(crate) fn is_of_configuration(error: &io::Error) -> bool {
    is_of_path(error) || error.kind() == ErrorKind::PermissionDenied
}

/// Whether no file can be read of that name, whoever reads it.
fn is_of_path(error: &io::Error) -> bool {
    let is_kind = matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidFilename
    );
    let has_zero_byte = error.kind() == ErrorKind::InvalidInput && error.raw_os_error().is_none();
    is_kind || has_zero_byte || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_no_fault_of_the_configuration() {
        let of_system = |number: Errno| {
            let error = io::Error::from(number);
            let fault = FileFault::from(ReadError::Open(error));
            let error = io::Error::from(number);
            let later = FileFault::from(ReadError::Read { offset: 7, error });
            let said = (fault.is_of_configuration(), fault.is_for_every_user());
            assert_eq!(said, (later.is_of_configuration(), later.is_for_every_user()));
            said
        };
        for number in
            [Errno::IO, Errno::STALE, Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::INVAL]
        {
            assert_eq!(of_system(number), (false, false), "{number}");
        }
        for number in [Errno::NOENT, Errno::NOTDIR, Errno::ISDIR, Errno::LOOP, Errno::NAMETOOLONG] {
            assert_eq!(of_system(number), (true, true), "{number}");
        }
        for number in [Errno::ACCESS, Errno::PERM] {
            assert_eq!(of_system(number), (true, false), "{number}");
        }
        let said = |fault: FileFault| (fault.is_of_configuration(), fault.is_for_every_user());
        assert_eq!(said(ReadError::Kind("a pipe").into()), (true, true));
        let open = |path: &str| runtime::regular_file::open(path.as_ref()).unwrap_err();
        assert_eq!(said(open("/etc/pass\0wd").into()), (true, true));
        assert_eq!(said(open(&"x".repeat(300)).into()), (true, true));
        assert_eq!(said(FileFault::Owner(String::new())), (true, false));
        assert_eq!(said(FileFault::Mode(String::new())), (true, true));
        assert_eq!(said(FileFault::Content(String::new())), (true, true));
    }
}

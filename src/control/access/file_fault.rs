//! Why a file of tokens or of a secret cannot be used, and whose fault that is.

use std::io::ErrorKind;

use runtime::regular_file::ReadError;

/// The reason why a file of tokens or of a secret cannot be used; one line without the name of the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Others may read or write it, or it belongs to another user.
    #[error("{0}")]
    Owner(String),
    /// What it holds is no token, or no secret.
    #[error("{0}")]
    Content(String),
}

impl FileFault {
    /// Whether the configuration is at fault, so that starting again does not help. Errors of the system, as those of a
    /// disk or of a file server, are not: they may pass.
    pub(crate) fn is_of_configuration(&self) -> bool {
        self.is_for_every_user()
            || match self {
                Self::Read(error) => error
                    .io_error()
                    .is_some_and(|error| error.kind() == ErrorKind::PermissionDenied),
                Self::Owner(_) => true,
                Self::Content(_) => false,
            }
    }

    /// Whether any user who reads the file finds that it cannot be used. What belongs to another user may be the
    /// service's.
    pub(crate) fn is_for_every_user(&self) -> bool {
        match self {
            // Without an error of the system it is no regular file, or is too long.
            Self::Read(error) => error.io_error().is_none_or(|error| {
                matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
            }),
            Self::Owner(_) => false,
            Self::Content(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustix::io::Errno;

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
        for number in [Errno::IO, Errno::STALE, Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            assert_eq!(of_system(number), (false, false), "{number}");
        }
        for number in [Errno::NOENT, Errno::NOTDIR] {
            assert_eq!(of_system(number), (true, true), "{number}");
        }
        for number in [Errno::ACCESS, Errno::PERM] {
            assert_eq!(of_system(number), (true, false), "{number}");
        }
        let said = |fault: FileFault| (fault.is_of_configuration(), fault.is_for_every_user());
        assert_eq!(said(ReadError::Kind("a pipe").into()), (true, true));
        assert_eq!(said(FileFault::Owner(String::new())), (true, false));
        assert_eq!(said(FileFault::Content(String::new())), (true, true));
    }
}

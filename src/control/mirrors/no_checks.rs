//! Why mirrors cannot be checked, and whether the configuration is at fault: then it is named with its key and value, and
//! starting again does not help.

use std::ffi::OsString;

use visits::tls::TlsSetupError;

use super::crawling::NoCrawler;
use crate::access::file_fault;

/// Variables of the environment that name authorities in place of those of the system.
const AUTHORITIES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Why mirrors cannot be checked; one line.
#[derive(Debug, thiserror::Error)]
pub enum NoChecks {
    /// The User-Agent cannot hold the contact.
    #[error("`control.contact`: `{contact}` is no contact: {error}")]
    Contact {
        /// What is configured.
        contact: String,
        /// What is wrong with it.
        error: visits::request::BadContact,
    },
    /// What the webhook is told cannot be signed.
    #[error("`control.webhook_secret_file`: {0}")]
    Secret(#[from] file_fault::Error),
    /// The environment names authorities of TLS of which none can be read.
    #[error("{}: {error}", said(.named))]
    Authorities {
        /// The variables that name them, with their values.
        named: Vec<(&'static str, OsString)>,
        /// What became of them.
        error: TlsSetupError,
    },
    /// Nobody can be visited, and it is not the configuration that is at fault.
    #[error("mirrors cannot be visited: {0}")]
    Crawler(NoCrawler),
}

impl NoChecks {
    /// Why there is no crawler with this contact.
    pub(super) fn of_crawler(error: NoCrawler, contact: Option<&str>) -> Self {
        Self::with_environment(error, contact, |name| std::env::var_os(name))
    }

    fn with_environment(
        error: NoCrawler,
        contact: Option<&str>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        match error {
            NoCrawler::Contact(error) => {
                Self::Contact { contact: contact.unwrap_or_default().to_owned(), error }
            }
            NoCrawler::Tls(error @ TlsSetupError::NoRoots(_)) => {
                let value = |name: &'static str| Some((name, variable(name)?));
                let named: Vec<_> = AUTHORITIES.into_iter().filter_map(value).collect();
                match named.is_empty() {
                    true => Self::Crawler(error.into()),
                    false => Self::Authorities { named, error },
                }
            }
            error @ (NoCrawler::Tls(_) | NoCrawler::Thread(_)) => Self::Crawler(error),
        }
    }

    /// Whether the configuration is at fault, and no part of the system.
    pub fn is_of_configuration(&self) -> bool {
        match self {
            Self::Contact { .. } => true,
            Self::Authorities { error, .. } => {
                error.io_error().is_none_or(file_fault::is_of_configuration)
            }
            Self::Secret(error) => error.is_of_configuration(),
            Self::Crawler(_) => false,
        }
    }
}

/// The variables as a shell sets them.
fn said(named: &[(&'static str, OsString)]) -> String {
    let said = named.iter().map(|(name, value)| format!("{name}={}", value.display()));
    said.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::secret_file;

    #[test]
    fn what_the_configuration_is_at_fault_for_is_named() {
        let told = |error: NoCrawler, contact: Option<&str>, set: Option<&'static str>| {
            let variable = |name: &str| {
                set.filter(|set| *set == name).map(|_| OsString::from("/etc/none.pem"))
            };
            let why = NoChecks::with_environment(error, contact, variable);
            (why.is_of_configuration(), why.to_string())
        };
        let no_roots = |path: &str| {
            let inner = std::fs::read(path).unwrap_err();
            let context = "failed to open";
            let kind = rustls_native_certs::ErrorKind::Io { inner, path: path.into() };
            let errors = vec![rustls_native_certs::Error { context, kind }];
            NoCrawler::Tls(TlsSetupError::NoRoots(errors))
        };
        let thread = || NoCrawler::Thread(std::io::Error::other("no room"));
        let (is_of_configuration, text) = told(no_roots("/none"), None, Some("SSL_CERT_FILE"));
        let start =
            "SSL_CERT_FILE=/etc/none.pem: no root certificate can be read: failed to open: ";
        assert!(is_of_configuration && text.starts_with(start), "{text}");
        // Nothing is mapped at its beginning: the system says that with the error of a broken disk.
        let broken = told(no_roots("/proc/self/mem"), None, Some("SSL_CERT_FILE"));
        assert!(!broken.0 && broken.1.starts_with(start), "{broken:?}");
        let nothing_set = told(no_roots("/none"), None, None);
        let start = "mirrors cannot be visited: no root certificate can be read: ";
        assert!(!nothing_set.0 && nothing_set.1.starts_with(start), "{nothing_set:?}");
        let (is_of_configuration, text) = told(thread(), None, Some("SSL_CERT_DIR"));
        assert!(!is_of_configuration && text.contains("cannot start a thread: no room"), "{text}");
        let contact = NoCrawler::Contact(visits::request::BadContact);
        let (is_of_configuration, text) = told(contact, Some("a b"), None);
        assert!(is_of_configuration, "{text}");
        assert!(text.starts_with("`control.contact`: `a b` is no contact: "), "{text}");
    }

    #[test]
    fn a_secret_that_the_system_fails_to_read_is_no_fault_of_the_configuration() {
        let why = |path: &str| NoChecks::from(secret_file::read(path.as_ref()).unwrap_err());
        // Nothing is mapped at its beginning: the system says that with the error of a broken disk.
        let broken = why("/proc/self/mem");
        let text = broken.to_string();
        assert!(!broken.is_of_configuration(), "{text}");
        assert!(text.starts_with("`control.webhook_secret_file`: /proc/self/mem: "), "{text}");
        assert!(why("/proc/self/none").is_of_configuration());
    }
}

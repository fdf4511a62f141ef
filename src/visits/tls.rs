//! TLS to mirrors: one place for the provider of cryptography, the roots, and what a failure means.
//!
//! The roots are the system's, because clients use them as well. The provider is ring.

use std::io;
use std::sync::Arc;

use checks::class::FailureClass;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};
use tokio_rustls::{TlsConnector, client::TlsStream};
use x509_cert::der::Decode;

use super::network::Stream;
use super::target::Host;

/// Which authorities are trusted.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Those of the system.
    System,
    /// These certificates, each in DER.
    Given(Vec<Vec<u8>>),
}

/// Opens TLS over connections, with a full handshake each time. Clones share the roots.
#[derive(Clone)]
pub struct Tls(TlsConnector);

/// Why TLS cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// No root was found or given that can be read.
    #[error("no root certificate can be read{}", .0.first().map(|why| format!(": {why}")).unwrap_or_default())]
    NoRoots(Vec<rustls_native_certs::Error>),
    /// The provider has no usable version of TLS.
    #[error("the provider of tls is unusable: {0}")]
    Provider(rustls::Error),
}

impl TlsSetupError {
    /// What the system failed at first, in reading roots.
    pub fn io_error(&self) -> Option<&io::Error> {
        let Self::NoRoots(errors) = self else { return None };
        match &errors.first()?.kind {
            rustls_native_certs::ErrorKind::Io { inner, .. } => Some(inner),
            _ => None,
        }
    }
}

/// Why a handshake failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFailure {
    /// [`FailureClass::TlsExpired`], [`FailureClass::TlsName`] or [`FailureClass::TlsOther`].
    pub class: FailureClass,
    /// What happened.
    pub detail: String,
    /// When the certificate expired, in seconds since 1970, if that is the reason.
    pub expired: Option<u64>,
}

impl Tls {
    /// The provider and the roots, for all visits.
    pub fn new(roots: Roots) -> Result<Self, TlsSetupError> {
        let mut store = RootCertStore::empty();
        let mut errors = Vec::new();
        let certificates = match roots {
            Roots::System => {
                let loaded = rustls_native_certs::load_native_certs();
                errors = loaded.errors;
                loaded.certs
            }
            Roots::Given(certificates) => {
                certificates.into_iter().map(CertificateDer::from).collect()
            }
        };
        store.add_parsable_certificates(certificates);
        if store.is_empty() {
            return Err(TlsSetupError::NoRoots(errors));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder =
            builder.with_safe_default_protocol_versions().map_err(TlsSetupError::Provider)?;
        let mut config = builder.with_root_certificates(store).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A session that is resumed brings no certificate, so one that has expired since, or was replaced by a
        // wrong one, would not be seen.
        config.resumption = Resumption::disabled();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Opens TLS to `host` over a connection. With it comes when the certificate of the host expires, in
    /// seconds since 1970, as far as that can be read.
    pub async fn open(
        &self,
        host: &Host,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Option<u64>), TlsFailure> {
        let name = match host {
            Host::Address(address) => ServerName::IpAddress((*address).into()),
            Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| TlsFailure {
                class: FailureClass::TlsName,
                detail: "no certificate can be of this name".into(),
                expired: None,
            })?,
        };
        let stream = self.0.connect(name, stream).await.map_err(|error| classify(&error))?;
        let expires = expiry(&stream);
        Ok((Box::new(stream), expires))
    }
}

/// When the certificate of the other side expires, in seconds since 1970.
fn expiry(stream: &TlsStream<Box<dyn Stream>>) -> Option<u64> {
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates()?.first()?;
    let certificate = x509_cert::Certificate::from_der(leaf).ok()?;
    Some(certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs())
}

fn classify(error: &io::Error) -> TlsFailure {
    let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (class, expired) = match reason {
        Some(rustls::Error::InvalidCertificate(reason)) => match reason {
            CertificateError::ExpiredContext { not_after, .. } => {
                (FailureClass::TlsExpired, Some(not_after.as_secs()))
            }
            CertificateError::Expired
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => (FailureClass::TlsExpired, None),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                (FailureClass::TlsName, None)
            }
            _ => (FailureClass::TlsOther, None),
        },
        _ => (FailureClass::TlsOther, None),
    };
    TlsFailure { class, detail: error.to_string(), expired }
}

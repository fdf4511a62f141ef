//! An authority of a test, which certifies whatever the test wants.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::{ServerSessionMemoryCache, StoresServerSessions};

/// The year at whose beginning good certificates of the lab expire.
pub const GOOD_UNTIL: i32 = 2200;
/// When that is, in seconds since 1970.
pub const GOOD_UNTIL_SECONDS: u64 = 7_258_118_400;
/// The year at whose beginning expired certificates of the lab expired.
pub const EXPIRED_SINCE: i32 = 2020;

/// Signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: Vec<u8>,
    /// Those of all of its servers: one that gets a new certificate still resumes sessions.
    sessions: Arc<dyn StoresServerSessions>,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().to_vec();
        let sessions = ServerSessionMemoryCache::new(256);
        Self { issuer: Issuer::new(params, key), root, sessions }
    }
}

impl Authority {
    /// The certificate of the authority itself, in DER.
    pub fn root(&self) -> Vec<u8> {
        self.root.clone()
    }

    /// A server's side of TLS, with a certificate for `names` that expires at the beginning of a year.
    pub fn certify(&self, names: &[&str], expires: i32) -> TlsAcceptor {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(expires, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        config.session_storage = Arc::clone(&self.sessions);
        TlsAcceptor::from(Arc::new(config))
    }
}

//! What all visits share.

use std::sync::Arc;

use checks::observation::Visit;

use super::guard::Guard;
use super::limits::Limits;
use super::network::Network;
use super::plan::Hints;
use super::politeness::Politeness;
use super::request::UserAgent;
use super::resolve::Resolve;
use super::tls::Tls;

/// What all visits share. Clones share it, too.
#[derive(Clone)]
pub struct Crawler {
    /// The limits.
    pub limits: Limits,
    /// Which addresses may be connected to.
    pub guard: Guard,
    /// Finds the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// Opens connections.
    pub network: Arc<dyn Network>,
    /// Opens TLS.
    pub tls: Tls,
    /// Counts connections and requests.
    pub politeness: Politeness,
    /// How visits name themselves.
    pub agent: UserAgent,
}

/// What came of a visit.
#[derive(Clone, PartialEq, Debug)]
pub struct Visited {
    /// What was seen, to be recorded.
    pub visit: Visit,
    /// What the next visit may use.
    pub hints: Hints,
}

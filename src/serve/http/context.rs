//! The state that all connections share.

use std::sync::Arc;

use super::access_log::AccessLog;
use super::drain::Drain;
use super::eviction::UnsentBudget;
use super::explain_limits::ExplainLimits;
use super::options::Options;
use crate::live::Live;
use crate::metrics::Metrics;

/// The state that all connections share.
pub struct Context {
    /// Limits and rules of the transport.
    pub options: Options,
    /// The data.
    pub live: Arc<Live>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The access log; `None` if there is none.
    pub access_log: Option<AccessLog>,
    /// The log of all requests in the format of proxies; `None` if there is none.
    pub combined_log: Option<AccessLog>,
    /// Whether the server is stopping.
    pub drain: Arc<Drain>,
    /// The limit of bytes held for clients that do not read.
    pub unsent: UnsentBudget,
    /// The limits of the page that explains answers; `None` if that is switched off.
    pub explain: Option<ExplainLimits>,
}

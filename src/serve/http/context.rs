//! What all connections share.

use std::sync::Arc;

use super::access_log::AccessLog;
use super::drain::Drain;
use super::eviction::UnsentBudget;
use super::options::Options;
use crate::live::Live;
use crate::metrics::Metrics;

/// What all connections share.
pub struct Context {
    /// The rules.
    pub options: Options,
    /// The data.
    pub live: Arc<Live>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Where requests are logged; `None` logs nowhere.
    pub access_log: Option<AccessLog>,
    /// Where all requests are logged as a proxy would; `None` logs nowhere.
    pub combined_log: Option<AccessLog>,
    /// Whether the server is stopping.
    pub drain: Arc<Drain>,
    /// How much may wait for clients that do not read.
    pub unsent: UnsentBudget,
}

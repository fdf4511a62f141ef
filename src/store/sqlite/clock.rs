//! The clock of a store.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::record::Timestamp;

/// Where a store takes its time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clock of the system.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    })
}

//! Mirrors to which a visit was made that could not be recorded. They would be due again at once, every minute of a
//! day, so they rest first.
//!
//! It is kept in memory: after a restart such a mirror is visited once more.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use checks::inventory::Inventory;

/// How long they rest, in seconds.
const REST: u64 = 3_600;

/// When the visits were made, in seconds since 1970, by the key of the mirror.
#[derive(Debug, Default)]
pub(super) struct Unrecorded(Mutex<BTreeMap<String, u64>>);

impl Unrecorded {
    /// A visit to this mirror could not be recorded.
    pub(super) fn note(&self, key: &str, now: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), now);
    }

    /// Whether this mirror rests. A clock that was set back ends that.
    pub(super) fn rests(&self, key: &str, now: u64) -> bool {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get(key).is_some_and(|at| (*at..at.saturating_add(REST)).contains(&now))
    }

    /// Forgets mirrors that are not expected any more.
    pub(super) fn retain(&self, inventory: &Inventory) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.retain(|key, _| inventory.mirrors.contains_key(key));
    }
}

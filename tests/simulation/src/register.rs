//! Where the tasks of the world publish: places that keep what was written last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;

/// Places under their names. Clones share them.
///
/// Who writes holds the lock of the place, as a publisher holds that of its folder: from before it checks
/// its fence until it has written. A process that dies loses it.
#[derive(Clone, Default)]
pub struct Register(Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>);

impl Register {
    /// Waits for the lock of a place.
    pub async fn lock(&self, place: &str) -> OwnedMutexGuard<()> {
        let place = {
            let mut places = self.0.lock().expect("nobody panics in here");
            Arc::clone(places.entry(place.to_owned()).or_default())
        };
        place.lock_owned().await
    }
}

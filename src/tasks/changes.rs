//! Wakes those who wait for tasks, without polling: within a process, and as hints between processes.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts changes of tasks. Clones count together.
#[derive(Clone)]
pub struct Changes(Arc<watch::Sender<u64>>);

impl Default for Changes {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Changes {
    /// Something has changed: wakes everybody who waits.
    pub fn note(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Sees changes from now on.
    pub fn watch(&self) -> Watch {
        Watch(self.0.subscribe())
    }
}

/// Sees changes.
pub struct Watch(watch::Receiver<u64>);

impl Watch {
    /// Returns at the next change, at once if there was one since the last call.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody can change anything any more.
            std::future::pending::<()>().await;
        }
    }
}

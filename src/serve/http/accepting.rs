//! The accept loop at work, seen from the thread that ends the process.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The accept loop at work, and the connections that it has accepted.
pub struct Accepting {
    task: JoinHandle<()>,
    permits: Arc<Semaphore>,
    n_permits: u32,
}

impl Accepting {
    /// `task` accepts, and each connection has one of the permits, of which there are `n_permits`.
    pub(super) fn new(task: JoinHandle<()>, permits: Arc<Semaphore>, n_permits: u32) -> Self {
        Self { task, permits, n_permits }
    }

    /// Returns when nothing is accepted any more: because of a drain, or as the thread that accepts is
    /// given up, which takes the task with it.
    pub async fn ended(&mut self) {
        if !self.task.is_finished() {
            drop((&mut self.task).await);
        }
    }

    /// Returns when, besides, the last connection has ended, on any thread.
    pub async fn drained(mut self) {
        self.ended().await;
        // The semaphore is never closed, and nothing else takes permits any more.
        drop(self.permits.acquire_many(self.n_permits).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::pin::pin;

    use tokio::runtime::Builder;

    #[tokio::test]
    async fn connections_of_other_threads_end_by_themselves_when_that_which_accepts_is_gone() {
        let permits = Arc::new(Semaphore::new(3));
        let connection = Arc::clone(&permits).acquire_owned().await.expect("it is open");
        let thread = Builder::new_current_thread().build().expect("a runtime");
        let task = thread.spawn(std::future::pending());
        let mut accepting = Accepting::new(task, permits, 3);
        assert!(!is_ready(accepting.ended()).await);
        thread.shutdown_background();
        accepting.ended().await;
        // As often as one likes.
        accepting.ended().await;
        let mut drained = pin!(accepting.drained());
        assert!(!is_ready(drained.as_mut()).await);
        drop(connection);
        drained.await;
    }

    async fn is_ready(future: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = future => true,
            () = tokio::task::yield_now() => false,
        }
    }
}

//! The threads of the process, and those that were given up.

use runtime::supervise::{Supervisor, Thread};
use tokio::sync::mpsc;

/// The supervisor of all threads, and its reports of those that it has given up.
pub struct SupervisedThreads {
    /// Starts the threads.
    pub supervisor: Supervisor,
    /// Receives the threads that were given up.
    given_up: mpsc::UnboundedReceiver<Thread>,
}

impl Default for SupervisedThreads {
    fn default() -> Self {
        // Unbounded, but each thread is given up once at most.
        let (sender, given_up) = mpsc::unbounded_channel();
        let report = move |thread| {
            // Fails only when the process ends and the receiver is gone.
            let _ = sender.send(thread);
        };
        Self { supervisor: Supervisor::new(report), given_up }
    }
}

impl SupervisedThreads {
    /// Waits for the next thread that is given up.
    pub(super) async fn next_given_up(&mut self) -> Thread {
        match self.given_up.recv().await {
            Some(thread) => thread,
            // Cannot happen: the supervisor holds a sender and lives as long as `self`.
            None => std::future::pending().await,
        }
    }
}

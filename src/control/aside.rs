//! Work that does not yield, on a thread of its own, behind what answers.

use tokio::sync::oneshot;

/// The work was not done; one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoThread {
    /// No thread can be started.
    #[error("cannot start a thread: {0}")]
    Start(#[from] std::io::Error),
    /// The work has panicked.
    #[error("the work has panicked; see the log")]
    Panicked,
}

/// Does it, and returns what comes of it.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoThread> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("checks".to_owned()).spawn(move || {
        // Others wait for what is known of mirrors.
        runtime::priority::lower();
        // Fails only if nobody waits any more.
        drop(sender.send(work()));
    })?;
    receiver.await.map_err(|_| NoThread::Panicked)
}

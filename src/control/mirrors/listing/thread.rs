//! A runtime on a thread of its own: for a child process that must not outlive its thread, and for work that would keep
//! others waiting.

use std::future::Future;

use tokio::sync::oneshot;

use crate::aside::NoThread;

/// Does the work on a thread with a runtime of its own, and returns what comes of it. If this is dropped, so is the
/// work.
pub(super) async fn on_runtime<T, F>(
    work: impl FnOnce() -> F + Send + 'static,
) -> Result<T, NoThread>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let (sender, receiver) = oneshot::channel();
    // Nothing is sent: its end is what is waited for.
    let (waiting, gone) = oneshot::channel::<()>();
    std::thread::Builder::new().name("listing".to_owned()).spawn(move || {
        runtime::priority::lower();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let done = runtime.map(|runtime| {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = gone => None,
                    done = work() => Some(done),
                }
            })
        });
        // Fails only if nobody waits any more.
        drop(sender.send(done));
    })?;
    let done = receiver.await.map_err(|_| NoThread::Panicked)?;
    drop(waiting);
    done?.ok_or(NoThread::Panicked)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_is_done_and_is_dropped_with_whoever_waits() {
        assert_eq!(on_runtime(|| async { 7 }).await.unwrap(), 7);
        struct Guard(mpsc::Sender<()>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }
        let (sender, dropped) = mpsc::channel();
        let (started, begun) = oneshot::channel();
        let waiting = tokio::spawn(on_runtime(move || async move {
            let _guard = Guard(sender);
            started.send(()).unwrap();
            std::future::pending::<()>().await;
        }));
        begun.await.unwrap();
        waiting.abort();
        drop(waiting.await);
        dropped.recv().unwrap();
    }
}

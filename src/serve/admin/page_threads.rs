//! The threads that make pages: a few, so that a page that takes its time delays no probe.
//!
//! They are those of tokio's pool for what blocks. One is there from the start and none ends, so that pages
//! are made when the system has no thread to give any more. A request for a page waits for one of them, and is told to come back when that takes too
//! long. So pages that hang cost all other pages, but neither `/healthz` nor `/readyz`, which the
//! listener answers itself. What waits is bounded by the connections of the listener, and who made a
//! page is of no interest: a client that is gone leaves its page to be finished for nobody.
//!
//! A page that panics costs its request. Nothing can end a page that hangs; its thread is left behind
//! when the listener ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Pages that are made at the same time.
pub(super) const MAX_PAGES: usize = 4;
/// How long a request waits for a thread: shorter than the ten seconds that Prometheus gives a scrape.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(5);

/// Who may use a thread.
pub(super) struct PageThreads {
    permits: Arc<Semaphore>,
    max_wait: Duration,
}

/// Why there is no page.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum NoPage {
    /// All threads are busy.
    Busy,
    /// It has panicked; the hook of the log has said so.
    Panicked,
}

impl PageThreads {
    /// So many threads, for each of which a request waits for so long.
    pub(super) fn new(limit: usize, max_wait: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(limit)), max_wait }
    }

    /// Runs `make` on one of the threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoPage> {
        // Nobody closes the semaphore.
        let permit = timeout(self.max_wait, Arc::clone(&self.permits).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(NoPage::Busy) };
        let page = spawn_blocking(move || {
            // The thread has it, not the request: that may be gone before the page is made.
            let _permit = permit;
            make()
        });
        page.await.map_err(|_| NoPage::Panicked)
    }
}

/// Starts the first thread. Fails where the system gives none.
pub(super) async fn start_one() -> io::Result<()> {
    spawn_blocking(|| ()).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_page_that_nobody_waits_for_any_more_keeps_its_thread() {
        let threads = PageThreads::new(1, Duration::ZERO);
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let page = threads.run(move || {
            begun.send(()).expect("the test waits");
            may_end.recv().expect("the test goes on");
        });
        tokio::select! {
            page = page => panic!("it ended too early: {page:?}"),
            begun = has_begun => begun.expect("it runs"),
        }
        assert_eq!(threads.run(|| "another").await, Err(NoPage::Busy));
        end.send(()).expect("the page waits");
        let patient = PageThreads { max_wait: MAX_WAIT * 100, ..threads };
        assert_eq!(patient.run(|| "another").await, Ok("another"));
    }

    #[tokio::test]
    async fn a_page_that_panics_gives_its_thread_back() {
        let threads = PageThreads::new(1, MAX_WAIT * 100);
        for _ in 0..3 {
            let page = threads.run(|| panic!("this page cannot be made"));
            assert_eq!(page.await, Err::<(), _>(NoPage::Panicked));
        }
        assert_eq!(threads.run(|| "another").await, Ok("another"));
    }
}

//! A few threads that make pages, so that a slow page delays no probe and no answer.
//!
//! They are the threads of tokio's pool for blocking work, a limited number at a time. A request for a
//! page waits for one of them; if that takes too long, it gets 503 with `Retry-After`. So pages that hang
//! block all other pages, and nothing else. A page whose client has gone is still made to its end.
//!
//! On the admin listener one thread is started at once and none ends, so pages can be made even when the
//! system gives no new thread. The number of waiting requests is bounded by its connections.
//!
//! A page that panics fails only its own request. A page that hangs cannot be ended; its thread is left
//! behind when the listener ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The page threads and the permits to use them.
pub struct PageThreads {
    permits: Arc<Semaphore>,
    max_wait: Duration,
}

/// The reason why no page was made.
#[derive(PartialEq, Eq, Debug)]
pub enum PageError {
    /// All threads stayed busy for the whole wait.
    Busy,
    /// Making the page panicked; the panic hook has logged it.
    Panicked,
}

impl PageThreads {
    /// Allows `limit` pages at a time; a request waits at most `max_wait` for a thread.
    pub fn new(limit: usize, max_wait: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(limit)), max_wait }
    }

    /// Runs `make` on one of the threads.
    pub async fn run<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PageError> {
        // The semaphore is never closed.
        let permit = timeout(self.max_wait, Arc::clone(&self.permits).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(PageError::Busy) };
        let page = spawn_blocking(move || {
            // The thread owns the permit, because the request may be gone before the page is made.
            let _permit = permit;
            make()
        });
        page.await.map_err(|_| PageError::Panicked)
    }
}

/// Starts the first thread. Fails where the system gives none.
pub async fn start_one() -> io::Result<()> {
    spawn_blocking(|| ()).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const MAX_WAIT: Duration = Duration::from_secs(5);

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
        assert_eq!(threads.run(|| "another").await, Err(PageError::Busy));
        end.send(()).expect("the page waits");
        let patient = PageThreads { max_wait: MAX_WAIT * 100, ..threads };
        assert_eq!(patient.run(|| "another").await, Ok("another"));
    }

    #[tokio::test]
    async fn a_page_that_panics_gives_its_thread_back() {
        let threads = PageThreads::new(1, MAX_WAIT * 100);
        for _ in 0..3 {
            let page = threads.run(|| panic!("this page cannot be made"));
            assert_eq!(page.await, Err::<(), _>(PageError::Panicked));
        }
        assert_eq!(threads.run(|| "another").await, Ok("another"));
    }
}

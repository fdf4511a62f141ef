//! How many answers that take much may be in the making at a time.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::reply::ApiError;

/// How many lists are made at a time. Further ones wait for their turn, so that they do not all hold their
/// rows at once.
const LISTS: usize = 4;
/// How many searches read the whole table at a time: all reads share one thread.
const SEARCHES: usize = 2;
/// How many check-ins wait until they are decoded.
const WAITING: usize = 8;

/// The permits.
pub(super) struct Limits {
    lists: Semaphore,
    searches: Semaphore,
    examinations: Semaphore,
    waiting: Semaphore,
    pub(super) decoding: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lists: Semaphore::new(LISTS),
            searches: Semaphore::new(SEARCHES),
            examinations: Semaphore::new(1),
            waiting: Semaphore::new(WAITING),
            decoding: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Limits {
    /// Waits until a list may be made.
    pub(super) async fn list(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.lists.acquire().await.ok()
    }

    /// Begins a search in all tasks.
    pub(super) fn search(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        self.searches.try_acquire().map_err(|_| {
            busy("too many searches are going on; ask again, or without `text` and `number`")
        })
    }

    /// Waits until a check-in may be decoded, which can take much memory. The permit goes with the work, as that does
    /// not end when nobody waits for it any more.
    pub(super) async fn decode(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let too_many = || busy("too many check-ins are being decoded; check in again later");
        let _place = self.waiting.try_acquire().map_err(|_| too_many())?;
        // It is never closed.
        Arc::clone(&self.decoding).acquire_owned().await.map_err(|_| too_many())
    }

    /// Begins to look through the whole store.
    pub(super) fn examine(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        self.examinations
            .try_acquire()
            .map_err(|_| busy("somebody has the store examined already; ask again later"))
    }
}

fn busy(message: &str) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
}

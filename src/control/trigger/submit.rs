//! Makes the tasks of triggers.

use std::sync::Arc;

use tasks::{Request, Tasks};

/// What all triggers use.
#[derive(Clone)]
pub(crate) struct Trigger {
    pub(crate) tasks: Tasks,
    pub(crate) freshness: Arc<crate::freshness::Freshness>,
}

impl Trigger {
    /// Makes a task, or makes sure that one begins after now. Tells the log if that fails: the change is
    /// then taken up by the schedule.
    pub(crate) async fn submit(&self, kind: &str, why: &str) -> bool {
        let request =
            Request { kind: kind.to_owned(), actor: why.to_owned(), ..Request::default() };
        match self.tasks.submit(&request).await {
            Ok(_) => true,
            Err(error) => {
                tracing::error!("cannot make a task {kind}: {error}");
                false
            }
        }
    }
}

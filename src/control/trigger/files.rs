//! Watches sets of files, and makes a task once they have changed and been left alone.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::submit::Trigger;
use crate::freshness::Step;
use crate::kinds::{compile, geography, scan};
use crate::options::GeographyTables;
use serve::reload::debounce::Debouncer;
use sources::{Inputs, Revision};

/// The longest interval between two looks; it is shorter with a short quiet time.
const MAX_INTERVAL: Duration = Duration::from_secs(1);

/// Makes a task to compile whenever inputs have changed. Never returns.
pub(crate) async fn watch_inputs(trigger: Trigger, inputs: Inputs, quiet: Duration) {
    let mut changes = Changes::new(quiet, move || inputs.revision());
    loop {
        let (since, revision) = changes.next().await;
        // Perhaps a task has read them as they are now, because somebody else has asked for it.
        if trigger.freshness.compiled().as_ref() != Some(&revision) {
            trigger.submit_change(since, compile::NAME, Step::Compile, "changed inputs").await;
        }
    }
}

/// Makes a task to build the geography file whenever its tables have changed. Never returns.
pub(crate) async fn watch_tables(trigger: Trigger, tables: GeographyTables, quiet: Duration) {
    let files: Vec<PathBuf> = tables.countries.into_iter().chain(tables.systems).collect();
    let mut changes =
        Changes::new(quiet, move || Revision::of_files(files.iter().map(PathBuf::as_path)));
    loop {
        changes.next().await;
        trigger.submit(geography::NAME, "changed tables").await;
    }
}

/// Makes a task to scan whenever a listing of the tree has changed. Never returns.
pub(super) async fn watch_listing(trigger: Trigger, listing: PathBuf, quiet: Duration) {
    let mut changes = Changes::new(quiet, move || Revision::of_files([listing.as_path()]));
    loop {
        let (since, _) = changes.next().await;
        trigger.submit_change(since, scan::NAME, Step::Scan, "changed listing").await;
    }
}

/// Changes of files.
pub(super) struct Changes<L> {
    quiet: Duration,
    /// Looks at the files, which may block.
    look: L,
    debouncer: Option<Debouncer>,
}

impl<L: Fn() -> Revision + Clone + Send + 'static> Changes<L> {
    pub(super) fn new(quiet: Duration, look: L) -> Self {
        Self { quiet, look, debouncer: None }
    }

    /// The next change that is over: when it was first seen, and how the files are now.
    pub(super) async fn next(&mut self) -> (Instant, Revision) {
        let interval = (self.quiet / 4).clamp(Duration::from_millis(50), MAX_INTERVAL);
        let mut since = None;
        loop {
            if let Some(revision) = look(self.look.clone()).await {
                let quiet = self.quiet;
                let debouncer =
                    self.debouncer.get_or_insert_with(|| Debouncer::new(quiet, revision.clone()));
                let now = Instant::now();
                let settled = debouncer.observe(now, revision);
                if debouncer.is_waiting() || settled.is_some() {
                    since.get_or_insert(now);
                }
                if let (Some(_), Some(since)) = (settled, since) {
                    return (since, debouncer.seen().clone());
                }
            }
            tokio::time::sleep(interval).await;
        }
    }
}

/// Looks at files, on a thread that may block; `None` if that panics.
pub(crate) async fn look<T: Send + 'static>(
    look: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let looked = spawn_blocking(move || {
        runtime::priority::lower_fully();
        look()
    });
    // The hook of the log has told of a panic.
    looked.await.ok()
}

//! Watches the published snapshot file, and makes a task to compile when somebody else has removed or replaced
//! it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use store::operations::read::List;
use store::record::State;

use super::files::{Changes, look};
use super::submit::Trigger;
use crate::freshness::Step;
use crate::kinds::compile;
use snapshot::format;
use sources::Revision;

/// How long the file must be left alone. It is replaced as a whole, and the store knows that a moment later.
const QUIET: Duration = Duration::from_secs(1);
/// How often it is compared with what was compiled last, even if no change was seen.
const VERIFY: Duration = Duration::from_secs(10);
/// How long it is not looked at again, so that two who publish the same file do not keep each other busy.
const PAUSE: Duration = Duration::from_secs(60);

/// Makes a task to compile whenever the published file is not the one that was compiled last. Never returns.
pub(crate) async fn watch_published(trigger: Trigger, file: PathBuf) {
    let watched = file.clone();
    let mut changes = Changes::new(QUIET, move || Revision::of_files([watched.as_path()]));
    loop {
        // A file that comes and goes between two looks has not changed for who looks.
        let changed = tokio::time::timeout(VERIFY, changes.next()).await;
        let since = changed.map_or_else(|_| Instant::now(), |(since, _)| since);
        if is_ours(&trigger, file.clone()).await {
            continue;
        }
        // Perhaps the store does not know yet what was published just now.
        tokio::time::sleep(QUIET).await;
        if is_ours(&trigger, file.clone()).await {
            continue;
        }
        tracing::warn!(
            "{}: somebody has removed or replaced it; it is published again",
            file.display()
        );
        trigger.submit_change(since, compile::NAME, Step::Compile, "changed snapshot").await;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the file is intact, and what the last compile has made, on whichever node.
async fn is_ours(trigger: &Trigger, file: PathBuf) -> bool {
    let found = look(move || format::read_generation(&file).ok()).await.flatten();
    let last = List {
        kinds: vec![compile::NAME.to_owned()],
        states: vec![State::Completed],
        limit: 1,
        ..List::default()
    };
    // Without an answer, nothing can be said.
    let last = trigger.tasks.store().run(last).await.unwrap_or_default();
    // Nothing was published yet.
    if last.is_empty() {
        return true;
    }
    let result = last.first().and_then(|task| task.result.as_deref());
    let result = result.and_then(|json| serde_json::from_str::<Value>(json).ok());
    let made = result.as_ref().and_then(|result| result.get(compile::GENERATION)?.as_str());
    found.is_some_and(|found| made == Some(&*found.to_string()))
}

//! Watches the primary tree: the `repomd.xml` of every repository that its index knows, and the directories in
//! which a new one can appear.
//!
//! A look is a few system calls for each of them. What is new elsewhere, such as a file of checksums, is
//! found by the scans of the schedule.
//!
//! A tree that is being copied changes for hours. So the next scan is not asked for while one runs, nor before
//! the tree had as long a rest as the last one took: compiles and other scans come between.

use std::path::Path;
use std::time::{Duration, Instant};

use store::operations::enqueue::Enqueued;
use store::operations::read::{Overview, ReadOverview};
use store::record::{State, Task, Timestamp};

use super::files::{look, watch_listing};
use super::submit::Trigger;
use crate::freshness::Step;
use crate::kinds::scan;
use crate::options::PrimaryTree;
use ::scan::{KnownTree, TreeSource};
use index::Index;
use sources::Revision;

/// The time between two looks at least.
const INTERVAL: Duration = Duration::from_secs(2);
/// The time between two looks is at least so many times as long as a look takes.
const SHARE: u32 = 20;

/// Makes a task to scan whenever the tree has changed. Never returns.
pub(crate) async fn watch_tree(
    trigger: Trigger,
    tree: PrimaryTree,
    max_directories: usize,
    quiet: Duration,
) {
    let top = match tree.source {
        TreeSource::Tree(top) => top,
        TreeSource::RsyncListing(listing) => return watch_listing(trigger, listing, quiet).await,
    };
    let index = tree.index;
    let mut watched = Watched::default();
    // The change for which no scan was asked for yet.
    let mut pending = None;
    loop {
        let (top, index) = (top.clone(), index.clone());
        let begin = Instant::now();
        let mut taken = std::mem::take(&mut watched);
        let looked = look(move || {
            let changed = taken.find_changed(&index, &top, max_directories);
            (taken, changed)
        });
        // After a panic, it begins anew.
        let (looked, changed) = looked.await.unwrap_or_default();
        watched = looked;
        let took = begin.elapsed();
        if let Some(changed) = changed {
            tracing::debug!("{changed} has changed");
            pending.get_or_insert_with(|| trigger.freshness.note(begin));
        }
        if let Some(number) = pending
            && let Some(scan) = ask_in_turn(&trigger, quiet).await
        {
            trigger.freshness.accepted(number, Step::Scan(scan));
            pending = None;
        }
        tokio::time::sleep((took * SHARE).max(INTERVAL)).await;
    }
}

/// The scan that takes a change up; `None` if it is too soon to ask for one.
async fn ask_in_turn(trigger: &Trigger, quiet: Duration) -> Option<Enqueued> {
    // Without an answer, it is tried again.
    let last = trigger.latest(scan::NAME, &[], 1).await.ok()?;
    if let Some(last) = last.first() {
        match last.state {
            // It reads the tree later. To ask for it again would say so in its history, and nothing else.
            State::Enqueued => {
                return Some(Enqueued { id: last.id, state: last.state, is_new: false });
            }
            State::Running => return None,
            _ => {
                let Overview { now, .. } = trigger.tasks.store().run(ReadOverview).await.ok()?;
                if !has_rested(last, now, quiet) {
                    return None;
                }
            }
        }
    }
    Some(trigger.submit(scan::NAME, "changed tree").await)
}

/// Whether a scan that has ended was as long ago as it took, and as the quiet time.
fn has_rested(last: &Task, now: Timestamp, quiet: Duration) -> bool {
    let (Some(began), Some(ended)) = (last.started_at, last.finished_at) else { return true };
    let quiet = i64::try_from(quiet.as_millis()).unwrap_or(i64::MAX);
    let since = now.since(ended);
    // The clock may have been set back.
    since < 0 || since >= ended.since(began).max(quiet)
}

/// What is looked at.
#[derive(Default)]
struct Watched {
    /// The index that it is of; `None` before the first look.
    index: Option<Revision>,
    known: KnownTree,
    /// Whether the log was told that there are too many directories.
    has_told: bool,
}

impl Watched {
    /// Looks for a change of the tree, and at the index. Blocks.
    fn find_changed(&mut self, index: &Path, top: &Path, max_directories: usize) -> Option<String> {
        let revision = Revision::of_files([index]);
        if self.index.as_ref() != Some(&revision) {
            let read = Index::read(index).ok();
            self.known = KnownTree::new(read.as_ref(), top, max_directories, &self.known);
            let is_first = self.index.replace(revision).is_none();
            let n_left_out = self.known.n_left_out();
            if n_left_out > 0 && !self.has_told {
                self.has_told = true;
                tracing::info!(
                    "{}: {n_left_out} directories are not looked at for what is new in them, which scans \
                     find later (control.watch_directories)",
                    top.display()
                );
            }
            // Without one at the start, a scan is asked for anyway.
            if read.is_none() && !is_first {
                return Some(index.display().to_string());
            }
        }
        let changed = self.known.find_changed(top)?;
        Some(top.join(changed).display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use store::operations::finish::End;
    use store::operations::read::Events;
    use tokio::time::sleep;

    use super::*;
    use crate::trigger::elsewhere::Elsewhere;

    const SITE: Option<&str> = Some("main");

    /// All scans, the latest first.
    async fn scans(trigger: &Trigger) -> Vec<Task> {
        // Longer than a look takes.
        sleep(4 * INTERVAL).await;
        trigger.latest(scan::NAME, &[], 10).await.expect("it is there")
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_tree_changes_it_rests_as_long_as_it_is_scanned() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = folder.path().join("tree");
        let change = |name: &str| fs::create_dir(top.join(name)).expect("a folder");
        fs::create_dir(&top).expect("a folder");
        let elsewhere = Elsewhere::start().await;
        let trigger = elsewhere.trigger_of("main");
        let index = folder.path().join("primary.index");
        let tree = PrimaryTree { source: TreeSource::Tree(top.clone()), index };
        let quiet = Duration::from_secs(5);
        let watching = tokio::spawn(watch_tree(trigger.clone(), tree, 100, quiet));
        assert!(scans(&trigger).await.is_empty());
        change("a");
        let first = scans(&trigger).await;
        assert_eq!(first.len(), 1);
        // One that waits takes up what changes until it begins.
        change("b");
        assert_eq!(scans(&trigger).await.len(), 1);
        let events = Events { task: first[0].id, after: 0, limit: 10 };
        let events = elsewhere.store.run(events).await.expect("it is there");
        assert_eq!(events.len(), 1, "{events:?}");
        let running = elsewhere.claim_any().await.expect("it waits");
        change("c");
        assert!(!scans(&trigger).await[0].rerun, "the compile of what it finds would wait");
        elsewhere.pass(60_000);
        elsewhere.finish(&running, End::Completed { result: None }).await;
        elsewhere.pass(59_999);
        assert_eq!(scans(&trigger).await.len(), 1);
        assert!(trigger.freshness.times().waiting.is_some());
        elsewhere.pass(1);
        assert_eq!(scans(&trigger).await.len(), 2, "the change was not forgotten");
        // The quiet time is the least.
        elsewhere.run_waiting().await;
        change("d");
        assert_eq!(scans(&trigger).await.len(), 2);
        elsewhere.pass(5_000);
        assert_eq!(scans(&trigger).await.len(), 3);
        watching.abort();
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_keeps_nothing_waiting() {
        let elsewhere = Elsewhere::start().await;
        elsewhere.run(scan::NAME, SITE, End::Completed { result: None }).await;
        let trigger = elsewhere.trigger_of("main");
        assert!(ask_in_turn(&trigger, Duration::from_secs(5)).await.is_none());
        elsewhere.pass(-3_600_000);
        assert!(ask_in_turn(&trigger, Duration::from_secs(5)).await.is_some());
    }
}

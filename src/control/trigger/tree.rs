//! Watches the primary tree: the `repomd.xml` of every repository that its index knows, and the directories in
//! which a new one can appear.
//!
//! A look is a few system calls for each of them. What is new elsewhere, such as a file of checksums, is
//! found by the scans of the schedule.

use std::path::Path;
use std::time::{Duration, Instant};

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
            trigger.submit_change(begin, scan::NAME, Step::Scan, "changed tree").await;
        }
        tokio::time::sleep((took * SHARE).max(INTERVAL)).await;
    }
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

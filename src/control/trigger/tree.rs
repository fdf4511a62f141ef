//! Watches the primary tree: the `repomd.xml` of every repository that its index knows.
//!
//! A look is one system call for each repository. What is new in the tree, without a change of a repository
//! that is known, is found by the scans of the schedule.

use std::path::Path;
use std::time::{Duration, Instant};

use super::files::{look, submit, watch_listing};
use super::submit::Trigger;
use crate::kinds::scan;
use crate::options::PrimaryTree;
use ::scan::{KnownRepositories, TreeSource};
use index::Index;
use sources::Revision;

/// The time between two looks at least.
const INTERVAL: Duration = Duration::from_secs(2);
/// The time between two looks is at least so many times as long as a look takes.
const SHARE: u32 = 20;

/// Makes a task to scan whenever the tree has changed. Never returns.
pub(crate) async fn watch_tree(trigger: Trigger, tree: PrimaryTree, quiet: Duration) {
    let top = match tree.source {
        TreeSource::Tree(top) => top,
        TreeSource::RsyncListing(listing) => return watch_listing(trigger, listing, quiet).await,
    };
    let mut watched = Watched::default();
    loop {
        let (top, index) = (top.clone(), tree.index.clone());
        let begin = Instant::now();
        let mut taken = std::mem::take(&mut watched);
        let looked = look(move || {
            let changed = taken.find_changed(&index, &top);
            (taken, changed)
        });
        // After a panic, it begins anew.
        let (looked, changed) = looked.await.unwrap_or_default();
        watched = looked;
        if let Some(changed) = changed {
            tracing::debug!("{changed} has changed");
            trigger.freshness.note_tree();
            submit(&trigger, scan::NAME, "changed tree").await;
        }
        tokio::time::sleep((begin.elapsed() * SHARE).max(INTERVAL)).await;
    }
}

/// The repositories of an index.
#[derive(Default)]
struct Watched {
    /// The index that they are of.
    index: Revision,
    known: KnownRepositories,
}

impl Watched {
    /// Looks for a change of the tree, and at the index. Blocks.
    fn find_changed(&mut self, index: &Path, top: &Path) -> Option<String> {
        let revision = Revision::of_files([index]);
        if revision != self.index {
            // One that is not there yet, or damaged, has none.
            self.known = Index::read(index).map_or_else(
                |_| KnownRepositories::default(),
                |index| KnownRepositories::of(&index, top),
            );
            self.index = revision;
        }
        self.known.find_changed(top)
    }
}

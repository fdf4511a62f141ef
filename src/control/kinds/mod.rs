//! The kinds of tasks that there are, one in each file.

pub(crate) mod compile;
pub(crate) mod scan;
pub(crate) mod geography;
pub(crate) mod visit;
pub(crate) mod notice;
pub(crate) mod purge;
mod sleep;
mod shared;

pub(crate) use shared::tag;

use std::sync::Arc;
use std::time::Duration;

use store::Store;
use tasks::{Kind, Kinds};

use crate::freshness::Freshness;
use crate::mirrors::checker::Checker;
use crate::options::Options;

/// How long sweeps stay known at most: there is one every minute.
const KEEP_SWEEPS: Duration = Duration::from_secs(2 * 86_400);

/// Those of these options.
pub(crate) fn all(
    options: &Options,
    store: &Store,
    freshness: &Arc<Freshness>,
    checker: Option<&Arc<Checker>>,
) -> Kinds {
    let (keep, site) = (options.keep, &options.site);
    let mut kinds: Vec<Arc<dyn Kind>> = Vec::new();
    if let Some(tree) = &site.tree {
        kinds.push(Arc::new(scan::ScanTree {
            tree: Arc::new(tree.clone()),
            keep_versions: options.keep_versions,
            keep,
        }));
    }
    if let Some(tables) = &site.geography {
        kinds.push(Arc::new(geography::Refresh { tables: Arc::new(tables.clone()), keep }));
    }
    kinds.push(Arc::new(compile::Compile {
        site: Arc::new(site.clone()),
        freshness: Arc::clone(freshness),
        keep,
    }));
    if let Some(checker) = checker {
        kinds.push(Arc::new(visit::VisitMirrors {
            checker: Arc::clone(checker),
            keep: keep.min(KEEP_SWEEPS),
        }));
        if options.checks.as_ref().is_some_and(|checks| checks.webhook.is_some()) {
            kinds.push(Arc::new(notice::SendNotices { checker: Arc::clone(checker), keep }));
        }
    }
    if options.has_test_kinds {
        kinds.push(Arc::new(sleep::Sleep { keep }));
    }
    let limits = kinds.iter().map(|kind| (kind.name(), kind.policy().keep)).collect();
    kinds.push(Arc::new(purge::PurgeTasks { store: store.clone(), kinds: limits, keep }));
    Kinds::new(kinds).of_site(options.site_name.as_deref())
}

//! The kinds of tasks that there are, one in each file.

pub(crate) mod compile;
pub(crate) mod scan;
pub(crate) mod geography;
pub(crate) mod purge;
mod sleep;
mod shared;

use std::sync::Arc;

use store::Store;
use tasks::{Kind, Kinds};

use crate::freshness::Freshness;
use crate::options::Options;

/// Those of these options.
pub(crate) fn all(options: &Options, store: &Store, freshness: &Arc<Freshness>) -> Kinds {
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
    if options.has_test_kinds {
        kinds.push(Arc::new(sleep::Sleep { keep }));
    }
    let limits = kinds.iter().map(|kind| (kind.name(), kind.policy().keep)).collect();
    kinds.push(Arc::new(purge::PurgeTasks { store: store.clone(), kinds: limits, keep }));
    Kinds::new(kinds).of_site(options.site_name.as_deref())
}

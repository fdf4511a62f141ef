//! The layouts of a catalog without the base URLs that checks leave out.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use catalog::records::{Catalog, Layout};
use model::host_set::{empty_set, insert};
use model::ids::HostId;

/// What becomes of the layouts if URLs are left out.
#[derive(Default)]
pub(super) struct LayoutsWithout {
    /// By the index of the layout; no entry for one that stays as it is.
    changed: FxHashMap<u32, Changed>,
}

struct Changed {
    /// The layout as it was, once a directory needs it.
    former: Option<u32>,
    /// The mirrors that lose all URLs, as bits.
    without_url: Box<[u64]>,
    /// The lists of URLs that mirrors had.
    url_lists: Vec<(HostId, u32)>,
}

impl LayoutsWithout {
    /// Takes URLs out of all layouts of a catalog. A mirror that would lose all of them keeps them: it is no
    /// carrier of the directories of that layout any more, so they are in no answer.
    pub(super) fn take_out(
        left_out: &FxHashMap<HostId, BTreeSet<u32>>,
        catalog: &mut Catalog,
    ) -> Self {
        let mut without = Self::default();
        if left_out.is_empty() {
            return without;
        }
        let n_mirrors = catalog.mirrors.len();
        let mut known: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        for (index, list) in (0..).zip(&catalog.url_lists) {
            known.entry(list.clone()).or_insert(index);
        }
        for (index, layout) in (0..).zip(&mut catalog.layouts) {
            for (host, slot) in (0..).map(HostId).zip(&mut layout.slots) {
                let (Some(slot), Some(left_out)) = (slot, left_out.get(&host)) else { continue };
                let Some(urls) = catalog.url_lists.get(slot.urls as usize) else { continue };
                let rest: Vec<u32> =
                    urls.iter().copied().filter(|url| !left_out.contains(url)).collect();
                if rest.len() == urls.len() {
                    continue;
                }
                let changed = without.changed.entry(index).or_insert_with(|| Changed {
                    former: None,
                    without_url: empty_set(n_mirrors),
                    url_lists: Vec::new(),
                });
                if rest.is_empty() {
                    insert(&mut changed.without_url, host);
                    continue;
                }
                changed.url_lists.push((host, slot.urls));
                // There are no more lists than slots, which are numbered.
                let next = u32::try_from(catalog.url_lists.len()).unwrap_or(u32::MAX);
                slot.urls = *known.entry(rest).or_insert_with_key(|rest| {
                    catalog.url_lists.push(rest.clone());
                    next
                });
            }
        }
        without
    }

    /// The mirrors that have lost all URLs in a layout, as bits; empty if there are none.
    pub(super) fn without_url(&self, layout: u32) -> &[u64] {
        self.changed.get(&layout).map_or(&[], |changed| &changed.without_url)
    }

    /// The index of a list of URLs that a mirror had in a layout.
    pub(super) fn former_urls(&self, layout: u32, host: HostId) -> Option<u32> {
        let lists = &self.changed.get(&layout)?.url_lists;
        let at = lists.binary_search_by_key(&host, |&(host, _)| host).ok()?;
        lists.get(at).map(|&(_, urls)| urls)
    }

    /// The index of a layout as it was, for directories from which nothing is taken.
    pub(super) fn former(&mut self, layout: u32, catalog: &mut Catalog) -> u32 {
        let Some(changed) = self.changed.get_mut(&layout) else { return layout };
        if changed.url_lists.is_empty() {
            return layout;
        }
        if let Some(former) = changed.former {
            return former;
        }
        let Some(now) = catalog.layouts.get(layout as usize) else { return layout };
        let mut former = Layout { origin: now.origin.clone(), slots: now.slots.clone() };
        for &(host, urls) in &changed.url_lists {
            if let Some(Some(slot)) = former.slots.get_mut(host.index()) {
                slot.urls = urls;
            }
        }
        // Layouts are bounded by their slots.
        let index = u32::try_from(catalog.layouts.len()).unwrap_or(u32::MAX);
        catalog.layouts.push(former);
        changed.former = Some(index);
        index
    }
}

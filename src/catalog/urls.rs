//! Base URLs, and the lists of them that mirrors have.

use std::collections::hash_map::Entry as Known;

use rustc_hash::{FxHashMap, FxHashSet};

use super::bad_catalog::{BadCatalog, refuse_if_dangling};
use super::directories::Directories;
use super::entry::{Entry, Missing};
use super::report::Report;
use model::base_url::{BaseUrl, Redacted};
use model::families::Families;

/// The usable URLs.
#[derive(Default)]
pub(super) struct Urls {
    /// The URLs in canonical form, each once.
    pub(super) urls: Vec<Box<str>>,
    /// Over which versions of IP each of them works.
    pub(super) families: Vec<Families>,
    /// Index of each by the source's id; `None` for URLs that were refused.
    pub(super) by_id: FxHashMap<i64, Option<u32>>,
}

/// Makes URLs canonical, and reports those that cannot be used.
pub(super) fn check(
    records: &[Entry<i64, String>],
    families_by_id: &FxHashMap<i64, Families>,
    report: &mut Report,
) -> Urls {
    let Urls { mut urls, mut families, mut by_id } = Urls::default();
    let mut known: FxHashMap<String, u32> = FxHashMap::default();
    for Entry { origin, key: id, value: url } in records {
        let shown = Redacted(url);
        if by_id.contains_key(id) {
            let value = format_args!("{id} {shown}");
            report.skipped(origin, "URL id occurs twice, first kept", value);
            continue;
        }
        let index = match BaseUrl::parse(url) {
            Ok(base) => {
                if base.as_str() != url {
                    let value = format_args!("{id} {shown} to {}", base.as_str());
                    report.mended(origin, "URL in an odd form, mended", value);
                }
                let index = match known.entry(base.as_str().to_owned()) {
                    Known::Occupied(known) => {
                        let value = format_args!("{id} {}", base.as_str());
                        report.mended(origin, "URL occurs twice, listed once", value);
                        *known.get()
                    }
                    Known::Vacant(new) => {
                        urls.push(base.as_str().into());
                        families.push(families_by_id.get(id).copied().unwrap_or_default());
                        // More than 2^32 URLs do not fit into memory.
                        *new.insert(u32::try_from(urls.len() - 1).unwrap_or(u32::MAX))
                    }
                };
                Some(index)
            }
            Err(reason) => {
                let value = format_args!("{id} {shown} {reason}");
                report.skipped(origin, "URL that cannot be listed, skipped", value);
                None
            }
        };
        by_id.insert(*id, index);
    }
    Urls { urls, families, by_id }
}

/// Converts lists of ids into lists of indexes.
pub(super) fn check_lists(
    missing: &Missing,
    directories: &Directories,
    usable: &FxHashMap<i64, Option<u32>>,
    report: &mut Report,
) -> Result<Vec<Vec<u32>>, BadCatalog> {
    let mut ids = FxHashSet::default();
    let mut listed: FxHashSet<u32> = FxHashSet::default();
    let mut lists = Vec::with_capacity(directories.url_lists.len());
    let mut dangling = 0;
    for (list, origin) in directories.url_lists.iter().zip(&directories.url_list_origins) {
        for &id in list {
            if ids.insert(id) && !usable.contains_key(&id) {
                dangling += 1;
                report.skipped(origin, missing.url, id);
            }
        }
        listed.clear();
        let urls = list.iter().filter_map(|id| usable.get(id).copied().flatten());
        lists.push(urls.filter(|&url| listed.insert(url)).collect());
    }
    let what = "URL ids have no base URL";
    refuse_if_dangling(&missing.input, dangling, ids.len(), 100, what)?;
    Ok(lists)
}

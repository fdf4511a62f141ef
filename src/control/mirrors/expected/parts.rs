//! Which parts of a tree are listed by rsync: one connection for each, to the lowest directory that holds all that
//! is decided by that.

use std::collections::BTreeMap;

use catalog::records::Directory;
use model::base_url::BaseUrl;
use model::path::is_within;
use visits::rsync::plan::ListedTree;

/// What is listed below these URLs of rsync, which serve the same as those of HTTP. `carried` are the directories below which the mirror has everything.
pub(super) fn listed<'c>(
    (urls, http): (Vec<BaseUrl>, &[BaseUrl]),
    decided: impl Iterator<Item = &'c Directory>,
    carried: &[String],
) -> Vec<ListedTree> {
    if urls.is_empty() {
        return Vec::new();
    }
    let mut tops: BTreeMap<&str, &str> = BTreeMap::new();
    for directory in decided {
        let (name, subpath) = (&*directory.name, &*directory.subpath);
        let Some(base) = base_of(name, subpath) else { continue };
        let top = tops.entry(base).or_insert(name);
        *top = common(top, name);
    }
    let parts = tops.into_iter().map(|(base, top)| {
        let path = top.strip_prefix(base).unwrap_or_default();
        ListedTree {
            urls: urls.clone(),
            http: http.to_vec(),
            top: top.to_owned(),
            path: path.trim_start_matches('/').to_owned(),
            carried: carried.to_vec(),
            excluded: Vec::new(),
        }
    });
    parts.collect()
}

/// Leaves to a tree, which has everything below its `own` directories, what it serves itself: `others` serve what they
/// name more narrowly.
pub(super) fn exclude<'o>(
    listed: &mut [ListedTree],
    own: &[String],
    others: impl Iterator<Item = &'o String>,
) {
    let is_inner = |top: &&String| own.iter().any(|own| own != *top && is_within(top, own));
    let excluded: Vec<String> = others.filter(is_inner).cloned().collect();
    listed.iter_mut().for_each(|listed| listed.excluded.clone_from(&excluded));
}

/// The full name of the directory that a base URL leads to, below which a directory has that path.
fn base_of<'n>(name: &'n str, subpath: &str) -> Option<&'n str> {
    let base = name.strip_suffix(subpath)?;
    match (base.strip_suffix('/'), subpath) {
        (_, "") | (None, _) if base.is_empty() || subpath.is_empty() => Some(base),
        (Some(base), _) => Some(base),
        (None, _) => None,
    }
}

/// The lowest directory that holds both.
fn common<'n>(one: &'n str, other: &str) -> &'n str {
    let mut end = 0;
    let mut at = 0;
    for (mine, theirs) in one.split('/').zip(other.split('/')) {
        if mine != theirs {
            break;
        }
        at += mine.len();
        end = at;
        at += 1;
    }
    one.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_what_comes_before_the_path() {
        for (name, subpath, expected) in [
            ("pub/linux/9/iso", "9/iso", Some("pub/linux")),
            ("9/iso", "9/iso", Some("")),
            ("pub/linux", "", Some("pub/linux")),
            ("", "", Some("")),
            ("pub/x9/iso", "9/iso", None),
            ("pub", "9", None),
        ] {
            assert_eq!(base_of(name, subpath), expected, "{name} {subpath}");
        }
    }

    #[test]
    fn what_others_name_more_narrowly_is_theirs() {
        let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let tree = ListedTree {
            urls: Vec::new(),
            http: Vec::new(),
            top: "pub".into(),
            path: String::new(),
            carried: texts(&["pub"]),
            excluded: Vec::new(),
        };
        let mut listed = [tree];
        let others = texts(&["pub/alt", "pub", "public", "other"]);
        exclude(&mut listed, &texts(&["pub"]), others.iter());
        assert_eq!(listed[0].excluded, ["pub/alt"]);
    }

    #[test]
    fn what_holds_both_is_whole_segments() {
        for (one, other, expected) in [
            ("9/iso", "9/images", "9"),
            ("9/iso", "9/iso/x86_64", "9/iso"),
            ("9", "10", ""),
            ("", "9", ""),
            ("a/b/c", "a/b/d", "a/b"),
        ] {
            assert_eq!(common(one, other), expected, "{one} {other}");
            assert_eq!(common(other, one), expected, "{one} {other}");
        }
    }
}

//! Checks that a configuration file names at most one source of data.
//!
//! If a file named two, one of them would be ignored, and readers could not see which: demo data might
//! be served in place of real data. So that is an error. A source on the command line replaces the one
//! in the file, as every option does; the parser of the command line refuses two of them.

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

/// The keys that name data, with their positions. All other keys are ignored.
#[derive(Deserialize)]
struct Sources {
    demo: Option<Spanned<bool>>,
    snapshot: Option<Spanned<IgnoredAny>>,
    catalog: Option<Spanned<IgnoredAny>>,
    almalinux: Option<Spanned<IgnoredAny>>,
    index: Option<Spanned<IgnoredAny>>,
    findings_file: Option<Spanned<IgnoredAny>>,
    cache: Option<Spanned<IgnoredAny>>,
    global_netblocks: Option<Spanned<IgnoredAny>>,
    cccsv: Option<Spanned<IgnoredAny>>,
    geoip: Option<Spanned<IgnoredAny>>,
    control: Option<Control>,
}

/// Keys of `[control]` of which two exclude each other.
#[derive(Default, Deserialize)]
struct Control {
    state: Option<Spanned<IgnoredAny>>,
    store: Option<Spanned<IgnoredAny>>,
    tree: Option<Spanned<IgnoredAny>>,
    rsync_listing: Option<Spanned<IgnoredAny>>,
}

/// Finds a second source in a valid file, or a file without the data to which it belongs: the position, and the
/// error message.
pub(super) fn find(text: &str) -> Option<(usize, String)> {
    let sources = toml::from_str(text).ok()?;
    let Sources { demo, snapshot, catalog, almalinux, index, findings_file, .. } = sources;
    let Sources { cache, global_netblocks, cccsv, geoip, control, .. } = sources;
    let place = |key: &Option<Spanned<IgnoredAny>>| key.as_ref().map(|key| key.span().start);
    let tables = [
        (place(&global_netblocks), "global_netblocks"),
        (place(&cccsv), "cccsv"),
        (place(&geoip), "geoip"),
    ];
    let demo = demo.filter(|demo| *demo.get_ref()).map(|demo| demo.span().start);
    let named = [
        (demo, "demo = true"),
        (place(&snapshot), "snapshot"),
        (place(&catalog), "catalog"),
        (place(&almalinux), "almalinux"),
        (place(&cache), "cache"),
    ];
    let has_catalog = catalog.is_some() || almalinux.is_some();
    // Tables belong to the catalog or to MirrorManager's files; alone, they stand for the latter.
    let have_owner = has_catalog || cache.is_some();
    let tables = tables.into_iter().find(|(place, _)| place.is_some() && !have_owner);
    let mut named: Vec<_> =
        named.into_iter().chain(tables).filter_map(|(place, key)| Some((place?, key))).collect();
    named.sort_unstable();
    if let [(_, first), (place, second), ..] = named[..] {
        let message =
            format!("`{second}` names data, and so does `{first}` above: keep one of them");
        return Some((place, message));
    }
    if let Some(index) = place(&index).filter(|_| !has_catalog) {
        let message =
            "`index` belongs to a catalog: name that as well, with `catalog` or `almalinux`";
        return Some((index, message.into()));
    }
    let is_compiled = demo.is_none() && snapshot.is_none();
    if let Some(findings) = place(&findings_file).filter(|_| !is_compiled) {
        let message =
            "`findings_file` belongs to data that are compiled: neither a snapshot nor the demo";
        return Some((findings, message.into()));
    }
    let Control { state, store, tree, rsync_listing } = control?;
    if let (Some(snapshot), Some(_)) = (place(&snapshot), place(&state).or(place(&store))) {
        let message = "`snapshot` names a snapshot, and `[control]` has nothing to compile: name a catalog or \
                       other inputs, and the file to publish as `control.snapshot`";
        return Some((snapshot, message.into()));
    }
    let pairs = [(state, "state", store, "store"), (tree, "tree", rsync_listing, "rsync_listing")];
    pairs.into_iter().find_map(|(one, one_key, other, other_key)| {
        let mut both = [(place(&one)?, one_key), (place(&other)?, other_key)];
        both.sort_unstable();
        let [(_, first), (place, second)] = both;
        let message = format!("`{second}` excludes `{first}` above: keep one of them");
        Some((place, message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sources_are_a_contradiction_and_the_files_of_one_are_not() {
        for (text, expected) in [
            ("", None),
            ("demo = true", None),
            ("demo = false\ncache = 'c'\ngeoip = 'g'\ninternet2_netblocks = 'i'", None),
            ("demo = false\nsnapshot = 's'", None),
            ("demo = true\ncache = 'c'", Some(("cache", "demo = true"))),
            ("geoip = 'g'\ndemo = true", Some(("demo = true", "geoip"))),
            ("cache = 'c'\nport = 1\nsnapshot = 's'", Some(("snapshot", "cache"))),
            ("snapshot = 's'\ndemo = true\ncccsv = 'c'", Some(("demo = true", "snapshot"))),
            ("catalog = 'c'\nindex = 'i'\ngeoip = 'g'", None),
            ("catalog = 'c'\ncache = 'c'\ngeoip = 'g'", Some(("cache", "catalog"))),
            ("geoip = 'g'\nsnapshot = 's'\ncatalog = 'c'", Some(("catalog", "snapshot"))),
            ("demo = true\ncatalog = 'c'", Some(("catalog", "demo = true"))),
            ("almalinux = 'a'\nindex = 'i'\ngeoip = 'g'", None),
            ("almalinux = 'a'\ncatalog = 'c'", Some(("catalog", "almalinux"))),
            ("cache = 'c'\nalmalinux = 'a'", Some(("almalinux", "cache"))),
        ] {
            let found = find(text).map(|(_, message)| message);
            let expected = expected.map(|(second, first)| {
                format!("`{second}` names data, and so does `{first}` above: keep one of them")
            });
            assert_eq!(found, expected, "{text}");
        }
        for text in ["index = 'i'", "index = 'i'\ncache = 'c'", "index = 'i'\nsnapshot = 's'"] {
            let (_, message) = find(text).expect(text);
            assert!(message.starts_with("`index` belongs to a catalog: "), "{message}");
        }
        for (text, expected) in [
            ("[control]\nstate = 's'\nstore = 't'", "`store` excludes `state` above"),
            ("[control]\nrsync_listing = 's'\ntree = 't'", "`tree` excludes `rsync_listing` above"),
            (
                "snapshot = 's'\n[control]\nstate = 't'",
                "`snapshot` names a snapshot, and `[control]`",
            ),
        ] {
            let (_, message) = find(text).expect(text);
            assert!(message.starts_with(expected), "{message}");
        }
        for text in ["findings_file = 'f'\nsnapshot = 's'", "demo = true\nfindings_file = 'f'"] {
            let (_, message) = find(text).expect(text);
            assert!(message.starts_with("`findings_file` belongs to data"), "{message}");
        }
        for data in ["catalog = 'c'", "almalinux = 'a'", "cache = 'c'", "demo = false"] {
            assert_eq!(find(&format!("findings_file = 'f'\n{data}")), None);
        }
        assert_eq!(find("snapshot = 's'\n[control]\ncpu = 2"), None);
        let (offset, _) = find("snapshot = 's'\ndemo = true").expect("two sources");
        assert!(offset >= 15, "{offset}");
    }
}

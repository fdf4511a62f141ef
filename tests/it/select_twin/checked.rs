//! What findings of checks make of the directory, found out mirror by mirror.

use checks::findings::{Findings, MirrorFindings, Standing, UrlFindings};
use proptest::prelude::*;
use proptest::sample::select;
use serve::build_snapshot::build;
use sources::{Inputs, MirrorManagerFiles};
use testdata::Message as _;
use testdata::mirrormanager::MirrorList;

use super::{DIRECTORY, Twin};
use crate::fixture::{self, World};

/// What findings make of the directory.
#[derive(Clone, Default, Debug)]
pub(super) struct Checked {
    /// The mirrors that are behind.
    pub(super) outdated: Vec<i64>,
    /// Whether they are listed after the others: there are others.
    pub(super) is_order: bool,
    /// The mirrors that are left out.
    pub(super) out: Vec<i64>,
    /// The URLs that are left out.
    pub(super) urls: Vec<String>,
}

impl Checked {
    /// Whether a mirror is listed after the others.
    pub(super) fn is_behind(&self, host: i64) -> bool {
        self.is_order && self.outdated.contains(&host)
    }
}

impl Twin<'_> {
    /// What findings make of the directory, of which this twin still knows all.
    pub(super) fn check(&self) -> Checked {
        let carriers: Vec<i64> = self.directory.by_host_id.iter().map(|entry| entry.key).collect();
        let mut checked = Checked::default();
        let mut left: Vec<(i64, Vec<&str>)> = Vec::new();
        let mut decided = Vec::new();
        for &host in &carriers {
            let urls = self.all_urls(host);
            let Some(found) = self.world.findings.mirrors.get(&host.to_string()) else {
                left.push((host, urls));
                continue;
            };
            let is_hidden = |url: &str| found.urls.get(url).is_some_and(|url| url.hidden.is_some());
            let rest: Vec<&str> = urls.iter().copied().filter(|url| !is_hidden(url)).collect();
            let standing = standing(found);
            let is_out = found.hidden.is_some()
                || matches!(standing, Some(Standing::Hidden(_)))
                || (rest.is_empty() && !urls.is_empty());
            if matches!(standing, Some(Standing::Behind(_))) {
                checked.outdated.push(host);
            }
            if is_out {
                checked.out.push(host);
            }
            if found.hidden.is_some() && found.is_decided {
                decided.push(host);
            }
            // A mirror without any other URL keeps those: it is listed only if it is brought back.
            if rest.is_empty() {
                left.push((host, urls));
            } else {
                let out = urls.iter().filter(|url| is_hidden(url));
                checked.urls.extend(out.map(|&url| url.to_owned()));
                left.push((host, rest));
            }
        }
        let is_web = |urls: &[&str]| urls.iter().any(|url| url.starts_with("http"));
        let restricted = &self.list().host_country_allowed_cache;
        let serves_all = |&host: &i64| !restricted.iter().any(|entry| entry.key == host);
        let public: Vec<i64> =
            carriers.into_iter().filter(|host| self.directory.global.contains(host)).collect();
        let with = |is_listed: &dyn Fn(i64) -> bool| -> Vec<i64> {
            public.iter().copied().filter(|&host| is_listed(host)).collect()
        };
        let is_left = |host: i64| left.iter().any(|(other, urls)| *other == host && is_web(urls));
        let had = with(&|host| !decided.contains(&host) && is_web(&self.all_urls(host)));
        let has = with(&|host| !checked.out.contains(&host) && is_left(host));
        let mut back = Vec::new();
        let mut is_former = false;
        if !had.is_empty() && has.is_empty() {
            // Everything that nobody has decided.
            back.clone_from(&checked.out);
            back.retain(|host| !decided.contains(host));
            is_former = true;
        } else if had.iter().any(serves_all) && !has.iter().any(serves_all) {
            back.extend(had.iter().copied().filter(serves_all));
            is_former = !back.iter().any(|&host| is_left(host));
            back.retain(|&host| is_former || is_left(host));
        }
        if is_former {
            checked.urls.clear();
        }
        checked.out.retain(|host| !back.contains(host));
        checked.outdated.extend(back);
        let is_listed =
            |host: i64| if is_former { is_web(&self.all_urls(host)) } else { is_left(host) };
        let listed = with(&|host| !checked.out.contains(&host) && is_listed(host));
        checked.is_order =
            listed.is_empty() || listed.iter().any(|host| !checked.outdated.contains(host));
        checked
    }
}

/// The standing of a mirror in the directory: that of the longest name around it.
fn standing(found: &MirrorFindings) -> Option<&Standing> {
    let is_around = |name: &str| {
        name.is_empty() || name == DIRECTORY || DIRECTORY.starts_with(&format!("{name}/"))
    };
    let around = found.directories.iter().filter(|(name, _)| is_around(name));
    around.max_by_key(|(name, _)| name.len()).map(|(_, standing)| standing)
}

/// Changes a world by findings about its mirrors.
pub(super) fn findings() -> impl Strategy<Value = Vec<(i64, MirrorFindings)>> {
    let standing = select(vec![
        Standing::Current,
        Standing::Behind(fixture::cause("old")),
        Standing::Hidden(fixture::cause("gone")),
    ]);
    let name = select(vec!["", "pub", DIRECTORY, "pub/e", "pub/d/below", "pu"]);
    let directories = prop::collection::btree_map(name.prop_map(str::to_owned), standing, 0..4);
    let urls = prop::collection::btree_set(0..4_i64, 0..4);
    let flags = (prop::bool::weighted(0.3), any::<bool>(), any::<bool>());
    let mirror = (flags, directories, urls);
    let found = (1..12_i64, mirror).prop_map(|(host, (flags, directories, urls))| {
        let (is_hidden, is_decided, is_slow) = flags;
        let hidden = || Some(fixture::cause("down"));
        let url = |n| {
            let schemes = super::SCHEMES.iter();
            schemes.map(move |scheme| format!("{scheme}://h{host}-{n}.example"))
        };
        let out = UrlFindings { hidden: hidden(), ..UrlFindings::default() };
        let urls = urls.into_iter().flat_map(url).map(|url| (url, out.clone())).collect();
        let hidden = hidden().filter(|_| is_hidden);
        (host, MirrorFindings { hidden, is_decided, is_slow, urls, directories })
    });
    // In most worlds nobody has checked.
    prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(found, 1..12)]
}

/// Puts findings into a world.
pub(super) fn put(world: &mut World, found: Vec<(i64, MirrorFindings)>) {
    let found = found.into_iter().map(|(host, found)| (host.to_string(), found));
    world.findings.mirrors = found.collect();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn findings_that_say_nothing_change_no_byte(
        list in super::random::message(),
        netblocks in super::random::asn_table(),
        known in prop::collection::vec(1..12_i64, 0..5),
    ) {
        let mut world = World::empty();
        world.list = MirrorList { time: 1, ..list };
        world.netblocks = netblocks;
        super::add_urls(&mut world);
        // As the program does that has no file of findings.
        let folder = tempfile::tempdir().unwrap();
        let files = world.write(folder.path(), &world.list.encode_to_vec());
        let without = build(&Inputs::MirrorManager(files.clone()), None).unwrap();
        let path = folder.path().join("findings.json");
        let files = MirrorManagerFiles { findings: Some(path.clone()), ..files };
        let directories = [("pub".to_owned(), Standing::Current)];
        let current =
            MirrorFindings { directories: directories.into(), ..MirrorFindings::default() };
        let nothing = MirrorFindings::default();
        let of = |found: &MirrorFindings| -> Findings {
            let found = known.iter().map(|number| (number.to_string(), found.clone()));
            Findings { made: 9, mirrors: found.collect() }
        };
        for findings in [Findings::default(), of(&nothing), of(&current)] {
            std::fs::write(&path, findings.to_json()).unwrap();
            let with = build(&Inputs::MirrorManager(files.clone()), None).unwrap();
            prop_assert!(with.bytes == without.bytes);
        }
    }
}

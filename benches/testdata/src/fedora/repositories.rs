//! The repositories: names, architectures and folders as Fedora and EPEL use them.

use std::collections::BTreeSet;

use super::hosts::{ARCHIVE, CATEGORIES, CODECS, EPEL, LINUX, OTHER, SECONDARY};
use super::{Shape, stream};
use crate::mirrormanager::FileDetailsType;
use crate::rng::Rng;

pub(super) struct Repository {
    /// The `repo=` of requests.
    pub(super) prefix: String,
    /// The `arch=` of requests.
    pub(super) arch: &'static str,
    /// Index into [`CATEGORIES`].
    pub(super) category: usize,
    /// The folder, from the top of the category.
    pub(super) subpath: String,
    /// Whether requests for it are refused.
    pub(super) disabled: bool,
    /// Versions of `repomd.xml`, the current one first; none where nothing is known of it.
    pub(super) details: Vec<FileDetailsType>,
}

impl Repository {
    pub(super) fn directory(&self) -> String {
        format!("{}/{}", CATEGORIES[self.category].top, self.subpath)
    }

    /// Whether a metalink by repository and architecture succeeds.
    pub(super) fn is_live(&self) -> bool {
        !self.disabled && !self.details.is_empty()
    }
}

/// Releases in the main tree; older ones are archived.
const CURRENT: std::ops::RangeInclusive<usize> = 40..=44;
const OLDEST: usize = 7;

/// Repositories that are asked for under another name, as (from, to).
pub(super) const REDIRECTS: &[(&str, &str)] = &[
    ("fedora-45", "rawhide"),
    ("fedora-devel", "rawhide"),
    ("fedora-rawhide", "rawhide"),
    ("updates-released-f45", "rawhide"),
    ("fedora-source-45", "rawhide-source"),
    ("epel-9.4", "epel-9"),
    ("epel-10.1", "epel-10"),
];

/// Repositories that most tests and small shapes want, in front of all others.
const HEADLINES: &[(&str, &str)] = &[
    ("fedora-40", "x86_64"),
    ("fedora-40", "aarch64"),
    ("fedora-source-40", "source"),
    ("updates-released-f40", "x86_64"),
    ("updates-released-f40", "aarch64"),
    ("updates-released-source-f40", "source"),
    ("epel-9", "x86_64"),
    ("epel-9", "aarch64"),
    ("rawhide", "x86_64"),
    ("fedora-44", "x86_64"),
    ("fedora-40", "s390x"),
    ("fedora-39", "x86_64"),
    ("fedora-cisco-openh264-40", "x86_64"),
    ("rawhide-kernel-nodebug", "x86_64"),
    ("epel-10", "x86_64"),
    ("fedora-debug-40", "x86_64"),
    ("fedora-7", "i386"),
];

/// The first `shape.repositories` repositories, in order of prefix and architecture.
pub(super) fn repositories(shape: &Shape) -> Vec<Repository> {
    let mut all = catalogue(shape.repositories);
    all.sort_by_key(|repository| {
        let key = (repository.prefix.as_str(), repository.arch);
        HEADLINES.iter().position(|&headline| headline == key).unwrap_or(HEADLINES.len())
    });
    all.truncate(shape.repositories);
    all.sort_by(|a, b| (&a.prefix, a.arch).cmp(&(&b.prefix, b.arch)));

    let mut rng = Rng::new(shape.seed, stream::REPOSITORIES);
    let disabled: BTreeSet<String> = (all.iter())
        .filter(|repository| repository.category == ARCHIVE && repository.prefix != "fedora-39")
        .filter(|_| rng.permille(12))
        .map(|repository| repository.prefix.clone())
        .chain(["fedora-7".into()])
        .collect();
    let mut rng = Rng::new(shape.seed, stream::DETAILS);
    for repository in &mut all {
        repository.disabled = disabled.contains(&repository.prefix);
        let key = (repository.prefix.as_str(), repository.arch);
        let at_least = usize::from(HEADLINES.contains(&key));
        let n_details = (*rng.pick(&[0, 1, 1, 2, 2, 3, 3, 3, 3, 3])).max(at_least);
        // Only one repository in fifty knows nothing of its files.
        let n_details = if n_details == 0 && rng.permille(800) { 1 } else { n_details };
        repository.details = details(shape.time, n_details, &mut rng);
    }
    all
}

fn details(time: u64, n: usize, rng: &mut Rng) -> Vec<FileDetailsType> {
    let mut time_stamp = time - 3_600;
    (0..n)
        .map(|_| {
            time_stamp -= 3_600 + rng.below(86_400) as u64;
            FileDetailsType {
                time_stamp,
                size: 3_000 + rng.below(6_000) as u64,
                sha1: Some(rng.hex(40)),
                md5: Some(rng.hex(32)),
                sha256: Some(rng.hex(64)),
                sha512: Some(rng.hex(128)),
            }
        })
        .collect()
}

/// At least `n` repositories, the current ones first.
fn catalogue(n: usize) -> Vec<Repository> {
    let mut list = Catalogue::default();
    for release in CURRENT.rev() {
        list.release(release, LINUX, &["x86_64", "aarch64"]);
        list.release(release, SECONDARY, &["ppc64le", "s390x"]);
        for arch in ["x86_64", "aarch64", "ppc64le", "s390x", "i386"] {
            for (prefix, tree) in [
                (format!("fedora-cisco-openh264-{release}"), "os"),
                (format!("fedora-cisco-openh264-debug-{release}"), "debug"),
            ] {
                list.push(prefix, arch, CODECS, format!("openh264/{release}/{arch}/{tree}"));
            }
        }
    }
    list.tree("rawhide", "development/rawhide/Everything", LINUX, &["x86_64", "aarch64"]);
    list.tree("rawhide", "development/rawhide/Everything", SECONDARY, &["ppc64le", "s390x"]);
    for name in ["rawhide-kernel-nodebug", "stabilization", "eln-baseos", "eln-appstream"] {
        for arch in ["x86_64", "aarch64", "s390x"] {
            list.push(name.into(), arch, OTHER, format!("{name}/{arch}/os"));
        }
    }
    let arches = ["x86_64", "aarch64", "ppc64le", "s390x"];
    for release in ["10", "9", "8", "7"] {
        list.tree(&format!("epel-{release}"), &format!("{release}/Everything"), EPEL, &arches);
        let testing = format!("testing/{release}/Everything");
        list.tree(&format!("testing-epel{release}"), &testing, EPEL, &arches);
    }
    for release in ["9", "8"] {
        let next = format!("next/{release}/Everything");
        list.tree(&format!("epel-next-{release}"), &next, EPEL, &arches);
    }
    for release in (OLDEST..*CURRENT.start()).rev() {
        let arches: &[&str] = match release {
            37.. => &["x86_64", "aarch64"],
            27.. => &["x86_64", "armhfp"],
            _ => &["x86_64", "i386"],
        };
        list.release(release, ARCHIVE, arches);
    }
    // More than Fedora has: respins without end.
    let mut respin = 1;
    while list.repositories.len() < n {
        let name = format!("fedora-respin-{respin}");
        list.tree(&name, &format!("respins/{respin}"), OTHER, &arches);
        respin += 1;
    }
    list.repositories
}

#[derive(Default)]
struct Catalogue {
    repositories: Vec<Repository>,
    /// What is listed; a second tree of a release shares the first one's source repository.
    seen: BTreeSet<(String, &'static str)>,
}

impl Catalogue {
    /// The base, updates and testing trees of one Fedora release.
    fn release(&mut self, release: usize, category: usize, arches: &[&'static str]) {
        let folder = format!("releases/{release}/Everything");
        self.named(
            ["fedora-", "fedora-debug-", "fedora-source-"],
            release,
            &folder,
            category,
            arches,
        );
        let prefixes =
            ["updates-released-f", "updates-released-debug-f", "updates-released-source-f"];
        let folder = format!("updates/{release}/Everything");
        self.named(prefixes, release, &folder, category, arches);
        let prefixes = ["updates-testing-f", "updates-testing-debug-f", "updates-testing-source-f"];
        let folder = format!("updates/testing/{release}/Everything");
        self.named(prefixes, release, &folder, category, arches);
    }

    fn named(
        &mut self,
        [binary, debug, source]: [&str; 3],
        release: usize,
        folder: &str,
        category: usize,
        arches: &[&'static str],
    ) {
        for &arch in arches {
            let (os, tree) = (format!("{folder}/{arch}/os"), format!("{folder}/{arch}/debug/tree"));
            self.push(format!("{binary}{release}"), arch, category, os);
            self.push(format!("{debug}{release}"), arch, category, tree);
        }
        self.push(
            format!("{source}{release}"),
            "source",
            category,
            format!("{folder}/source/tree"),
        );
    }

    /// A tree whose debug and source repositories add a suffix to its name.
    fn tree(&mut self, name: &str, folder: &str, category: usize, arches: &[&'static str]) {
        for &arch in arches {
            self.push(name.into(), arch, category, format!("{folder}/{arch}/os"));
            let debug = format!("{folder}/{arch}/debug");
            self.push(format!("{name}-debug"), arch, category, debug);
        }
        self.push(format!("{name}-source"), "source", category, format!("{folder}/source/tree"));
    }

    fn push(&mut self, prefix: String, arch: &'static str, category: usize, subpath: String) {
        if self.seen.insert((prefix.clone(), arch)) {
            let details = Vec::new();
            let repository =
                Repository { prefix, arch, category, subpath, disabled: false, details };
            self.repositories.push(repository);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fedora_has_the_well_known_repositories_once_each() {
        let all = repositories(&Shape::fedora());
        assert_eq!(all.len(), 718);
        let keys: BTreeSet<_> = all.iter().map(|one| (one.prefix.as_str(), one.arch)).collect();
        let folders: BTreeSet<_> = all.iter().map(Repository::directory).collect();
        assert_eq!((keys.len(), folders.len()), (718, 718));
        for headline in HEADLINES {
            assert!(keys.contains(headline), "{headline:?}");
        }
        assert!(all.iter().filter(|one| one.is_live()).count() > 650);
        assert!(all.iter().any(|one| one.disabled));
        assert!(
            all.iter().filter(|one| one.prefix.contains("source")).all(|one| one.arch == "source")
        );
    }

    #[test]
    fn redirects_lead_to_repositories() {
        let all = repositories(&Shape::fedora());
        for (from, to) in REDIRECTS {
            assert!(all.iter().any(|one| one.prefix == *to), "{to}");
            assert!(!all.iter().any(|one| one.prefix == *from), "{from}");
        }
    }
}

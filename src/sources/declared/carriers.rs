//! Finds the mirrors that carry each version and architecture of a repository.
//!
//! Mirrors may each say something else, in many parts. So no part is compared with every repository: parts
//! are looked up by the name of the repository and of its groups, and those that name versions or
//! architectures by these. The time grows with what is carried.

use rustc_hash::FxHashMap;

use super::expand::Pair;
use super::{Carried, Carries, Repository};
use model::host_set::{empty_set, insert};
use model::ids::HostId;

/// A part of the tree, and the mirrors that carry it.
#[derive(Clone, Copy)]
struct Part<'d> {
    carried: &'d Carried,
    /// Index into [`CarriedParts::groups`].
    group: usize,
}

/// What all mirrors carry.
pub(super) struct CarriedParts<'d> {
    n_mirrors: usize,
    /// The mirrors that say the same, by their positions: most say that they carry everything.
    groups: Vec<Vec<HostId>>,
    /// The mirrors that carry everything.
    everything: Box<[u64]>,
    /// Parts that name no repository or group.
    unnamed: Vec<Part<'d>>,
    /// Parts by the repository or the group that they name.
    named: FxHashMap<&'d str, Vec<Part<'d>>>,
}

/// The mirrors that carry a repository, or parts of it, as sets of positions.
pub(super) struct Carriers<'r> {
    /// The mirrors that carry all of it.
    all: Box<[u64]>,
    versions: Axis<'r>,
    arches: Axis<'r>,
    /// Mirrors whose parts name versions and architectures, by their positions in both lists.
    joined: FxHashMap<(usize, usize), Box<[u64]>>,
}

/// The versions or the architectures of a repository, with the mirrors whose parts name nothing else.
struct Axis<'r> {
    positions: FxHashMap<&'r str, usize>,
    carriers: Vec<Box<[u64]>>,
}

impl<'d> CarriedParts<'d> {
    /// Takes what each mirror carries, in the order of their positions.
    pub(super) fn new(mirrors: impl ExactSizeIterator<Item = &'d Carries>) -> Self {
        let n_mirrors = mirrors.len();
        let mut parts = Self {
            n_mirrors,
            groups: Vec::new(),
            everything: empty_set(n_mirrors),
            unnamed: Vec::new(),
            named: FxHashMap::default(),
        };
        let mut known: FxHashMap<&[Carried], usize> = FxHashMap::default();
        for (position, carries) in (0..).map(HostId).zip(mirrors) {
            let Carries::Only(list) = carries else {
                insert(&mut parts.everything, position);
                continue;
            };
            let group = *known.entry(list).or_insert(parts.groups.len());
            match parts.groups.get_mut(group) {
                Some(positions) => positions.push(position),
                None => {
                    parts.groups.push(vec![position]);
                    parts.add(list, group);
                }
            }
        }
        parts
    }

    fn add(&mut self, list: &'d [Carried], group: usize) {
        for carried in list {
            let part = Part { carried, group };
            match &carried.what {
                None => self.unnamed.push(part),
                Some(what) => self.named.entry(what).or_default().push(part),
            }
        }
    }

    /// The mirrors that carry everything.
    pub(super) fn everything(&self) -> &[u64] {
        &self.everything
    }

    /// Finds the mirrors that carry a repository, or parts of it.
    pub(super) fn of<'r>(&self, repository: &'r Repository) -> Carriers<'r> {
        let mut carriers = Carriers {
            all: self.everything.clone(),
            versions: Axis::new(repository.each_version().map(|version| version.unwrap_or(""))),
            arches: Axis::new(repository.arches.iter().map(String::as_str)),
            joined: FxHashMap::default(),
        };
        let names = repository.groups.iter().chain([&repository.name]);
        let named = names.filter_map(|name| self.named.get(name.as_str())).flatten();
        for part in self.unnamed.iter().chain(named) {
            if let Some(mirrors) = self.groups.get(part.group) {
                carriers.add(part.carried, mirrors, self.n_mirrors);
            }
        }
        carriers
    }
}

impl<'r> Carriers<'r> {
    fn add(&mut self, part: &Carried, mirrors: &[HostId], n_mirrors: usize) {
        let add = |set: &mut Box<[u64]>| {
            if set.is_empty() {
                *set = empty_set(n_mirrors);
            }
            mirrors.iter().for_each(|&mirror| insert(set, mirror));
        };
        match (part.versions.is_empty(), part.arches.is_empty()) {
            (true, true) => add(&mut self.all),
            (false, true) => self.versions.each(&part.versions, add),
            (true, false) => self.arches.each(&part.arches, add),
            (false, false) => {
                for version in self.versions.find(&part.versions) {
                    for arch in self.arches.find(&part.arches) {
                        add(self.joined.entry((version, arch)).or_default());
                    }
                }
            }
        }
    }

    /// Adds the mirrors that carry a version for an architecture to a set.
    pub(super) fn add_to(&self, set: &mut [u64], pair: &Pair<'_>) {
        let version = self.versions.positions.get(pair.version.unwrap_or(""));
        let arch = self.arches.positions.get(pair.arch);
        let of_version = version.and_then(|&version| self.versions.carriers.get(version));
        let of_arch = arch.and_then(|&arch| self.arches.carriers.get(arch));
        let joined = version.zip(arch);
        let joined = joined.and_then(|(&version, &arch)| self.joined.get(&(version, arch)));
        for carriers in [Some(&self.all), of_version, of_arch, joined].into_iter().flatten() {
            set.iter_mut().zip(carriers).for_each(|(word, more)| *word |= more);
        }
    }
}

impl<'r> Axis<'r> {
    fn new(values: impl Iterator<Item = &'r str>) -> Self {
        let mut positions = FxHashMap::default();
        for value in values {
            let next = positions.len();
            positions.entry(value).or_insert(next);
        }
        let carriers = vec![Box::default(); positions.len()];
        Self { positions, carriers }
    }

    /// The positions of those values that the repository has.
    fn find<'v>(&self, values: &'v [String]) -> impl Iterator<Item = usize> + use<'_, 'v, 'r> {
        values.iter().filter_map(|value| self.positions.get(value.as_str()).copied())
    }

    /// Calls `add` with the set of each value that the repository has.
    fn each(&mut self, values: &[String], add: impl Fn(&mut Box<[u64]>)) {
        for value in values {
            let position = self.positions.get(value.as_str());
            if let Some(set) = position.and_then(|&position| self.carriers.get_mut(position)) {
                add(set);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Disabled, expand};
    use super::*;
    use catalog::Origin;

    /// Whether a mirror that carries this has a pair, part by part.
    fn is_in(pair: &Pair<'_>, carries: &Carries) -> bool {
        let has = |list: &[String], item: &str| list.is_empty() || list.iter().any(|i| i == item);
        let is_part = |part: &Carried| {
            let Carried { what, versions, arches, .. } = part;
            let is_named = |what: &String| {
                *what == pair.repository.name || pair.repository.groups.contains(what)
            };
            what.as_ref().is_none_or(is_named)
                && has(versions, pair.version.unwrap_or(""))
                && has(arches, pair.arch)
        };
        match carries {
            Carries::Everything => true,
            Carries::Only(parts) => parts.iter().any(is_part),
        }
    }

    fn repository(
        name: &str,
        groups: &[String],
        versions: Vec<String>,
        arches: Vec<String>,
    ) -> Repository {
        Repository {
            origin: Origin::line("c.toml", 1),
            name: name.to_owned(),
            name_template: "{name}-{version}".to_owned(),
            versions,
            arches,
            path: "{version}/{name}/{arch}".to_owned(),
            aliases: Vec::new(),
            groups: groups.to_vec(),
            disabled: Disabled::No,
        }
    }

    fn some_of(words: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
        proptest::sample::subsequence(words, 0..=most.min(words.len()))
            .prop_map(|words| words.into_iter().map(str::to_owned).collect())
    }

    const GROUPS: [&str; 2] = ["main", "more"];
    const VERSIONS: [&str; 3] = ["8", "9", "10"];
    const ARCHES: [&str; 3] = ["x86_64", "aarch64", "s390x"];

    fn repositories() -> impl Strategy<Value = Vec<Repository>> {
        let parts = (some_of(&GROUPS, 2), some_of(&VERSIONS, 3), some_of(&ARCHES, 3));
        proptest::collection::vec(parts, 1..4).prop_map(|all| {
            let names = ["baseos", "extras", "testing"];
            let make = |(name, (groups, versions, arches)): (_, (Vec<_>, _, _))| {
                repository(name, &groups, versions, arches)
            };
            names.into_iter().zip(all).map(make).collect()
        })
    }

    fn carries() -> impl Strategy<Value = Carries> {
        const NAMES: [&str; 5] = ["baseos", "extras", "testing", "main", "more"];
        let what = proptest::option::of(proptest::sample::select(&NAMES[..]));
        let part = (what, some_of(&VERSIONS, 2), some_of(&ARCHES, 2)).prop_map(
            |(what, versions, arches)| Carried {
                origin: None,
                what: what.map(str::to_owned),
                versions,
                arches,
            },
        );
        let only = proptest::collection::vec(part, 1..4).prop_map(Carries::Only);
        prop_oneof![1 => Just(Carries::Everything), 5 => only]
    }

    proptest! {
        #[test]
        fn carriers_are_those_that_a_search_part_by_part_finds(
            repositories in repositories(),
            mirrors in proptest::collection::vec(carries(), 0..80),
        ) {
            let parts = CarriedParts::new(mirrors.iter());
            for repository in &repositories {
                let carriers = parts.of(repository);
                let pairs = expand::pairs(std::slice::from_ref(repository)).expect("few pairs");
                for pair in &pairs {
                    let mut found = empty_set(mirrors.len());
                    carriers.add_to(&mut found, pair);
                    let mut expected = empty_set(mirrors.len());
                    for (position, carries) in (0..).map(HostId).zip(&mirrors) {
                        if is_in(pair, carries) {
                            insert(&mut expected, position);
                        }
                    }
                    prop_assert_eq!(found, expected, "{}", pair.key());
                }
            }
        }
    }

    #[test]
    fn a_pair_is_carried_if_all_that_is_said_fits() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let numbers = || words(&["0", "1"]);
        let repository = repository("baseos", &words(&["main"]), numbers(), numbers());
        let pairs = expand::pairs(std::slice::from_ref(&repository)).expect("four pairs");
        for (what, versions, arches, expected) in [
            (None, &[][..], &[][..], [true; 4]),
            (Some("baseos"), &[], &[], [true; 4]),
            (Some("main"), &[], &["1"], [false, true, false, true]),
            (Some("other"), &[], &[], [false; 4]),
            (None, &["1"], &[], [false, false, true, true]),
            (Some("baseos"), &["0", "7"], &["0"], [true, false, false, false]),
        ] {
            let what = what.map(str::to_owned);
            let (versions, arches) = (words(versions), words(arches));
            let carries = Carries::Only(vec![Carried { origin: None, what, versions, arches }]);
            let parts = CarriedParts::new([&carries].into_iter());
            let carriers = parts.of(&repository);
            let found: Vec<_> = pairs
                .iter()
                .map(|pair| {
                    let mut set = empty_set(1);
                    carriers.add_to(&mut set, pair);
                    set[0] == 1
                })
                .collect();
            assert_eq!(found, expected, "{carries:?}");
        }
    }

    #[test]
    fn mirrors_that_say_the_same_at_different_places_are_one_group() {
        let carries = |line: u64| {
            let part = |what: &str| Carried {
                origin: Some(Origin::line("c.toml", line)),
                what: Some(what.to_owned()),
                ..Carried::default()
            };
            match line % 3 {
                0 => Carries::Everything,
                1 => Carries::Only(vec![part("a"), part("b")]),
                _ => Carries::Only(vec![part("a")]),
            }
        };
        let all: Vec<Carries> = (0..300).map(carries).collect();
        let parts = CarriedParts::new(all.iter());
        let shown: Vec<_> = parts.groups.iter().map(|group| (group.len(), group[0])).collect();
        assert_eq!(shown, [(100, HostId(1)), (100, HostId(2))]);
        assert_eq!(parts.named["a"].len(), 2);
    }
}

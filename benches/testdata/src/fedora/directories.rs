//! The directories, one at a time, each with the hosts that carry it.

use super::hosts::{CATEGORIES, Host, Hosts};
use super::repositories::Repository;
use super::{Shape, stream};
use crate::countries::COUNTRIES;
use crate::mirrormanager::{IntRepeatedIntMap, MirrorListCacheType, StringRepeatedIntMap};
use crate::rng::Rng;

/// Calls `each` with every directory, in the order of the repositories.
pub(super) fn for_each<E>(
    shape: &Shape,
    hosts: &Hosts,
    repositories: &[Repository],
    mut each: impl FnMut(&MirrorListCacheType) -> Result<(), E>,
) -> Result<(), E> {
    let mut rng = Rng::new(shape.seed, stream::DIRECTORIES);
    let members: Vec<_> = (0..CATEGORIES.len()).map(|index| Members::new(hosts, index)).collect();
    let n_folders = n_package_folders(shape, repositories);
    for (repository, n_folders) in repositories.iter().zip(n_folders) {
        let members = &members[repository.category];
        let mut put = |subpath: String| each(&members.directory(shape, subpath, &mut rng));
        put(repository.subpath.clone())?;
        put(format!("{}/repodata", repository.subpath))?;
        for index in 0..n_folders {
            put(format!("{}/{}", repository.subpath, package_folder(index)))?;
        }
    }
    Ok(())
}

/// Package folders of each repository: the category's share, evenly, to the exact sum.
fn n_package_folders(shape: &Shape, repositories: &[Repository]) -> Vec<usize> {
    let mut n_by_category = [0; CATEGORIES.len()];
    for repository in repositories {
        n_by_category[repository.category] += 1;
    }
    let weights: Vec<u128> = (repositories.iter())
        .map(|repository| {
            let share = CATEGORIES[repository.category].directories_permille as u128;
            (share << 32) / n_by_category[repository.category]
        })
        .collect();
    let total_weight: u128 = weights.iter().sum();
    let total = shape.directories.saturating_sub(2 * repositories.len()) as u128;
    let (mut weight_so_far, mut given) = (0, 0);
    (weights.into_iter())
        .map(|weight| {
            weight_so_far += weight;
            let due = (total * weight_so_far / total_weight) as usize;
            let n = due - given;
            given = due;
            n
        })
        .collect()
}

/// Letters first, then packages that have a folder of their own.
fn package_folder(index: usize) -> String {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    const WORDS: [&str; 8] =
        ["lib", "core", "-devel", "-tools", "-gtk", "-plugins", "-data", "-common"];
    let letter = char::from(LETTERS[index % LETTERS.len()]);
    match index / LETTERS.len() {
        0 => format!("Packages/{letter}"),
        round => {
            let word = WORDS[(round - 1) % WORDS.len()];
            format!("Packages/{letter}/{letter}{word}{}", (round - 1) / WORDS.len())
        }
    }
}

/// The hosts of one category, in the orders that a directory lists them.
struct Members<'a> {
    category: usize,
    by_id: Vec<&'a Host>,
    /// Positions in `by_id` of public hosts with a country, by country, then id.
    by_country: Vec<usize>,
}

impl<'a> Members<'a> {
    fn new(hosts: &'a Hosts, category: usize) -> Self {
        let by_id: Vec<_> =
            hosts.hosts.iter().filter(|host| !host.urls[category].is_empty()).collect();
        let mut by_country: Vec<_> = (0..by_id.len())
            .filter(|&index| !by_id[index].private && by_id[index].country.is_some())
            .collect();
        by_country.sort_by_key(|&index| (by_id[index].country, index));
        Self { category, by_id, by_country }
    }

    fn directory(&self, shape: &Shape, subpath: String, rng: &mut Rng) -> MirrorListCacheType {
        let carries: Vec<bool> =
            self.by_id.iter().map(|_| rng.below(100) < shape.carried_percent).collect();
        let carriers = || self.by_id.iter().zip(&carries).filter(|(_, carries)| **carries);

        let mut by_country: Vec<StringRepeatedIntMap> = Vec::new();
        let mut by_country_internet2 = Vec::new();
        for &index in self.by_country.iter().filter(|&&index| carries[index]) {
            let host = self.by_id[index];
            let code = host.country.map_or("", |country| COUNTRIES[country].code);
            append(&mut by_country, code, host.id);
            if host.internet2 {
                append(&mut by_country_internet2, code, host.id);
            }
        }
        MirrorListCacheType {
            directory: format!("{}/{subpath}", CATEGORIES[self.category].top),
            global: carriers().filter(|(host, _)| !host.private).map(|(host, _)| host.id).collect(),
            subpath: Some(subpath),
            by_country,
            by_country_internet2,
            by_host_id: carriers()
                .map(|(host, _)| IntRepeatedIntMap::new(host.id, host.urls[self.category].clone()))
                .collect(),
            ordered_mirror_list: Some(false),
        }
    }
}

/// Adds a host to the last entry if that is its country's, else to a new one.
fn append(entries: &mut Vec<StringRepeatedIntMap>, country: &str, host: i64) {
    match entries.last_mut() {
        Some(last) if last.key == country => last.value.push(host),
        _ => entries.push(StringRepeatedIntMap::new(country, [host])),
    }
}

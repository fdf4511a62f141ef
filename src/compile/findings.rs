//! Applies what checks have found out of mirrors to a catalog, before it is compiled.
//!
//! A mirror that is left out carries no directory any more, and one that is left out of a directory does not
//! carry that. A base URL that is left out is in no list, and a mirror without another one does not carry the
//! directories that it served with it. Of mirrors that are behind, each directory has a set, so that answers
//! can list them after the others.
//!
//! Findings never empty a list: if they would leave a directory without any mirror that is listed for all
//! clients over http or https, or without one that serves every country where it had one, then those are listed
//! last that give it back, and that is reported. They are all that it had in the former case, with all of their
//! URLs. What somebody has decided holds all the same. Who writes findings keeps more than one mirror; this is the
//! last line of defence.
//!
//! Where all that are listed are behind, which is so after each push to the primary, none is behind another.
//!
//! Findings about what the catalog does not have are reported, and change nothing.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::layouts_without::LayoutsWithout;
use catalog::checked::{Checked, CheckedDirectory, Fault, FaultScope};
use catalog::records::{Catalog, Directory};
use catalog::{Origin, Report};
use checks::findings::{Cause, Findings, MirrorFindings, Standing};
use model::base_url::{BaseUrl, Redacted};
use model::families::{Families, Reach};
use model::host_set::{contains, empty_set, insert, members};
use model::ids::HostId;
use model::path;
use model::url::Protocol;

/// The most words of all sets of mirrors that findings add. Fedora's mirrors, all of them behind in other
/// repositories, would need some 100,000.
const MAX_SET_WORDS: usize = 50_000_000;

/// Findings tell so many directories apart that their sets of mirrors do not fit into memory.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}: more than {MAX_SET_WORDS} words of sets of mirrors follow from it")]
pub struct TooMuchFound(String);

/// Applies findings to a catalog. `name` is that of their file, for diagnostics.
pub fn apply(
    findings: &Findings,
    name: &str,
    catalog: &mut Catalog,
    report: &mut Report,
) -> Result<(), TooMuchFound> {
    let mut applied = Applied::read(findings, name, catalog, report);
    let layouts = LayoutsWithout::take_out(&applied.urls, catalog);
    let scopes = Scopes::new(std::mem::take(&mut applied.directories));
    let mut carrying = Carrying::new(layouts, &applied.mirrors, &applied.decided, catalog);
    let mut checked = Vec::with_capacity(catalog.directories.len());
    // The directories are taken out while the rest of the catalog is changed for them.
    let mut directories = std::mem::take(&mut catalog.directories);
    for directory in &mut directories {
        let became = carrying.become_of(directory, &scopes, catalog);
        if became.is_refused {
            let problem =
                "directory that findings would empty, mirrors that they leave out are listed last";
            report.mended(&Origin::table(name, "directories"), problem, &directory.name);
        }
        (directory.layout, directory.carriers) = (became.layout, became.carriers);
        checked.push(became.checked);
        if carrying.n_words > MAX_SET_WORDS {
            return Err(TooMuchFound(name.to_owned()));
        }
    }
    catalog.directories = directories;
    if checked.iter().any(|checked| *checked != CheckedDirectory::default()) {
        let faults = applied.faults;
        catalog.checked = Checked { sets: carrying.checked_sets, directories: checked, faults };
    }
    Ok(())
}

/// Findings by what they are about in the catalog.
struct Applied {
    /// Mirrors that are left out everywhere, as bits.
    mirrors: Box<[u64]>,
    /// Those of them for which somebody has decided that, as bits.
    decided: Box<[u64]>,
    /// URLs that are left out of the lists of a mirror.
    urls: FxHashMap<HostId, BTreeSet<u32>>,
    /// By directory, in canonical form: what holds there for mirrors.
    directories: BTreeMap<String, Vec<(HostId, Place)>>,
    /// In the order of mirrors.
    faults: Vec<(HostId, Fault)>,
}

/// The place of a mirror in the list of a directory.
#[derive(Clone, Copy)]
enum Place {
    Usual,
    Last,
    Out,
}

impl Applied {
    /// Finds what findings are about. Weights of mirrors and versions of IP of URLs are set at once.
    fn read(findings: &Findings, name: &str, catalog: &mut Catalog, report: &mut Report) -> Self {
        let keys = (0..).map(HostId).zip(&catalog.mirrors);
        let hosts: FxHashMap<String, HostId> =
            keys.map(|(host, mirror)| (mirror.key.to_string(), host)).collect();
        let owned =
            if findings.mirrors.is_empty() { FxHashMap::default() } else { urls_of(catalog) };
        let mut applied = Self {
            mirrors: empty_set(catalog.mirrors.len()),
            decided: empty_set(catalog.mirrors.len()),
            urls: FxHashMap::default(),
            directories: BTreeMap::new(),
            faults: Vec::new(),
        };
        let mut families = FxHashMap::default();
        for (key, found) in &findings.mirrors {
            let Some(&host) = hosts.get(key) else {
                let problem = "mirror that the catalog does not have, skipped";
                report.skipped(&Origin::table(name, "mirrors"), problem, key);
                continue;
            };
            if let Some(mirror) = catalog.mirrors.get_mut(host.index())
                && found.is_slow
            {
                mirror.weight = (mirror.weight / 2).max(1);
            }
            if let Some(cause) = &found.hidden {
                insert(&mut applied.mirrors, host);
                if found.is_decided {
                    insert(&mut applied.decided, host);
                }
                applied.fault(host, FaultScope::Mirror, cause);
            }
            let unknown_url = |url: &str, report: &mut Report| {
                let problem = "base URL that the mirror does not have, skipped";
                let value = format_args!("{} of mirror {key}", Redacted(url));
                report.skipped(&Origin::table(name, "urls"), problem, value);
            };
            for (url, found) in &found.urls {
                let canonical = BaseUrl::parse(url);
                let index = canonical.ok().and_then(|url| owned.get(&(host, url.as_str().into())));
                let Some(&index) = index else {
                    unknown_url(url, report);
                    continue;
                };
                let known: &mut Families = families.entry(index).or_default();
                *known = joined(*known, found.families);
                if let Some(cause) = &found.hidden {
                    applied.urls.entry(host).or_default().insert(index);
                    applied.fault(host, FaultScope::Url(url.clone()), cause);
                }
            }
            applied.read_directories(host, found, catalog, |directory| {
                let problem = "directory that the catalog does not have, skipped";
                let value = format_args!("{directory} of mirror {key}");
                report.skipped(&Origin::table(name, "directories"), problem, value);
            });
        }
        for (index, tested) in families {
            if let Some(known) = catalog.url_families.get_mut(index as usize) {
                *known = Families {
                    v4: if tested.v4 == Reach::Unknown { known.v4 } else { tested.v4 },
                    v6: if tested.v6 == Reach::Unknown { known.v6 } else { tested.v6 },
                };
            }
        }
        // Findings are in the order of keys as text.
        applied.faults.sort_by_key(|&(host, _)| host);
        applied
    }

    fn read_directories(
        &mut self,
        host: HostId,
        found: &MirrorFindings,
        catalog: &Catalog,
        mut unknown: impl FnMut(&str),
    ) {
        for (directory, standing) in &found.directories {
            let canonical = path::canonical(directory);
            if !is_known(&canonical, &catalog.directories) {
                unknown(directory);
                continue;
            }
            let name = canonical.into_owned();
            let place = match standing {
                Standing::Current => Place::Usual,
                Standing::Behind(cause) => {
                    self.fault(host, FaultScope::Behind(name.clone()), cause);
                    Place::Last
                }
                Standing::Hidden(cause) => {
                    self.fault(host, FaultScope::LeftOut(name.clone()), cause);
                    Place::Out
                }
            };
            self.directories.entry(name).or_default().push((host, place));
        }
    }

    fn fault(&mut self, host: HostId, scope: FaultScope, cause: &Cause) {
        let (reason, since) = (cause.reason().to_owned(), cause.since());
        self.faults.push((host, Fault { scope, reason, since }));
    }
}

/// What is known of a URL that two mirrors have: what works for one of them works.
fn joined(one: Families, other: Families) -> Families {
    let reach = |one, other| match (one, other) {
        (Reach::Works, _) | (_, Reach::Works) => Reach::Works,
        (Reach::Fails, _) | (_, Reach::Fails) => Reach::Fails,
        (Reach::Unknown, Reach::Unknown) => Reach::Unknown,
    };
    Families { v4: reach(one.v4, other.v4), v6: reach(one.v6, other.v6) }
}

/// Whether a directory is in the catalog, or has one below it.
fn is_known(name: &str, directories: &[Directory]) -> bool {
    let is_there = |from: &str, is_it: &dyn Fn(&str) -> bool| {
        let at = directories.partition_point(|directory| &*directory.name < from);
        directories.get(at).is_some_and(|directory| is_it(&directory.name))
    };
    let below = [name, "/"].concat();
    name.is_empty()
        || is_there(name, &|found| found == name)
        || is_there(&below, &|found| found.starts_with(&below))
}

/// The URLs that each mirror has in any layout, with their indexes.
fn urls_of(catalog: &Catalog) -> FxHashMap<(HostId, Box<str>), u32> {
    let mut owned = FxHashMap::default();
    let mut seen = FxHashSet::default();
    for layout in &catalog.layouts {
        for (host, slot) in (0..).map(HostId).zip(&layout.slots) {
            let Some(slot) = slot.filter(|slot| seen.insert((host, slot.urls))) else { continue };
            let urls = catalog.url_lists.get(slot.urls as usize).into_iter().flatten();
            for &index in urls {
                if let Some(url) = catalog.urls.get(index as usize) {
                    owned.insert((host, url.clone()), index);
                }
            }
        }
    }
    owned
}

/// Where mirrors are listed last or left out, by the narrowest directory that says so.
struct Scopes {
    /// By the name of a directory with findings of its own.
    by_name: FxHashMap<String, usize>,
    scopes: Vec<Scope>,
}

/// What holds in a directory and below.
struct Scope {
    /// The scope around it.
    around: Option<usize>,
    /// What holds there for mirrors.
    places: Vec<(HostId, Place)>,
}

impl Scopes {
    fn new(directories: BTreeMap<String, Vec<(HostId, Place)>>) -> Self {
        let mut scopes = Self { by_name: FxHashMap::default(), scopes: Vec::new() };
        // What is around a directory comes before it in the order of names.
        for (name, places) in directories {
            let around = scopes.find(&name);
            scopes.by_name.insert(name, scopes.scopes.len());
            scopes.scopes.push(Scope { around, places });
        }
        scopes
    }

    /// The index of the scope that holds in a directory; `None` outside of all of them.
    fn find(&self, name: &str) -> Option<usize> {
        let mut around = name;
        loop {
            if let Some(&found) = self.by_name.get(around) {
                return Some(found);
            }
            around = match around.rsplit_once('/') {
                Some((outer, _)) => outer,
                None if around.is_empty() => return None,
                None => "",
            };
        }
    }

    /// The mirrors that are behind in a scope, and those that are left out, as bits.
    fn sets(&self, scope: Option<usize>, n_mirrors: usize) -> [Box<[u64]>; 2] {
        let get = |index: usize| self.scopes.get(index);
        let outwards =
            std::iter::successors(scope.and_then(get), |scope| scope.around.and_then(get));
        let (mut behind, mut left_out) = (empty_set(n_mirrors), empty_set(n_mirrors));
        let mut seen = empty_set(n_mirrors);
        for &(host, place) in outwards.flat_map(|scope| &scope.places) {
            // The narrowest scope counts.
            if contains(&seen, host) {
                continue;
            }
            insert(&mut seen, host);
            match place {
                Place::Usual => {}
                Place::Last => insert(&mut behind, host),
                Place::Out => insert(&mut left_out, host),
            }
        }
        [behind, left_out]
    }
}

/// What becomes of directories. Many of them share a layout, a set of mirrors and a scope, and have one fate.
struct Carrying<'a> {
    layouts: LayoutsWithout,
    /// Mirrors that are left out everywhere, as bits.
    left_out: &'a [u64],
    /// Those of them that never come back, as bits.
    decided: &'a [u64],
    /// By the index of a list of URLs: whether one of them is of http or https.
    is_web: Vec<bool>,
    /// Mirrors that serve some countries only, as bits.
    restricted: Box<[u64]>,
    carriers: FxHashMap<Box<[u64]>, u32>,
    checked: FxHashMap<Box<[u64]>, u32>,
    checked_sets: Vec<Box<[u64]>>,
    /// Words of all sets that were added.
    n_words: usize,
    known: FxHashMap<(u32, u32, Option<usize>), Became>,
}

/// Mirrors that are listed although findings leave them out.
struct Back {
    /// The mirrors, as bits.
    hosts: Box<[u64]>,
    /// Whether mirrors have all URLs that they had.
    is_former: bool,
}

/// What becomes of a directory.
#[derive(Clone, Copy)]
struct Became {
    layout: u32,
    carriers: u32,
    checked: CheckedDirectory,
    /// Whether mirrors were brought back, as nothing of use would have been left.
    is_refused: bool,
}

impl<'a> Carrying<'a> {
    fn new(
        layouts: LayoutsWithout,
        left_out: &'a [u64],
        decided: &'a [u64],
        catalog: &Catalog,
    ) -> Self {
        let is_web = |&url: &u32| {
            let protocol = catalog.urls.get(url as usize).and_then(|url| Protocol::of_url(url));
            matches!(protocol, Some(Protocol::Http | Protocol::Https))
        };
        let mut restricted = empty_set(catalog.mirrors.len());
        catalog.audiences.iter().for_each(|&(host, _)| insert(&mut restricted, host));
        Self {
            layouts,
            left_out,
            decided,
            is_web: catalog.url_lists.iter().map(|urls| urls.iter().any(is_web)).collect(),
            restricted,
            carriers: FxHashMap::default(),
            checked: FxHashMap::default(),
            checked_sets: Vec::new(),
            n_words: 0,
            known: FxHashMap::default(),
        }
    }

    fn become_of(
        &mut self,
        directory: &Directory,
        scopes: &Scopes,
        catalog: &mut Catalog,
    ) -> Became {
        let scope = scopes.find(&directory.name);
        let key = (directory.layout, directory.carriers, scope);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let sets = scopes.sets(scope, catalog.mirrors.len());
        let became = self.find_out(directory, &sets, catalog);
        self.known.insert(key, became);
        became
    }

    fn find_out(
        &mut self,
        directory: &Directory,
        [behind, left_out]: &[Box<[u64]>; 2],
        catalog: &mut Catalog,
    ) -> Became {
        let &Directory { layout, carriers, .. } = directory;
        let before = catalog.carriers.get(carriers as usize).cloned().unwrap_or_default();
        let without_url = self.layouts.without_url(layout);
        let word = |set: &[u64], index: usize| set.get(index).copied().unwrap_or(0);
        let left_out = before.iter().enumerate().map(|(index, carriers)| {
            let sets = [&**left_out, self.left_out, without_url];
            carriers & sets.iter().fold(0, |all, set| all | word(set, index))
        });
        let mut left_out: Box<[u64]> = left_out.collect();
        let Back { hosts: back, is_former } = self.bring_back(layout, &before, &left_out, catalog);
        left_out.iter_mut().zip(&back).for_each(|(out, back)| *out &= !back);
        let carrying: Box<[u64]> =
            before.iter().zip(&left_out).map(|(all, out)| all & !out).collect();
        let last = carrying.iter().zip(behind).zip(&back);
        let last: Box<[u64]> = last.map(|((all, behind), back)| all & (behind | back)).collect();
        let listed: Vec<HostId> = members(&carrying)
            .filter(|&host| self.is_listed(host, layout, is_former, catalog))
            .collect();
        let is_order = listed.is_empty() || listed.iter().any(|&host| !contains(&last, host));
        let outdated = self.checked_set(last);
        let checked = CheckedDirectory {
            behind: outdated.filter(|_| is_order),
            outdated,
            left_out: self.checked_set(left_out),
        };
        let is_refused = back.iter().any(|&word| word != 0);
        let layout = if is_former { self.layouts.former(layout, catalog) } else { layout };
        let is_same = carrying == before;
        let carriers = if is_same { carriers } else { self.carrier_set(carrying, catalog) };
        Became { layout, carriers, checked, is_refused }
    }

    /// The mirrors to bring back, so that a directory keeps one that is listed for all clients over http or https,
    /// and one that serves every country, where it had them.
    fn bring_back(&self, layout: u32, before: &[u64], left_out: &[u64], catalog: &Catalog) -> Back {
        let mut back = Back { hosts: empty_set(catalog.mirrors.len()), is_former: false };
        let is_listed = |host, is_former| self.is_listed(host, layout, is_former, catalog);
        let is_open = |host| !contains(&self.restricted, host);
        let former = || {
            let undecided = members(before).filter(|&host| !contains(self.decided, host));
            undecided.filter(|&host| is_listed(host, true))
        };
        let rest =
            || members(before).filter(|&host| !contains(left_out, host) && is_listed(host, false));
        if former().next().is_some() && rest().next().is_none() {
            let hosts = members(left_out).filter(|&host| !contains(self.decided, host));
            hosts.for_each(|host| insert(&mut back.hosts, host));
            back.is_former = true;
        } else if former().any(is_open) && !rest().any(is_open) {
            let mut hosts: Vec<HostId> = former().filter(|&host| is_open(host)).collect();
            // If they are listed without the URLs that are left out, nobody needs those.
            let (usable, _): (Vec<HostId>, Vec<HostId>) =
                hosts.iter().partition(|&&host| is_listed(host, false));
            back.is_former = usable.is_empty();
            if !usable.is_empty() {
                hosts = usable;
            }
            hosts.into_iter().for_each(|host| insert(&mut back.hosts, host));
        }
        back
    }

    /// Whether a mirror that carries a directory of that layout is listed for all clients over http or https: with
    /// the URLs that it had, or with those that are left.
    fn is_listed(&self, host: HostId, layout: u32, is_former: bool, catalog: &Catalog) -> bool {
        let slots = catalog.layouts.get(layout as usize).map_or(&[][..], |layout| &layout.slots);
        let Some(slot) = slots.get(host.index()).copied().flatten() else { return false };
        let urls = match self.layouts.former_urls(layout, host) {
            Some(former) if is_former => former,
            _ => slot.urls,
        };
        let rests = catalog.mirrors.get(host.index()).is_none_or(|mirror| mirror.load == 0);
        slot.public && !rests && self.is_web.get(urls as usize) == Some(&true)
    }

    /// The index of a set in [`Checked::sets`]; `None` for the empty one.
    fn checked_set(&mut self, set: Box<[u64]>) -> Option<u32> {
        if set.iter().all(|&word| word == 0) {
            return None;
        }
        let next = u32::try_from(self.checked_sets.len()).ok()?;
        let (sets, n_words) = (&mut self.checked_sets, &mut self.n_words);
        Some(*self.checked.entry(set).or_insert_with_key(|set| {
            *n_words += set.len();
            sets.push(set.clone());
            next
        }))
    }

    /// The index of a set among the carriers of the catalog.
    fn carrier_set(&mut self, set: Box<[u64]>, catalog: &mut Catalog) -> u32 {
        // There are no more sets than directories, which are numbered.
        let next = u32::try_from(catalog.carriers.len()).unwrap_or(u32::MAX);
        let (sets, n_words) = (&mut catalog.carriers, &mut self.n_words);
        *self.carriers.entry(set).or_insert_with_key(|set| {
            *n_words += set.len();
            sets.push(set.clone());
            next
        })
    }
}

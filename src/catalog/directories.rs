//! Directories, compacted while they are read: the mirrors that carry each, and how these serve it.
//!
//! For every directory, sources give the URLs and the countries of every mirror. A directory joins the
//! first recent [`Layout`] that it does not contradict: each of its mirrors has the same URL list,
//! countries and privacy there, or no entry yet. Directories of one category do not contradict each
//! other in real data, so a few layouts are enough. Contradictory data costs more layouts, but gives no
//! wrong answer.
//!
//! A source describes one directory at a time: [`Directories::carry`] for each mirror,
//! [`Directories::set_public`] and [`Directories::list_in`] for mirrors that carry it, and then
//! [`Directories::end`]. If many directories have the same mirrors, these are described once, which
//! [`Directories::describe`] ends, and [`Directories::add`] then adds each directory at the cost of its
//! name. Mirrors and URL lists are numbered in the order in which they first occur. URL lists hold the
//! source's ids of URLs, which are checked later, when all records are read.

use rustc_hash::FxHashMap;

use super::origin::Origin;
use super::records::{Directory, Layout, Slot};
use super::report::Report;
use model::geo::Country;
use model::host_set::{self, words_for};
use model::ids::HostId;
use model::mirror_key::MirrorKey;
use model::{MAX_NAME, path};

/// The number of layouts with which a directory is compared before it gets one of its own. Categories
/// are interleaved in the file, and there are only a few.
const RECENT_LAYOUTS: usize = 32;

/// The most slots of all layouts together, and the most words of all sets of mirrors. Fedora has 3,000
/// and 760,000. Data that contradicts itself in every directory would exhaust the memory of the host, so
/// implausible amounts are refused.
const MAX_SLOTS: usize = 20_000_000;
const MAX_SET_WORDS: usize = 50_000_000;

/// The directories read so far.
pub struct Directories {
    /// The key of each mirror that carries a directory, by [`HostId`].
    pub(super) mirrors: Vec<MirrorKey>,
    /// Lists of the source's URL ids, and where each first occurred.
    pub(super) url_lists: Vec<Box<[i64]>>,
    pub(super) url_list_origins: Vec<Origin>,
    /// Sets of countries, of which the first is empty, and where each of the others first occurred.
    pub(super) country_sets: Vec<Box<[Country]>>,
    pub(super) country_set_origins: Vec<Option<Origin>>,
    /// Layouts; slots of mirrors that occurred later are missing at the end.
    pub(super) layouts: Vec<Layout>,
    /// Sets of mirrors; words of mirrors that occurred later are missing at the end.
    pub(super) sets: Vec<Box<[u64]>>,
    /// The directories, in the order in which they were read.
    pub(super) records: Vec<Directory>,
    /// Whether directories were left out because their layouts or sets would take too much memory.
    has_left_out: bool,

    known_mirrors: FxHashMap<MirrorKey, HostId>,
    known_url_lists: FxHashMap<Box<[i64]>, u32>,
    known_country_sets: FxHashMap<Box<[Country]>, u32>,
    known_sets: FxHashMap<Box<[u64]>, u32>,
    known_names: FxHashMap<Box<str>, ()>,
    /// Indexes of recent layouts; the last one was used last.
    recent: Vec<u32>,
    current: Current,
}

/// A country, and the set that holds only it.
#[derive(Clone, Copy)]
pub struct ListedCountry {
    country: Country,
    alone: u32,
}

/// The mirrors of any number of directories, and how these serve them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Described {
    layout: u32,
    carriers: u32,
}

/// The directory that is being read.
#[derive(Default)]
struct Current {
    /// The slot of each mirror, by [`HostId`]; `None` for those that do not carry the directory.
    slots: Vec<Option<Slot>>,
    carriers: Vec<HostId>,
}

impl Default for Directories {
    fn default() -> Self {
        Self {
            mirrors: Vec::new(),
            url_lists: Vec::new(),
            url_list_origins: Vec::new(),
            country_sets: vec![Box::default()],
            country_set_origins: vec![None],
            layouts: Vec::new(),
            sets: Vec::new(),
            records: Vec::new(),
            has_left_out: false,
            known_mirrors: FxHashMap::default(),
            known_url_lists: FxHashMap::default(),
            known_country_sets: std::iter::once((Box::default(), 0)).collect(),
            known_sets: FxHashMap::default(),
            known_names: FxHashMap::default(),
            recent: Vec::new(),
            current: Current::default(),
        }
    }
}

impl Directories {
    /// The number of a mirror, which is added if it is new.
    pub fn mirror(&mut self, key: &MirrorKey) -> HostId {
        if let Some(&host) = self.known_mirrors.get(key) {
            return host;
        }
        // Real files have far fewer than 4 billion mirrors. Further ones would share the last id,
        // for which `current.slots` has no slot, so they would be skipped.
        let host = HostId::new(self.mirrors.len()).unwrap_or(HostId(u32::MAX));
        self.mirrors.push(key.clone());
        self.known_mirrors.insert(key.clone(), host);
        self.current.slots.push(None);
        host
    }

    /// The number of a list of the source's URL ids, which is added if it is new.
    pub fn url_list(&mut self, origin: &Origin, urls: &[i64]) -> u32 {
        let index = intern(&mut self.url_lists, &mut self.known_url_lists, urls);
        if self.url_list_origins.len() < self.url_lists.len() {
            self.url_list_origins.push(origin.clone());
        }
        index
    }

    /// Records that a mirror carries the directory, at the URLs of a list.
    pub fn carry(&mut self, origin: &Origin, host: HostId, urls: u32, report: &mut Report) {
        match self.current.slots.get_mut(host.index()) {
            Some(slot @ None) => {
                *slot = Some(Slot { urls, countries: 0, public: false });
                self.current.carriers.push(host);
            }
            _ => {
                let problem = "mirror listed twice in a directory, first kept";
                match self.mirrors.get(host.index()) {
                    Some(key) => report.skipped(origin, problem, key),
                    None => report.skipped(origin, problem, 0),
                }
            }
        }
    }

    /// Records that a mirror offers the directory to all clients. Does nothing if it does not carry
    /// the directory.
    pub fn set_public(&mut self, host: HostId) {
        if let Some(Some(slot)) = self.current.slots.get_mut(host.index()) {
            slot.public = true;
        }
    }

    /// Prepares a country in which mirrors will be listed.
    pub fn country(&mut self, origin: &Origin, country: Country) -> ListedCountry {
        ListedCountry { country, alone: self.with_country(origin, 0, country) }
    }

    /// Records that a mirror is listed in a country for the directory. Does nothing if it does not
    /// carry the directory.
    pub fn list_in(&mut self, origin: &Origin, host: HostId, listed: ListedCountry) {
        let Some(Some(slot)) = self.current.slots.get(host.index()) else { return };
        let countries = match slot.countries {
            0 => listed.alone,
            set => self.with_country(origin, set, listed.country),
        };
        if let Some(Some(slot)) = self.current.slots.get_mut(host.index()) {
            slot.countries = countries;
        }
    }

    /// Discards the directory that is being read.
    pub fn discard(&mut self) {
        for host in self.current.carriers.drain(..) {
            if let Some(slot) = self.current.slots.get_mut(host.index()) {
                *slot = None;
            }
        }
    }

    /// Adds the directory that is being read. If its name occurred before, it is reported and skipped:
    /// the first counts, as in the reference.
    pub fn end(&mut self, origin: &Origin, name: &[u8], subpath: &[u8], report: &mut Report) {
        if let Some((name, subpath)) = self.check_names(origin, name, subpath, report)
            && let Some(described) = self.intern_current(origin)
        {
            self.push(origin, name, subpath, described);
        }
        self.discard();
    }

    /// Ends the description of mirrors without adding a directory, and returns it for
    /// [`Self::add`]. `None` if it would take too much memory; the builder then refuses the catalog.
    pub fn describe(&mut self, origin: &Origin) -> Option<Described> {
        let described = self.intern_current(origin);
        self.discard();
        described
    }

    /// Adds a directory with the mirrors of a description, as [`Self::end`] does.
    pub fn add(
        &mut self,
        origin: &Origin,
        name: &str,
        subpath: &str,
        described: Described,
        report: &mut Report,
    ) {
        let names = self.check_names(origin, name.as_bytes(), subpath.as_bytes(), report);
        if let Some((name, subpath)) = names {
            self.push(origin, name, subpath, described);
        }
    }

    fn with_country(&mut self, origin: &Origin, set: u32, country: Country) -> u32 {
        let mut countries =
            self.country_sets.get(set as usize).map_or_else(Vec::new, |set| set.to_vec());
        if let Err(at) = countries.binary_search(&country) {
            countries.insert(at, country);
        }
        let set = intern(&mut self.country_sets, &mut self.known_country_sets, &countries);
        if self.country_set_origins.len() < self.country_sets.len() {
            self.country_set_origins.push(Some(origin.clone()));
        }
        set
    }

    /// The canonical names of a directory; `None` if it cannot be listed.
    fn check_names(
        &mut self,
        origin: &Origin,
        name: &[u8],
        subpath: &[u8],
        report: &mut Report,
    ) -> Option<(Box<str>, Box<str>)> {
        let (Ok(name), Ok(subpath)) = (std::str::from_utf8(name), std::str::from_utf8(subpath))
        else {
            let name = String::from_utf8_lossy(name);
            report.skipped(origin, "directory name is not UTF-8, skipped", name);
            return None;
        };
        // A control character would break the lines of a text list.
        if name.chars().chain(subpath.chars()).any(char::is_control) {
            report.skipped(origin, "directory name holds a control character, skipped", name);
            return None;
        }
        if path::leads_above(name) || path::leads_above(subpath) {
            let problem = "directory name leads above where it begins, skipped";
            report.skipped(origin, problem, format_args!("{name} at {subpath}"));
            return None;
        }
        let (written, name) = (name, path::canonical(name));
        if name != written {
            let problem = "directory name with odd slashes or dots, mended";
            report.mended(origin, problem, format_args!("{written} to {name}"));
        }
        let (written, subpath) = (subpath, path::canonical(subpath));
        if subpath != written {
            let problem = "subpath with odd slashes or dots, mended";
            report.mended(origin, problem, format_args!("{written} of {name}"));
        }
        if name.is_empty() {
            report.skipped(origin, "directory name is empty, skipped", subpath);
            return None;
        }
        if name.len().max(subpath.len()) > MAX_NAME {
            report.skipped(origin, "directory name is longer than 500 bytes, skipped", name);
            return None;
        }
        if self.known_names.insert((*name).into(), ()).is_some() {
            report.skipped(origin, "directory occurs twice, first kept", name);
            return None;
        }
        Some(((*name).into(), (*subpath).into()))
    }

    fn push(&mut self, origin: &Origin, name: Box<str>, subpath: Box<str>, described: Described) {
        let Described { layout, carriers } = described;
        let (origin, files) = (origin.clone(), Vec::new());
        self.records.push(Directory { origin, name, subpath, layout, carriers, files });
    }

    /// The layout and the set of mirrors of the directory that is being read.
    fn intern_current(&mut self, origin: &Origin) -> Option<Described> {
        let n_hosts = self.mirrors.len();
        if self.exceeds_with(1) {
            self.has_left_out = true;
            return None;
        }
        let layout = self.find_layout(origin);
        let mut set = vec![0; words_for(n_hosts)];
        self.current.carriers.iter().for_each(|&host| host_set::insert(&mut set, host));
        // Equal sets must be equal slices, however many mirrors were known when each was made.
        while set.last() == Some(&0) {
            set.pop();
        }
        Some(Described { layout, carriers: intern(&mut self.sets, &mut self.known_sets, &set) })
    }

    /// Whether layouts or sets take too much memory: directories were left out for that, or all would
    /// exceed the limit with the mirrors that occurred later.
    pub(super) fn is_too_large(&self) -> bool {
        self.has_left_out || self.exceeds_with(0)
    }

    /// Whether the layouts and sets, with `n_more` added, exceed the limits.
    fn exceeds_with(&self, n_more: usize) -> bool {
        let n_hosts = self.mirrors.len();
        (self.layouts.len() + n_more).saturating_mul(n_hosts) > MAX_SLOTS
            || (self.sets.len() + n_more).saturating_mul(words_for(n_hosts)) > MAX_SET_WORDS
    }

    /// The mirrors that carry a directory. Those that occur only in skipped directories do not.
    pub(super) fn carrying(&self) -> Vec<u64> {
        let mut all = vec![0; words_for(self.mirrors.len())];
        for set in &self.sets {
            all.iter_mut().zip(set).for_each(|(all, own)| *all |= own);
        }
        all
    }

    /// Finds or adds the layout of the current directory, and adds its slots to the layout.
    fn find_layout(&mut self, origin: &Origin) -> u32 {
        let Current { slots, carriers } = &self.current;
        let fits = |&layout: &u32| {
            let layout = self.layouts.get(layout as usize);
            carriers.iter().all(|host| {
                let there = layout.and_then(|layout| layout.slots.get(host.index()));
                match there {
                    Some(Some(there)) => slots.get(host.index()) == Some(&Some(*there)),
                    _ => layout.is_some(),
                }
            })
        };
        let candidates = self.recent.iter().enumerate().rev().take(RECENT_LAYOUTS);
        let found = candidates.map(|(at, layout)| (at, *layout)).find(|(_, layout)| fits(layout));
        let layout = match found {
            Some((at, _)) => self.recent.remove(at),
            None => {
                self.layouts.push(Layout { origin: origin.clone(), slots: Vec::new() });
                u32::try_from(self.layouts.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.recent.push(layout);
        if let Some(layout) = self.layouts.get_mut(layout as usize) {
            if layout.slots.len() < slots.len() {
                layout.slots.resize(slots.len(), None);
            }
            for host in carriers {
                if let (Some(own), Some(slot)) =
                    (layout.slots.get_mut(host.index()), slots.get(host.index()))
                {
                    *own = *slot;
                }
            }
        }
        layout
    }
}

fn intern<T: Clone + Eq + std::hash::Hash>(
    all: &mut Vec<Box<[T]>>,
    known: &mut FxHashMap<Box<[T]>, u32>,
    items: &[T],
) -> u32 {
    if let Some(&index) = known.get(items) {
        return index;
    }
    let index = u32::try_from(all.len()).unwrap_or(u32::MAX);
    all.push(items.into());
    known.insert(items.into(), index);
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds `n_layouts` directories of one mirror that contradict each other.
    fn contradicting(n_layouts: i64, directories: &mut Directories, report: &mut Report) {
        let origin = Origin::table("cache", "MirrorListCache");
        let mirror = directories.mirror(&MirrorKey::Number(0));
        for number in 0..n_layouts {
            let urls = directories.url_list(&origin, &[number]);
            directories.carry(&origin, mirror, urls, report);
            directories.end(&origin, format!("pub/{number}").as_bytes(), b"", report);
        }
    }

    #[test]
    fn layouts_that_nobody_can_mean_are_too_large() {
        let (mut directories, mut report) = (Directories::default(), Report::default());
        contradicting(5_000, &mut directories, &mut report);
        assert_eq!(directories.layouts.len(), 5_000);
        assert!(!directories.is_too_large());
        // A directory that is left out leaves its mirrors, of which every layout has a slot.
        let origin = Origin::table("cache", "MirrorListCache");
        let urls = directories.url_list(&origin, &[0]);
        for number in 1..=4_000 {
            let mirror = directories.mirror(&MirrorKey::Number(number));
            directories.carry(&origin, mirror, urls, &mut report);
        }
        directories.end(&origin, b"", b"", &mut report);
        assert_eq!(directories.records.len(), 5_000);
        assert!(directories.is_too_large());
    }
    #[test]
    fn directories_with_one_description_are_as_if_each_were_described() {
        let origin = Origin::table("catalog", "repository");
        let names = ["9/os", "9/os/", "9/os/repodata", "../9"];
        let read = |once: bool| {
            let (mut all, mut report) = (Directories::default(), Report::default());
            let describe = |all: &mut Directories, report: &mut Report| {
                for number in [3, 1] {
                    let mirror = all.mirror(&MirrorKey::Number(number));
                    let urls = all.url_list(&origin, &[number]);
                    all.carry(&origin, mirror, urls, report);
                    all.set_public(mirror);
                }
            };
            if once {
                describe(&mut all, &mut report);
                let described = all.describe(&origin).expect("two mirrors are not too many");
                for name in names {
                    all.add(&origin, name, name, described, &mut report);
                }
            } else {
                for name in names {
                    describe(&mut all, &mut report);
                    all.end(&origin, name.as_bytes(), name.as_bytes(), &mut report);
                }
            }
            // What was described does not stay for the next directory.
            all.end(&origin, b"empty", b"", &mut report);
            format!("{:?} {:?} {:?} {:?}", all.records, all.layouts, all.sets, report.lines())
        };
        assert_eq!(read(true), read(false));
    }
}

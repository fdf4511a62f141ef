//! Directories, collapsed while they are read: who carries each, and how its mirrors serve it.
//!
//! MirrorManager repeats for every directory the URLs and the country of every mirror. A directory
//! joins the first recent [layout](crate::snapshot::tables::Layout) that it does not contradict: each
//! of its mirrors has there the same URL list, countries and privacy, or no entry yet. Directories
//! of one category never contradict each other in real data, so a handful of layouts is enough;
//! data that contradicts itself only costs more layouts, never a wrong answer.
//!
//! Ids are MirrorManager's here, except that mirrors and URL lists are numbered in the order in which
//! they are first met: which mirrors and URLs exist is checked later, when the whole file is read.

use rustc_hash::FxHashMap;

use super::carriers::{Carrier, KnownCarriers};
use crate::catalog::report::{Place, Report};
use crate::model::geo::Country;
use crate::model::ids::HostId;
use crate::model::{MAX_NAME, path};
use crate::snapshot::tables::{Layout, Slot, words_for};
use crate::sources::mirrormanager::wire::{BadWire, Fields, each_number};

const TABLE: Place = Place::Table("MirrorListCache");
/// How many layouts a directory is compared with before it gets one of its own. Categories come
/// interleaved in the file, and there are a handful.
const RECENT_LAYOUTS: usize = 32;

/// How many slots all layouts may have together, and how many words all sets of mirrors. Fedora has
/// 3,000 and 760,000. Data that contradicts itself in every directory would fill the memory of the
/// host with them; 100 times what any distribution needs is refused instead.
const MAX_SLOTS: usize = 20_000_000;
const MAX_SET_WORDS: usize = 50_000_000;

/// Directories met so far.
pub struct Collector {
    /// MirrorManager's number of each mirror that carries a directory, by [`HostId`].
    pub host_numbers: Vec<i64>,
    /// Lists of MirrorManager's URL ids.
    pub url_lists: Vec<Box<[i64]>>,
    /// Sets of countries; the first is empty.
    pub country_sets: Vec<Box<[Country]>>,
    /// Layouts; slots of mirrors that were met later are missing at the end.
    pub layouts: Vec<Layout>,
    /// Sets of mirrors; words of mirrors that were met later are missing at the end.
    pub sets: Vec<Box<[u64]>>,
    /// The directories, in the order of the file.
    pub directories: Vec<Record>,
    /// Directories were left out because their layouts or sets would take too much memory.
    pub is_too_large: bool,

    known_hosts: HostNumbers,
    known_carriers: KnownCarriers,
    known_url_lists: FxHashMap<Box<[i64]>, u32>,
    known_country_sets: FxHashMap<Box<[Country]>, u32>,
    known_sets: FxHashMap<Box<[u64]>, u32>,
    known_directories: FxHashMap<Box<str>, ()>,
    /// Indexes of layouts, the one that was used last at the end.
    recent: Vec<u32>,
    current: Current,
}

/// A directory.
pub struct Record {
    /// Its full name.
    pub name: Box<str>,
    /// What stands between a base URL and a file.
    pub subpath: Box<str>,
    /// Index into [`Collector::layouts`].
    pub layout: u32,
    /// Index into [`Collector::sets`].
    pub carriers: u32,
}

/// Mirrors by MirrorManager's numbers. Those are small, and asked for twice for each mirror of each
/// directory: nearly all are found by an index.
#[derive(Default)]
struct HostNumbers {
    small: Vec<Option<HostId>>,
    others: FxHashMap<i64, HostId>,
}

impl HostNumbers {
    /// Fedora's numbers go to some 3,000.
    const SMALL: usize = 1 << 16;

    fn get(&self, number: i64) -> Option<HostId> {
        match usize::try_from(number) {
            Ok(index) if index < Self::SMALL => self.small.get(index).copied().flatten(),
            _ => self.others.get(&number).copied(),
        }
    }

    fn insert(&mut self, number: i64, host: HostId) {
        match usize::try_from(number) {
            Ok(index) if index < Self::SMALL => {
                if self.small.len() <= index {
                    self.small.resize(index + 1, None);
                }
                if let Some(slot) = self.small.get_mut(index) {
                    *slot = Some(host);
                }
            }
            _ => drop(self.others.insert(number, host)),
        }
    }
}

/// The directory that is being read.
#[derive(Default)]
struct Current {
    /// By mirror: how it serves the directory.
    slots: Vec<Option<Slot>>,
    carriers: Vec<HostId>,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            host_numbers: Vec::new(),
            url_lists: Vec::new(),
            country_sets: vec![Box::default()],
            layouts: Vec::new(),
            sets: Vec::new(),
            directories: Vec::new(),
            is_too_large: false,
            known_hosts: HostNumbers::default(),
            known_carriers: KnownCarriers::default(),
            known_url_lists: FxHashMap::default(),
            known_country_sets: std::iter::once((Box::default(), 0)).collect(),
            known_sets: FxHashMap::default(),
            known_directories: FxHashMap::default(),
            recent: Vec::new(),
            current: Current::default(),
        }
    }
}

impl Collector {
    /// Takes a `MirrorListCacheType`. A directory that was met before is reported and skipped: the
    /// first counts, as in the reference.
    pub fn add(&mut self, file: &str, message: &[u8], report: &mut Report) -> Result<(), BadWire> {
        let mut name: &[u8] = b"";
        let mut subpath: &[u8] = b"";
        let result = self.read_carriers(file, message, report, &mut name, &mut subpath);
        let carriers = std::mem::take(&mut self.current.carriers);
        if result.is_ok() {
            self.finish(file, name, subpath, &carriers, report);
        }
        for host in &carriers {
            if let Some(slot) = self.current.slots.get_mut(host.index()) {
                *slot = None;
            }
        }
        self.current.carriers = carriers;
        self.current.carriers.clear();
        result
    }

    /// Reads who carries the directory and how; leaves that in `current`.
    fn read_carriers<'a>(
        &mut self,
        file: &str,
        message: &'a [u8],
        report: &mut Report,
        name: &mut &'a [u8],
        subpath: &mut &'a [u8],
    ) -> Result<(), BadWire> {
        // Carriers first: a mirror that is public or has a country but no URLs is of no use, and
        // fields may come in any order.
        let mut others = false;
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                1 => *name = value.bytes(1)?,
                3 => *subpath = value.bytes(3)?,
                6 => self.read_host_urls(file, value.bytes(6)?, report)?,
                2 | 4 => others = true,
                _ => {}
            }
        }
        if !others {
            return Ok(());
        }
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                2 => each_number(2, value, |number| self.set_public(number))?,
                4 => self.read_country(file, value.bytes(4)?, report)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// An entry of `ByHostId`: a mirror and its URLs.
    fn read_host_urls(
        &mut self,
        file: &str,
        message: &[u8],
        report: &mut Report,
    ) -> Result<(), BadWire> {
        let Carrier { host, urls } = match self.known_carriers.find(message) {
            Some(carrier) => carrier,
            None => {
                let carrier = self.parse_carrier(message)?;
                self.known_carriers.learn(message, carrier);
                carrier
            }
        };
        match self.current.slots.get_mut(host.index()) {
            Some(slot @ None) => {
                *slot = Some(Slot { urls, countries: 0, public: false });
                self.current.carriers.push(host);
            }
            _ => {
                let number = self.host_numbers.get(host.index()).copied().unwrap_or(0);
                report.skipped(
                    file,
                    TABLE,
                    "mirror listed twice in a directory, first kept",
                    number,
                );
            }
        }
        Ok(())
    }

    fn parse_carrier(&mut self, message: &[u8]) -> Result<Carrier, BadWire> {
        let mut number = 0;
        let mut urls = Vec::new();
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                1 => number = value.signed(1)?,
                2 => each_number(2, value, |url| urls.push(url))?,
                _ => {}
            }
        }
        let host = self.host(number);
        let urls = intern(&mut self.url_lists, &mut self.known_url_lists, &urls);
        Ok(Carrier { host, urls })
    }

    /// An entry of `ByCountry`: a country and its mirrors.
    fn read_country(
        &mut self,
        file: &str,
        message: &[u8],
        report: &mut Report,
    ) -> Result<(), BadWire> {
        let mut key: &[u8] = b"";
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            if field == 1 {
                key = value.bytes(1)?;
            }
        }
        let Some(country) = std::str::from_utf8(key).ok().and_then(Country::parse) else {
            let key = String::from_utf8_lossy(key);
            report.skipped(file, TABLE, "not a country code in ByCountry, skipped", key);
            return Ok(());
        };
        let alone = self.with_country(0, country);
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            if field == 2 {
                each_number(2, value, |number| self.add_country(number, country, alone))?;
            }
        }
        Ok(())
    }

    fn set_public(&mut self, number: i64) {
        if let Some(slot) = self.current_slot(number) {
            slot.public = true;
        }
    }

    fn add_country(&mut self, number: i64, country: Country, alone: u32) {
        let Some(countries) = self.current_slot(number).map(|slot| slot.countries) else { return };
        let countries = if countries == 0 { alone } else { self.with_country(countries, country) };
        if let Some(slot) = self.current_slot(number) {
            slot.countries = countries;
        }
    }

    fn current_slot(&mut self, number: i64) -> Option<&mut Slot> {
        let host = self.known_hosts.get(number)?;
        self.current.slots.get_mut(host.index())?.as_mut()
    }

    fn host(&mut self, number: i64) -> HostId {
        if let Some(host) = self.known_hosts.get(number) {
            return host;
        }
        // A file of less than 4 billion entries has less than 4 billion mirrors; were there more,
        // they would share the last slot, which `current.slots.get_mut` does not have.
        let host = HostId::new(self.host_numbers.len()).unwrap_or(HostId(u32::MAX));
        self.host_numbers.push(number);
        self.known_hosts.insert(number, host);
        self.current.slots.push(None);
        host
    }

    fn with_country(&mut self, set: u32, country: Country) -> u32 {
        let mut countries =
            self.country_sets.get(set as usize).map_or_else(Vec::new, |set| set.to_vec());
        if let Err(at) = countries.binary_search(&country) {
            countries.insert(at, country);
        }
        intern(&mut self.country_sets, &mut self.known_country_sets, &countries)
    }

    fn finish(
        &mut self,
        file: &str,
        name: &[u8],
        subpath: &[u8],
        carriers: &[HostId],
        report: &mut Report,
    ) {
        let (Ok(name), Ok(subpath)) = (std::str::from_utf8(name), std::str::from_utf8(subpath))
        else {
            let name = String::from_utf8_lossy(name);
            report.skipped(file, TABLE, "directory name is not UTF-8, skipped", name);
            return;
        };
        // It would break the lines of a text list.
        if name.chars().chain(subpath.chars()).any(char::is_control) {
            report.skipped(file, TABLE, "directory name holds a control character, skipped", name);
            return;
        }
        if path::leads_above(name) || path::leads_above(subpath) {
            let problem = "directory name leads above where it begins, skipped";
            report.skipped(file, TABLE, problem, format_args!("{name} at {subpath}"));
            return;
        }
        let (written, name) = (name, path::canonical(name));
        if name != written {
            let problem = "directory name with odd slashes or dots, mended";
            report.mended(file, TABLE, problem, format_args!("{written} to {name}"));
        }
        let (written, subpath) = (subpath, path::canonical(subpath));
        if subpath != written {
            let problem = "subpath with odd slashes or dots, mended";
            report.mended(file, TABLE, problem, format_args!("{written} of {name}"));
        }
        if name.is_empty() {
            report.skipped(file, TABLE, "directory name is empty, skipped", subpath);
            return;
        }
        if name.len().max(subpath.len()) > MAX_NAME {
            report.skipped(file, TABLE, "directory name is longer than 500 bytes, skipped", name);
            return;
        }
        if self.known_directories.insert((*name).into(), ()).is_some() {
            report.skipped(file, TABLE, "directory occurs twice, first kept", name);
            return;
        }
        let n_hosts = self.host_numbers.len();
        if (self.layouts.len() + 1).saturating_mul(n_hosts) > MAX_SLOTS
            || (self.sets.len() + 1).saturating_mul(words_for(n_hosts)) > MAX_SET_WORDS
        {
            self.is_too_large = true;
            return;
        }
        let layout = self.find_layout(carriers);
        let mut set = vec![0; words_for(self.host_numbers.len())];
        carriers.iter().for_each(|&host| crate::snapshot::insert(&mut set, host));
        // Equal sets must be equal slices, however many mirrors were known when each was made.
        while set.last() == Some(&0) {
            set.pop();
        }
        let carriers = intern(&mut self.sets, &mut self.known_sets, &set);
        self.directories.push(Record {
            name: (*name).into(),
            subpath: (*subpath).into(),
            layout,
            carriers,
        });
    }

    /// The layout of the current directory, which is made part of it.
    fn find_layout(&mut self, carriers: &[HostId]) -> u32 {
        let slots = &self.current.slots;
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
                self.layouts.push(Layout { slots: Vec::new() });
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

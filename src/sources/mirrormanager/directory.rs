//! `MirrorListCacheType`: a directory, the URLs of each of its mirrors, and their countries.
//!
//! MirrorManager repeats the entry of a mirror for every directory, and Fedora's file has some 17
//! million entries. They are passed on one by one; only the mirrors to which entries and numbers refer
//! are cached.

use rustc_hash::FxHashMap;

use super::carriers::{Carrier, KnownCarriers};
use super::wire::{BadWire, Fields, each_number};
use catalog::directories::Directories;
use catalog::{Origin, Report};
use model::geo::Country;
use model::ids::HostId;
use model::mirror_key::MirrorKey;

/// Reads directories one after the other.
#[derive(Default)]
pub(super) struct DirectoryReader {
    hosts: HostNumbers,
    known_carriers: KnownCarriers,
}

/// Mirrors by MirrorManager's numbers. Nearly all numbers are small and are looked up twice for each
/// mirror of each directory, so small ones index an array.
#[derive(Default)]
struct HostNumbers {
    small: Vec<Option<HostId>>,
    others: FxHashMap<i64, HostId>,
}

impl HostNumbers {
    /// Numbers below this index the array; Fedora's go to some 3,000.
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

impl DirectoryReader {
    /// Parses a `MirrorListCacheType`.
    pub(super) fn read(
        &mut self,
        origin: &Origin,
        message: &[u8],
        directories: &mut Directories,
        report: &mut Report,
    ) -> Result<(), BadWire> {
        let mut name: &[u8] = b"";
        let mut subpath: &[u8] = b"";
        // Carriers are read first: a mirror that is public or has a country but no URLs is of no use,
        // and fields may come in any order.
        let mut others = false;
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                1 => name = value.bytes(1)?,
                3 => subpath = value.bytes(3)?,
                6 => {
                    let Carrier { host, urls } =
                        self.carrier(origin, value.bytes(6)?, directories)?;
                    directories.carry(origin, host, urls, report);
                }
                2 | 4 => others = true,
                _ => {}
            }
        }
        if others {
            let mut fields = Fields::new(message);
            while let Some((field, value)) = fields.next_field()? {
                match field {
                    2 => each_number(2, value, |number| {
                        if let Some(host) = self.hosts.get(number) {
                            directories.set_public(host);
                        }
                    })?,
                    4 => self.read_country(origin, value.bytes(4)?, directories, report)?,
                    _ => {}
                }
            }
        }
        directories.end(origin, name, subpath, report);
        Ok(())
    }

    /// Parses an entry of `ByHostId`: a mirror and its URLs.
    fn carrier(
        &mut self,
        origin: &Origin,
        message: &[u8],
        directories: &mut Directories,
    ) -> Result<Carrier, BadWire> {
        if let Some(carrier) = self.known_carriers.find(message) {
            return Ok(carrier);
        }
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
        let host = self.hosts.get(number).unwrap_or_else(|| {
            let host = directories.mirror(&MirrorKey::Number(number));
            self.hosts.insert(number, host);
            host
        });
        let carrier = Carrier { host, urls: directories.url_list(origin, &urls) };
        self.known_carriers.learn(message, carrier);
        Ok(carrier)
    }

    /// Parses an entry of `ByCountry`: a country and its mirrors.
    fn read_country(
        &self,
        origin: &Origin,
        message: &[u8],
        directories: &mut Directories,
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
            report.skipped(origin, "not a country code in ByCountry, skipped", key);
            return Ok(());
        };
        let listed = directories.country(origin, country);
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            if field == 2 {
                each_number(2, value, |number| {
                    if let Some(host) = self.hosts.get(number) {
                        directories.list_in(origin, host, listed);
                    }
                })?;
            }
        }
        Ok(())
    }
}

//! `mirrorlist_cache.proto`: MirrorManager's data as one Protocol Buffers message.
//!
//! Field numbers and names are those of the format (proto2, package `mirrormanager`, message
//! `MirrorList`). The file is read one top-level field at a time. Directories, which are nearly all of
//! it, are parsed one by one, and their encoded form is not kept.
//!
//! Unknown fields are skipped, as the format asks. `LocationCache`, `HostMaxConnectionCache`,
//! `ByCountryInternet2` and `OrderedMirrorList` are known and not used, as in the reference.

use std::io::BufRead;

use super::directory::DirectoryReader;
use super::wire::{BadWire, FieldReader, Fields, Value, each_number};
use catalog::entry::Missing;
use catalog::records::{File, Version, VersionOrder};
use catalog::{Builder, Origin, Record, Report};
use model::checksum::{Checksums, parse_hex};
use model::mirror_key::MirrorKey;

/// The reason why the file as a whole cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// The file is not in the wire format, or is cut off.
    #[error("is damaged at byte {position}: {reason}")]
    Wire {
        /// Bytes read before the damage was found.
        position: u64,
        /// The kind of damage.
        reason: BadWire,
    },
    /// `Time` is missing, the only required top-level field.
    #[error("is no MirrorManager cache: it has no Time")]
    NoTime,
    /// The file is empty: a valid message, but without data.
    #[error("is empty")]
    Empty,
}

/// Reads the whole file.
pub fn parse(file: &str, input: impl BufRead, report: &mut Report) -> Result<Builder, BadFile> {
    let mut reader = FieldReader::new(input);
    let mut cache = CacheReader::new(file);
    let mut any = false;
    loop {
        let position = reader.position();
        match reader.next_field() {
            Ok(Some((field, value))) => cache
                .take_field(field, value, report)
                .map_err(|reason| BadFile::Wire { position, reason })?,
            Ok(None) if !any => return Err(BadFile::Empty),
            Ok(None) => break,
            Err(reason) => return Err(BadFile::Wire { position: reader.position(), reason }),
        }
        any = true;
    }
    let CacheReader { mut builder, tables, time, .. } = cache;
    builder.add(&tables.time, Record::Created(time.ok_or(BadFile::NoTime)?));
    Ok(builder)
}

/// Passes the fields of the file to the builder.
struct CacheReader {
    builder: Builder,
    tables: Tables,
    directories: DirectoryReader,
    time: Option<u64>,
}

/// The origin of each table, for diagnostics of its records.
struct Tables {
    time: Origin,
    netblock_countries: Origin,
    urls: Origin,
    files: Origin,
    disabled: Origin,
    continents: Origin,
    redirects: Origin,
    repositories: Origin,
    asns: Origin,
    mirror_countries: Origin,
    bandwidths: Origin,
    allowed: Origin,
    netblocks: Origin,
    directories: Origin,
}

impl Tables {
    fn of(file: &str) -> Self {
        let table = |name| Origin::table(file, name);
        Self {
            time: table("Time"),
            netblock_countries: table("NetblockCountryCache"),
            urls: table("HCUrlCache"),
            files: table("FileDetailsCache"),
            disabled: table("DisabledRepositoryCache"),
            continents: table("CountryContinentRedirectCache"),
            redirects: table("RepositoryRedirectCache"),
            repositories: table("RepoArchToDirectoryName"),
            asns: table("HostAsnCache"),
            mirror_countries: table("HostCountryCache"),
            bandwidths: table("HostBandwidthCache"),
            allowed: table("HostCountryAllowedCache"),
            netblocks: table("HostNetblockCache"),
            directories: table("MirrorListCache"),
        }
    }
}

impl CacheReader {
    fn new(file: &str) -> Self {
        let tables = Tables::of(file);
        let missing = Missing {
            input: file.to_owned(),
            mirror_countries: tables.mirror_countries.clone(),
            bandwidths: tables.bandwidths.clone(),
            url: "URL id that HCUrlCache does not have, skipped",
        };
        let (builder, directories) = (Builder::new(missing), DirectoryReader::default());
        Self { builder, tables, directories, time: None }
    }

    fn take_field(
        &mut self,
        field: u32,
        value: Value<'_>,
        report: &mut Report,
    ) -> Result<(), BadWire> {
        let origin = match field {
            1 => {
                self.time = Some(value.number(1)?);
                return Ok(());
            }
            2 => &self.tables.netblock_countries,
            4 => &self.tables.urls,
            5 => &self.tables.files,
            6 => &self.tables.disabled,
            7 => &self.tables.continents,
            8 => &self.tables.redirects,
            9 => &self.tables.repositories,
            10 => &self.tables.asns,
            12 => &self.tables.mirror_countries,
            13 => &self.tables.bandwidths,
            14 => &self.tables.allowed,
            15 => &self.tables.netblocks,
            16 => &self.tables.directories,
            _ => return Ok(()),
        };
        let message = value.bytes(field)?;
        let mut entry = EntryReader { origin, report };
        let record = match field {
            2 => entry.pair(message)?.map(|(key, value)| Record::NetworkCountry(key, value)),
            4 => entry.number_and_text(message)?.map(|(id, url)| Record::Url(id, url)),
            5 => entry.directory_files(message)?,
            6 => entry.text_and_number(message)?.map(|(key, on)| Record::Disabled(key, on != 0)),
            7 => entry.pair(message)?.map(|(key, value)| Record::Continent(key, value)),
            8 => entry.pair(message)?.map(|(key, value)| Record::Redirect(key, value)),
            9 => entry.pair(message)?.map(|(key, value)| Record::Repository(key, value)),
            10 => {
                let (number, mirrors) = numbers(message)?;
                Some(Record::AsMirrors(number, mirrors))
            }
            12 => entry
                .number_and_text(message)?
                .map(|(number, code)| Record::MirrorCountry(MirrorKey::Number(number), code)),
            13 => {
                let (number, bandwidth) = number_pair(message)?;
                Some(Record::Bandwidth(MirrorKey::Number(number), bandwidth))
            }
            14 => {
                let (number, codes) = entry.number_and_texts(message)?;
                Some(Record::AllowedCountries(MirrorKey::Number(number), codes))
            }
            15 => entry
                .text_and_numbers(message)?
                .map(|(prefix, mirrors)| Record::Netblock(prefix, mirrors)),
            _ => {
                let directories = &mut self.builder.directories;
                return self.directories.read(origin, message, directories, report);
            }
        };
        if let Some(record) = record {
            self.builder.add(origin, record);
        }
        Ok(())
    }
}

/// Reads map entries. Their strings must be UTF-8; entries with others are reported and skipped.
struct EntryReader<'a> {
    origin: &'a Origin,
    report: &'a mut Report,
}

impl EntryReader<'_> {
    fn text(&mut self, bytes: &[u8]) -> Option<String> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.to_owned()),
            Err(_) => {
                let text = String::from_utf8_lossy(bytes);
                self.report.skipped(self.origin, "text is not UTF-8, skipped", text);
                None
            }
        }
    }

    fn pair(&mut self, message: &[u8]) -> Result<Option<(String, String)>, BadWire> {
        let (key, value) = key_and_value(message)?;
        let key = key.map(|key| key.bytes(1)).transpose()?.unwrap_or(b"");
        let value = value.map(|value| value.bytes(2)).transpose()?.unwrap_or(b"");
        Ok(self.text(key).zip(self.text(value)))
    }

    fn number_and_text(&mut self, message: &[u8]) -> Result<Option<(i64, String)>, BadWire> {
        let (key, value) = key_and_value(message)?;
        let key = key.map(|key| key.signed(1)).transpose()?.unwrap_or(0);
        let value = value.map(|value| value.bytes(2)).transpose()?.unwrap_or(b"");
        Ok(self.text(value).map(|value| (key, value)))
    }

    fn text_and_number(&mut self, message: &[u8]) -> Result<Option<(String, u64)>, BadWire> {
        let (key, value) = key_and_value(message)?;
        let key = key.map(|key| key.bytes(1)).transpose()?.unwrap_or(b"");
        let value = value.map(|value| value.number(2)).transpose()?.unwrap_or(0);
        Ok(self.text(key).map(|key| (key, value)))
    }

    fn text_and_numbers(
        &mut self,
        message: &[u8],
    ) -> Result<Option<(String, Vec<MirrorKey>)>, BadWire> {
        let mut key: &[u8] = b"";
        let mut values = Vec::new();
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                1 => key = value.bytes(1)?,
                2 => each_number(2, value, |number| values.push(MirrorKey::Number(number)))?,
                _ => {}
            }
        }
        Ok(self.text(key).map(|key| (key, values)))
    }

    fn number_and_texts(&mut self, message: &[u8]) -> Result<(i64, Vec<String>), BadWire> {
        let mut key = 0;
        let mut values = Vec::new();
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                1 => key = value.signed(1)?,
                2 => values.extend(self.text(value.bytes(2)?)),
                _ => {}
            }
        }
        Ok((key, values))
    }

    /// Parses a `FileDetailsCacheDirectoryType`.
    fn directory_files(&mut self, message: &[u8]) -> Result<Option<Record>, BadWire> {
        let mut directory = None;
        let mut files = Vec::new();
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                1 => directory = self.text(value.bytes(1)?),
                2 => files.extend(self.file_versions(value.bytes(2)?)?),
                _ => {}
            }
        }
        Ok(directory.map(|directory| Record::Files(directory, files)))
    }

    /// Parses a `FileDetailsCacheFilesType`.
    fn file_versions(&mut self, message: &[u8]) -> Result<Option<File>, BadWire> {
        let mut name = None;
        let mut versions = Vec::new();
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                1 => name = self.text(value.bytes(1)?),
                2 => versions.push(self.version(value.bytes(2)?)?),
                _ => {}
            }
        }
        let order = VersionOrder::ByTime;
        Ok(name.map(|name| File { name, versions, order, changed: None }))
    }

    /// Parses a `FileDetailsType`.
    fn version(&mut self, message: &[u8]) -> Result<Version, BadWire> {
        let mut version = Version { timestamp: 0, size: 0, checksums: Checksums::default() };
        let sums = &mut version.checksums;
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                1 => version.timestamp = value.number(1)?,
                2 => version.size = value.number(2)?,
                3 => sums.sha1 = self.checksum(value.bytes(3)?),
                4 => sums.md5 = self.checksum(value.bytes(4)?),
                5 => sums.sha256 = self.checksum(value.bytes(5)?),
                6 => {
                    sums.sha512 = self.checksum::<64>(value.bytes(6)?).and_then(|sum| {
                        let (first, second) = sum.split_first_chunk::<32>()?;
                        Some([*first, second.try_into().ok()?])
                    });
                }
                _ => {}
            }
        }
        Ok(version)
    }

    fn checksum<const N: usize>(&mut self, hex: &[u8]) -> Option<[u8; N]> {
        if hex.is_empty() {
            return None;
        }
        let sum = std::str::from_utf8(hex).ok().and_then(parse_hex);
        if sum.is_none() {
            let text = String::from_utf8_lossy(hex);
            self.report.skipped(self.origin, "checksum of a wrong form, left out", text);
        }
        sum
    }
}

type Entry<'a> = (Option<Value<'a>>, Option<Value<'a>>);

fn key_and_value(message: &[u8]) -> Result<Entry<'_>, BadWire> {
    let mut entry = (None, None);
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next_field()? {
        match field {
            1 => entry.0 = Some(value),
            2 => entry.1 = Some(value),
            _ => {}
        }
    }
    Ok(entry)
}

fn number_pair(message: &[u8]) -> Result<(i64, i64), BadWire> {
    let (key, value) = key_and_value(message)?;
    Ok((
        key.map(|key| key.signed(1)).transpose()?.unwrap_or(0),
        value.map(|value| value.signed(2)).transpose()?.unwrap_or(0),
    ))
}

fn numbers(message: &[u8]) -> Result<(i64, Vec<MirrorKey>), BadWire> {
    let mut key = 0;
    let mut values = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next_field()? {
        match field {
            1 => key = value.signed(1)?,
            2 => each_number(2, value, |number| values.push(MirrorKey::Number(number)))?,
            _ => {}
        }
    }
    Ok((key, values))
}

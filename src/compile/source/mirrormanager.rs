//! `mirrorlist_cache.proto`: MirrorManager's data as one Protocol Buffers message.
//!
//! Field numbers and names are those of the format (proto2, package `mirrormanager`, message
//! `MirrorList`). The file is walked one top-level field at a time; directories, which are nearly
//! all of it, go straight into a [`Collector`] and are never held as they are in the file.
//!
//! Unknown fields are skipped, as the format asks. `LocationCache`, `HostMaxConnectionCache`,
//! `ByCountryInternet2` and `OrderedMirrorList` are known and not used, as in the reference.

use std::io::BufRead;

use crate::catalog::report::{Place, Report};
use crate::compile::directories::Collector;
use crate::model::checksum::{Checksums, parse_hex};
use crate::snapshot::tables::Version;
use crate::sources::mirrormanager::wire::{BadWire, FieldReader, Fields, Value, each_number};

/// Everything in the file, still with its own ids, in the order of the file.
#[derive(Default)]
pub struct Records {
    /// `Time`: when the data was made, in seconds since 1970.
    pub created: u64,
    /// `NetblockCountryCache`: prefix to country.
    pub netblock_countries: Vec<(String, String)>,
    /// `HCUrlCache`: URL id to base URL.
    pub urls: Vec<(i64, String)>,
    /// `FileDetailsCache`: files by directory.
    pub files: Vec<DirectoryFiles>,
    /// `DisabledRepositoryCache`: repository to whether it is disabled.
    pub disabled: Vec<(String, bool)>,
    /// `CountryContinentRedirectCache`: country to continent.
    pub continents: Vec<(String, String)>,
    /// `RepositoryRedirectCache`: old name to new name.
    pub redirects: Vec<(String, String)>,
    /// `RepoArchToDirectoryName`: `repo+arch` to directory.
    pub repositories: Vec<(String, String)>,
    /// `HostAsnCache`: autonomous system to mirrors.
    pub asn_hosts: Vec<(i64, Vec<i64>)>,
    /// `HostCountryCache`: mirror to country.
    pub host_countries: Vec<(i64, String)>,
    /// `HostBandwidthCache`: mirror to Mbit/s.
    pub bandwidths: Vec<(i64, i64)>,
    /// `HostCountryAllowedCache`: mirror to the countries that it serves.
    pub allowed: Vec<(i64, Vec<String>)>,
    /// `HostNetblockCache`: prefix or address to mirrors.
    pub netblocks: Vec<(String, Vec<i64>)>,
    /// `MirrorListCache`: directories.
    pub directories: Collector,
}

/// Files of a directory and their versions, the current one first.
pub struct DirectoryFiles {
    /// The directory's name.
    pub directory: String,
    /// File names and versions.
    pub files: Vec<(String, Vec<Version>)>,
}

/// Why the file as a whole cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// Not the wire format, or cut off.
    #[error("is damaged at byte {position}: {reason}")]
    Wire {
        /// Bytes read before the damage was met.
        position: u64,
        /// What is wrong.
        reason: BadWire,
    },
    /// The one top-level field that must be there.
    #[error("is no MirrorManager cache: it has no Time")]
    NoTime,
    /// An empty file is a valid message, but no data.
    #[error("is empty")]
    Empty,
}

/// Reads the whole file.
pub fn parse(file: &str, input: impl BufRead, report: &mut Report) -> Result<Records, BadFile> {
    let mut reader = FieldReader::new(input);
    let mut records = Records::default();
    let mut time = None;
    let mut any = false;
    loop {
        let position = reader.position();
        let damaged = |reason| BadFile::Wire { position, reason };
        match reader.next_field() {
            Ok(Some((1, value))) => time = Some(value.number(1).map_err(damaged)?),
            Ok(Some((field, value))) => {
                records.take_field(file, field, value, report).map_err(damaged)?;
            }
            Ok(None) if !any => return Err(BadFile::Empty),
            Ok(None) => break,
            Err(reason) => return Err(BadFile::Wire { position: reader.position(), reason }),
        }
        any = true;
    }
    records.created = time.ok_or(BadFile::NoTime)?;
    Ok(records)
}

impl Records {
    fn take_field(
        &mut self,
        file: &str,
        field: u32,
        value: Value<'_>,
        report: &mut Report,
    ) -> Result<(), BadWire> {
        let table = match field {
            2 => "NetblockCountryCache",
            4 => "HCUrlCache",
            5 => "FileDetailsCache",
            6 => "DisabledRepositoryCache",
            7 => "CountryContinentRedirectCache",
            8 => "RepositoryRedirectCache",
            9 => "RepoArchToDirectoryName",
            10 => "HostAsnCache",
            12 => "HostCountryCache",
            13 => "HostBandwidthCache",
            14 => "HostCountryAllowedCache",
            15 => "HostNetblockCache",
            16 => "MirrorListCache",
            _ => return Ok(()),
        };
        let message = value.bytes(field)?;
        let mut text = Utf8 { file, table, report };
        match field {
            2 => self.netblock_countries.extend(text.pair(message)?),
            4 => self.urls.extend(text.number_and_text(message)?),
            5 => self.files.extend(text.directory_files(message)?),
            6 => self.disabled.extend(text.text_and_number(message)?.map(|(k, v)| (k, v != 0))),
            7 => self.continents.extend(text.pair(message)?),
            8 => self.redirects.extend(text.pair(message)?),
            9 => self.repositories.extend(text.pair(message)?),
            10 => self.asn_hosts.push(numbers(message)?),
            12 => self.host_countries.extend(text.number_and_text(message)?),
            13 => self.bandwidths.push(number_pair(message)?),
            14 => self.allowed.push(text.number_and_texts(message)?),
            15 => self.netblocks.extend(text.text_and_numbers(message)?),
            _ => self.directories.add(file, message, report)?,
        }
        Ok(())
    }
}

/// Reads map entries whose strings must be UTF-8; those that are not are reported and skipped.
struct Utf8<'a> {
    file: &'a str,
    table: &'static str,
    report: &'a mut Report,
}

impl Utf8<'_> {
    fn text(&mut self, bytes: &[u8]) -> Option<String> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.to_owned()),
            Err(_) => {
                let text = String::from_utf8_lossy(bytes);
                self.report.skipped(
                    self.file,
                    Place::Table(self.table),
                    "text is not UTF-8, skipped",
                    text,
                );
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

    fn text_and_numbers(&mut self, message: &[u8]) -> Result<Option<(String, Vec<i64>)>, BadWire> {
        let mut key: &[u8] = b"";
        let mut values = Vec::new();
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next_field()? {
            match field {
                1 => key = value.bytes(1)?,
                2 => each_number(2, value, |number| values.push(number))?,
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

    /// `FileDetailsCacheDirectoryType`.
    fn directory_files(&mut self, message: &[u8]) -> Result<Option<DirectoryFiles>, BadWire> {
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
        Ok(directory.map(|directory| DirectoryFiles { directory, files }))
    }

    /// `FileDetailsCacheFilesType`.
    fn file_versions(&mut self, message: &[u8]) -> Result<Option<(String, Vec<Version>)>, BadWire> {
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
        Ok(name.map(|name| (name, versions)))
    }

    /// `FileDetailsType`.
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
            let place = Place::Table(self.table);
            let text = String::from_utf8_lossy(hex);
            self.report.skipped(self.file, place, "checksum of a wrong form, left out", text);
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

fn numbers(message: &[u8]) -> Result<(i64, Vec<i64>), BadWire> {
    let mut key = 0;
    let mut values = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next_field()? {
        match field {
            1 => key = value.signed(1)?,
            2 => each_number(2, value, |number| values.push(number))?,
            _ => {}
        }
    }
    Ok((key, values))
}

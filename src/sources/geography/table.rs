//! Reads a table of countries or of autonomous systems, whatever its format, which its content shows: an
//! mmdb, a text, or a file of `mirrorlistd geography build`.

use super::country_csv::{self, BadCsv};
use super::global_netblocks::{self, BadText};
use super::mmdb::{self, BadDatabase};
use super::table_file::{self, Broken, Tables};
use catalog::Report;
use catalog::geography::{AsNetworks, CountryNetworks};

/// How many bytes of a file are searched for one that no text has.
const SEARCHED: usize = 4_096;
/// First bytes of files in which others are packed, and what the formats are called.
const PACKED: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "ZIP"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
];

/// The format of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// MaxMind's.
    Mmdb,
    /// Lines.
    Text,
    /// A file of `mirrorlistd geography build`.
    Built,
}

impl Format {
    /// Its name in the summary of a build.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mmdb => "mmdb",
            Self::Text => "text",
            Self::Built => "built",
        }
    }

    /// The format of a file.
    pub fn of(bytes: &[u8]) -> Result<Self, BadTable> {
        if bytes.is_empty() {
            return Err(BadTable::Empty);
        }
        if table_file::is_tables(bytes) {
            return Ok(Self::Built);
        }
        if mmdb::is_database(bytes) {
            return Ok(Self::Mmdb);
        }
        if let Some((_, name)) = PACKED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Err(BadTable::Packed(name));
        }
        match bytes.get(..SEARCHED).unwrap_or(bytes).contains(&0) {
            true => Err(BadTable::Unknown),
            false => Ok(Self::Text),
        }
    }
}

/// The reason why a file is no table of what is wanted.
#[derive(Debug, thiserror::Error)]
pub enum BadTable {
    /// It has no bytes.
    #[error("is empty")]
    Empty,
    /// It is compressed.
    #[error("is packed with {0}: unpack it first")]
    Packed(&'static str),
    /// It has bytes that no text has, and is nothing else that is known.
    #[error("is neither an mmdb nor text; is it cut off?")]
    Unknown,
    /// An mmdb at fault.
    #[error(transparent)]
    Database(#[from] BadDatabase),
    /// A text without countries.
    #[error(transparent)]
    CountryCsv(#[from] BadCsv),
    /// A text without autonomous systems.
    #[error(transparent)]
    SystemText(#[from] BadText),
    /// A file of `mirrorlistd geography build` at fault.
    #[error(transparent)]
    Built(#[from] Broken),
    /// A file of `mirrorlistd geography build` with the other table only.
    #[error("holds no {what}: build it with {option}")]
    Lacks {
        /// What is missing.
        what: &'static str,
        /// The option that adds it.
        option: &'static str,
    },
}

/// Reads a table of countries.
pub fn countries(
    file: &str,
    bytes: &[u8],
    report: &mut Report,
) -> Result<CountryNetworks, BadTable> {
    match Format::of(bytes)? {
        Format::Mmdb => Ok(mmdb::countries::parse(file, bytes, report)?),
        Format::Text => Ok(country_csv::parse(file, bytes, report)?),
        Format::Built => {
            let lacks = BadTable::Lacks { what: "countries", option: "--country" };
            Tables::decode(bytes)?.countries.ok_or(lacks)
        }
    }
}

/// Reads a table of autonomous systems.
pub fn systems(file: &str, bytes: &[u8], report: &mut Report) -> Result<AsNetworks, BadTable> {
    match Format::of(bytes)? {
        Format::Mmdb => Ok(mmdb::systems::parse(file, bytes, report)?),
        Format::Text => Ok(global_netblocks::parse(file, bytes, report)?),
        Format::Built => {
            let lacks = BadTable::Lacks { what: "autonomous systems", option: "--asn" };
            Tables::decode(bytes)?.systems.ok_or(lacks)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_shows_the_format() {
        let long = [b"x".repeat(5_000), vec![0]].concat();
        for (bytes, expected) in [
            (&b""[..], "is empty"),
            (b"geonets\n", "built"),
            (b"1.0.0.0/24 13335\n", "text"),
            (b"\xef\xbb\xbf1.0.0.0/24 13335\n", "text"),
            (b"\x1f\x8b\x08\x00", "is packed with gzip: unpack it first"),
            (b"PK\x03\x04\x00", "is packed with ZIP: unpack it first"),
            (b"\x00\x01\xab\xcd\xefMaxMind.com\xe9", "mmdb"),
            (b"\xab\xcd\xefMaxMind.co", "text"),
            (b"1\x00,\x00", "is neither an mmdb nor text; is it cut off?"),
            (&long, "text"),
        ] {
            let found = match Format::of(bytes) {
                Ok(format) => format.name().to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_built_file_has_what_it_was_built_from() {
        let mut report = Report::default();
        let countries_only = Tables {
            countries: Some(countries("c", b"1.0.0.0/24,AU\n", &mut report).expect("a table")),
            systems: None,
        };
        let bytes = countries_only.encode().expect("small");
        let table = countries("g", &bytes, &mut report).expect("a table");
        assert_eq!(table.networks.len(), 1);
        let lacks = systems("g", &bytes, &mut report).err().map(|error| error.to_string());
        assert_eq!(lacks.as_deref(), Some("holds no autonomous systems: build it with --asn"));
        let systems_only = Tables {
            countries: None,
            systems: Some(systems("s", b"1.0.0.0/24 1\n", &mut report).expect("a table")),
        };
        let bytes = systems_only.encode().expect("small");
        let lacks = countries("g", &bytes, &mut report).err().map(|error| error.to_string());
        assert_eq!(lacks.as_deref(), Some("holds no countries: build it with --country"));
        assert!(report.is_empty());
    }
}

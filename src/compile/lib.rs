//! Compiles a catalog into a snapshot: everything that can be decided before a request is decided here.
//!
//! `build_tables` converts the catalog into the tables of a snapshot, `as_networks` leaves out
//! networks that cannot change an answer, and `bands` puts the mirrors around each area of clients in order
//! of distance. Faults of the data were reported when the catalog was made. What checks have found out of
//! mirrors is applied to the catalog before ([`findings`]).
//!
//! Compiling is synchronous; with reading, it takes about two seconds for Fedora's data. Equal catalogs
//! give equal snapshots, byte for byte, and so equal generations.

pub mod findings;
mod build_tables;
mod as_networks;
mod bands;
mod layouts_without;

use catalog::{Catalog, Report};
use snapshot::tables::Tables;
use snapshot::{Snapshot, format};

/// A compiled snapshot with its encoded form.
pub struct Compiled {
    /// The snapshot, ready to be served.
    pub snapshot: Snapshot,
    /// The bytes of its file.
    pub bytes: Vec<u8>,
    /// The records that were skipped or mended.
    pub report: Report,
}

/// The reason why a catalog cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A table would have more bytes or entries than a snapshot can number.
    #[error("{0}: is too large: more than 4 billion bytes or entries in a table")]
    TooLarge(String),
    /// The compiled tables fail the checks of a snapshot: a defect of this program.
    #[error("the compiled tables are not sound: {0}")]
    Unsound(String),
}

/// Compiles a snapshot in memory, and adds records that change no answer to the report. The new
/// snapshot shares equal indexes with `before`, if that is given, and is equal to it if nothing differs but the
/// time of the files of its catalog.
pub fn compile(
    catalog: Catalog,
    mut report: Report,
    before: Option<&Snapshot>,
) -> Result<Compiled, Error> {
    let unsound = |error: &dyn std::fmt::Display| Error::Unsound(error.to_string());
    let (name, says_created) = (catalog.name.clone(), catalog.says_created);
    let mut tables = build_tables::lay_out(catalog, &mut report).ok_or(Error::TooLarge(name))?;
    let same = match before {
        Some(before) if !says_created => encode_again(&mut tables, before),
        _ => None,
    };
    let bytes = match same {
        Some(bytes) => bytes,
        None => format::encode(&tables).map_err(|error| unsound(&error))?,
    };
    let snapshot = format::publish(tables, &bytes, before).map_err(|error| unsound(&error))?;
    Ok(Compiled { snapshot, bytes, report })
}

/// The bytes of `before`, if the tables hold the same data. They get its time then: that of files changes also
/// when a file is only touched, and would make another generation of it.
fn encode_again(tables: &mut Tables, before: &Snapshot) -> Option<Vec<u8>> {
    let created = std::mem::replace(&mut tables.created, before.created());
    let bytes = format::encode(tables).ok();
    let same = bytes.filter(|bytes| format::generation_of(bytes) == Some(before.generation()));
    if same.is_none() {
        tables.created = created;
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::entry::Missing;
    use catalog::geography::{AsNetworks, CountryNetworks};
    use catalog::{Builder, Geography, Origin, Record};
    use model::mirror_key::{MirrorKey, MirrorName};

    fn catalog(time: Record, url: &str) -> Catalog {
        let (place, mut report) = (Origin::line("catalog.toml", 1), Report::default());
        let mut builder = Builder::new(Missing {
            input: "catalog.toml".into(),
            mirror_countries: place.clone(),
            bandwidths: place.clone(),
            url: "URL that is not there",
        });
        builder.add(&place, time);
        builder.add(&place, Record::Url(1, url.into()));
        let key = MirrorKey::Name(MirrorName::parse("berlin").expect("a name"));
        let host = builder.directories.mirror(&key);
        let urls = builder.directories.url_list(&place, &[1]);
        builder.directories.carry(&place, host, urls, &mut report);
        builder.directories.set_public(host);
        builder.directories.end(&place, b"os", b"", &mut report);
        let geography = Geography {
            as_networks: AsNetworks::default(),
            continents: Vec::new(),
            centres: Vec::new(),
            countries: CountryNetworks::default(),
            countries_origin: place,
        };
        builder.finish(geography, &mut report).expect("a catalog")
    }

    #[test]
    fn a_catalog_that_was_only_touched_keeps_its_generation() {
        const URL: &str = "https://berlin.example/pub";
        let compile = |time, url, before| {
            compile(catalog(time, url), Report::default(), before).expect("it is small")
        };
        let first = compile(Record::Modified(7), URL, None);
        let before = Some(&first.snapshot);
        let touched = compile(Record::Modified(8), URL, before);
        assert_eq!(touched.bytes, first.bytes);
        assert_eq!(touched.snapshot.created(), 7);
        let changed = compile(Record::Modified(8), "https://berlin.example/other", before);
        assert_ne!(changed.snapshot.generation(), first.snapshot.generation());
        assert_eq!(changed.snapshot.created(), 8);
        // What the data themselves say is a part of them.
        let stated = compile(Record::Created(8), URL, before);
        assert_ne!(stated.snapshot.generation(), first.snapshot.generation());
        assert_eq!(stated.snapshot.created(), 8);
    }
}

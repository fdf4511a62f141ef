//! Reads the geography files: the autonomous systems and countries of networks, and the continents of
//! countries.
//!
//! A table of networks may have one of several formats, which its content shows ([`table`]): MaxMind's
//! ([`mmdb`]), lines of text ([`country_csv`], [`global_netblocks`]), or that of `mirrorlistd geography
//! build` ([`table_file`]), which merges several tables ([`build`]).
//!
//! Where countries, their states and cities are is built in ([`country_centres`], [`gazetteer`]).

mod limit;
mod lines;
mod columns;
pub mod address_range;
mod overlaps;
mod points;
mod places;
mod as_numbers;
pub mod global_netblocks;
mod country_columns;
pub mod country_csv;
pub mod mmdb;
pub mod table_file;
pub mod table;
pub mod build;
pub mod prepare;
pub mod shrink;
pub mod country_continent;
pub mod country_names;
pub mod country_centres;
pub mod gazetteer;

use std::path::{Path, PathBuf};

use super::error::{Error, file_name, read_file};
use catalog::geography::{AsNetworks, CountryNetworks};
use catalog::{Geography, Origin, Report};
use model::geo::{Continent, Country};

/// The most bytes of a table of networks, far above the real sizes.
const MAX_TABLE: u64 = 1 << 30;
/// The most bytes of `country_continent.csv`, which has a line for each country.
const MAX_CONTINENTS: u64 = 16 << 20;

/// The geography files that stand beside a source that works without them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GeographyFiles {
    /// Networks and their autonomous systems; without it, AS numbers match no client.
    pub global_netblocks: Option<PathBuf>,
    /// The continents of countries; what it lacks is built in.
    pub country_continent: Option<PathBuf>,
    /// Networks and their countries; without it, no client has a country by its address.
    pub country_table: Option<PathBuf>,
}

impl GeographyFiles {
    /// The files that are given.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let Self { global_netblocks, country_continent, country_table } = self;
        let files = [global_netblocks, country_continent, country_table];
        files.into_iter().flatten().map(PathBuf::as_path)
    }

    /// Reads the files that are given.
    pub fn read(&self, report: &mut Report) -> Result<Geography, Error> {
        let as_networks = match &self.global_netblocks {
            Some(path) => read_as_networks(path, report)?,
            None => AsNetworks::default(),
        };
        let continents = match &self.country_continent {
            Some(path) => read_continents(path, report)?,
            None => country_continent::built_in(),
        };
        let (countries, countries_origin) = match &self.country_table {
            Some(path) => read_countries(path, report)?,
            None => (CountryNetworks::default(), countries_origin("no table of countries")),
        };
        let centres = country_centres::built_in();
        Ok(Geography { as_networks, continents, centres, countries, countries_origin })
    }
}

/// The origin of all records of a table of countries.
pub fn countries_origin(file: &str) -> Origin {
    Origin::table(file, "country")
}

fn read_as_networks(path: &Path, report: &mut Report) -> Result<AsNetworks, Error> {
    table::systems(&file_name(path), &read_file(path, MAX_TABLE)?, report)
        .map_err(|error| Error::broken(path, error))
}

fn read_continents(path: &Path, report: &mut Report) -> Result<Vec<(Country, Continent)>, Error> {
    let text = String::from_utf8(read_file(path, MAX_CONTINENTS)?)
        .map_err(|error| Error::broken(path, error))?;
    let continents = country_continent::parse(&file_name(path), &text, report);
    if continents.is_empty() {
        return Err(Error::broken(path, "holds no line CODE,CONTINENT"));
    }
    // Of equal countries the last counts: MirrorManager's file lacks some.
    Ok(country_continent::built_in().into_iter().chain(continents).collect())
}

fn read_countries(path: &Path, report: &mut Report) -> Result<(CountryNetworks, Origin), Error> {
    let name = file_name(path);
    let countries = table::countries(&name, &read_file(path, MAX_TABLE)?, report)
        .map_err(|error| Error::broken(path, error))?;
    Ok((countries, countries_origin(&name)))
}

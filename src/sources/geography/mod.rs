//! Reads the geography files: the autonomous systems and countries of networks, and the continents of
//! countries.

pub mod global_netblocks;
pub mod country_continent;
pub mod country_database;
pub mod country_names;

use std::path::Path;

use super::error::{Error, file_name, read_file};
use catalog::{Geography, Report};

/// The most bytes of `global_netblocks.txt` and of the country database, far above their real sizes.
const MAX_TABLE: u64 = 1 << 30;
/// The most bytes of `country_continent.csv`, which has a line for each country.
const MAX_CONTINENTS: u64 = 16 << 20;

/// Reads the three files.
pub(super) fn read(
    global_netblocks: &Path,
    country_continent: &Path,
    country_database: &Path,
    report: &mut Report,
) -> Result<Geography, Error> {
    let path = global_netblocks;
    let systems = global_netblocks::parse(&file_name(path), &read_file(path, MAX_TABLE)?, report);
    if systems.is_empty() {
        return Err(Error::broken(path, "holds no line PREFIX ASN"));
    }
    let path = country_continent;
    let text = String::from_utf8(read_file(path, MAX_CONTINENTS)?)
        .map_err(|error| Error::broken(path, error))?;
    let continents = country_continent::parse(&file_name(path), &text, report);
    if continents.is_empty() {
        return Err(Error::broken(path, "holds no line CODE,CONTINENT"));
    }
    let path = country_database;
    let name = file_name(path);
    let countries = country_database::parse(&name, &read_file(path, MAX_TABLE)?, report)
        .map_err(|error| Error::broken(path, error))?;
    let countries_origin = country_database::origin(&name);
    Ok(Geography { systems, continents, countries, countries_origin })
}

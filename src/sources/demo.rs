//! The built-in demo data: MirrorManager's files in `data/demo/`, read as any others are.
//!
//! They are made by `cargo run -p testdata --bin generate -- --demo --out data/demo`, and a test
//! compares them with what that makes today. All names are under `example` and all networks are set
//! aside for documentation, so that no client can take them for real mirrors.

use std::path::Path;

use super::error::Error;
use super::geography::{country_continent, country_database, global_netblocks};
use super::mirrormanager::cache;
use catalog::{Catalog, Geography, Report};

const CACHE: &[u8] = include_bytes!("../../data/demo/mirrorlist_cache.proto");
const GLOBAL_NETBLOCKS: &[u8] = include_bytes!("../../data/demo/global_netblocks.txt");
const COUNTRY_CONTINENT: &str = include_str!("../../data/demo/country_continent.csv");
const COUNTRIES: &[u8] = include_bytes!("../../data/demo/country.mmdb");

/// Reads the built-in files.
pub(super) fn read(report: &mut Report) -> Result<Catalog, Error> {
    let name = "demo/mirrorlist_cache.proto";
    let builder =
        cache::parse(name, CACHE, report).map_err(|error| Error::broken(Path::new(name), error))?;
    let name = "demo/global_netblocks.txt";
    let systems = global_netblocks::parse(name, GLOBAL_NETBLOCKS, report);
    let name = "demo/country_continent.csv";
    let continents = country_continent::parse(name, COUNTRY_CONTINENT, report);
    let name = "demo/country.mmdb";
    let countries = country_database::parse(name, COUNTRIES, report)
        .map_err(|error| Error::broken(Path::new(name), error))?;
    let countries_origin = country_database::origin(name);
    let geography = Geography { systems, continents, countries, countries_origin };
    Ok(builder.finish(geography, report)?)
}

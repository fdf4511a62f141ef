//! The built-in demo data: a catalog in `data/demo/` with all that goes with it, read like any other.
//!
//! All names are under `example` and all networks are reserved for documentation, so that no client can
//! take them for real mirrors. The index and the tables of networks are generated, and tests compare them
//! with what is generated today (`tests/it/catalog/demo.rs`).

use std::path::Path;

use super::declared::build::build;
use super::error::Error;
use super::geography::{self, country_centres, country_continent, table};
use super::toml_catalog;
use catalog::{Catalog, Geography, Report};
use index::Index;

const CATALOG: &str = include_str!("../../data/demo/catalog.toml");
const INDEX: &[u8] = include_bytes!("../../data/demo/tree.index");
const GLOBAL_NETBLOCKS: &[u8] = include_bytes!("../../data/demo/global_netblocks.txt");
const COUNTRIES: &[u8] = include_bytes!("../../data/demo/country.mmdb");

/// Reads the built-in files.
pub(super) fn read(report: &mut Report) -> Result<Catalog, Error> {
    let broken = |name: &str, error: &dyn std::fmt::Display| Error::broken(Path::new(name), error);
    let name = "demo/catalog.toml";
    let declaration = toml_catalog::parse(name, CATALOG)?;
    let index = Index::decode(INDEX).map_err(|error| broken("demo/tree.index", &error))?;
    let tree = Some((&index, "demo/tree.index"));
    let builder = build(&declaration, tree, name, index.scanned(), report)
        .map_err(|error| broken(name, &error))?;
    let name = "demo/global_netblocks.txt";
    let as_networks =
        table::systems(name, GLOBAL_NETBLOCKS, report).map_err(|error| broken(name, &error))?;
    let continents = country_continent::built_in();
    let name = "demo/country.mmdb";
    let countries =
        table::countries(name, COUNTRIES, report).map_err(|error| broken(name, &error))?;
    let countries_origin = geography::countries_origin(name);
    let centres = country_centres::built_in();
    let geography = Geography { as_networks, continents, centres, countries, countries_origin };
    Ok(builder.finish(geography, report)?)
}

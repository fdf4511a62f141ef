//! The built-in demo data: MirrorManager's files in `data/demo/`, read as any others are.
//!
//! They are made by `cargo run -p testdata --bin generate -- --demo --out data/demo`, and a test
//! compares them with what that makes today. All names are under `example` and all networks are set
//! aside for documentation, so that no client can take them for real mirrors.

use super::source::mirrormanager;
use super::{Error, Records, Report, broken};
use crate::sources::geography::{country_continent, country_database, global_netblocks};
use std::path::Path;

const CACHE: &[u8] = include_bytes!("../../data/demo/mirrorlist_cache.proto");
const GLOBAL_NETBLOCKS: &[u8] = include_bytes!("../../data/demo/global_netblocks.txt");
const COUNTRY_CONTINENT: &str = include_str!("../../data/demo/country_continent.csv");
const COUNTRIES: &[u8] = include_bytes!("../../data/demo/country.mmdb");

/// Reads the built-in files.
pub(super) fn records(report: &mut Report) -> Result<Records, Error> {
    let name = "demo/mirrorlist_cache.proto";
    Ok(Records {
        cache_name: name.to_owned(),
        cache: mirrormanager::parse(name, CACHE, report)
            .map_err(|error| broken(Path::new(name), error))?,
        global_netblocks: global_netblocks::parse(
            "demo/global_netblocks.txt",
            GLOBAL_NETBLOCKS,
            report,
        ),
        continents: country_continent::parse(
            "demo/country_continent.csv",
            COUNTRY_CONTINENT,
            report,
        ),
        countries: (
            "demo/country.mmdb".to_owned(),
            country_database::parse("demo/country.mmdb", COUNTRIES, report)
                .map_err(|error| broken(Path::new("demo/country.mmdb"), error))?,
        ),
    })
}

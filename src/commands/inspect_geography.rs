//! What `mirrorlistd inspect` says of a file of `mirrorlistd geography build`.

use std::path::Path;

use serde_json::{Value, json};

use model::net::Prefix;
use sources::geography::table_file::Tables;

/// What is counted, by table and family of addresses. A table that the file lacks is `null`.
pub(super) fn describe(path: &Path, tables: &Tables) -> Value {
    let (n_countries, n_systems) = tables.n_named();
    let (n_located, n_points) = tables.n_located();
    let of_countries =
        tables.countries.as_ref().map(|table| count(table.networks.iter().map(|found| found.0)));
    let of_systems =
        tables.systems.as_ref().map(|table| count(table.networks.iter().map(|found| found.0)));
    json!({
        "file": path.to_string_lossy(),
        "kind": "geography",
        "intact": true,
        "bytes": std::fs::metadata(path).ok().map(|meta| meta.len()),
        "holds": {
            "countries": of_countries.map(|_| n_countries),
            "country_networks_of_ipv4": of_countries.map(|count| count.ipv4),
            "country_networks_of_ipv6": of_countries.map(|count| count.ipv6),
            "country_networks_with_a_point": of_countries.map(|_| n_located),
            "points": of_countries.map(|_| n_points),
            "systems": of_systems.map(|_| n_systems),
            "system_networks_of_ipv4": of_systems.map(|count| count.ipv4),
            "system_networks_of_ipv6": of_systems.map(|count| count.ipv6),
        },
    })
}

/// Networks of each family.
#[derive(Clone, Copy, Default)]
struct Count {
    ipv4: usize,
    ipv6: usize,
}

fn count(networks: impl Iterator<Item = Prefix>) -> Count {
    let mut count = Count::default();
    for network in networks {
        match network.address().is_ipv6() {
            true => count.ipv6 += 1,
            false => count.ipv4 += 1,
        }
    }
    count
}

//! Law: any bytes are read as a table of networks or refused with a reason of one line; what is read is
//! valid, and comes back from the file that is built from it.

use catalog::Report;
use catalog::geography::{AsNetworks, CountryNetworks, NetworkPlace, Owner};
use model::net::Prefix;
use model::point::Point;
use runtime::sealed::{HEADER, Kind};
use sources::geography::build::{merge_countries, merge_systems};
use sources::geography::table::{self, Format};
use sources::geography::table_file::{Broken, Tables, VERSION};

use super::inputs::{check_line, check_report};

const FILE: &str = "file";
/// How many networks of a table are looked up.
const LOOKED_UP: usize = 30;

/// Checks the bytes as a table of countries, in any format.
pub fn country_table(bytes: &[u8]) {
    let mut report = Report::default();
    let table = table::countries(FILE, bytes, &mut report);
    check_report(&report);
    let table = match table {
        Ok(table) => table,
        Err(error) => return check_line(&error.to_string()),
    };
    let format = Format::of(bytes).unwrap();
    assert!(!table.networks.is_empty() || format == Format::Built);
    for (_, place) in &table.networks {
        let place = table.places[*place as usize];
        assert!(NetworkPlace { point: None, ..place } != NetworkPlace::default());
        let on_grid = |point: Point| format == Format::Built || point == point.on_grid(50);
        assert!(place.point.is_none_or(|point| point.is_valid() && on_grid(point)));
    }
    let before = shown_places(&table);
    let merged = merge_countries([table]).unwrap();
    if format == Format::Text {
        assert_eq!(shown_places(&merged), before);
    }
    check_built(&Tables { countries: Some(merged), systems: None });
}

/// Checks the bytes as a table of autonomous systems, in any format.
pub fn system_table(bytes: &[u8]) {
    let mut report = Report::default();
    let table = table::systems(FILE, bytes, &mut report);
    check_report(&report);
    let table = match table {
        Ok(table) => table,
        Err(error) => return check_line(&error.to_string()),
    };
    assert!(!table.is_empty() || Format::of(bytes).unwrap() == Format::Built);
    let prefixes: Vec<_> = table.networks.iter().map(|network| network.0).take(LOOKED_UP).collect();
    let before: Vec<_> = prefixes.iter().map(|prefix| find_numbers(&table, *prefix)).collect();
    let merged = merge_systems([table]);
    let after: Vec<_> = prefixes.iter().map(|prefix| find_numbers(&merged, *prefix)).collect();
    assert_eq!(after, before);
    check_built(&Tables { countries: None, systems: Some(merged) });
}

/// Checks the bytes as a file of `mirrorlistd geography build`, and as the payload of one whose header is
/// right, so that the decoder and the checks are reached.
pub fn geography_file(bytes: &[u8]) {
    let kind =
        Kind { magic: b"geonets\n", version: VERSION, limit: u64::MAX, name: "", remedy: "" };
    drop(Tables::decode(bytes));
    let payload = bytes.get(HEADER..).unwrap_or(bytes);
    match Tables::decode(&kind.seal(payload).unwrap()) {
        Ok(tables) => check_built(&tables),
        Err(error @ (Broken::Decode(_) | Broken::Meaning(_))) => check_line(&error.to_string()),
        Err(error) => panic!("the header does not fit: {error}"),
    }
}

/// What is built is read again, to the same bytes.
fn check_built(tables: &Tables) {
    let bytes = tables.encode().unwrap();
    let read = Tables::decode(&bytes).unwrap();
    assert_eq!(read.encode().unwrap(), bytes);
}

fn shown_places(table: &CountryNetworks) -> Vec<(Prefix, NetworkPlace)> {
    table.networks.iter().map(|(prefix, place)| (*prefix, table.places[*place as usize])).collect()
}

/// The systems of the first address of a network: those of its longest prefix, of equal ones the last.
fn find_numbers(table: &AsNetworks, network: Prefix) -> Vec<u32> {
    let around = table.networks.iter().filter(|(prefix, _)| prefix.contains(network.address()));
    let owner =
        around.max_by_key(|(prefix, _)| prefix.len()).map_or(Owner::Nobody, |found| found.1);
    let mut numbers = Vec::new();
    let _: Option<()> = table.find_map(owner, |number| {
        numbers.push(number);
        None
    });
    numbers
}

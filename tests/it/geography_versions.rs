//! The file of `mirrorlistd geography build`: a checked-in file of each version.

use std::fs;
use std::path::{Path, PathBuf};

use sources::Report;
use sources::geography::table;
use sources::geography::table_file::{Tables, VERSION};

/// The content of the file of each version.
pub(crate) fn built() -> Tables {
    let mut report = Report::default();
    let countries = b"network,country_code,continent_code,lat,lon\n192.0.2.0/24,DE,EU,52.52,13.4\n\
        2001:db8::/32,,AS,,\n";
    let systems = b"192.0.2.0/24 64500\n192.0.2.128/25 None\n2001:db8::/32 {1,2}\n";
    Tables {
        countries: table::countries("c", countries, &mut report).ok(),
        systems: table::systems("s", systems, &mut report).ok(),
    }
}

/// The networks of both tables.
pub(crate) fn shown(tables: &Tables) -> String {
    let countries = tables.countries.as_ref().unwrap();
    let countries = countries.networks.iter().map(|(prefix, place)| {
        let place = countries.places[*place as usize];
        let country = place.country.map(|country| country.to_string());
        let continent = place.continent.map(|continent| format!("in {continent}"));
        let point = place.point.map(|point| format!("at {point}"));
        let place: Vec<_> = country.into_iter().chain(continent).chain(point).collect();
        format!("{prefix} {}", place.join(" "))
    });
    let systems = tables.systems.as_ref().unwrap();
    let systems = systems.networks.iter().map(|(prefix, owner)| {
        let mut numbers = Vec::new();
        let _: Option<()> = systems.find_map(*owner, |number| {
            numbers.push(number.to_string());
            None
        });
        format!("{prefix} {}", numbers.join(" or "))
    });
    let [countries, systems] = [countries.collect::<Vec<_>>(), systems.collect()];
    format!("{}; {}", countries.join(", "), systems.join(", "))
}

fn fixture(version: u32) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/geography");
    folder.join(format!("version-{version}.geography"))
}

/// A layout that has changed under the same number would be read as something else.
#[test]
fn the_file_of_this_version_is_read_as_it_was_written() {
    let path = fixture(VERSION);
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
        fs::write(&path, built().encode().unwrap()).unwrap();
    }
    let bytes = fs::read(&path).unwrap();
    let expected = "192.0.2.0/24 DE in EU at 52.50, 13.50, 2001:db8::/32 in AS; \
                    192.0.2.0/24 64500, 192.0.2.128/25 , 2001:db8::/32 1 or 2";
    assert_eq!(shown(&Tables::decode(&bytes).unwrap()), expected);
    assert_eq!(
        built().encode().unwrap(),
        bytes,
        "raise VERSION (see sources::geography::table_file)"
    );
}

#[test]
fn files_of_earlier_versions_say_what_to_do() {
    for version in 1..VERSION {
        let bytes = fs::read(fixture(version)).unwrap();
        let error = Tables::decode(&bytes).err().unwrap().to_string();
        let expected = format!(
            "has format version {version}, but this program reads version \
             {VERSION}; build it again"
        );
        assert_eq!(error, expected);
    }
}

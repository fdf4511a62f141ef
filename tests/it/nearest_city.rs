//! From a table of cities to answers: the order of distance knows in which city a client is.

use std::fs;

use answer::Options;
use answer::policy::Policy;
use compile::compile;
use sources::geography::build::build;
use sources::{CatalogFormat, GeographyFiles, Inputs, Report, TextCatalog};
use testdata::mmdb::{City, CityLayout, write_cities};

use crate::fixture::Server;

/// Mirrors in two countries, on both coasts.
const CATALOG: &str = r#"
[distribution]
name   = "Example Linux"
origin = "https://download.example.org/pub/example"

[[repository]]
name   = "main"
arches = ["x86_64"]
path   = "{arch}"

[[mirror]]
key         = "newyork"
urls        = ["https://newyork.example/example"]
country     = "US"
coordinates = [40.71, -74.01]

[[mirror]]
key         = "vancouver"
urls        = ["https://vancouver.example/example"]
country     = "CA"
coordinates = [49.28, -123.12]
"#;

const CITIES: [City<'static>; 4] = [
    City { network: "192.0.2.0/25", country: "US", city: "Seattle", at: (47.61, -122.33) },
    City { network: "192.0.2.128/25", country: "US", city: "Boston", at: (42.36, -71.06) },
    City { network: "198.51.100.0/24", country: "US", city: "", at: (37.751, -97.822) },
    City { network: "2001:db8::/32", country: "CA", city: "Halifax", at: (44.65, -63.58) },
];

/// Serves the catalog in the order of distance, with a table of cities that `geography build` has written.
fn serve() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("catalog.toml"), CATALOG).unwrap();
    fs::write(path("cities.mmdb"), write_cities(CityLayout::GeoLite2, &CITIES)).unwrap();
    let mut report = Report::default();
    let built = build(&[path("cities.mmdb")], &[], &mut report).unwrap();
    built.tables.write(&path("networks.geography")).unwrap();
    let geography = GeographyFiles {
        country_table: Some(path("networks.geography")),
        ..GeographyFiles::default()
    };
    let catalog = path("catalog.toml");
    let format = CatalogFormat::Toml;
    let inputs =
        Inputs::Catalog(TextCatalog { catalog, format, index: None, findings: None, geography });
    let catalog = inputs.read(&mut report).unwrap();
    let options = Options { policy: Policy::Nearest, ..Options::default() };
    Server::new(compile(catalog, report, None).unwrap(), &options)
}

#[test]
fn a_client_in_seattle_gets_the_mirror_in_vancouver_before_that_in_new_york() {
    let server = serve();
    let first = |client: &str| {
        let answer = server.get(&format!("/mirrorlist?repo=main&arch=x86_64 from {client}"));
        let urls = answer.urls();
        urls[0].split(['/', '.']).nth(2).unwrap().to_owned()
    };
    assert_eq!(first("192.0.2.1"), "vancouver");
    assert_eq!(first("192.0.2.129"), "newyork");
    // Halifax is nearer to New York than to the other end of Canada.
    assert_eq!(first("2001:db8::1"), "newyork");
    // Somewhere in the United States.
    assert_eq!(first("198.51.100.1"), "newyork");
}

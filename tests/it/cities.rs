//! Tables of cities in the formats of their vendors: the points of networks.

use catalog::geography::CountryNetworks;
use sources::Report;
use sources::geography::table;
use testdata::mmdb::{City, CityLayout, write_cities, write_records};

/// Cities of both families: one without a name for what is somewhere in the United States, and two that
/// are neighbours on the grid.
const CITIES: [City<'static>; 6] = [
    city("192.0.2.0/25", "DE", "Berlin", (52.52, 13.4)),
    city("192.0.2.128/25", "DE", "Potsdam", (52.4, 13.27)),
    city("198.51.100.0/24", "US", "", (37.751, -97.822)),
    city("203.0.113.0/25", "AU", "South Brisbane", (-27.4767, 153.017)),
    city("203.0.113.128/25", "AU", "Sydney", (-33.87, 151.21)),
    city("2001:db8::/32", "US", "Seattle", (47.61, -122.33)),
];

const fn city(
    network: &'static str,
    country: &'static str,
    city: &'static str,
    at: (f64, f64),
) -> City<'static> {
    City { network, country, city, at }
}

/// The networks of a table, each with its country and its point.
fn shown(table: &CountryNetworks) -> Vec<String> {
    let network = |(prefix, index): &(model::net::Prefix, u32)| {
        let place = table.places[*index as usize];
        let country = place.country.map_or("-".to_owned(), |country| country.to_string());
        let point = place.point.map_or("no point".to_owned(), |point| point.to_string());
        format!("{prefix} {country} {point}")
    };
    table.networks.iter().map(network).collect()
}

#[track_caller]
fn check(name: &str, table: &[u8], expected: &[&str], diagnostics: &[&str]) {
    let mut report = Report::default();
    let table = table::countries("cities", table, &mut report).expect(name);
    assert_eq!(shown(&table), expected, "{name}");
    assert_eq!(report.lines(), diagnostics, "{name}");
}

/// The cities as lines of text.
fn lines(first: &str, line: impl Fn(&City<'_>, &str, &str) -> String) -> Vec<u8> {
    const ENDS: [(&str, &str); 6] = [
        ("192.0.2.0", "192.0.2.127"),
        ("192.0.2.128", "192.0.2.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.127"),
        ("203.0.113.128", "203.0.113.255"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];
    let lines = CITIES.iter().zip(ENDS).map(|(city, (start, end))| line(city, start, end) + "\n");
    format!("{first}{}", lines.collect::<String>()).into_bytes()
}

#[test]
fn every_format_of_cities_gives_the_same_points() {
    let expected = [
        "192.0.2.0/24 DE 52.50, 13.50",
        "198.51.100.0/24 US no point",
        "203.0.113.0/25 AU -27.50, 153.00",
        "203.0.113.128/25 AU -34.00, 151.00",
        "2001:db8::/32 US 47.50, -122.50",
    ];
    for layout in
        [CityLayout::GeoLite2, CityLayout::IpLocationDb, CityLayout::Ipinfo, CityLayout::IpinfoLoc]
    {
        check(&format!("{layout:?}"), &write_cities(layout, &CITIES), &expected, &[]);
    }
    let named = lines("start_ip,end_ip,city,region,country,loc\n", |city, start, end| {
        let (north, east) = city.at;
        format!("{start},{end},{},,{},\"{north},{east}\"", city.city, city.country)
    });
    check("names", &named, &expected, &[]);
    let ip_location_db = lines("", |city, start, end| {
        let (north, east) = city.at;
        format!("{start},{end},{},,,{},,{north},{east},", city.country, city.city)
    });
    check("ip-location-db's CSV", &ip_location_db, &expected, &[]);
    let ip2location = lines("", |city, start, end| {
        let (north, east) = city.at;
        let City { city, country, .. } = city;
        format!(
            "\"{start}\",\"{end}\",\"{country}\",\"Name\",\"\",\"{city}\",\"{north:.6}\",\"{east:.6}\""
        )
    });
    check("IP2Location's CSV", &ip2location, &expected, &[]);
    let dbip = lines("", |city, start, end| {
        let (north, east) = city.at;
        format!("{start},{end},NA,{},,\"{}\",{north},{east}", city.country, city.city)
    });
    check("DB-IP's CSV", &dbip, &expected, &[]);
}

/// A table of one's own networks, which has points and no names.
#[test]
fn in_a_table_without_names_each_point_counts() {
    let expected = [
        "192.0.2.0/24 DE 52.50, 13.50",
        "198.51.100.0/24 US 38.00, -98.00",
        "203.0.113.0/25 AU -27.50, 153.00",
        "203.0.113.128/25 AU -34.00, 151.00",
        "2001:db8::/32 US 47.50, -122.50",
    ];
    let unnamed = CITIES.map(|known| City { city: "", ..known });
    for layout in
        [CityLayout::GeoLite2, CityLayout::IpLocationDb, CityLayout::Ipinfo, CityLayout::IpinfoLoc]
    {
        check(&format!("{layout:?}"), &write_cities(layout, &unnamed), &expected, &[]);
    }
    let csv = lines("start_ip,end_ip,country,latitude,longitude\n", |city, start, end| {
        let (north, east) = city.at;
        format!("{start},{end},{},{north},{east}", city.country)
    });
    check("CSV", &csv, &expected, &[]);
}

#[test]
fn degrees_that_cannot_be_read_are_told() {
    let fields = |loc| [("city", "Seattle"), ("country", "US"), ("loc", loc)];
    let (odd, none) = (fields("47.61 -122.33"), fields("-"));
    let table = write_records("loc", &[("192.0.2.0/25", &odd), ("192.0.2.128/25", &none)]);
    let expected =
        "cities: country: degrees that are no numbers, ignored: 47.61 -122.33 of 192.0.2.0/25";
    check("mmdb", &table, &["192.0.2.0/24 US no point"], &[expected]);
    check(
        "CSV",
        b"network,country,loc\n192.0.2.0/25,US,47.61 -122.33\n192.0.2.128/25,US,\n",
        &["192.0.2.0/24 US no point"],
        &["cities:2: degrees that are no numbers, ignored: 192.0.2.0/25,US,47.61 -122.33"],
    );
}

#[test]
fn hostile_degrees_are_no_points_and_are_told_once() {
    let cities = [
        city("192.0.2.0/26", "DE", "A", (91.0, 0.0)),
        city("192.0.2.64/26", "DE", "B", (0.0, -180.5)),
        city("192.0.2.128/26", "DE", "C", (f64::NAN, f64::INFINITY)),
        city("192.0.2.192/26", "DE", "D", (0.0, 0.0)),
        city("198.51.100.0/24", "FR", "E", (90.0, 180.0)),
        // What vendors write for an address of which they know nothing.
        city("203.0.113.0/24", "", "", (0.0, 0.0)),
    ];
    let expected = ["192.0.2.0/24 DE no point", "198.51.100.0/24 FR 90.00, 180.00"];
    for layout in [CityLayout::GeoLite2, CityLayout::IpLocationDb, CityLayout::IpinfoLoc] {
        let mut report = Report::default();
        let table = table::countries("cities", &write_cities(layout, &cities), &mut report);
        let table = table.expect("a table");
        assert_eq!(shown(&table), expected, "{layout:?}");
        let lines = report.lines();
        let find = |problem: &str| lines.iter().find(|line| line.contains(problem)).cloned();
        assert_eq!(
            find("degrees").as_deref(),
            Some(
                "cities: country: degrees that no point has, ignored: 91, 0 of 192.0.2.0/26 (and 2 more like it)"
            ),
            "{layout:?}"
        );
        assert_eq!(
            find("sea").as_deref(),
            Some(
                "cities: country: point 0, 0, which is in the sea, ignored: 0, 0 of 192.0.2.192/26"
            ),
            "{layout:?}"
        );
    }
    check(
        "CSV",
        b"network,country,latitude,longitude\n192.0.2.0/26,DE,1e9,0\n192.0.2.64/26,DE,-inf,nan\n\
            192.0.2.128/26,DE,north,east\n192.0.2.192/26,DE,,13.4\n198.51.100.0/24,-,0,0\n",
        &["192.0.2.0/24 DE no point"],
        &[
            "cities:2: degrees that no point has, ignored: 192.0.2.0/26,DE,1e9,0 (and 1 more like it)",
            "cities:4: degrees that are no numbers, ignored: 192.0.2.128/26,DE,north,east",
        ],
    );
}

//! Databases of cities.

use super::{Data, build};

/// How a vendor's records of cities look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CityLayout {
    /// MaxMind, DB-IP and IP2Location: `{"city": {"names": {"en": "Berlin"}}, "country": {"iso_code":
    /// "DE"}, "location": {"latitude": 52.52, "longitude": 13.4}}`, with doubles.
    GeoLite2,
    /// ip-location-db: `{"city": "Berlin", "country_code": "DE", "latitude": 52.52, "longitude": 13.4}`,
    /// with floats.
    IpLocationDb,
    /// IPinfo: the same with texts in the place of floats, and `country`.
    Ipinfo,
    /// IPinfo: `{"city": "Berlin", "country": "DE", "loc": "52.52,13.4"}`.
    IpinfoLoc,
}

/// A network with the place that a database gives it.
#[derive(Clone, Copy, Debug)]
pub struct City<'a> {
    /// A prefix or an address.
    pub network: &'a str,
    /// The code of its country.
    pub country: &'a str,
    /// The name of its city; empty for none.
    pub city: &'a str,
    /// Degrees of latitude and longitude.
    pub at: (f64, f64),
}

/// A file of cities.
///
/// # Panics
/// When a prefix does not parse: the cities are written in a test's source.
#[must_use]
#[track_caller]
pub fn write_cities(layout: CityLayout, cities: &[City<'_>]) -> Vec<u8> {
    let networks = cities.iter().enumerate().map(|(index, city)| match city.network.parse() {
        Ok(network) => (network, index),
        Err(error) => panic!("{:?}: {error}", city.network),
    });
    let database_type = match layout {
        CityLayout::GeoLite2 => "GeoLite2-City",
        CityLayout::IpLocationDb => "city ipv4",
        CityLayout::Ipinfo | CityLayout::IpinfoLoc => "ipinfo standard_location.mmdb",
    };
    build(database_type, 0, networks.collect(), |data, index| data.city(layout, &cities[*index]))
}

impl Data {
    /// Appends a record and returns its offset.
    fn city(&mut self, layout: CityLayout, city: &City<'_>) -> u32 {
        let offset = self.bytes.len() as u32;
        let &City { country, city, at: (north, east), .. } = city;
        match layout {
            CityLayout::GeoLite2 => {
                self.map(2 + usize::from(!city.is_empty()));
                if !city.is_empty() {
                    self.string("city");
                    self.map(1);
                    self.string("names");
                    self.map(1);
                    self.pair("en", city);
                }
                self.string("country");
                self.map(1);
                self.pair("iso_code", country);
                self.string("location");
                self.map(2);
                for (name, degrees) in [("latitude", north), ("longitude", east)] {
                    self.string(name);
                    self.control(3, 8);
                    self.bytes.extend(degrees.to_be_bytes());
                }
            }
            CityLayout::IpLocationDb => {
                self.map(5);
                self.pair("city", city);
                self.pair("country_code", country);
                for (name, degrees) in [("latitude", north), ("longitude", east)] {
                    self.string(name);
                    self.control(15, 4);
                    self.bytes.extend((degrees as f32).to_be_bytes());
                }
                self.pair("state1", "");
            }
            CityLayout::Ipinfo => {
                self.map(4);
                self.pair("city", city);
                self.pair("country", country);
                self.pair("latitude", &north.to_string());
                self.pair("longitude", &east.to_string());
            }
            CityLayout::IpinfoLoc => {
                self.map(3);
                self.pair("city", city);
                self.pair("country", country);
                self.pair("loc", &format!("{north},{east}"));
            }
        }
        offset
    }
}

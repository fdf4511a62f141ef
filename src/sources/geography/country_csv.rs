//! Tables of countries and of cities as text: lines `START,END,COUNTRY` or `PREFIX,COUNTRY`.
//!
//! | who writes it | columns |
//! |---|---|
//! | ip-location-db, DB-IP, IP2Location, IPtoASN's `ip2country` | first and last address, country; further columns are ignored |
//! | IPtoASN's `ip2asn` | first and last address, AS number, country |
//! | IPinfo, iplocate: the first line has the names of the columns | `network`, or `start_ip` and `end_ip`; `country_code`, else `country`; `continent_code`, else `continent` |
//! | any list | a prefix, and the country |
//! | ip-location-db's cities | first and last address, country, two regions, city, postcode, latitude, longitude, time zone |
//! | IP2Location's cities | first and last address, country, its name, region, city, latitude, longitude, and more |
//! | DB-IP's cities | first and last address, continent, country, region, city, latitude, longitude |
//!
//! Where the first line names the columns, points are in `latitude` and `longitude`, or `lat` and `lon` or
//! `lng`, or both in `loc`. If columns are there for a city or a region and a line names neither, its point
//! is not used: it is the middle of a country. Of tables of cities without a line of names, a line is known
//! by its degrees: these columns are numbers with a decimal point.
//!
//! Addresses are text or numbers. Where the first line names the columns, they may be in any order, and a
//! line without a country counts with its continent. Lines that begin with `#`, `;`, `%` or `!` are
//! comments. Overlapping ranges are resolved as `overlaps` says; what contradicts is reported.
//!
//! The CSV of GeoLite2 is not read: its countries are numbers that another file explains.

use std::ops::ControlFlow;

use super::columns::split;
use super::country_columns::{Layout, NoCountryColumn};
use super::limit::{self, TooManyNetworks};
use super::lines::{Line, for_each_line};
use super::overlaps::{Claim, networks, report_contradictions};
use super::places::{Places, is_nothing};
use catalog::Report;
use catalog::geography::{CountryNetworks, NetworkPlace};
use model::geo::{Continent, Country};

/// The reason why a text is no table of countries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadCsv {
    /// No line of it can be used.
    #[error("holds no country: no line is START,END,COUNTRY or PREFIX,COUNTRY")]
    NoLine,
    /// Its lines say that networks have no country, and nothing else.
    #[error("holds no country: each line has a code for none, such as `-` or `ZZ`")]
    NoCountry,
    /// Its first line names columns, and none of them is that of countries.
    #[error(
        "holds no country: its first line names no column `country_code`, `country_iso_code` or \
         `country`"
    )]
    NoColumn,
    /// It is GeoLite2's, with numbers for countries.
    #[error(
        "holds no country: its column `geoname_id` has numbers that another file explains; take the \
         mmdb of this vendor"
    )]
    GeonameId,
    /// It has too many lines, or too many networks in them.
    #[error(transparent)]
    TooManyNetworks(#[from] TooManyNetworks),
}

impl From<NoCountryColumn> for BadCsv {
    fn from(lacking: NoCountryColumn) -> Self {
        match lacking {
            NoCountryColumn::GeonameId => Self::GeonameId,
            NoCountryColumn::Nothing => Self::NoColumn,
        }
    }
}

/// Reads every line; bad ones are reported and skipped.
pub fn parse(file: &str, bytes: &[u8], report: &mut Report) -> Result<CountryNetworks, BadCsv> {
    let mut table = Table::default();
    let mut columns = Vec::new();
    let read = for_each_line(file, bytes, report, |mut line| {
        if line.text.trim().is_empty() || line.is_comment() {
            return ControlFlow::Continue(());
        }
        split(line.text, &mut columns);
        match table.read(&columns, &mut line) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    });
    if let ControlFlow::Break(error) = read {
        return Err(error);
    }
    if table.claims.is_empty() {
        return Err(if table.has_unknown { BadCsv::NoCountry } else { BadCsv::NoLine });
    }
    report_contradictions(file, &table.claims, report);
    Ok(CountryNetworks { networks: networks(table.claims)?, places: table.places.into_vec() })
}

/// What was read.
#[derive(Default)]
struct Table {
    layout: Option<Layout>,
    places: Places,
    claims: Vec<Claim>,
    /// Whether there is a network of no known country.
    has_unknown: bool,
}

impl Table {
    fn read(&mut self, columns: &[&str], line: &mut Line<'_, '_>) -> Result<(), BadCsv> {
        let layout = match self.layout {
            Some(layout) => layout,
            None => {
                let (layout, has_names) = Layout::of(columns)?;
                self.layout = Some(layout);
                if has_names {
                    return Ok(());
                }
                layout
            }
        };
        let fields = layout.fields(columns);
        let Some(range) = fields.networks.read(columns, line) else { return Ok(()) };
        let text = |column: Option<usize>| column.and_then(|at| columns.get(at)).copied();
        let country_text = text(fields.country);
        let continent = text(fields.continent).and_then(Continent::parse);
        let country = country_text.and_then(Country::parse);
        match country_text {
            None if continent.is_none() => line.skipped("line without a country, skipped"),
            Some(text) if country.is_none() && !is_nothing(text) => {
                line.skipped("not a country code, skipped");
                return Ok(());
            }
            _ => {}
        }
        let mut place = NetworkPlace { country, continent, ..NetworkPlace::default() };
        match fields.point(columns) {
            Ok(point) => place.point = point,
            Err(problem) if country.is_some_and(|country| !country.is_nowhere()) => {
                line.mended(problem);
            }
            Err(_) => {}
        }
        if let Some(value) = self.places.index(place) {
            limit::check(self.claims.len() + 1)?;
            self.claims.push(Claim { range, table: 0, line: line.number, value });
        } else {
            self.has_unknown = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str], diagnostics: &[&str]) {
        let mut report = Report::default();
        let table = parse("c.csv", text.as_bytes(), &mut report).expect(text);
        let shown = |&(prefix, index): &(model::net::Prefix, u32)| {
            let NetworkPlace { country, continent, .. } = table.places[index as usize];
            let country = country.map_or("-".to_owned(), |country| country.to_string());
            let continent = continent.map(|on| format!(" on {on}")).unwrap_or_default();
            format!("{prefix} {country}{continent}")
        };
        let found: Vec<_> = table.networks.iter().map(shown).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(report.lines(), diagnostics, "{text}");
    }

    #[test]
    fn ranges_as_vendors_write_them() {
        check(
            "1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.3.255,CN\r\n2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,JP\n",
            &["1.0.0.0/24 AU", "1.0.1.0/24 CN", "1.0.2.0/23 CN", "2001:200::/32 JP"],
            &[],
        );
        check(
            "16777216,16777471,AU\n\
             42540528726795050063891204319802818560,42540528806023212578155541913346768895,JP",
            &["1.0.0.0/24 AU", "2001:200::/32 JP"],
            &[],
        );
        check(
            "# IP2Location\n\"0\",\"16777215\",\"-\",\"-\"\n\n\
             \"16777216\",\"16777471\",\"US\",\"United States of America\"\n",
            &["1.0.0.0/24 US"],
            &[],
        );
        check("1.0.0.0\t1.0.0.255\tAU\n1.0.1.0\t1.0.1.255\tNone", &["1.0.0.0/24 AU"], &[]);
        check(
            "1.0.0.0\t1.0.0.255\t13335\tAU\tCLOUDFLARENET\n1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n",
            &["1.0.0.0/24 AU"],
            &[],
        );
        check("0.0.0.0,0.255.255.255,ZZ\n1.0.0.0,1.0.0.0,uk", &["1.0.0.0/32 GB"], &[]);
        check("1.0.0.0/24,AU\n2001:db8::/32;de;x\n", &["1.0.0.0/24 AU", "2001:db8::/32 DE"], &[]);
    }

    #[test]
    fn columns_may_have_names() {
        check(
            "network,country,country_code,continent,continent_code,asn\n\
             1.0.0.0/24,Australia,AU,Oceania,OC,AS13335\n\
             1.0.1.0/24,,,Asia,AS,\n\
             1.0.2.0/24,,,,,\n",
            &["1.0.0.0/24 AU on OC", "1.0.1.0/24 - on AS"],
            &[],
        );
        check(
            "start_ip,end_ip,country,country_name,continent,continent_name\n\
             1.0.0.0,1.0.0.255,AU,Australia,OC,Oceania\n",
            &["1.0.0.0/24 AU on OC"],
            &[],
        );
    }

    #[test]
    fn bad_lines_are_reported_and_nothing_else_is_lost() {
        check(
            "1.0.0.0,1.0.0.255,AU\n\
             1.0.1.0,1.0.0.0,AU\n\
             1.0.1.0,AU\n\
             1.0.1.0/24\n\
             1.0.1.0,1.0.1.255,Australia\n\
             1.0.2.1/24,NZ\n\
             1.0.3.0/33,NZ\n\
             ten,eleven,NZ\n",
            &["1.0.0.0/24 AU", "1.0.2.0/24 NZ"],
            &[
                "c.csv:2: range that ends before it begins, skipped: 1.0.1.0,1.0.0.0,AU",
                "c.csv:3: not a range of addresses, skipped: 1.0.1.0,AU (and 1 more like it)",
                "c.csv:4: line without a country, skipped: 1.0.1.0/24",
                "c.csv:5: not a country code, skipped: 1.0.1.0,1.0.1.255,Australia",
                "c.csv:6: prefix with host bits set, cleared: 1.0.2.1/24,NZ",
                "c.csv:7: not a network prefix, skipped: 1.0.3.0/33,NZ",
            ],
        );
    }

    #[test]
    fn neighbours_of_one_country_are_one_network_and_narrower_ones_count() {
        check(
            "1.0.0.0,1.0.0.127,AU\n1.0.0.128,1.0.1.255,AU\n1.0.0.64/26,NZ\n",
            &["1.0.0.0/26 AU", "1.0.0.64/26 NZ", "1.0.0.128/25 AU", "1.0.1.0/24 AU"],
            &[],
        );
    }

    #[test]
    fn what_is_no_such_table_is_refused() {
        for (text, expected) in [
            ("", BadCsv::NoLine),
            ("<html>\n<body>not found</body>\n", BadCsv::NoLine),
            ("1.0.0.0/24,ZZ\n1.0.1.0/24,-\n1.0.2.0/24,A1\n", BadCsv::NoCountry),
            ("network,asn\n1.0.0.0/24,13335\n", BadCsv::NoColumn),
            (
                "network,geoname_id,registered_country_geoname_id\n1.0.0.0/24,2077456,2077456\n",
                BadCsv::GeonameId,
            ),
        ] {
            let error = parse("c.csv", text.as_bytes(), &mut Report::default()).err();
            assert_eq!(error, Some(expected), "{text}");
        }
    }
}

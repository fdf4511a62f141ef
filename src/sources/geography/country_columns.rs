//! In which columns of a CSV table of countries or cities what stands.

use super::columns::{Header, NetworkColumns};
use super::places::is_nothing;
use super::points::{NO_NUMBERS, locate, parse_degrees, parse_pair};
use model::geo::Country;
use model::point::Point;

/// Names of columns, the preferred one first.
const COUNTRY: [&str; 3] = ["country_code", "country_iso_code", "country"];
const CONTINENT: [&str; 2] = ["continent_code", "continent"];
const LATITUDE: [&str; 2] = ["latitude", "lat"];
const LONGITUDE: [&str; 3] = ["longitude", "lon", "lng"];
const LATITUDE_AND_LONGITUDE: [&str; 1] = ["loc"];
const CITY: [&str; 2] = ["city", "city_name"];
const REGION: [&str; 4] = ["region", "region_name", "state1", "stateprov"];

/// The reason why the first line of a table names no column of countries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoCountryColumn {
    /// It has countries as numbers that another file explains.
    GeonameId,
    /// It has none at all.
    Nothing,
}

/// The layout of a table.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    /// Each line shows it.
    Plain,
    /// As the first line says.
    Named(Fields),
}

/// The columns of a line.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) networks: NetworkColumns,
    pub(super) country: Option<usize>,
    pub(super) continent: Option<usize>,
    point: Option<PointColumns>,
    /// The names of the point: its city, and a region around it.
    names: [Option<usize>; 2],
}

/// Where latitude and longitude are.
#[derive(Clone, Copy)]
enum PointColumns {
    Two(usize, usize),
    /// In one column, such as `52.5,13.4`.
    One(usize),
}

impl Layout {
    /// The layout of a table whose first line is this, and whether that line has names only.
    pub(super) fn of(first_line: &[&str]) -> Result<(Self, bool), NoCountryColumn> {
        let Some(header) = Header::of(first_line) else { return Ok((Self::Plain, false)) };
        let (country, continent) = (header.find(&COUNTRY), header.find(&CONTINENT));
        if country.is_none() && continent.is_none() {
            let is_geolite = header.find(&["geoname_id"]).is_some();
            return Err(match is_geolite {
                true => NoCountryColumn::GeonameId,
                false => NoCountryColumn::Nothing,
            });
        }
        let two = header.find(&LATITUDE).zip(header.find(&LONGITUDE));
        let one = header.find(&LATITUDE_AND_LONGITUDE).map(PointColumns::One);
        let fields = Fields {
            networks: header.networks,
            country,
            continent,
            point: two.map(|(north, east)| PointColumns::Two(north, east)).or(one),
            names: [header.find(&CITY), header.find(&REGION)],
        };
        Ok((Self::Named(fields), true))
    }

    /// The columns of a line.
    pub(super) fn fields(self, columns: &[&str]) -> Fields {
        let has_prefix = columns.first().is_some_and(|first| first.contains('/'));
        match self {
            Self::Named(fields) => fields,
            Self::Plain if has_prefix => Fields::plain(NetworkColumns::Prefix(0), 1),
            Self::Plain => Fields::of_range(columns),
        }
    }
}

impl Fields {
    /// Networks with a country, and no more.
    fn plain(networks: NetworkColumns, country: usize) -> Self {
        Self { networks, country: Some(country), continent: None, point: None, names: [None; 2] }
    }

    /// The columns of a line without names that begins with a range.
    fn of_range(columns: &[&str]) -> Self {
        let networks = NetworkColumns::Range(0, 1);
        let column = |at: usize| columns.get(at).copied().unwrap_or("");
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let degrees = |north, east| {
            let (north, east) = (column(north), column(east));
            let is_fraction = north.contains('.') || east.contains('.');
            let found = parse_degrees(north).zip(parse_degrees(east)).filter(|_| is_fraction);
            found.is_some_and(|(north, east)| Point::new(north, east).is_some())
        };
        let with_point = |country, [north, east]: [usize; 2], names: [usize; 2]| Self {
            point: Some(PointColumns::Two(north, east)),
            names: names.map(Some),
            ..Self::plain(networks, country)
        };
        match columns.len() {
            // IPtoASN's.
            _ if !column(2).is_empty() && is_number(column(2)) => Self::plain(networks, 3),
            // DB-IP's. `AS` in it is Asia, and no country.
            8 if is_continent(column(2)) && is_country(column(3)) => {
                Self { continent: Some(2), ..with_point(3, [6, 7], [5, 4]) }
            }
            // IP2Location's: what would be a postcode in ip-location-db's has a decimal point.
            8.. if column(6).contains('.') && degrees(6, 7) => with_point(2, [6, 7], [5, 4]),
            // ip-location-db's: the last column is a time zone.
            10 if degrees(7, 8) && (column(9).is_empty() || column(9).contains('/')) => {
                with_point(2, [7, 8], [5, 3])
            }
            _ => Self::plain(networks, 2),
        }
    }

    /// The point of a line; `None` if it has none, or only the middle of its country. The error is the
    /// problem for a report.
    pub(super) fn point(&self, columns: &[&str]) -> Result<Option<Point>, &'static str> {
        let text = |at: usize| columns.get(at).copied().unwrap_or("");
        let degrees = match self.point {
            Some(PointColumns::Two(north, east)) => {
                let read = |at| read_unless_nothing(text(at), parse_degrees);
                read(north)?.zip(read(east)?)
            }
            Some(PointColumns::One(at)) => read_unless_nothing(text(at), parse_pair)?,
            None => None,
        };
        let Some((north, east)) = degrees else { return Ok(None) };
        let point = locate(north, east)?;
        let mut names = self.names.into_iter().flatten().peekable();
        let is_exact = names.peek().is_none() || names.any(|at| !is_nothing(text(at)));
        Ok(Some(point).filter(|_| is_exact))
    }
}

/// Reads degrees, if there are any. The error is the problem for a report.
fn read_unless_nothing<T>(
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, &'static str> {
    match is_nothing(text) {
        true => Ok(None),
        false => parse(text).map(Some).ok_or(NO_NUMBERS),
    }
}

fn is_continent(text: &str) -> bool {
    matches!(text, "AF" | "AN" | "AS" | "EU" | "NA" | "OC" | "SA")
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && Country::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::columns::split;
    use super::*;

    /// The country and the point of the last line; the first may have names.
    #[track_caller]
    fn check(lines: &[&str], country: &str, point: &str) {
        let mut columns = Vec::new();
        split(lines[0], &mut columns);
        let (layout, _) = Layout::of(&columns).expect("a layout");
        split(lines[lines.len() - 1], &mut columns);
        let fields = layout.fields(&columns);
        assert_eq!(fields.country.and_then(|at| columns.get(at)), Some(&country), "{lines:?}");
        let shown = match fields.point(&columns) {
            Ok(found) => found.map_or("none".to_owned(), |point| point.to_string()),
            Err(problem) => problem.to_owned(),
        };
        assert_eq!(shown, point, "{lines:?}");
    }

    #[test]
    fn tables_of_cities_are_known_by_their_lines() {
        let ip_location_db =
            "1.0.0.0,1.0.0.255,AU,Queensland,,South Brisbane,4101,-27.4767,153.017,";
        check(&[ip_location_db], "AU", "-27.50, 153.00");
        check(
            &["1.0.0.0,1.0.0.255,DE,Berlin,,Berlin,10115,52.52,13.4,Europe/Berlin"],
            "DE",
            "52.50, 13.50",
        );
        check(
            &[
                "\"16777216\",\"16777471\",\"AU\",\"Australia\",\"Queensland\",\"Brisbane\",\"-27.467540\",\"153.028090\"",
            ],
            "AU",
            "-27.50, 153.00",
        );
        check(
            &[
                "\"16777216\",\"16777471\",\"US\",\"United States of America\",\"California\",\"Los Angeles\",\"34.05\",\"-118.24\",\"90\",\"-07:00\"",
            ],
            "US",
            "34.00, -118.00",
        );
        check(
            &["1.0.0.0,1.0.0.255,OC,AU,Queensland,\"South Brisbane\",-27.4767,153.017"],
            "AU",
            "-27.50, 153.00",
        );
        check(&["1.0.0.0,1.0.0.255,AS,JP,Tokyo,Tokyo,35,139"], "JP", "35.00, 139.00");
        check(&["0.0.0.0,0.255.255.255,ZZ,ZZ,,,0,0"], "ZZ", "none");
    }

    #[test]
    fn other_columns_are_no_points() {
        for line in [
            "1.0.0.0,1.0.0.255,AS",
            "1.0.0.0,1.0.0.255,AS,American Samoa,a,b,c,d",
            "1.0.0.0,1.0.0.255,AS,x,1,2,3,4,5,6",
            "1.0.0.0,1.0.0.255,AS,x,1,2,3,4.5,91,181",
            "1.0.0.0,1.0.0.255,AS,x,1,2,3,400.5,5.5,",
            "1.0.0.0,1.0.0.255,AS,x,1,2,400.5,5.5,",
        ] {
            check(&[line], "AS", "none");
        }
        check(&["1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\tx\t1.5\t2.5"], "US", "none");
        check(&["1.0.0.0/24,US,x,y,z,a,1.5,2.5"], "US", "none");
    }

    #[test]
    fn named_columns_have_points() {
        let ipinfo = "network,city,region,country,latitude,longitude,postal_code";
        check(
            &[ipinfo, "1.0.0.0/24,Brisbane,Queensland,AU,-27.46794,153.02809,4000"],
            "AU",
            "-27.50, 153.00",
        );
        check(&[ipinfo, "1.0.0.0/24,,Queensland,AU,-27.46794,153.02809,"], "AU", "-27.50, 153.00");
        // Somewhere in the United States.
        check(&[ipinfo, "1.0.0.0/24,,,US,37.751,-97.822,"], "US", "none");
        check(&[ipinfo, "1.0.0.0/24,A,,AU,0,0,"], "AU", "point 0, 0, which is in the sea, ignored");
        check(&[ipinfo, "1.0.0.0/24,A,,AU,-91,0,"], "AU", "degrees that no point has, ignored");
        let no_numbers = "degrees that are no numbers, ignored";
        check(&[ipinfo, "1.0.0.0/24,A,,AU,south,0,"], "AU", no_numbers);
        check(&[ipinfo, "1.0.0.0/24,A,,AU,,-,"], "AU", "none");
        check(&[ipinfo, "1.0.0.0/24,A,,AU"], "AU", "none");
        check(&["network,country,lat,lng", "1.0.0.0/24,DE,52.52,13.4"], "DE", "52.50, 13.50");
        check(&["network,loc,country", "1.0.0.0/24,\"52.52,13.4\",DE"], "DE", "52.50, 13.50");
        check(&["network,loc,country", "1.0.0.0/24,52.52 13.4,DE"], "DE", no_numbers);
        check(&["network,loc,country", "1.0.0.0/24,,DE"], "DE", "none");
    }
}

//! The centres of countries, which are built in: `data/centres.csv` has every code of ISO 3166-1 and `XK`.
//!
//! A centre is where the people of a country live on average, not the middle of its area: in Canada,
//! Algeria or Australia nobody lives there, and mirrors across the border are nearer to people than they
//! seem to be.

use model::geo::Country;
use model::point::Point;

/// The centres that are built in, in order of countries.
pub fn built_in() -> Vec<(Country, Point)> {
    const TEXT: &str = include_str!("../../../data/centres.csv");
    // A test shows that no line is lost.
    TEXT.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<(Country, Point)> {
    let mut fields = line.split(',');
    let country = Country::parse(fields.next()?)?;
    let mut degrees = || fields.next()?.parse().ok();
    Some((country, Point::new(degrees()?, degrees()?)?))
}

#[cfg(test)]
mod tests {
    use super::super::country_continent;
    use super::*;

    #[test]
    fn every_country_has_a_centre() {
        let centres = built_in();
        let countries: Vec<_> = centres.iter().map(|&(country, _)| country).collect();
        assert!(countries.is_sorted_by(|one, next| one < next));
        let is_lacking = |country: &Country| {
            country_continent::is_country(*country) && !countries.contains(country)
        };
        let known = country_continent::built_in();
        let lacking: Vec<_> = known.iter().map(|&(c, _)| c).filter(is_lacking).collect();
        assert_eq!(lacking, []);
        assert_eq!(countries.len(), 250);
    }

    #[test]
    fn centres_are_where_people_live() {
        let centres = built_in();
        let find = |code: &str| {
            let country = Country::parse(code);
            centres.iter().find(|(known, _)| Some(*known) == country).expect(code).1
        };
        let near = |code: &str, north, east, km| {
            let at = Point::new(north, east).expect("a valid literal");
            assert!(find(code).km_to(at) < km, "{code} at {}", find(code));
        };
        near("DE", 51.2, 9.5, 200.0);
        near("CA", 48.0, -85.0, 500.0);
        near("FJ", -18.0, 178.0, 200.0);
        near("NZ", -39.0, 175.0, 300.0);
    }
}

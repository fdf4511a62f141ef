//! English names of countries.

use super::geo::Country;

/// Lines `CODE,NAME`, in ascending order of codes, the usual name of each first.
const NAMES: &str = include_str!("../../data/country_names.csv");

/// Codes of countries with their English names, in ascending order of codes. A country can have several
/// names, of which the usual one is first.
pub fn records() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = NAMES.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(','))
}

/// The usual name of a country, if the table has it. This reads the table from its beginning.
pub fn usual(country: Country) -> Option<&'static str> {
    records().find(|(code, _)| *code == country.as_str()).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_name_is_first() {
        for (code, expected) in
            [("DE", Some("Germany")), ("AE", Some("United Arab Emirates")), ("ZZ", None)]
        {
            let country = Country::parse(code).expect("two letters");
            assert_eq!(usual(country), expected, "{code}");
        }
    }
}

//! English names of countries, for data that write `Germany` where a code is due.

use model::country_name::records;
use model::geo::Country;

/// How a text names a country.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spelling {
    /// By its code.
    Code(Country),
    /// By a name, or by a code that is not the usual one (`UK`).
    Other(Country),
}

/// Reads the code of a country (ISO 3166-1, or `XK`), or one of its English names. Case, blanks and
/// punctuation of names do not count. `None` for anything else, also for codes that no country has.
pub fn read(text: &str) -> Option<Spelling> {
    let text = text.trim();
    if let Some(country) = Country::parse(text)
        && records().any(|(code, _)| code == country.as_str())
    {
        let is_code = text.eq_ignore_ascii_case(country.as_str());
        return Some(if is_code { Spelling::Code(country) } else { Spelling::Other(country) });
    }
    let wanted = letters(text);
    let (code, _) = records().find(|(_, name)| letters(name) == wanted)?;
    Country::parse(code).map(Spelling::Other)
}

/// The letters of a name in lower case.
fn letters(name: &str) -> String {
    let name = name.replace('&', "and");
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match read(text) {
            Some(Spelling::Code(country)) => format!("code {country}"),
            Some(Spelling::Other(country)) => format!("other {country}"),
            None => "nothing".to_owned(),
        };
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn countries_are_read_by_code_and_by_name() {
        check("DE", "code DE");
        check(" no ", "code NO");
        check("XK", "code XK");
        check("UK", "other GB");
        check("EL", "other GR");
        check("Germany", "other DE");
        check("australia", "other AU");
        check("Bosnia & Herzegovina", "other BA");
        check("korea  (south)", "nothing");
        check("Republic of Korea", "other KR");
        check("Côte d’Ivoire", "other CI");
        check("ÅLAND ISLANDS", "other AX");
        for text in ["", "XX", "EU", "A1", "Germny", "DEU", "49", "&", "Atlantis"] {
            check(text, "nothing");
        }
    }

    #[test]
    fn the_table_is_complete_and_no_name_means_two_countries() {
        let mut names = BTreeMap::new();
        let mut n_codes = 0;
        let mut last = "";
        for (code, name) in records() {
            assert_eq!(Country::parse(code).expect(code).as_str(), code);
            assert!(!letters(name).is_empty() && name.trim() == name, "{code}: {name:?}");
            let before = names.insert(letters(name), code);
            assert!(before.is_none(), "{name}: {code} and {before:?}");
            assert!(last <= code, "{code} is behind {last}");
            n_codes += usize::from(last != code);
            last = code;
        }
        assert_eq!(n_codes, 250);
    }
}

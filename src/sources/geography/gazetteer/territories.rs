//! Territories that have country codes of their own, and that people write as states of the country to which they
//! belong: `country = "US"`, `state = "Puerto Rico"`.

use model::country_name::records;
use model::geo::Country;

use super::name_key::name_key_of_division;

/// A country, and the codes of its territories.
const TERRITORIES: [(&str, &[&str]); 10] = [
    ("AU", &["CC", "CX", "NF"]),
    ("CN", &["HK", "MO", "TW"]),
    ("DK", &["FO", "GL"]),
    ("FI", &["AX"]),
    ("FR", &["BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "WF", "YT"]),
    ("GB", &["AI", "BM", "FK", "GG", "GI", "IM", "JE", "KY", "MS", "SH", "TC", "VG"]),
    ("NL", &["AW", "BQ", "CW", "SX"]),
    ("NO", &["SJ"]),
    ("NZ", &["CK", "NU", "TK"]),
    ("US", &["AS", "GU", "MP", "PR", "VI"]),
];

/// Names of territories in the language of their country, where they are not the English ones.
const OWN_NAMES: [(&str, &str); 10] = [
    ("FO", "Føroyar"),
    ("FO", "Færøerne"),
    ("GF", "Guyane"),
    ("GL", "Grønland"),
    ("GL", "Kalaallit Nunaat"),
    ("NC", "Nouvelle-Calédonie"),
    ("PF", "Polynésie française"),
    ("PM", "Saint-Pierre-et-Miquelon"),
    ("RE", "La Réunion"),
    ("WF", "Wallis-et-Futuna"),
];

/// The territories of a country.
pub(super) fn of(country: Country) -> impl Iterator<Item = Country> {
    let codes = TERRITORIES.into_iter().find(|(code, _)| *code == country.as_str());
    let codes = codes.map(|(_, codes)| codes).unwrap_or_default();
    codes.iter().filter_map(|code| Country::parse(code))
}

/// Finds a territory of a country by its name or its code.
pub(super) fn find(country: Country, name: &str) -> Option<Country> {
    of(country).find(|&territory| is_name_of(name, territory))
}

/// Whether a text is the code or a name of a country.
pub(super) fn is_name_of(text: &str, country: Country) -> bool {
    let key = name_key_of_division(text);
    let mut names = records().chain(OWN_NAMES).filter(|(code, _)| *code == country.as_str());
    text.trim().eq_ignore_ascii_case(country.as_str())
        || names.any(|(_, name)| name_key_of_division(name) == key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_territory_belongs_to_one_country() {
        let mut seen = BTreeSet::new();
        for (code, territories) in TERRITORIES {
            let country = Country::parse(code).expect(code);
            assert_eq!(of(country).count(), territories.len(), "{code}");
            for territory in of(country) {
                assert!(seen.insert(territory), "{territory}");
                let (_, name) =
                    records().find(|(code, _)| *code == territory.as_str()).expect(code);
                assert_eq!(find(country, name), Some(territory), "{name}");
            }
        }
        for (code, name) in OWN_NAMES {
            let territory = Country::parse(code).expect(code);
            assert!(seen.contains(&territory) && is_name_of(name, territory), "{name}");
        }
    }

    #[test]
    fn other_names_are_no_territories() {
        let country = Country::parse("US").expect("a valid literal");
        for name in ["", "-", "Texas", "Réunion", "US", "Region"] {
            assert_eq!(find(country, name), None, "{name}");
        }
        assert!(is_name_of("U.S.A.", country) || is_name_of("USA", country));
    }
}

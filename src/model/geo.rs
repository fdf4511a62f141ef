//! Countries and continents as two-letter codes.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! two_letter_code {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name([u8; 2]);

        impl $name {
            /// Reads a code of two ASCII letters or digits in either case; surrounding blanks do not
            /// count. `None` for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                match *text.trim().as_bytes() {
                    [a, b] if a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric() => {
                        let code = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
                        Some(Self(Self::usual_code(code)))
                    }
                    _ => None,
                }
            }

            /// The code in upper case.
            pub fn as_str(&self) -> &str {
                // A decoded snapshot is checked by `is_valid`, so this cannot fail. If it did, an
                // empty code would be better than a panic.
                std::str::from_utf8(&self.0).unwrap_or("")
            }

            /// False for bytes that [`Self::parse`] would never make (a forged snapshot file).
            pub fn is_valid(self) -> bool {
                self.0.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

two_letter_code! {
    /// A country: ISO 3166-1 alpha-2, plus the codes that GeoIP data adds (`EU`, `A1`).
    ///
    /// `UK` and `EL` are read as `GB` and `GR`: ISO reserves them for these countries, and clients and
    /// mirrors in one country would not match if the data spelled it in two ways.
    Country
}
two_letter_code! {
    /// A continent: `AF`, `AN`, `AS`, `EU`, `NA`, `OC`, `SA` in MirrorManager's table.
    Continent
}

impl Country {
    /// Whether it is a code of no place: `A1` (proxies), `A2` (satellites), `O1`, `T1` (Tor), `XX` and `ZZ`.
    pub fn is_nowhere(self) -> bool {
        matches!(&self.0, b"A1" | b"A2" | b"O1" | b"T1" | b"XX" | b"ZZ")
    }

    fn usual_code(code: [u8; 2]) -> [u8; 2] {
        match &code {
            b"UK" => *b"GB",
            b"EL" => *b"GR",
            _ => code,
        }
    }
}

impl Continent {
    fn usual_code(code: [u8; 2]) -> [u8; 2] {
        code
    }
}

/// The location of an address: a country, or a continent if the country is not known.
///
/// It takes two bytes, as a snapshot holds hundreds of thousands of them: the code, with the highest
/// bit of the first byte set for a continent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location([u8; 2]);

const IS_CONTINENT: u8 = 0x80;

impl Location {
    /// The country; `None` where only the continent is known.
    pub fn country(self) -> Option<Country> {
        let [first, _] = self.0;
        (first & IS_CONTINENT == 0).then_some(Country(self.0))
    }

    /// The continent, where no more than that is known.
    pub fn continent(self) -> Option<Continent> {
        let [first, second] = self.0;
        (first & IS_CONTINENT != 0).then_some(Continent([first & !IS_CONTINENT, second]))
    }

    /// False for bytes that are neither a country nor a continent (a forged snapshot file).
    pub fn is_valid(self) -> bool {
        self.country().is_some_and(Country::is_valid)
            || self.continent().is_some_and(Continent::is_valid)
    }
}

impl From<Country> for Location {
    fn from(country: Country) -> Self {
        Self(country.0)
    }
}

impl From<Continent> for Location {
    fn from(Continent([first, second]): Continent) -> Self {
        Self([first | IS_CONTINENT, second])
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.country(), self.continent()) {
            (Some(country), _) => write!(f, "country {country}"),
            (None, Some(continent)) => write!(f, "continent {continent}"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_upper_case_and_two_characters() {
        assert_eq!(Country::parse("de").map(|c| c.to_string()).as_deref(), Some("DE"));
        assert_eq!(Country::parse(" A1 ").map(|c| c.to_string()).as_deref(), Some("A1"));
        assert_eq!(Country::parse("uk").map(|c| c.to_string()).as_deref(), Some("GB"));
        assert_eq!(Country::parse("EL").map(|c| c.to_string()).as_deref(), Some("GR"));
        assert_eq!(Continent::parse("eu").map(|c| c.to_string()).as_deref(), Some("EU"));
        for bad in ["", "D", "DEU", "D-", "N/A", "ÄÖ", "é"] {
            assert_eq!(Country::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_location_is_a_country_or_a_continent() {
        let (country, continent) = (Country::parse("EU"), Continent::parse("EU"));
        let [at, on] = [country.map(Location::from), continent.map(Location::from)];
        assert_ne!(at, on);
        for location in [at, on].into_iter().flatten() {
            assert!(location.is_valid());
        }
        assert_eq!(at.map(|l| (l.country(), l.continent())), Some((country, None)));
        assert_eq!(on.map(|l| (l.country(), l.continent())), Some((None, continent)));
        assert_eq!(format!("{at:?} {on:?}"), "Some(country EU) Some(continent EU)");
        assert!(!Location([0, b'A']).is_valid());
        assert_eq!(size_of::<Option<Location>>(), 3);
    }
}

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
                        Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
                    }
                    _ => None,
                }
            }

            /// The code in upper case.
            pub fn as_str(&self) -> &str {
                // A decoded snapshot is checked by `is_valid`, so this cannot fail; an empty code
                // is a better answer than a panic all the same.
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
    Country
}
two_letter_code! {
    /// A continent: `AF`, `AN`, `AS`, `EU`, `NA`, `OC`, `SA` in MirrorManager's table.
    Continent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_upper_case_and_two_characters() {
        assert_eq!(Country::parse("de").map(|c| c.to_string()).as_deref(), Some("DE"));
        assert_eq!(Country::parse(" A1 ").map(|c| c.to_string()).as_deref(), Some("A1"));
        for bad in ["", "D", "DEU", "D-", "N/A", "ÄÖ", "é"] {
            assert_eq!(Country::parse(bad), None, "{bad:?}");
        }
    }
}

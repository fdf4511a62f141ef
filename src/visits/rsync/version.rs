//! The version of an rsync.

use std::fmt;

/// A version of rsync, without the number of a distribution's package.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
    /// The first number, the second, the third.
    pub numbers: [u16; 3],
}

impl Version {
    /// Reads `3.5.0`; `None` if it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = [0; 3];
        let mut words = text.split('.');
        for number in &mut numbers {
            let word =
                words.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))?;
            *number = word.parse().ok()?;
        }
        words.next().is_none().then_some(Self { numbers })
    }

    /// The version in the first line of `rsync --version`; a version to come, as `3.5.1pre1`, counts as the
    /// one before it.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("rsync")?.split_ascii_whitespace();
        let version = words.find(|word| *word == "version").and(words.next())?;
        let version = version.strip_prefix('v').unwrap_or(version);
        let end = version.find(|character: char| !character.is_ascii_digit() && character != '.');
        let (version, rest) = version.split_at_checked(end.unwrap_or(version.len()))?;
        let mut version = Self::parse(version)?;
        if !rest.is_empty() {
            let [.., last] = &mut version.numbers;
            *last = last.saturating_sub(1);
        }
        Some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.numbers;
        write!(f, "{first}.{second}.{third}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let version = |text| Version::parse(text).expect(text);
        assert!(version("3.10.0") > version("3.5.9") && version("3.5.0") > version("3.2.7"));
        for text in ["", "3", "3.5", "3.5.0.1", "3.5.x", "+3.5.0", "3..0", "3.5.70000"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_line_tells_the_version() {
        for (line, expected) in [
            ("rsync  version 3.5.0  protocol version 32", Some("3.5.0")),
            ("rsync  version v3.2.7  protocol version 31", Some("3.2.7")),
            ("rsync  version 3.5.1pre1  protocol version 32", Some("3.5.0")),
            ("openrsync: protocol version 29", None),
            ("rsync  version", None),
            ("", None),
        ] {
            let found = Version::of_line(line).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{line}");
        }
    }
}

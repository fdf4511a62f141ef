//! How things are called on pages of mirrors.

use std::collections::BTreeMap;

use checks::class::FailureClass;
use checks::state::{DayState, EventKind, Reachability};
use model::country_name;
use model::families::{Families, IpVersion, Reach};
use model::geo::{Continent, Country};

use super::super::display::number;
use crate::mirrors::survey::Condition;

/// The word of a condition for people.
pub(super) fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::InSync => "in sync",
        Condition::Behind => "behind",
        Condition::Down => "down",
        Condition::Unknown => "unknown",
    }
}

/// How people call it that a mirror can be reached or not.
pub(super) fn reached(reachability: Reachability) -> &'static str {
    match reachability {
        Reachability::Up => "works",
        Reachability::Down => "down",
        Reachability::Unknown => "not known",
    }
}

/// One word, as JSON has it.
pub(super) fn reachability(reachability: Reachability) -> &'static str {
    match reachability {
        Reachability::Up => "up",
        Reachability::Down => "down",
        Reachability::Unknown => "unknown",
    }
}

/// `up` or `down`; `None` if it is not known.
pub(super) fn reach(reach: Reach) -> Option<&'static str> {
    match reach {
        Reach::Works => Some("up"),
        Reach::Fails => Some("down"),
        Reach::Unknown => None,
    }
}

/// Over which versions of IP something works: `IPv4 works, IPv6 fails`.
pub(super) fn families(families: Families) -> String {
    let one = |version: IpVersion| {
        let word = match families.over(version) {
            Reach::Works => "works",
            Reach::Fails => "fails",
            Reach::Unknown => "not tested",
        };
        format!("IPv{}\u{a0}{word}", version.as_str())
    };
    IpVersion::ALL.map(one).join(", ")
}

/// Over which versions of IP any of several URLs works.
pub(super) fn any_of(all: impl Iterator<Item = Families>) -> Families {
    let better = |one, other| match (one, other) {
        (Reach::Works, _) | (_, Reach::Works) => Reach::Works,
        (Reach::Fails, _) | (_, Reach::Fails) => Reach::Fails,
        (Reach::Unknown, Reach::Unknown) => Reach::Unknown,
    };
    let both = |one: Families, other: Families| Families {
        v4: better(one.v4, other.v4),
        v6: better(one.v6, other.v6),
    };
    all.fold(Families::default(), both)
}

/// A bandwidth that is given in Mbit/s: `100 Mbit/s`, `2.5 Gbit/s`.
pub(super) fn bandwidth(mbit: u32) -> String {
    match (mbit / 1_000, mbit % 1_000 / 100) {
        (0, _) => format!("{mbit}\u{a0}Mbit/s"),
        (gbit, 0) => format!("{}\u{a0}Gbit/s", number(i64::from(gbit))),
        (gbit, tenth) => format!("{}.{tenth}\u{a0}Gbit/s", number(i64::from(gbit))),
    }
}

/// The English name of a continent; the code of one that is not known.
pub(super) fn continent(continent: Continent) -> String {
    match continent.as_str() {
        "AF" => "Africa",
        "AN" => "Antarctica",
        "AS" => "Asia",
        "EU" => "Europe",
        "NA" => "North America",
        "OC" => "Oceania",
        "SA" => "South America",
        other => other,
    }
    .to_owned()
}

/// The English names of countries.
pub(super) struct CountryNames(BTreeMap<&'static str, &'static str>);

impl CountryNames {
    /// Reads them.
    pub(super) fn read() -> Self {
        let mut names = BTreeMap::new();
        for (code, name) in country_name::records() {
            // The usual one is first.
            names.entry(code).or_insert(name);
        }
        Self(names)
    }

    /// The name of a country; its code if it has none.
    pub(super) fn of(&self, country: Country) -> String {
        self.0.get(country.as_str()).map_or_else(|| country.to_string(), |name| (*name).to_owned())
    }
}

/// What happened, in words.
pub(super) fn event(kind: EventKind) -> String {
    match kind {
        EventKind::Failed(class) => FailureClass::as_str(class).to_owned(),
        EventKind::Down => "down".to_owned(),
        EventKind::Recovered => "works again".to_owned(),
        EventKind::Disabled => "switched off by the checks".to_owned(),
        EventKind::Enabled => "switched on again".to_owned(),
        EventKind::Certificate => "certificate expires soon".to_owned(),
    }
}

/// How a day was.
pub(super) fn day(state: DayState) -> &'static str {
    match state {
        DayState::Good => "in sync",
        DayState::Behind => "behind",
        DayState::Bad => "not listed for something",
        DayState::Down => "down",
    }
}

/// A share from 0 to 1 in percent, such that only all of it is 100 and only nothing is 0.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        ..=0.0 => "0\u{a0}%".to_owned(),
        ..1.0 => "<\u{a0}1\u{a0}%".to_owned(),
        percent if percent < 99.0 => format!("{percent:.0}\u{a0}%"),
        percent if percent < 100.0 => ">\u{a0}99\u{a0}%".to_owned(),
        _ => "100\u{a0}%".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let plain = |text: String| text.replace(['\u{a0}', '\u{202f}'], " ");
        let bandwidth = |mbit| plain(bandwidth(mbit));
        assert_eq!(
            [1, 100, 1_000, 2_500].map(bandwidth),
            ["1 Mbit/s", "100 Mbit/s", "1 Gbit/s", "2.5 Gbit/s"]
        );
        assert_eq!(bandwidth(u32::MAX), "4 294 967.2 Gbit/s");
        let percent = |share| plain(percent(share));
        assert_eq!(
            [0.0, 0.001, 0.5, 0.999, 1.0].map(percent),
            ["0 %", "< 1 %", "50 %", "> 99 %", "100 %"]
        );
    }

    #[test]
    fn what_works_anywhere_works() {
        let works = Families { v4: Reach::Works, v6: Reach::Unknown };
        let fails = Families { v4: Reach::Fails, v6: Reach::Fails };
        let any = any_of([fails, works].into_iter());
        assert_eq!(families(any).replace('\u{a0}', " "), "IPv4 works, IPv6 fails");
        assert_eq!(any_of([].into_iter()), Families::default());
    }
}

//! The table is whole, and what people write is found in it.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::geography::country_continent;

fn find(code: &str, state: &str, city: &str) -> Option<Found> {
    let country = Country::parse(code).expect("a valid literal");
    let [state, city] = [state, city].map(|name| Some(name).filter(|name| !name.is_empty()));
    Gazetteer::built_in().find(country, state, city)
}

/// `state` and `city` in a country are known, found by what `by` says, and near a point.
#[track_caller]
fn check(code: &str, state: &str, city: &str, by: FoundBy, at: (f64, f64)) {
    check_unknown(code, state, city, by, None, at);
}

/// As [`check`], of a place with a name that is not known.
#[track_caller]
fn check_unknown(
    code: &str,
    state: &str,
    city: &str,
    by: FoundBy,
    unknown: Option<Unknown>,
    (north, east): (f64, f64),
) {
    let found = find(code, state, city).unwrap_or_else(|| panic!("{city}, {state}"));
    let point = found.point;
    assert_eq!((found.by, found.unknown), (by, unknown), "{city}, {state}, {code} at {point}");
    let expected = Point::new(north, east).expect("a valid literal");
    assert!(point.km_to(expected) < 30.0, "{city}, {state}, {code} at {point}");
}

#[test]
fn no_line_of_the_table_is_lost() {
    let mut codes = BTreeSet::new();
    for section in TEXT.split("\n=").skip(1) {
        let (country, places) = section.split_once('\n').expect("lines");
        let country = Country::parse(country).expect(country);
        assert!(country_continent::is_country(country) && codes.insert(country), "{country}");
        let mut index = Index::default();
        let mut states = BTreeSet::new();
        for line in places.lines() {
            match line.strip_prefix('-') {
                Some(state) => {
                    assert!(states.insert(state.split(',').next()), "{country}: {line}");
                    index.add_state(state).unwrap_or_else(|| panic!("{country}: {line}"));
                }
                None => {
                    let state = line.split(',').nth(3);
                    assert!(state.is_none() || states.contains(&state), "{country}: {line}");
                    index.add_city(line).unwrap_or_else(|| panic!("{country}: {line}"));
                }
            }
            assert!(line.split(',').count() <= 5, "{country}: {line}");
        }
        assert!(!index.cities.is_empty(), "{country}");
        assert!(index.cities.keys().all(|key| !key.is_empty()), "{country}");
    }
    assert!(codes.len() > 235, "{}", codes.len());
    assert!(TEXT.starts_with("# ") && TEXT.contains("GeoNames (geonames.org, CC BY 4.0)"));
}

/// Every name of the table is found, by the slow way as well: the first line with such a name is the largest.
#[test]
fn every_name_is_found_at_the_largest_place_of_it() {
    let mut gazetteer = Gazetteer::built_in();
    for section in TEXT.split("\n=").skip(1) {
        let (country, places) = section.split_once('\n').expect("lines");
        let country = Country::parse(country).expect(country);
        let mut seen = BTreeSet::new();
        for line in places.lines().filter(|line| !line.starts_with('-')) {
            let mut fields = line.split(',');
            let names = fields.next().expect("names");
            let point = parse_point(&mut fields).expect(line);
            for name in names.split('|').filter(|name| seen.insert(name_key(name))) {
                let found = gazetteer.find(country, None, Some(name));
                let expected = Found { point, by: FoundBy::City, unknown: None };
                assert_eq!(found, Some(expected), "{country}: {name}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_text_can_be_looked_up(
        code in select(vec!["DE", "US", "JP", "SG", "ZZ"]),
        state in any::<String>(),
        city in "[\\PC\u{300}-\u{36f}']{0,200}",
    ) {
        let country = Country::parse(code).expect("a valid literal");
        let mut gazetteer = Gazetteer::built_in();
        let found = gazetteer.find(country, Some(&state), Some(&city));
        prop_assert_eq!(found, gazetteer.find(country, Some(&state), Some(&city)));
        prop_assert!(found.is_none_or(|found| found.point.is_valid()));
    }

    #[test]
    fn case_accents_and_punctuation_do_not_count(
        (code, name) in select(vec![
            ("DE", "Munich"), ("DE", "München"), ("PL", "Łódź"), ("FR", "Clermont-Ferrand"), ("JP", "Kyōto"),
        ]),
        changes in vec((any::<bool>(), select(vec!["", "-", " ", ".", "'", "\u{301}", " - "])), 16),
    ) {
        let country = Country::parse(code).expect("a valid literal");
        let mut changed = String::new();
        for (c, (is_upper, behind)) in name.chars().zip(changes) {
            match is_upper {
                true => changed.extend(c.to_uppercase()),
                false => changed.extend(c.to_lowercase()),
            }
            changed.push_str(behind);
        }
        let mut gazetteer = Gazetteer::built_in();
        let expected = gazetteer.find(country, None, Some(name));
        prop_assert!(expected.is_some());
        prop_assert_eq!(gazetteer.find(country, None, Some(&changed)), expected, "{}", changed);
    }
}

#[test]
fn cities_are_found_by_the_names_that_people_write() {
    use FoundBy::City;
    let munich = (48.14, 11.58);
    for city in ["Munich", "München", "muenchen", " MUNCHEN "] {
        check("DE", "", city, City, munich);
        check("DE", "Bayern", city, City, munich);
    }
    check("DE", "Hessen", "Frankfurt", City, (50.11, 8.68));
    check("DE", "", "Frankfurt", City, (50.11, 8.68));
    check("DE", "Brandenburg", "Frankfurt", City, (52.34, 14.55));
    check("DE", "Sachsen", "Falkenstein", City, (50.48, 12.37));
    check("GB", "England", "Newcastle", City, (54.97, -1.61));
    check("UA", "", "Kiev", City, (50.45, 30.52));
    check("CN", "", "Guang Zhou", City, (23.12, 113.25));
    check("US", "New York", "New York", City, (40.71, -74.0));
    check("US", "MO", "St Louis", City, (38.63, -90.2));
    check("SG", "Singapore", "Singapore", City, (1.29, 103.85));
    // Capitals, however small, and abbreviations of cities.
    check("MT", "", "Valletta", City, (35.90, 14.51));
    check("BZ", "", "Belmopan", City, (17.25, -88.77));
    check("FJ", "", "Suva", City, (-18.14, 178.44));
    check("US", "", "NYC", City, (40.71, -74.0));
    check("DE", "", "Frankfurt a.M.", City, (50.11, 8.68));
}

#[test]
fn the_state_tells_cities_of_one_name_apart() {
    use FoundBy::{City, State};
    check("US", "Oregon", "Portland", City, (45.52, -122.68));
    check("US", "Maine", "Portland", City, (43.66, -70.26));
    check("US", "ME", "Portland", City, (43.66, -70.26));
    // The largest.
    check("US", "", "Portland", City, (45.52, -122.68));
    check("US", "USA", "Portland", City, (45.52, -122.68));
    // Either may be meant.
    assert_eq!(find("US", "Atlantis", "Portland"), None);
    check_unknown("DE", "Bavarya", "Munich", City, Some(Unknown::State), (48.14, 11.58));
    // That in another state is another city, and the one that is meant is too small to be known.
    check_unknown("US", "Nevada", "Portland", State, Some(Unknown::City), (37.0, -116.1));
}

#[test]
fn states_stand_where_their_people_live() {
    use FoundBy::{City, State};
    check("CA", "QC", "", State, (46.0, -73.1));
    check_unknown("CA", "Québec", "Lasalle", State, Some(Unknown::City), (46.0, -73.1));
    check_unknown("DE", "NRW", "Kuhdorf", State, Some(Unknown::City), (51.3, 7.2));
    check("JP", "Chiba Prefecture", "", State, (35.7, 140.1));
    check("PL", "slaskie", "", State, (50.2, 18.9));
    // A city for a state, and a state for a city.
    check_unknown("GB", "London", "Docklands", City, Some(Unknown::City), (51.51, -0.13));
    check("US", "Ashburn", "Virginia", City, (39.04, -77.49));
    check("NL", "", "Flevoland", State, (52.4, 5.4));
    check("NL", "Flevoland", "Flevoland", State, (52.4, 5.4));
    // A city for the region around another one.
    check("US", "Boston", "Springfield", City, (42.10, -72.59));
}

#[test]
fn territories_are_states_of_the_country_to_which_they_belong() {
    use FoundBy::{City, State};
    for state in ["Puerto Rico", "PR"] {
        check("US", state, "San Juan", City, (18.47, -66.11));
        check("US", state, "", State, (18.2, -66.4));
        check_unknown("US", state, "Nowhereville", State, Some(Unknown::City), (18.2, -66.4));
    }
    for state in ["Réunion", "La Réunion", "RE"] {
        check("FR", state, "Saint-Denis", City, (-20.88, 55.45));
    }
    check("FR", "Île-de-France", "Saint-Denis", City, (48.94, 2.35));
    check("CN", "Hong Kong", "Hong Kong", City, (22.32, 114.17));
    check("SG", "Singapore", "", City, (1.29, 103.85));
}

/// `LA` is Los Angeles, and `CA` nothing at all.
#[test]
fn an_abbreviation_is_a_state_and_never_a_city() {
    for city in ["LA", "CA", "wa", "PR"] {
        assert_eq!(find("US", "", city), None, "{city}");
    }
    assert_eq!(find("DE", "", "NRW"), None);
    let unknown = Some(Unknown::City);
    check_unknown("US", "California", "LA", FoundBy::State, unknown, (35.4, -119.3));
}

#[test]
fn what_is_near_a_country_is_known() {
    let mut gazetteer = Gazetteer::built_in();
    for (code, north, east, expected) in [
        ("DE", 52.52, 13.40, Some(true)),
        ("DE", 13.40, 52.52, Some(false)),
        ("DE", 0.0, 0.0, Some(false)),
        ("US", 64.84, -147.72, Some(true)),
        ("US", 13.44, 144.79, Some(true)),
        ("FR", -20.88, 55.45, Some(true)),
        ("FJ", -16.8, -179.9, Some(true)),
        ("AQ", -77.85, 166.67, None),
    ] {
        let country = Country::parse(code).expect("a valid literal");
        let point = Point::new(north, east).expect("a valid literal");
        assert_eq!(gazetteer.is_near(country, point), expected, "{code} {point}");
    }
}

#[test]
fn what_is_not_known_is_nowhere() {
    for (code, state, city) in [
        ("DE", "", ""),
        ("DE", "", "Atlantis"),
        ("DE", "Region", ""),
        ("DE", "-", "'"),
        ("DE", "", "London"),
        ("ZZ", "", "Berlin"),
        ("AQ", "", "Berlin"),
    ] {
        assert_eq!(find(code, state, city), None, "{city}, {state}, {code}");
    }
}

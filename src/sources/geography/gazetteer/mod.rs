//! Where cities and the states, provinces and so on of countries are, by their names; built in as
//! `data/places.csv`, which `data/places/make.py` makes of GeoNames' data.
//!
//! Names are compared by their letters: case, accents, blanks and punctuation do not count (`name_key`). A
//! place is wrong by 8 km at most, as the table has tenths of a degree. It is for what is compiled, and no
//! part of a snapshot. A country is indexed when it is asked for first, which takes less than a millisecond
//! for most.

mod name_key;
mod territories;

use rustc_hash::FxHashMap;

use super::country_centres;
use model::geo::Country;
use model::point::Point;
use name_key::{folded, name_key, name_key_of_division};

/// The table.
const TEXT: &str = include_str!("../../../../data/places.csv");

/// How far a city may be from the centre of the state that is named with it, in km, if it is in another one.
/// States change, and people write what is near; but a city of the same name far away is another one.
const MAX_KM: f64 = 200.0;

/// How far coordinates are usually at most from a place of their country that is known, in km. Of 234,908 towns
/// of GeoNames, 441 are farther: on islands, in deserts and in the far north.
const FAR_KM: f64 = 500.0;

/// A place that was found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Found {
    /// Where it is.
    pub point: Point,
    /// By which name it was found.
    pub by: FoundBy,
    /// The name that is not known, so that the place may be another one than is meant; `None` if each is known.
    pub unknown: Option<Unknown>,
}

/// By what a place was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundBy {
    /// The name of a city.
    City,
    /// The name of a state or another division of a country: its people live there on average.
    State,
}

/// A name that is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unknown {
    /// There is no such city, or none in or near the state.
    City,
    /// There is no such state; the city is the only one of its name in the country.
    State,
}

/// The places by country.
pub struct Gazetteer {
    countries: FxHashMap<Country, Section>,
}

/// The places of a country.
enum Section {
    /// As the table has them, of which nobody has asked for any yet.
    Text(&'static str),
    Index(Index),
}

/// The places of a country by the keys of their names, the largest first.
#[derive(Default)]
struct Index {
    cities: FxHashMap<String, Vec<City>>,
    states: FxHashMap<String, State>,
    /// States by abbreviations, such as `LA`. They are apart as nobody writes one for a city: that `LA` is
    /// Los Angeles, and not the middle of Louisiana.
    abbreviated: FxHashMap<String, State>,
}

#[derive(Clone, Copy)]
struct City {
    point: Point,
    /// The state that it is in, by its code; empty if it is in none.
    state: &'static str,
}

#[derive(Clone, Copy)]
struct State {
    point: Point,
    code: &'static str,
}

impl Gazetteer {
    /// The places that are built in.
    pub fn built_in() -> Self {
        let sections = TEXT.split("\n=").skip(1);
        let parse = |section: &'static str| {
            let (code, places) = section.split_once('\n')?;
            Some((Country::parse(code)?, Section::Text(places)))
        };
        Self { countries: sections.filter_map(parse).collect() }
    }

    /// Finds a city of a country, or else a state; the state also tells cities of one name apart. A state may
    /// be a territory that has a country code of its own, such as Puerto Rico. If no such state is known, a
    /// city is found if it is the only one of its name. `None` if neither is found.
    pub fn find(
        &mut self,
        country: Country,
        state: Option<&str>,
        city: Option<&str>,
    ) -> Option<Found> {
        let index = self.index(country)?;
        let Some(name) = state.filter(|name| index.find_state(name).is_none()) else {
            return index.find(state, city);
        };
        // Who writes the country again has said nothing of the state.
        if territories::is_name_of(name, country) {
            return index.find(None, city).or_else(|| index.find(state, None));
        }
        match territories::find(country, name) {
            Some(territory) => self.find_in_territory(territory, city),
            None => index.find(state, city),
        }
    }

    fn find_in_territory(&mut self, territory: Country, city: Option<&str>) -> Option<Found> {
        let by_city = city.and_then(|city| self.index(territory)?.find(None, Some(city)));
        let by_territory = || {
            let (_, point) =
                country_centres::built_in().into_iter().find(|(c, _)| *c == territory)?;
            let is_city = |name: &&str| !territories::is_name_of(name, territory);
            let unknown = city.filter(is_city).map(|_| Unknown::City);
            Some(Found { point, by: FoundBy::State, unknown })
        };
        by_city.or_else(by_territory)
    }

    /// Whether a point is in or near a country: at most 500 km from one of its places, or of those of its
    /// territories. `None` if no place of it is known.
    pub fn is_near(&mut self, country: Country, point: Point) -> Option<bool> {
        let is_near = |place: Point| place.km_to(point) <= FAR_KM;
        let mut is_known = false;
        for part in std::iter::once(country).chain(territories::of(country)) {
            let Some(index) = self.index(part) else { continue };
            is_known = true;
            let cities = index.cities.values().flatten().map(|city| city.point);
            if cities.chain(index.states.values().map(|state| state.point)).any(is_near) {
                return Some(true);
            }
        }
        let mut centres = country_centres::built_in().into_iter();
        let is_near_centre = centres.any(|(of, centre)| of == country && is_near(centre));
        is_known.then_some(is_near_centre)
    }

    /// The places of a country, which are indexed when they are asked for first.
    fn index(&mut self, country: Country) -> Option<&Index> {
        let section = self.countries.get_mut(&country)?;
        if let Section::Text(text) = *section {
            *section = Section::Index(Index::new(text));
        }
        match section {
            Section::Index(index) => Some(index),
            Section::Text(_) => None,
        }
    }
}

impl Index {
    fn new(text: &'static str) -> Self {
        let mut index = Self::default();
        // A test shows that no line is lost.
        for line in text.lines() {
            match line.strip_prefix('-') {
                Some(line) => index.add_state(line),
                None => index.add_city(line),
            };
        }
        index
    }

    fn add_state(&mut self, line: &'static str) -> Option<()> {
        let mut fields = line.split(',');
        let (code, names) = (fields.next()?, fields.next()?);
        let state = State { point: parse_point(&mut fields)?, code };
        for name in names.split('|') {
            let states =
                if is_abbreviation(name) { &mut self.abbreviated } else { &mut self.states };
            for key in [name_key(name), name_key_of_division(name)] {
                states.entry(key).or_insert(state);
            }
        }
        Some(())
    }

    fn add_city(&mut self, line: &'static str) -> Option<()> {
        let mut fields = line.split(',');
        let names = fields.next()?;
        let point = parse_point(&mut fields)?;
        let city = City { point, state: fields.next().unwrap_or("") };
        for name in names.split('|') {
            self.cities.entry(name_key(name)).or_default().push(city);
        }
        Some(())
    }

    fn find(&self, state: Option<&str>, city: Option<&str>) -> Option<Found> {
        let found = |point, by, unknown| Some(Found { point, by, unknown });
        let by_city = |point| found(point, FoundBy::City, None);
        let by_state = |state: State, unknown| found(state.point, FoundBy::State, unknown);
        let Some(state) = state else {
            let city = city?;
            return match self.cities(city).first() {
                Some(largest) => by_city(largest.point),
                None => by_state(self.find_state_in_full(city)?, None),
            };
        };
        // People write a city for a state, and a state for a city.
        let city_as_state = self.cities(state).first().map(|largest| largest.point);
        let Some(city) = city else {
            return match self.find_state(state) {
                Some(state) => by_state(state, None),
                None => by_city(city_as_state?),
            };
        };
        let state_as_city = self.find_state_in_full(city);
        if let Some(state) = self.find_state(state) {
            let is_named_again = state_as_city.is_some_and(|as_city| as_city.code == state.code);
            return match self.find_city(city, state) {
                Some(point) => by_city(point),
                None => by_state(state, (!is_named_again).then_some(Unknown::City)),
            };
        }
        let swapped = state_as_city.and_then(|as_city| self.find_city(state, as_city));
        let near = || find_near(self.cities(city), city_as_state?);
        if let Some(point) = swapped.or_else(near) {
            return by_city(point);
        }
        match (self.cities(city), city_as_state, state_as_city) {
            ([only], ..) => found(only.point, FoundBy::City, Some(Unknown::State)),
            (_, Some(point), _) => found(point, FoundBy::City, Some(Unknown::City)),
            ([], None, Some(as_city)) => by_state(as_city, Some(Unknown::State)),
            _ => None,
        }
    }

    /// Finds a state by its name or its abbreviation.
    fn find_state(&self, name: &str) -> Option<State> {
        self.find_state_in_full(name).or_else(|| find_division(&self.abbreviated, name))
    }

    /// Finds a state by its name.
    fn find_state_in_full(&self, name: &str) -> Option<State> {
        find_division(&self.states, name)
    }

    /// The cities of a name, the largest first.
    fn cities(&self, name: &str) -> &[City] {
        let key = name_key(name);
        let named = self.cities.get(&key).or_else(|| self.cities.get(&folded(&key)));
        named.map(Vec::as_slice).unwrap_or_default()
    }

    /// Finds a city in `state`, or near it.
    fn find_city(&self, name: &str, state: State) -> Option<Point> {
        let named = self.cities(name);
        let within = named.iter().find(|city| city.state == state.code).map(|city| city.point);
        within.or_else(|| find_near(named, state.point))
    }
}

fn find_division(states: &FxHashMap<String, State>, name: &str) -> Option<State> {
    let key = name_key(name);
    let find = |key: &str| states.get(key).filter(|_| !key.is_empty()).copied();
    find(&key).or_else(|| find(&name_key_of_division(name))).or_else(|| find(&folded(&key)))
}

/// The largest of some cities that is near a point.
fn find_near(cities: &[City], point: Point) -> Option<Point> {
    cities.iter().map(|city| city.point).find(|city| city.km_to(point) <= MAX_KM)
}

/// Whether a name of a state is an abbreviation, as `LA` and `NRW` are.
fn is_abbreviation(name: &str) -> bool {
    name.len() <= 4 && name.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Reads degrees north and degrees east.
fn parse_point<'t>(fields: &mut impl Iterator<Item = &'t str>) -> Option<Point> {
    let mut degrees = || fields.next()?.parse().ok();
    Point::new(degrees()?, degrees()?)
}

#[cfg(test)]
mod tests;

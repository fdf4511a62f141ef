//! Where cities and the states, provinces and so on of countries are, by their names; built in as
//! `data/places.csv`, which `data/places/make.py` makes of GeoNames' data.
//!
//! Names are compared by their letters: case, accents, blanks and punctuation do not count ([`name_key`]). A
//! place is wrong by 8 km at most, as the table has tenths of a degree. It is for what is compiled, and no
//! part of a snapshot. A country is indexed when it is asked for first, which takes less than a millisecond
//! for most.

mod name_key;

use rustc_hash::FxHashMap;

use model::geo::Country;
use model::point::Point;
use name_key::{folded, name_key, name_key_of_division};

/// The table.
const TEXT: &str = include_str!("../../../../data/places.csv");

/// How far a city may be from the centre of the state that is named with it, in km, if it is in another one.
/// States change, and people write what is near; but a city of the same name far away is another one.
const MAX_KM: f64 = 200.0;

/// By what a place was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundBy {
    /// The name of a city.
    City,
    /// The name of a state or another division of a country: its people live there on average.
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

    /// Finds a city of a country, or else a state; the state also tells cities of one name apart. `None` if
    /// neither is known.
    pub fn find(
        &mut self,
        country: Country,
        state: Option<&str>,
        city: Option<&str>,
    ) -> Option<(Point, FoundBy)> {
        let section = self.countries.get_mut(&country)?;
        if let Section::Text(text) = *section {
            *section = Section::Index(Index::new(text));
        }
        match section {
            Section::Index(index) => index.find(state, city),
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
            for key in [name_key(name), name_key_of_division(name)] {
                self.states.entry(key).or_insert(state);
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

    fn find(&self, state: Option<&str>, city: Option<&str>) -> Option<(Point, FoundBy)> {
        let known_state = state.and_then(|name| self.find_state(name));
        let by_city = city.and_then(|name| self.find_city(name, known_state));
        let by_city = by_city.map(|point| (point, FoundBy::City));
        let by_state = || known_state.map(|state| (state.point, FoundBy::State));
        // People write a city for a state, and a state for a city.
        let city_as_state = || Some((self.find_city(state?, None)?, FoundBy::City));
        let state_as_city = || Some((self.find_state(city?)?.point, FoundBy::State));
        by_city.or_else(by_state).or_else(city_as_state).or_else(state_as_city)
    }

    fn find_state(&self, name: &str) -> Option<State> {
        let key = name_key(name);
        let find = |key: &str| self.states.get(key).filter(|_| !key.is_empty()).copied();
        find(&key).or_else(|| find(&name_key_of_division(name))).or_else(|| find(&folded(&key)))
    }

    /// Finds a city in `state`, or near it, or the largest of that name if no state is known.
    fn find_city(&self, name: &str, state: Option<State>) -> Option<Point> {
        let key = name_key(name);
        let named = self.cities.get(&key).or_else(|| self.cities.get(&folded(&key)))?;
        let Some(State { point, code }) = state else {
            return named.first().map(|city| city.point);
        };
        let within = named.iter().find(|city| city.state == code);
        let near = || named.iter().find(|city| city.point.km_to(point) <= MAX_KM);
        within.or_else(near).map(|city| city.point)
    }
}

/// Reads degrees north and degrees east.
fn parse_point<'t>(fields: &mut impl Iterator<Item = &'t str>) -> Option<Point> {
    let mut degrees = || fields.next()?.parse().ok();
    Point::new(degrees()?, degrees()?)
}

#[cfg(test)]
mod tests;

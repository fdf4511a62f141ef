//! The values of a route's variables, most of which are places in the request.
//!
//! A match is made and moved for each request, so it is kept small: a place takes six bytes, where a
//! text would take 24.

use std::borrow::Cow;

use super::limits::MAX_VARIABLES;

/// The values of a route's variables, by index.
pub(crate) struct Values<'r> {
    path: &'r str,
    query: &'r str,
    places: [Place; MAX_VARIABLES],
    /// The values that do not stand in the request as they are: they had escapes, or are lists.
    made: Vec<String>,
}

/// Where a value is.
#[derive(Clone, Copy)]
enum Place {
    /// There is none.
    Absent,
    /// In the path.
    Path(Span),
    /// In the query.
    Query(Span),
    /// Among those that were made, at this index.
    Made(u16),
}

/// A part of a text.
#[derive(Clone, Copy)]
struct Span {
    start: u16,
    length: u16,
}

impl<'r> Values<'r> {
    /// No values yet, of a request with this path and query.
    pub(crate) fn new(path: &'r str, query: &'r str) -> Self {
        Self { path, query, places: [Place::Absent; MAX_VARIABLES], made: Vec::new() }
    }

    /// Sets a value that was found in the path.
    pub(crate) fn set_of_path(&mut self, index: usize, value: Cow<'r, str>) {
        let place = place_of(value, self.path, Place::Path, &mut self.made);
        self.set(index, place);
    }

    /// Sets a value that was found in the query.
    pub(crate) fn set_of_query(&mut self, index: usize, value: Cow<'r, str>) {
        let place = place_of(value, self.query, Place::Query, &mut self.made);
        self.set(index, place);
    }

    fn set(&mut self, index: usize, place: Place) {
        if let Some(slot) = self.places.get_mut(index) {
            *slot = place;
        }
    }

    /// The value of a variable, if it has one.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        match *self.places.get(index)? {
            Place::Absent => None,
            Place::Path(span) => span.of(self.path),
            Place::Query(span) => span.of(self.query),
            Place::Made(at) => self.made.get(usize::from(at)).map(String::as_str),
        }
    }

    /// The value of a variable, which is a part of the request if it can be.
    pub(crate) fn get_of_request(&self, index: usize) -> Option<Cow<'r, str>> {
        match *self.places.get(index)? {
            Place::Path(span) => span.of(self.path).map(Cow::Borrowed),
            Place::Query(span) => span.of(self.query).map(Cow::Borrowed),
            Place::Absent | Place::Made(_) => self.get(index).map(|text| text.to_owned().into()),
        }
    }
}

impl Span {
    /// The place of `part` in the text that it was cut from. `None` if it is beyond the longest URL that a
    /// server reads, which is 64 KiB.
    fn find(whole: &str, part: &str) -> Option<Self> {
        let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
        let start = u16::try_from(start).ok()?;
        Some(Self { start, length: u16::try_from(part.len()).ok()? })
    }

    fn of(self, whole: &str) -> Option<&str> {
        let start = usize::from(self.start);
        whole.get(start..start + usize::from(self.length))
    }
}

/// The place of a value that stands in `whole`, or else was made.
fn place_of(
    value: Cow<'_, str>,
    whole: &str,
    place: fn(Span) -> Place,
    made: &mut Vec<String>,
) -> Place {
    if let Cow::Borrowed(text) = value
        && let Some(span) = Span::find(whole, text)
    {
        return place(span);
    }
    // A route has sixteen variables.
    let at = u16::try_from(made.len()).map_or(Place::Absent, Place::Made);
    made.push(value.into_owned());
    at
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    fn part(text: &str, range: Range<usize>) -> &str {
        text.get(range).expect("a part")
    }

    #[test]
    fn values_are_found_again_wherever_they_are() {
        let query = format!("a=b&long={}&c=d", "x".repeat(70_000));
        let path = "/ü/9";
        let long = part(&query, 4..query.len());
        let mut values = Values::new(path, &query);
        values.set_of_path(1, part(path, 4..5).into());
        values.set_of_query(2, part(&query, 2..3).into());
        values.set_of_query(3, part(&query, query.len() - 1..query.len()).into());
        values.set_of_path(4, "de,fr".to_owned().into());
        values.set_of_query(5, long.into());
        values.set_of_path(15, part(path, path.len()..path.len()).into());
        for (index, expected) in [
            (0, None),
            (1, Some("9")),
            (2, Some("b")),
            (3, Some("d")),
            (4, Some("de,fr")),
            (5, Some(long)),
            (15, Some("")),
            (16, None),
        ] {
            assert_eq!(values.get(index), expected, "{index}");
            assert_eq!(values.get_of_request(index).as_deref(), expected, "{index}");
        }
        assert!(matches!(values.get_of_request(1), Some(Cow::Borrowed(_))));
    }

    #[test]
    fn a_match_stays_small() {
        assert!(size_of::<Values<'_>>() <= 152, "{}", size_of::<Values<'_>>());
    }
}

//! Query parameters: which of them a route needs, and which variables they fill.

use std::borrow::Cow;

use model::MAX_NAME;

use super::limits::MAX_PARAMETERS;
use super::text::{has_control, split_at_byte};
use super::word::{Word, search};
use model::percent::decode;

/// The names of parameters that a table knows, in the order of words. A set of them is an integer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(Vec<Word>);

/// What a route says about query parameters. A parameter is meant by its index in [`Parameters`].
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryRules {
    /// The parameters that must be there.
    pub(crate) required: u64,
    /// Those of them whose value must not be empty; the last of equals counts.
    pub(crate) filled: u64,
    /// Those of them of which one of equals must have a value that is not empty.
    pub(crate) listed: u64,
    /// The parameters that may be there, if no others may.
    pub(crate) allowed: Option<u64>,
    /// The parameters that must have one value, each with the value.
    pub(crate) equals: Vec<(usize, String)>,
    /// The parameters that fill a variable.
    pub(crate) bound: Vec<Bound>,
}

/// A parameter that fills a variable.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// The parameter.
    pub(crate) parameter: usize,
    /// The index of the variable.
    pub(crate) variable: usize,
    /// How the value is read.
    pub(crate) form: Form,
}

/// How the value of a parameter is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// As it is; the last of equal parameters counts.
    Text,
    /// The values of all equal parameters, joined by commas.
    List,
    /// A country, with a region behind a dash, which fills the next variable.
    Region,
}

/// The reason why the value of a parameter cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadValue {
    /// It is not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// It is longer than any name.
    #[error("is longer than {MAX_NAME} bytes")]
    TooLong,
    /// It would break lines, headers or logs.
    #[error("holds a control character")]
    Control,
}

/// The parameter that a request for a strict route may have as well: dnf adds it to any URL.
pub(crate) const ALWAYS_ALLOWED: &str = "countme";

/// The parameters of a request that a table knows.
pub(crate) struct Given<'r> {
    query: &'r str,
    /// Those that are there.
    present: u64,
    /// Those whose last value is not empty.
    filled: u64,
    /// Those with a value that is not empty.
    listed: u64,
    /// Whether others are there, but [`ALWAYS_ALLOWED`].
    has_others: bool,
    /// Where the value of each that is there starts in the query, the last one of equals. Texts in place
    /// of these numbers would be a kilobyte to fill for each request.
    starts: [u32; MAX_PARAMETERS],
}

/// A parameter of a query, as it is written.
struct Pair<'r> {
    name: &'r str,
    value: &'r str,
    /// Where the value starts in the query.
    start: usize,
}

impl Parameters {
    /// Takes distinct names.
    pub(crate) fn new(names: Vec<String>) -> Self {
        let mut words = Vec::with_capacity(names.len());
        for name in names {
            if let Err(place) = search(&words, |word| word, &name) {
                words.insert(place, Word::new(name));
            }
        }
        Self(words)
    }

    /// The index of a name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        search(&self.0, |word| word, name).ok()
    }

    /// The name at an index; empty where there is none.
    pub(crate) fn name(&self, index: usize) -> &str {
        self.0.get(index).map_or("", Word::as_str)
    }

    /// Reads the query of `given`.
    pub(crate) fn read(&self, given: &mut Given<'_>) {
        for pair in pairs(given.query) {
            let Some(index) = self.find(pair.name) else {
                given.has_others |= pair.name != ALWAYS_ALLOWED;
                continue;
            };
            // No server reads four gigabytes.
            if let (Some(slot), Ok(start)) =
                (given.starts.get_mut(index), u32::try_from(pair.start))
            {
                *slot = start;
                let bit = 1 << index;
                given.present |= bit;
                if pair.value.is_empty() {
                    given.filled &= !bit;
                } else {
                    given.filled |= bit;
                    given.listed |= bit;
                }
            }
        }
    }

    /// The decoded value for a variable; `None` if the parameter is not there or empty.
    pub(crate) fn value<'r>(
        &self,
        given: &Given<'r>,
        bound: &Bound,
    ) -> Result<Option<Cow<'r, str>>, BadValue> {
        let Some(raw) = given.value(bound.parameter) else { return Ok(None) };
        if bound.form != Form::List {
            return (!raw.is_empty()).then(|| decode_value(raw)).transpose();
        }
        let own = self.name(bound.parameter);
        let mut pairs =
            pairs(given.query).filter(|pair| pair.name == own && !pair.value.is_empty());
        let Some(first) = pairs.next() else { return Ok(None) };
        let mut list = decode_value(first.value)?;
        for pair in pairs {
            let list = list.to_mut();
            list.push(',');
            list.push_str(&decode_value(pair.value)?);
            if list.len() > MAX_NAME {
                return Err(BadValue::TooLong);
            }
        }
        Ok(Some(list))
    }
}

impl<'r> Given<'r> {
    /// The parameters of a query that is not read yet. It is read in place, as this is large to move.
    pub(crate) fn new(query: &'r str) -> Self {
        Self {
            query,
            present: 0,
            filled: 0,
            listed: 0,
            has_others: false,
            starts: [0; MAX_PARAMETERS],
        }
    }

    /// The raw value of a parameter, if it is there.
    fn value(&self, parameter: usize) -> Option<&'r str> {
        let &start = self.starts.get(parameter)?;
        let is_present = self.present >> parameter & 1 == 1;
        let from = self.query.get(usize::try_from(start).ok()?..).filter(|_| is_present)?;
        Some(split_at_byte(from, b'&').0)
    }
}

impl QueryRules {
    /// Whether a request with these parameters matches.
    pub(crate) fn hold(&self, given: &Given<'_>) -> bool {
        given.present & self.required == self.required
            && given.filled & self.filled == self.filled
            && given.listed & self.listed == self.listed
            && self.allowed.is_none_or(|allowed| !given.has_others && given.present & !allowed == 0)
            && self.equals.iter().all(|(parameter, expected)| {
                let value = given.value(*parameter).map(decode);
                value.is_some_and(|value| value.is_ok_and(|value| value == expected.as_str()))
            })
    }
}

/// The parameters of a query. Empty ones do not count.
fn pairs(query: &str) -> impl Iterator<Item = Pair<'_>> {
    let mut left = Some(query);
    let parameters = std::iter::from_fn(move || {
        let (parameter, behind) = split_at_byte(left?, b'&');
        left = behind;
        let end = query.len() - behind.map_or(0, |behind| behind.len() + 1);
        Some((parameter, end))
    });
    parameters.filter(|(parameter, _)| !parameter.is_empty()).map(|(parameter, end)| {
        let (name, value) = split_at_byte(parameter, b'=');
        let value = value.unwrap_or_default();
        Pair { name, value, start: end - value.len() }
    })
}

fn decode_value(raw: &str) -> Result<Cow<'_, str>, BadValue> {
    let value = decode(raw).map_err(|_| BadValue::NotUtf8)?;
    if value.len() > MAX_NAME {
        return Err(BadValue::TooLong);
    }
    if has_control(&value) {
        return Err(BadValue::Control);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_the_last_of_equals_counts() {
        let parameters = Parameters::new(vec!["repo".into(), "country".into()]);
        let query = "repo=a&x&country=de&repo=b%2fc&&country=fr&country=";
        let mut given = Given::new(query);
        parameters.read(&mut given);
        assert!(given.has_others);
        let bound = |name, form| Bound {
            parameter: parameters.find(name).expect("a known name"),
            variable: 0,
            form,
        };
        let value = |name, form| parameters.value(&given, &bound(name, form));
        assert_eq!(value("repo", Form::Text), Ok(Some("b/c".into())));
        assert_eq!(value("country", Form::Text), Ok(None));
        assert_eq!(value("country", Form::List), Ok(Some("de,fr".into())));
    }

    #[test]
    fn values_that_would_break_an_answer_are_named() {
        for (raw, expected) in [
            ("%ff", BadValue::NotUtf8),
            ("a%0d%0ab", BadValue::Control),
            ("%c2%85", BadValue::Control),
            ("%7f", BadValue::Control),
            (&"a".repeat(501), BadValue::TooLong),
        ] {
            assert_eq!(decode_value(raw), Err(expected), "{raw}");
        }
        assert_eq!(decode_value("%C3%BC"), Ok("ü".into()));
    }
}
